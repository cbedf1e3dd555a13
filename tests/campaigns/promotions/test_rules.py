"""What promotions take off: laws over all baskets, and the sums that a person can redo."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.promotions.rules import (
    CANDIDATES_MAX,
    Basket,
    Funder,
    Promotion,
    PromotionKind,
    TooManyPromotions,
    Unmet,
    go_together,
    quote,
)

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
ALL = frozenset(PromotionKind)
SELF_MEASURED = (PromotionKind.FREE_FREIGHT, PromotionKind.VOUCHER)


def basket(boxes: int = 10, unit_price_minor: int = 5_200, freight_minor: int = 0) -> Basket:
    return Basket(boxes=boxes, unit_price_minor=unit_price_minor, freight_minor=freight_minor, now=NOW)


def promotion(kind: PromotionKind = PromotionKind.COUPON, number: int = 1, **changes: Any) -> Promotion:
    facts: dict[str, Any] = {
        "id": uuid.UUID(int=number),
        "kind": kind,
        "funder": Funder.COUNTY,
        "budget_left_minor": 1_000_000,
        **({} if kind in SELF_MEASURED or "permille" in changes else {"amount_minor": 500}),
        **changes,
    }
    return Promotion(**facts)


@st.composite
def promotions(draw: st.DrawFn, number: int) -> Promotion:
    kind = draw(st.sampled_from(PromotionKind))
    if kind in SELF_MEASURED:
        measure: dict[str, int] = {}
    elif draw(st.booleans()):
        measure = {"permille": draw(st.integers(1, 1_000))}
    else:
        measure = {"amount_minor": draw(st.integers(1, 30_000))}
    few = st.none() | st.integers(0, 6)
    return promotion(
        kind,
        number,
        **measure,
        funder=draw(st.sampled_from(Funder)),
        budget_left_minor=draw(st.integers(0, 60_000)),
        stacks_with=draw(st.frozensets(st.sampled_from(PromotionKind)) | st.just(ALL)),
        boxes_min=draw(st.integers(1, 4)),
        ends_at=draw(st.none() | st.just(NOW) | st.just(NOW + timedelta(seconds=1))),
        uses_left=draw(few),
        uses_left_of_person=draw(few),
        boxes_left=draw(few),
        group_is_full=draw(st.booleans()),
    )


BASKETS = st.builds(
    basket,
    boxes=st.integers(1, 8),
    unit_price_minor=st.integers(1, 9_999),
    freight_minor=st.integers(0, 3_000),
)
OFFERS = st.integers(0, 5).flatmap(lambda count: st.tuples(*(promotions(n + 1) for n in range(count))))


@st.composite
def deposits(draw: st.DrawFn) -> Basket:
    """A price of which a deposit of 1 to 99 % is paid first; cooperatives may give so much at most."""
    price = draw(BASKETS)
    percent = draw(st.integers(1, 99))
    return replace(
        price,
        deposit_minor=price.boxes * (price.unit_price_minor * percent // 100),
        cooperatives_minor=draw(st.none() | st.integers(0, 5_000)),
    )


@given(deposits(), OFFERS)
def test_nothing_is_taken_off_a_deposit_nor_more_of_cooperatives_than_they_may_give(
    price: Basket, offers: tuple[Promotion, ...]
) -> None:
    told = quote(price, offers)
    left = told.price_minor
    for line in told.discounts:
        left -= line.amount_minor
        assert (line.left_minor, line.amount_minor > 0) == (left, True)
    assert left == told.total_minor >= price.deposit_minor
    assert sum(line.goods_minor for line in told.discounts) <= price.goods_minor - price.deposit_minor
    theirs = told.by_funder().get(Funder.COOPERATIVE, 0)
    assert price.cooperatives_minor is None or theirs <= price.cooperatives_minor
    named = sorted([*(line.promotion_id for line in told.discounts), *(each for each, _ in told.unmet)])
    assert named == sorted(each.id for each in offers)


@given(deposits(), OFFERS)
def test_a_deposit_never_makes_a_discount_larger(price: Basket, offers: tuple[Promotion, ...]) -> None:
    plain = replace(price, deposit_minor=0, cooperatives_minor=None)
    rich = [replace(each, budget_left_minor=10**9) for each in offers]
    assert quote(price, rich).discount_minor <= quote(plain, rich).discount_minor


@given(deposits(), OFFERS)
def test_one_more_promotion_never_makes_a_balance_larger(
    price: Basket, offers: tuple[Promotion, ...]
) -> None:
    for count in range(len(offers)):
        assert quote(price, offers[: count + 1]).total_minor <= quote(price, offers[:count]).total_minor


def test_where_the_deposit_counts_as_the_whole_price_nothing_is_taken_off() -> None:
    whole = replace(basket(), deposit_minor=52_000)
    for offered in (promotion(), promotion(PromotionKind.VOUCHER, 2)):
        assert quote(whole, [offered]).unmet == ((offered.id, Unmet.NOTHING_TO_TAKE),)
    with pytest.raises(ValueError, match="a part of the price"):
        replace(basket(), deposit_minor=52_001)


@given(BASKETS, OFFERS, st.randoms(use_true_random=False))
def test_the_order_and_repetition_of_codes_make_no_difference(
    price: Basket, offers: tuple[Promotion, ...], random: Any
) -> None:
    mixed = [*offers, *offers]
    random.shuffle(mixed)
    assert quote(price, mixed) == quote(price, offers)


@given(BASKETS, OFFERS)
def test_no_total_is_below_zero_and_no_budget_is_exceeded(
    price: Basket, offers: tuple[Promotion, ...]
) -> None:
    told = quote(price, offers)
    budgets = {each.id: each.budget_left_minor for each in offers}
    assert 0 <= told.total_minor <= price.price_minor
    assert all(0 < line.amount_minor <= budgets[line.promotion_id] for line in told.discounts)
    assert sum(line.goods_minor for line in told.discounts) <= price.goods_minor
    assert sum(line.freight_minor for line in told.discounts) <= price.freight_minor


@given(BASKETS, OFFERS)
def test_the_lines_lead_from_the_price_to_the_total_and_funders_pay_the_discount(
    price: Basket, offers: tuple[Promotion, ...]
) -> None:
    told = quote(price, offers)
    left = told.price_minor
    for line in told.discounts:
        left -= line.amount_minor
        assert line.left_minor == left
    assert left == told.total_minor
    assert sum(told.by_funder().values()) == told.discount_minor


@given(BASKETS, OFFERS, st.sampled_from(["uses", "person", "ended", "budget"]))
def test_what_is_not_eligible_changes_nothing(
    price: Basket, offers: tuple[Promotion, ...], lack: str
) -> None:
    lacks: dict[str, dict[str, Any]] = {
        "uses": {"uses_left": 0},
        "person": {"uses_left_of_person": 0},
        "ended": {"ends_at": NOW},
        "budget": {"budget_left_minor": 0},
    }
    dead = promotion(number=99, stacks_with=ALL, **lacks[lack])
    without, told = quote(price, offers), quote(price, [*offers, dead])
    assert told.discounts == without.discounts
    assert dict(told.unmet).keys() - dict(without.unmet).keys() == {dead.id}


@given(BASKETS, OFFERS)
def test_everything_named_is_either_taken_off_or_told_why_not(
    price: Basket, offers: tuple[Promotion, ...]
) -> None:
    told = quote(price, offers)
    taken = [line.promotion_id for line in told.discounts]
    assert sorted([*taken, *(each for each, _ in told.unmet)]) == sorted(each.id for each in offers)
    assert go_together([each for each in offers if each.id in taken])


@given(BASKETS, OFFERS)
def test_one_more_promotion_never_makes_it_dearer(price: Basket, offers: tuple[Promotion, ...]) -> None:
    for count in range(len(offers)):
        assert quote(price, offers[: count + 1]).total_minor <= quote(price, offers[:count]).total_minor


def test_a_share_is_rounded_up_for_the_buyer() -> None:
    told = quote(basket(boxes=1, unit_price_minor=999), [promotion(permille=100)])
    assert told.discount_minor == 100


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ends_at": NOW}, Unmet.ENDED),
        ({"boxes_min": 11}, Unmet.TOO_FEW_BOXES),
        ({"uses_left": 0}, Unmet.NO_USES_LEFT),
        ({"uses_left_of_person": 0}, Unmet.PERSON_LIMIT),
        ({"kind": PromotionKind.EARLY_BIRD, "boxes_left": 0}, Unmet.BOXES_SPENT),
        ({"budget_left_minor": 499}, Unmet.BUDGET_SPENT),
        ({"kind": PromotionKind.GROUP_BUY}, Unmet.GROUP_NOT_FULL),
        ({"kind": PromotionKind.FREE_FREIGHT}, Unmet.NOTHING_TO_TAKE),
    ],
)
def test_each_hindrance_is_named(changes: dict[str, Any], why: Unmet) -> None:
    offered = promotion(**changes)
    assert quote(basket(), [offered]).unmet == ((offered.id, why),)


@pytest.mark.parametrize(
    ("offered", "discount_minor"),
    [
        (promotion(amount_minor=500), 500),
        (promotion(permille=50, boxes_min=10), 2_600),
        (promotion(PromotionKind.QUANTITY_BREAK, amount_minor=300, boxes_min=10), 3_000),
        (promotion(PromotionKind.EARLY_BIRD, amount_minor=300, boxes_left=4), 1_200),
        (promotion(PromotionKind.EARLY_BIRD, permille=100, boxes_left=4), 2_080),
        (promotion(PromotionKind.GROUP_BUY, amount_minor=300, group_is_full=True), 3_000),
        (promotion(PromotionKind.FREE_FREIGHT), 1_200),
        (promotion(PromotionKind.VOUCHER, budget_left_minor=700), 700),
        (promotion(PromotionKind.VOUCHER), 53_200),
        (promotion(amount_minor=60_000), 52_000),
    ],
)
def test_each_kind_takes_off_what_it_says(offered: Promotion, discount_minor: int) -> None:
    assert quote(basket(freight_minor=1_200), [offered]).discount_minor == discount_minor


def test_what_does_not_go_together_leaves_the_best() -> None:
    alone = promotion(number=1, amount_minor=900)
    both = [
        promotion(
            PromotionKind.EARLY_BIRD, 2, amount_minor=50, stacks_with=frozenset({PromotionKind.COUPON})
        ),
        promotion(number=3, amount_minor=600, stacks_with=frozenset({PromotionKind.EARLY_BIRD})),
    ]
    told = quote(basket(), [alone, *both])
    assert [line.promotion_id.int for line in told.discounts] == [2, 3]
    assert told.discount_minor == 10 * 50 + 600
    assert told.unmet == ((alone.id, Unmet.NOT_COMBINABLE),)


def test_stacking_needs_both_to_agree() -> None:
    willing = promotion(number=1, stacks_with=ALL)
    unwilling = promotion(PromotionKind.VOUCHER, 2, budget_left_minor=100)
    assert [line.promotion_id for line in quote(basket(), [willing, unwilling]).discounts] == [willing.id]


def test_of_equals_the_first_is_taken() -> None:
    offers = [promotion(number=2), promotion(number=1)]
    assert [line.promotion_id.int for line in quote(basket(), offers).discounts] == [1]


def test_more_than_can_be_weighed_are_refused() -> None:
    offers = [promotion(number=n) for n in range(1, CANDIDATES_MAX + 2)]
    with pytest.raises(TooManyPromotions):
        quote(basket(), offers)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount_minor": None}, "neither for"),
        ({"amount_minor": 5, "permille": 5}, "neither for"),
        ({"kind": PromotionKind.VOUCHER, "amount_minor": 5}, "neither for"),
        ({"amount_minor": 0}, "takes something off"),
        ({"permille": 1_001}, "between 1 and 1000"),
        ({"budget_left_minor": -1}, "below zero"),
        ({"boxes_min": 0}, "less than one box"),
    ],
)
def test_what_makes_no_sense_is_no_promotion(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        promotion(**changes)


def test_the_example_of_the_documentation() -> None:
    together = frozenset({PromotionKind.EARLY_BIRD, PromotionKind.COUPON, PromotionKind.FREE_FREIGHT})
    offers = [
        promotion(PromotionKind.EARLY_BIRD, 1, permille=100, boxes_left=4, stacks_with=together),
        promotion(number=2, amount_minor=500, funder=Funder.PLATFORM, stacks_with=together),
        promotion(PromotionKind.FREE_FREIGHT, 3, funder=Funder.SPONSOR, stacks_with=together),
        promotion(number=4, amount_minor=2_000),
    ]
    told = quote(basket(freight_minor=1_200), offers)
    assert [line.left_minor for line in told.discounts] == [51_120, 50_620, 49_420]
    assert told.by_funder() == {Funder.COUNTY: 2_080, Funder.PLATFORM: 500, Funder.SPONSOR: 1_200}
    assert told.unmet == ((offers[3].id, Unmet.NOT_COMBINABLE),)
