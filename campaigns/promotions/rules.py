"""What promotions take off a price, which of them go together, and who pays for each. Pure; integers only.

A discount is a whole number of minor units. A share of a price (permille) is rounded up: the buyer's favour.
It is counted on the price as shown, never on what other discounts left, and never exceeds what is left to pay.
Where a deposit is paid first, that is the balance: nothing is taken off what the deposit counts as.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from typing import Final

from marketplace import errors
from marketplace.language import Text

CANDIDATES_MAX: Final = 10
"""How many eligible promotions are weighed against each other: at most 2^10 sets."""
CODES_MAX: Final = 5
"""How many codes are weighed at once."""
OPEN_MAX: Final = CANDIDATES_MAX - CODES_MAX
"""How many promotions without a code an item may have at once, so that all can be weighed."""


class PromotionKind(StrEnum):
    """In the order in which they are taken off: what pays like money comes last."""

    QUANTITY_BREAK = "quantity_break"
    """So much off each box, from so many boxes."""
    EARLY_BIRD = "early_bird"
    """So much off each box, until an instant or for the first boxes."""
    GROUP_BUY = "group_buy"
    """So much off each box, once a group of friends is full."""
    COUPON = "coupon"
    """So much off an order, for who has the code."""
    FREE_FREIGHT = "free_freight"
    """The freight, whole: what is charged for it, and what of the price is freight."""
    VOUCHER = "voucher"
    """Money: what is left of its budget pays goods and freight, in parts if it is more than is asked."""


class Funder(StrEnum):
    """Who pays for a discount; it is never taken from anybody else."""

    PLATFORM = "platform"
    COUNTY = "county"
    SPONSOR = "sponsor"
    COOPERATIVE = "cooperative"


class Unmet(StrEnum):
    """Why a promotion takes nothing off."""

    NOT_STARTED = "not_started"
    ENDED = "ended"
    TOO_FEW_BOXES = "too_few_boxes"
    NO_USES_LEFT = "no_uses_left"
    PERSON_LIMIT = "person_limit"
    BOXES_SPENT = "boxes_spent"
    BUDGET_SPENT = "budget_spent"
    """Not enough is left for the whole discount: nobody is told of one and given less."""
    GROUP_NOT_FULL = "group_not_full"
    NOTHING_TO_TAKE = "nothing_to_take"
    NOT_COMBINABLE = "not_combinable"
    """Others, which do not go together with it, take more off."""


_ORDER: Final = {kind: place for place, kind in enumerate(PromotionKind)}
_PER_BOX: Final = frozenset({PromotionKind.QUANTITY_BREAK, PromotionKind.EARLY_BIRD, PromotionKind.GROUP_BUY})
_BY_KIND: Final = frozenset({PromotionKind.FREE_FREIGHT, PromotionKind.VOUCHER})
"""Their kind says how much they take off: all the freight, all that is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A promotion with its counters, as they are under its lock."""

    id: uuid.UUID
    kind: PromotionKind
    funder: Funder
    budget_left_minor: int
    amount_minor: int | None = None
    """Off an order; off each box for quantity breaks, early birds and groups."""
    permille: int | None = None
    stacks_with: frozenset[PromotionKind] = frozenset()
    """Nothing named: it stands alone. Two go together if each names the other's kind."""
    boxes_min: int = 1
    starts_at: datetime | None = None
    """Before this instant it takes nothing off."""
    ends_at: datetime | None = None
    """From this instant on it takes nothing off."""
    uses_left: int | None = None
    uses_left_of_person: int | None = None
    boxes_left: int | None = None
    """How many boxes it is still for, if it is for the first ones only."""
    group_is_full: bool = False

    def __post_init__(self) -> None:
        told = (self.amount_minor is not None) + (self.permille is not None)
        if told != (0 if self.kind in _BY_KIND else 1):
            raise ValueError("an amount or a share, and neither for free freight and vouchers")
        if self.amount_minor is not None and self.amount_minor <= 0:
            raise ValueError("a discount takes something off")
        if self.permille is not None and not 0 < self.permille <= 1_000:
            raise ValueError("a share is between 1 and 1000 permille")
        if self.budget_left_minor < 0 or self.boxes_min < 1:
            raise ValueError("no budget is below zero, and no order has less than one box")


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """What is to be paid without promotions."""

    boxes: int
    unit_price_minor: int
    freight_minor: int
    """On top of the price."""
    now: datetime
    freight_within_minor: int = 0
    """What of the boxes' price is freight."""
    deposit_minor: int = 0
    """What their deposit counts as when the rest is paid: nothing is taken off that."""
    cooperatives_minor: int | None = None
    """The most that cooperatives may take off, so that earnest money stays within its cap; None: all."""

    def __post_init__(self) -> None:
        if not 0 <= self.deposit_minor <= self.goods_minor or (self.cooperatives_minor or 0) < 0:
            raise ValueError("a deposit counts as a part of the price, and nobody gives less than nothing")

    @property
    def goods_minor(self) -> int:
        return self.boxes * self.unit_price_minor

    @property
    def price_minor(self) -> int:
        return self.goods_minor + self.freight_minor

    @property
    def open_minor(self) -> int:
        """What may be taken off at all."""
        return self.price_minor - self.deposit_minor

    def open_to(self, funder: Funder) -> int:
        """What may be taken off at this funder's cost."""
        if funder != Funder.COOPERATIVE or self.cooperatives_minor is None:
            return self.open_minor
        return min(self.open_minor, self.cooperatives_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """One line of an explanation: what one promotion takes off, and what is left after it."""

    promotion_id: uuid.UUID
    kind: PromotionKind
    funder: Funder
    goods_minor: int
    freight_minor: int
    left_minor: int

    @property
    def amount_minor(self) -> int:
        return self.goods_minor + self.freight_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """The price with all that is taken off, and why the others take nothing off."""

    price_minor: int
    discounts: tuple[Discount, ...]
    unmet: tuple[tuple[uuid.UUID, Unmet], ...]

    @property
    def discount_minor(self) -> int:
        return sum(each.amount_minor for each in self.discounts)

    @property
    def total_minor(self) -> int:
        return self.price_minor - self.discount_minor

    def by_funder(self) -> dict[Funder, int]:
        """What each funder pays; together it is the discount."""
        paid: dict[Funder, int] = {}
        for each in self.discounts:
            paid[each.funder] = paid.get(each.funder, 0) + each.amount_minor
        return paid


class TooManyPromotions(errors.Conflict):
    """More promotions would go for the same boxes than are weighed against each other: `most` of them are."""

    title = Text(en="Too many promotions for the same boxes.", zh="同一商品的优惠过多。")


def quote(basket: Basket, promotions: Iterable[Promotion]) -> Quoted:
    """The set of promotions that go together and take the most off; raises TooManyPromotions.

    Equal discounts: the set of fewer promotions, then that whose promotions come first by kind and id. In which
    order they were named, or how often, makes no difference.
    """
    known = {each.id: each for each in promotions}
    ordered = sorted(known.values(), key=_place)
    unmet = {each.id: reason for each in ordered if (reason := hindrance(basket, each)) is not None}
    eligible = [each for each in ordered if each.id not in unmet]
    if len(eligible) > CANDIDATES_MAX:
        raise TooManyPromotions(most=CANDIDATES_MAX)
    best: tuple[Discount, ...] = ()
    for size in range(1, len(eligible) + 1):
        for chosen in combinations(eligible, size):
            if go_together(chosen):
                lines = _take_off(basket, chosen)
                if sum(line.amount_minor for line in lines) > sum(line.amount_minor for line in best):
                    best = lines
    used = {line.promotion_id for line in best}
    unmet |= {each.id: Unmet.NOT_COMBINABLE for each in eligible if each.id not in used}
    return Quoted(
        price_minor=basket.price_minor,
        discounts=best,
        unmet=tuple((each.id, unmet[each.id]) for each in ordered if each.id in unmet),
    )


def go_together(promotions: Sequence[Promotion]) -> bool:
    """Whether each of them names the kind of every other one."""
    return all(
        one.kind in other.stacks_with and other.kind in one.stacks_with
        for one, other in combinations(promotions, 2)
    )


def hindrance(basket: Basket, promotion: Promotion) -> Unmet | None:
    """What keeps a promotion from taking anything off this basket, on its own; None: nothing does."""
    budget = promotion.budget_left_minor
    whole = wanted(basket, promotion)
    checks = (
        (promotion.starts_at is not None and basket.now < promotion.starts_at, Unmet.NOT_STARTED),
        (promotion.ends_at is not None and basket.now >= promotion.ends_at, Unmet.ENDED),
        (basket.boxes < promotion.boxes_min, Unmet.TOO_FEW_BOXES),
        (promotion.uses_left is not None and promotion.uses_left < 1, Unmet.NO_USES_LEFT),
        (promotion.uses_left_of_person is not None and promotion.uses_left_of_person < 1, Unmet.PERSON_LIMIT),
        (promotion.boxes_left is not None and promotion.boxes_left < 1, Unmet.BOXES_SPENT),
        (promotion.kind == PromotionKind.GROUP_BUY and not promotion.group_is_full, Unmet.GROUP_NOT_FULL),
        (whole == 0, Unmet.NOTHING_TO_TAKE),
        (budget < (1 if promotion.kind == PromotionKind.VOUCHER else whole), Unmet.BUDGET_SPENT),
    )  # fmt: skip
    return next((reason for is_so, reason in checks if is_so), None)


def boxes_taken(boxes: int, boxes_left: int | None) -> int:
    """How many boxes of an order a promotion is for."""
    return boxes if boxes_left is None else min(boxes, boxes_left)


def wanted(basket: Basket, promotion: Promotion) -> int:
    """What a promotion takes off if it is the only one and its budget allows."""
    return min(_worth(basket, promotion), basket.open_to(promotion.funder))


def _worth(basket: Basket, promotion: Promotion) -> int:
    """What its terms say, of the price as shown."""
    if promotion.kind == PromotionKind.FREE_FREIGHT:
        return basket.freight_within_minor + basket.freight_minor
    if promotion.kind == PromotionKind.VOUCHER:
        return basket.price_minor
    boxes = boxes_taken(basket.boxes, promotion.boxes_left)
    if promotion.permille is not None:
        return _share_up(boxes * basket.unit_price_minor, promotion.permille)
    assert promotion.amount_minor is not None
    times = boxes if promotion.kind in _PER_BOX else 1
    return min(promotion.amount_minor * times, boxes * basket.unit_price_minor)


def _share_up(minor: int, permille: int) -> int:
    """So many thousandths, rounded up to a whole minor unit."""
    return -(-minor * permille // 1_000)


def _take_off(basket: Basket, promotions: Sequence[Promotion]) -> tuple[Discount, ...]:
    """The lines of these promotions, in order; each takes what it wants of what the ones before it left."""
    goods, freight = basket.goods_minor - basket.deposit_minor, basket.freight_minor
    of_cooperatives = basket.open_to(Funder.COOPERATIVE)
    lines = []
    for each in promotions:
        asked = min(wanted(basket, each), each.budget_left_minor)
        if each.funder == Funder.COOPERATIVE:
            asked = min(asked, of_cooperatives)
        most = basket.freight_within_minor if each.kind == PromotionKind.FREE_FREIGHT else goods
        off_goods = min(asked, most, goods)
        off_freight = min(asked - off_goods, freight) if each.kind in _BY_KIND else 0
        if off_goods + off_freight == 0:
            continue
        goods, freight = goods - off_goods, freight - off_freight
        if each.funder == Funder.COOPERATIVE:
            of_cooperatives -= off_goods + off_freight
        lines.append(
            Discount(
                promotion_id=each.id,
                kind=each.kind,
                funder=each.funder,
                goods_minor=off_goods,
                freight_minor=off_freight,
                left_minor=goods + freight + basket.deposit_minor,
            )
        )
    return tuple(lines)


def _place(promotion: Promotion) -> tuple[int, uuid.UUID]:
    return _ORDER[promotion.kind], promotion.id
