"""What a cooperative is paid for what it delivered in a campaign: a statement whose lines add up to the payout. Pure.

The order in which money is spent, which never changes:
1. earned: boxes at their whole price, less discounts of its own and refunds at its fault, less commission and fees;
2. beside it: forfeits and released retention come in; storage, compensation and what is owed from before go out;
3. if it is below zero, earlier retention is spent, and what is still missing is owed at the next settlement;
4. if it is above, advances are repaid, the oldest first, then the retention of this settlement is kept;
5. the rest is the payout, never negative.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orders.settlements import commission
from orders.settlements.account import Account, AmountsMixed, Held
from orders.settlements.facts import Delivery, Facts, Remedy
from orders.settlements.formulas import (
    AtMost,
    Booked,
    BorneByOthers,
    Difference,
    FairPart,
    Formula,
    Lesser,
    Part,
    Rate,
    Times,
)

PERMILLE: Final = 1_000


class LineKind(StrEnum):
    """In the order in which they stand on a statement."""

    GOODS = "goods"
    OWN_DISCOUNT = "own_discount"
    REFUND = "refund"
    """Of an accepted claim; nothing if it was not the cooperative's fault."""
    COMMISSION = "commission"
    FEE = "fee"
    FORFEIT = "forfeit"
    RELEASED = "released"
    """Retention whose day has come."""
    STORAGE = "storage"
    COMPENSATION = "compensation"
    OWED = "owed"
    """From before: a refund after a payout, or a statement that found too little."""
    SPENT = "retention_spent"
    """Retention that is used before its day."""
    MISSING = "missing"
    """Missing, and owed at the next settlement."""
    ADVANCE = "advance"
    """Repaid by netting."""
    RETAINED = "retained"


