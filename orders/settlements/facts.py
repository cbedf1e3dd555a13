"""What is known of one cooperative's sales in one campaign and one currency, before it is settled. Pure.

A buyer's discount is no matter of the cooperative unless it funds it: boxes count at their whole price, and what
platform, county or sponsor took off them is theirs to pay.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from marketplace.values import MINOR_DIGITS, TOTAL_MINOR_MAX
from orders.settlements import commission
from orders.settlements.parting import parted


class FactsAreWrong(ValueError):
    """Facts that cannot be. A broken promise of our own code."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Delivery:
    """Boxes of one item and grade that arrived, at the price of a box."""

    item: str
    grade: str
    unit_price_minor: int
    boxes: int

    def __post_init__(self) -> None:
        if self.boxes <= 0 or self.unit_price_minor < 0:
            raise FactsAreWrong("boxes arrive, and their price is not negative")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class OwnDiscount:
    """What a promotion that the cooperative funds took off its boxes."""

    reference: str
    amount_minor: int


class Remedy(StrEnum):
    """What an accepted claim gives a buyer."""

    REFUND = "refund"
    """Of the price, or of a part of it: then there is no commission on it either."""
    COMPENSATION = "compensation"
    """On top of the price, as a deposit that comes back double."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Claim:
    """An accepted claim. What is not the cooperative's fault is shown, and costs it nothing."""

    reference: str
    remedy: Remedy
    amount_minor: int
    at_fault: bool


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Forfeit:
    """The cooperative's part of deposits that were lost: by the boxes that it kept (orders/forfeit_rules.py).

    `deposits` of them, all together `deposit_minor`, each parted by itself over `keepers` cooperatives.
    """

    reference: str
    amount_minor: int
    deposit_minor: int
    boxes_kept: int
    boxes_kept_by_all: int
    keepers: int = 2
    deposits: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class StorageShare:
    """The cooperative's part of a bill for storing: by the grams that lay there, times the days."""

    reference: str
    amount_minor: int
    bill_minor: int
    gram_days: int
    gram_days_of_all: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fee:
    """So much of each delivered box for a service: packing, freight, a county's fund; and who gets it."""

    name: str
    beneficiary: str
    per_box_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed: commission, fees, and what is kept back until a day."""

    commission_bps: int
    retention_permille: int = 0
    retained_until: date | None = None
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.commission_bps <= commission.WHOLE_BPS and 0 <= self.retention_permille <= 1_000):
            raise FactsAreWrong("commission and retention are parts of a whole")
        if (self.retention_permille > 0) != (self.retained_until is not None):
            raise FactsAreWrong("what is kept back is released on a day")
        if any(fee.per_box_minor < 0 for fee in self.fees):
            raise FactsAreWrong("a fee is not negative")

    @property
    def fees_of_a_box_minor(self) -> int:
        return sum(fee.per_box_minor for fee in self.fees)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that one statement is made of. `settlement`: its id, under which what is kept back is held."""

    settlement: str
    currency: str
    settled_on: date
    terms: Terms
    deliveries: tuple[Delivery, ...] = ()
    own_discounts: tuple[OwnDiscount, ...] = ()
    claims: tuple[Claim, ...] = ()
    forfeits: tuple[Forfeit, ...] = ()
    storage: tuple[StorageShare, ...] = ()

    def __post_init__(self) -> None:
        if self.currency not in MINOR_DIGITS:
            raise FactsAreWrong(self.currency)
        amounts = [
            *(each.amount_minor for each in self.own_discounts),
            *(each.amount_minor for each in self.claims),
            *(each.amount_minor for each in self.forfeits),
            *(each.amount_minor for each in self.storage),
        ]
        if min(amounts, default=0) < 0 or self.goods_minor > TOTAL_MINOR_MAX:
            raise FactsAreWrong("no amount is negative, and no total beyond all bounds")
        if self._told_twice():
            raise FactsAreWrong("nothing is settled twice")
        for each in self.deliveries:
            most = commission.of_a_box_at_most(each.unit_price_minor, self.terms.commission_bps)
            if most + self.terms.fees_of_a_box_minor > each.unit_price_minor:
                raise FactsAreWrong("commission and fees take more of a box than its price")

    def _told_twice(self) -> bool:
        """A claim may give a refund and a compensation; nothing else stands under one reference twice."""
        named: tuple[list[tuple[str, ...]], ...] = (
            [(each.reference,) for each in self.own_discounts],
            [(each.reference, each.remedy) for each in self.claims],
            [(each.reference,) for each in self.forfeits],
            [(each.reference,) for each in self.storage],
            [(each.name,) for each in self.terms.fees],
        )
        return any(len(set(each)) < len(each) for each in named)

    @property
    def boxes(self) -> int:
        return sum(each.boxes for each in self.deliveries)

    @property
    def goods_minor(self) -> int:
        return sum(each.boxes * each.unit_price_minor for each in self.deliveries)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedBoxes:
    """Delivered boxes of one order that came from one cooperative."""

    cooperative: str
    currency: str
    item: str
    grade: str
    unit_price_minor: int
    boxes: int


def deliveries_of(lines: Iterable[SuppliedBoxes]) -> dict[tuple[str, str], tuple[Delivery, ...]]:
    """What each cooperative delivered in each currency, boxes of one price together: never two currencies in one."""
    boxes: Counter[tuple[str, str, str, str, int]] = Counter()
    for each in lines:
        boxes[each.cooperative, each.currency, each.item, each.grade, each.unit_price_minor] += each.boxes
    found: dict[tuple[str, str], list[Delivery]] = {}
    for (cooperative, currency, item, grade, price), count in sorted(boxes.items()):
        made = Delivery(item=item, grade=grade, unit_price_minor=price, boxes=count)
        found.setdefault((cooperative, currency), []).append(made)
    return {key: tuple(each) for key, each in found.items()}


def storage_shares(reference: str, bill_minor: int, gram_days: dict[str, int]) -> dict[str, StorageShare]:
    """A bill for storing over the cooperatives whose fruit lay there: each pays by its grams times days."""
    whole = sum(gram_days.values())
    return {
        cooperative: StorageShare(
            reference=reference,
            amount_minor=amount,
            bill_minor=bill_minor,
            gram_days=gram_days[cooperative],
            gram_days_of_all=whole,
        )
        for cooperative, amount in parted(bill_minor, gram_days, seed=reference).items()
    }


def own_discounts_of(reference: str, discount_minor: int, boxes: dict[str, int]) -> dict[str, OwnDiscount]:
    """A discount that the cooperatives of an order fund together: each by the boxes that it supplied."""
    return {
        cooperative: OwnDiscount(reference=reference, amount_minor=amount)
        for cooperative, amount in parted(discount_minor, boxes, seed=reference).items()
        if amount
    }
