"""The price terms of an item: as an operator asks for them, and as they are stored."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from campaigns.models import Item, LadderStep
from campaigns.terms import PARTS, ItemTerms, Step, Waterfall
from inventory.deposit_rules import Deposit, DepositType, Funder


def steps_of(item: Item) -> tuple[Step, ...]:
    """The ladder; a single step, if there is but one price."""
    if not item.steps:
        return (Step(from_boxes=0, unit_price_minor=item.unit_price_minor),)
    return tuple(
        Step(from_boxes=row.from_boxes, unit_price_minor=row.unit_price_minor, waterfall=row.waterfall)
        for row in item.steps
    )


def asked(wanted: Mapping[str, Any], *, free_hours: int) -> ItemTerms:
    """The terms that a drafted item asks for; nothing is checked yet."""
    waterfall = wanted.get("waterfall")
    first = Step(
        from_boxes=0,
        unit_price_minor=wanted["unit_price_minor"],
        waterfall=None if waterfall is None else Waterfall(**waterfall),
    )
    following = [
        Step(
            from_boxes=each["from_boxes"],
            unit_price_minor=each["unit_price_minor"],
            waterfall=None if each.get("waterfall") is None else Waterfall(**each["waterfall"]),
        )
        for each in wanted.get("ladder") or ()
    ]
    return ItemTerms(steps=(first, *following), deposit=_deposit(wanted.get("deposit"), free_hours))


def rows(item_id: uuid.UUID, steps: Iterable[Step]) -> list[LadderStep]:
    """What is stored of a ladder; nothing of one price without parts."""
    told = tuple(steps)
    if len(told) == 1 and told[0].waterfall is None:
        return []
    return [
        LadderStep(
            item_id=item_id,
            from_boxes=step.from_boxes,
            unit_price_minor=step.unit_price_minor,
            **(dict.fromkeys(PARTS) if step.waterfall is None else asdict(step.waterfall)),
        )
        for step in told
    ]


def _deposit(wanted: Mapping[str, Any] | None, free_hours: int) -> Deposit | None:
    if wanted is None:
        return None
    counts, funder = wanted.get("counts_minor"), wanted.get("funder")
    return Deposit(
        type=DepositType(wanted["type"]),
        per_box_minor=wanted["per_box_minor"],
        counts_minor=wanted["per_box_minor"] if counts is None else counts,
        funder=None if funder is None else Funder(funder),
        free_hours=free_hours,
    )