SALE: Final = frozenset(
    {LineKind.GOODS, LineKind.OWN_DISCOUNT, LineKind.REFUND, LineKind.COMMISSION, LineKind.FEE}
)
BESIDE: Final = frozenset(
    {LineKind.FORFEIT, LineKind.RELEASED, LineKind.STORAGE, LineKind.COMPENSATION, LineKind.OWED}
)
TAKING: Final = frozenset(
    {
        LineKind.OWN_DISCOUNT,
        LineKind.REFUND,
        LineKind.COMMISSION,
        LineKind.FEE,
        LineKind.STORAGE,
        LineKind.COMPENSATION,
        LineKind.OWED,
        LineKind.ADVANCE,
        LineKind.RETAINED,
    }
)
"""These take from the payout what their formula says; all others add it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One amount and how it came about. `reference`: the item, claim, order, store or advance that it is for."""

    kind: LineKind
    reference: str
    formula: Formula
    detail: str = ""

    @property
    def amount_minor(self) -> int:
        """What it adds to the payout."""
        return -self.formula.value_minor if self.kind in TAKING else self.formula.value_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One settlement. `after` is the account that the next one begins with."""

    facts: Facts
    before: Account
    lines: tuple[Line, ...]
    after: Account

    @property
    def currency(self) -> str:
        return self.facts.currency

    @property
    def earned_minor(self) -> int:
        """By the boxes, after commission and fees; below zero if more was refunded than sold."""
        return sum(line.amount_minor for line in self.lines if line.kind in SALE)

    @property
    def before_netting_minor(self) -> int:
        """With all that stands beside: what there is for advances and retention, or what is missing."""
        return self.earned_minor + sum(line.amount_minor for line in self.lines if line.kind in BESIDE)

    @property
    def payout_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def commission_minor(self) -> int:
        return -sum(line.amount_minor for line in self.lines if line.kind == LineKind.COMMISSION)


def settle(facts: Facts, before: Account) -> Statement:
    """The statement; in which order facts are told makes no difference. Raises AmountsMixed for two currencies."""
    if before.currency != facts.currency:
        raise AmountsMixed(f"{facts.currency} and {before.currency} are never settled together")
    sale = tuple(_sale(facts))
    earned = sum(line.amount_minor for line in sale)
    beside = tuple(_beside(facts, before))
    there = earned + sum(line.amount_minor for line in beside)
    open_account = Account(
        currency=before.currency,
        held=before.without(before.due_on(facts.settled_on)).held,
        advances=before.advances,
    )
    if there < 0:
        rest, after = _missing(-there, open_account)
    else:
        rest, after = _spent(facts, max(0, earned), there, open_account)
    return Statement(facts=facts, before=before, lines=(*sale, *beside, *rest), after=after)


def _sale(facts: Facts) -> Iterator[Line]:
    for each in _together(facts.deliveries):
        formula = Times(count=each.boxes, each_minor=each.unit_price_minor)
        yield Line(kind=LineKind.GOODS, reference=each.item, detail=each.grade, formula=formula)
    base = facts.goods_minor
    for discount in sorted(facts.own_discounts):
        base -= discount.amount_minor
        yield Line(
            kind=LineKind.OWN_DISCOUNT,
            reference=discount.reference,
            formula=Booked(value_minor=discount.amount_minor),
        )
    for claim in sorted(facts.claims):
        if claim.remedy == Remedy.REFUND:
            base -= claim.amount_minor if claim.at_fault else 0
            yield Line(
                kind=LineKind.REFUND,
                reference=claim.reference,
                formula=_claimed(claim.amount_minor, claim.at_fault),
            )
    rate = Rate(base_minor=max(0, base), rate=facts.terms.commission_bps, whole=commission.WHOLE_BPS)
    if rate.value_minor:
        yield Line(kind=LineKind.COMMISSION, reference="", formula=rate)
    for fee in sorted(facts.terms.fees):
        if facts.boxes and fee.per_box_minor:
            formula = Times(count=facts.boxes, each_minor=fee.per_box_minor)
            yield Line(kind=LineKind.FEE, reference=fee.name, detail=fee.beneficiary, formula=formula)


def _together(deliveries: tuple[Delivery, ...]) -> list[Delivery]:
    """Boxes of one item, grade and price in one line."""
    boxes: dict[tuple[str, str, int], int] = {}
    for each in deliveries:
        key = (each.item, each.grade, each.unit_price_minor)
        boxes[key] = boxes.get(key, 0) + each.boxes
    return [
        Delivery(item=item, grade=grade, unit_price_minor=price, boxes=count)
        for (item, grade, price), count in sorted(boxes.items())
    ]


def _claimed(amount_minor: int, at_fault: bool) -> Formula:
    return Booked(value_minor=amount_minor) if at_fault else BorneByOthers(borne_minor=amount_minor)


def _beside(facts: Facts, before: Account) -> Iterator[Line]:
    for forfeit in sorted(facts.forfeits):
        fair = FairPart(
            total_minor=forfeit.deposit_minor,
            weight=forfeit.boxes_kept,
            weights=forfeit.boxes_kept_by_all,
            value_minor=forfeit.amount_minor,
            sharers=forfeit.keepers,
            sums=forfeit.deposits,
        )
        yield Line(kind=LineKind.FORFEIT, reference=forfeit.reference, formula=fair)
    for held in before.due_on(facts.settled_on):
        yield Line(
            kind=LineKind.RELEASED,
            reference=held.reference,
            detail=held.until.isoformat(),
            formula=Booked(value_minor=held.amount_minor),
        )
    for each in sorted(facts.storage):
        part = Part(
            total_minor=each.bill_minor,
            weight=each.gram_days,
            weights=each.gram_days_of_all,
            value_minor=each.amount_minor,
        )
        yield Line(kind=LineKind.STORAGE, reference=each.reference, formula=part)
    for claim in sorted(facts.claims):
        if claim.remedy == Remedy.COMPENSATION:
            yield Line(
                kind=LineKind.COMPENSATION,
                reference=claim.reference,
                formula=_claimed(claim.amount_minor, claim.at_fault),
            )
    if before.owed_minor:
        yield Line(kind=LineKind.OWED, reference="", formula=Booked(value_minor=before.owed_minor))


def _missing(wanted_minor: int, account: Account) -> tuple[list[Line], Account]:
    """Earlier retention first; the rest is owed. Nothing is kept and no advance repaid out of nothing."""
    taken, after = account.spent(wanted_minor)
    lines = []
    left = wanted_minor
    for each in taken:
        formula = Lesser(asked_minor=left, there_minor=each.of_minor)
        lines.append(
            Line(kind=LineKind.SPENT, reference=each.reference, detail=each.day.isoformat(), formula=formula)
        )
        left -= each.amount_minor
    if left:
        formula_left = Difference(from_minor=wanted_minor, less_minor=wanted_minor - left)
        lines.append(Line(kind=LineKind.MISSING, reference="", formula=formula_left))
    return lines, after.owing(left)


def _spent(facts: Facts, earned_minor: int, there_minor: int, account: Account) -> tuple[list[Line], Account]:
    """Advances first, the oldest first; then retention of what was earned, as far as there is anything left."""
    taken, after = account.repaid(there_minor)
    lines = []
    left = there_minor
    for each in taken:
        formula = Lesser(asked_minor=each.of_minor, there_minor=left)
        lines.append(
            Line(
                kind=LineKind.ADVANCE, reference=each.reference, detail=each.day.isoformat(), formula=formula
            )
        )
        left -= each.amount_minor
    rate = Rate(base_minor=earned_minor, rate=facts.terms.retention_permille, whole=PERMILLE)
    kept = AtMost(asked=rate, there_minor=left)
    until = facts.terms.retained_until
    if kept.value_minor and until is not None:
        lines.append(
            Line(kind=LineKind.RETAINED, reference=facts.settlement, detail=until.isoformat(), formula=kept)
        )
        after = after.holding(Held(reference=facts.settlement, amount_minor=kept.value_minor, until=until))
    return lines, after
