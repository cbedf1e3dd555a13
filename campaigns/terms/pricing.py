"""What boxes of an item cost: now, later, and at each step that the sale may still reach. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.terms import ladder
from campaigns.terms.ladder import Step
from campaigns.terms.waterfall import Waterfall
from inventory.deposit_rules import Deposit
from orders import balance_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedStep:
    """Some boxes at one step; `waterfall` is of all of them."""

    from_boxes: int
    unit_price_minor: int
    total_minor: int
    now_minor: int
    later_minor: int
    bonus_minor: int
    discount_minor: int
    """What of what is taken off fits at this step."""
    is_reached: bool
    waterfall: Waterfall | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Some boxes of an item: what is due at once, the most that is due later, and the same for each step."""

    boxes: int
    sold_boxes: int
    total_minor: int
    """At the price shown, before anything is taken off."""
    now_minor: int
    later_minor: int
    """At the price shown: it never becomes more."""
    bonus_minor: int
    discount_minor: int
    steps: tuple[PricedStep, ...]


def price(
    steps: Sequence[Step], deposit: Deposit | None, *, boxes: int, sold_boxes: int, discount_minor: int = 0
) -> Priced:
    """At each step now, later, the bonus and what is taken off add up to its total. `discount_minor`: promised."""
    reached = ladder.reached(steps, sold_boxes)
    told = tuple(_step(step, deposit, boxes, discount_minor, is_reached=step == reached) for step in steps)
    shown = told[0]
    return Priced(
        boxes=boxes,
        sold_boxes=sold_boxes,
        total_minor=shown.total_minor,
        now_minor=shown.now_minor,
        later_minor=shown.later_minor,
        bonus_minor=shown.bonus_minor,
        discount_minor=shown.discount_minor,
        steps=told,
    )


def _step(
    step: Step, deposit: Deposit | None, boxes: int, discount_minor: int, *, is_reached: bool
) -> PricedStep:
    due = balance_rules.due(
        boxes=boxes, unit_price_minor=step.unit_price_minor, deposit=deposit, discount_minor=discount_minor
    )
    return PricedStep(
        from_boxes=step.from_boxes,
        unit_price_minor=step.unit_price_minor,
        total_minor=boxes * step.unit_price_minor,
        now_minor=due.now_minor,
        later_minor=due.later_minor,
        bonus_minor=due.bonus_minor,
        discount_minor=due.discount_minor,
        is_reached=is_reached,
        waterfall=None if step.waterfall is None else step.waterfall.times(boxes),
    )
