"""The second level: a cooperative's payout over its growers, by what each brought. A sheet to pay from. Pure.

A grower's part is its boxes at their prices in that of all: deductions fall on everybody alike. How many boxes each
grower gives of a share is decided before (orders/allocation/members.py). Nothing is stored: growers are the
cooperative's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from marketplace import errors
from marketplace.csv_cells import file_of
from marketplace.language import Text
from marketplace.values import amount_text
from orders.settlements.facts import Delivery
from orders.settlements.formulas import Part
from orders.settlements.parting import parted
from orders.settlements.rules import Statement

GROWERS_MAX: Final = 10_000


class GrowersDoNotMatch(errors.Conflict):
    """The growers' boxes are not those of the statement: `boxes_told` of `item`, `grade` and price, `boxes_settled`."""

    title = Text(en="The growers' boxes are not those that were settled.", zh="果农箱数与结算箱数不符。")


class GrowersNotAllowed(errors.Invalid):
    """No growers, too many, or one of them twice; or more is kept for the cooperative than there is."""

    title = Text(en="A sheet cannot be made of these growers.", zh="无法按这些果农生成发放表。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grower:
    """Somebody who brought boxes: by item, grade and price, as on the statement."""

    id: str
    name: str
    brought: tuple[Delivery, ...]

    @property
    def boxes(self) -> int:
        return sum(each.boxes for each in self.brought)

    @property
    def value_minor(self) -> int:
        return sum(each.boxes * each.unit_price_minor for each in self.brought)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pay:
    """One row of the sheet."""

    grower: Grower
    formula: Part

    @property
    def amount_minor(self) -> int:
        return self.formula.value_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """`kept_minor` stays with the cooperative for its own costs; the rest is parted to the unit."""

    settlement: str
    currency: str
    payout_minor: int
    kept_minor: int
    pays: tuple[Pay, ...]

    @property
    def parted_minor(self) -> int:
        return sum(each.amount_minor for each in self.pays)


def sheet(statement: Statement, growers: Sequence[Grower], *, kept_minor: int = 0) -> Sheet:
    """By the ids of the growers. Raises GrowersDoNotMatch, GrowersNotAllowed."""
    ids = {each.id for each in growers}
    if not 0 < len(growers) <= GROWERS_MAX or len(ids) < len(growers):
        raise GrowersNotAllowed
    if not 0 <= kept_minor <= statement.payout_minor:
        raise GrowersNotAllowed
    _check_boxes(statement, growers)
    whole = statement.payout_minor - kept_minor
    values = {each.id: each.value_minor for each in growers}
    by_amounts = any(values.values())
    if not by_amounts:
        values = {each.id: each.boxes for each in growers}
    of_all = sum(values.values())
    parts = parted(whole, values, seed=statement.facts.settlement)
    pays = tuple(
        Pay(
            grower=each,
            formula=Part(
                total_minor=whole,
                weight=values[each.id],
                weights=of_all,
                value_minor=parts[each.id],
                by_amounts=by_amounts,
            ),
        )
        for each in sorted(growers, key=lambda grower: grower.id)
    )
    return Sheet(
        settlement=statement.facts.settlement,
        currency=statement.currency,
        payout_minor=statement.payout_minor,
        kept_minor=kept_minor,
        pays=pays,
    )


def _check_boxes(statement: Statement, growers: Sequence[Grower]) -> None:
    told = _counted([each for grower in growers for each in grower.brought])
    settled = _counted(statement.facts.deliveries)
    for item, grade, price in sorted(told.keys() | settled.keys()):
        key = (item, grade, price)
        if told[key] != settled[key]:
            raise GrowersDoNotMatch(
                item=item,
                grade=grade,
                unit_price_minor=price,
                boxes_told=told[key],
                boxes_settled=settled[key],
            )
    if not settled:
        raise GrowersDoNotMatch(boxes_told=0, boxes_settled=0)


def _counted(deliveries: Sequence[Delivery]) -> Counter[tuple[str, str, int]]:
    found: Counter[tuple[str, str, int]] = Counter()
    for each in deliveries:
        found[each.item, each.grade, each.unit_price_minor] += each.boxes
    return found


HEADER: Final = (
    "settlement",
    "grower",
    "name",
    "boxes",
    "value",
    "formula_zh",
    "formula_en",
    "amount",
    "amount_minor",
    "currency",
    "signature",
)


def csv_of(made: Sheet) -> bytes:
    """One row for each grower, with an empty cell to sign in; last what the cooperative keeps and the sum."""
    told: list[tuple[str | int, ...]] = []
    for each in made.pays:
        formula = each.formula.text(made.currency)
        value = amount_text(each.grower.value_minor, made.currency)
        told.append(
            _cells(
                made, each.grower.id, each.grower.name, each.grower.boxes, value, formula, each.amount_minor
            )
        )
    if made.kept_minor:
        told.append(_cells(made, "", "合作社留存 kept by the cooperative", "", "", _NONE, made.kept_minor))
    boxes = sum(each.grower.boxes for each in made.pays)
    told.append(_cells(made, "", "合计 total", boxes, "", _NONE, made.payout_minor))
    return file_of(HEADER, told)


_NONE: Final = Text(en="", zh="")


def _cells(
    made: Sheet, grower: str, name: str, boxes: str | int, value: str, formula: Text, minor: int
) -> tuple[str | int, ...]:
    amount = amount_text(minor, made.currency)
    return (
        made.settlement,
        grower,
        name,
        boxes,
        value,
        formula.zh,
        formula.en,
        amount,
        minor,
        made.currency,
        "",
    )
