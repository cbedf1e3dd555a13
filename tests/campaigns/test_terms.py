"""Price terms as pure rules: the ladder, what is due when, what may be set, who gets what; and the laws they keep."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import terms
from campaigns.terms import PARTS, BalanceWindow, ItemTerms, Step, TermsNotAllowed, Waterfall
from inventory.deposit_rules import Deposit, DepositType, Funder
from orders import balance_rules, forfeit_rules
from orders.states import OrderState

NOON = datetime(2026, 9, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = BalanceWindow(opens_at=NOON + 24 * HOUR, closes_at=NOON + 120 * HOUR, grace_hours=24)
LADDER = (
    Step(from_boxes=0, unit_price_minor=6_000),
    Step(from_boxes=20_000, unit_price_minor=5_600),
    Step(from_boxes=40_000, unit_price_minor=5_200),
)
EARNEST = Deposit(
    type=DepositType.EARNEST, per_box_minor=1_000, counts_minor=1_500, funder=Funder.PLATFORM, free_hours=24
)

prices = st.integers(1, 10**9)


@st.composite
def ladders(draw: st.DrawFn) -> tuple[Step, ...]:
    falling = sorted(draw(st.sets(st.integers(1, 10_000), min_size=1, max_size=5)), reverse=True)
    rising = sorted(
        draw(st.sets(st.integers(1, 10**6), min_size=len(falling) - 1, max_size=len(falling) - 1))
    )
    return tuple(
        Step(from_boxes=boxes, unit_price_minor=minor)
        for boxes, minor in zip([0, *rising], falling, strict=True)
    )


@st.composite
def deposits(draw: st.DrawFn, lowest_minor: int) -> Deposit:
    kind = draw(st.sampled_from(DepositType))
    cap = lowest_minor // 5 if kind == DepositType.EARNEST else lowest_minor
    per_box = draw(st.integers(1, max(1, cap)))
    counts = draw(st.integers(per_box, max(per_box, lowest_minor)))
    funder = draw(st.sampled_from(Funder)) if counts > per_box else None
    return Deposit(type=kind, per_box_minor=per_box, counts_minor=counts, funder=funder)


@st.composite
def agreed(draw: st.DrawFn) -> ItemTerms:
    """Terms that are allowed."""
    steps = draw(ladders())
    lowest = steps[-1].unit_price_minor
    deposit = draw(deposits(lowest)) if lowest >= 5 and draw(st.booleans()) else None
    return ItemTerms(steps=steps, deposit=deposit)


def check(item: ItemTerms, *, balance: BalanceWindow | None = WINDOW) -> None:
    terms.check([item], closes_at=NOON, balance=balance)


def faults(item: ItemTerms, *, balance: BalanceWindow | None = WINDOW) -> list[str]:
    with pytest.raises(TermsNotAllowed) as refused:
        check(item, balance=balance)
    return [each["pointer"] for each in refused.value.facts["errors"]]


def test_the_example_of_two_boxes() -> None:
    """60, 56 and 52 yuan; 10 yuan count as 15, of which the platform pays 5; 40,000 boxes are sold."""
    check(ItemTerms(steps=LADDER, deposit=EARNEST))
    assert [terms.price_at(LADDER, sold) for sold in (0, 19_999, 20_000, 39_999, 40_000)] == [
        6_000, 6_000, 5_600, 5_600, 5_200,
    ]  # fmt: skip
    due = balance_rules.due(boxes=2, unit_price_minor=5_200, deposit=EARNEST)
    assert (due.now_minor, due.later_minor, due.bonus_minor, due.total_minor) == (2_000, 7_400, 1_000, 10_400)
    told = terms.price(LADDER, EARNEST, boxes=2, sold_boxes=20_000)
    assert (told.now_minor, told.later_minor, told.total_minor) == (2_000, 9_000, 12_000)
    assert [(step.later_minor, step.is_reached) for step in told.steps] == [
        (9_000, False), (8_200, True), (7_400, False),
    ]  # fmt: skip


@pytest.mark.parametrize(("deposit_minor", "is_allowed"), [(1_040, True), (1_041, False)])
def test_earnest_money_is_capped_by_the_lowest_price_to_the_unit(
    deposit_minor: int, is_allowed: bool
) -> None:
    deposit = Deposit(type=DepositType.EARNEST, per_box_minor=deposit_minor, counts_minor=deposit_minor)
    item = ItemTerms(steps=LADDER, deposit=deposit)
    if is_allowed:
        check(item)
    else:
        assert faults(item) == ["/items/0"]
        advance = Deposit(type=DepositType.ADVANCE, per_box_minor=deposit_minor, counts_minor=deposit_minor)
        check(ItemTerms(steps=LADDER, deposit=advance))


@pytest.mark.parametrize(
    "steps",
    [
        (LADDER[0], LADDER[2], LADDER[1]),
        (LADDER[0], Step(from_boxes=10, unit_price_minor=6_000)),
        (LADDER[0], Step(from_boxes=10, unit_price_minor=5_000), Step(from_boxes=10, unit_price_minor=4_000)),
        LADDER[1:],
    ],
)
def test_a_ladder_that_does_not_fall_is_refused(steps: tuple[Step, ...]) -> None:
    assert faults(ItemTerms(steps=steps, deposit=None), balance=None) == ["/items/0"]


@pytest.mark.parametrize(
    ("per_box", "counts", "funder"),
    [(1_000, 999, None), (1_000, 5_201, Funder.COUNTY), (1_000, 1_500, None), (1_000, 1_000, Funder.SPONSOR)],
)
def test_a_deposit_that_counts_as_too_little_too_much_or_by_nobody_is_refused(
    per_box: int, counts: int, funder: Funder | None
) -> None:
    deposit = Deposit(type=DepositType.EARNEST, per_box_minor=per_box, counts_minor=counts, funder=funder)
    assert faults(ItemTerms(steps=LADDER, deposit=deposit)) == ["/items/0"]


def test_a_balance_window_belongs_to_deposits_and_follows_the_sale() -> None:
    whole, parted = ItemTerms(steps=LADDER, deposit=None), ItemTerms(steps=LADDER, deposit=EARNEST)
    check(whole, balance=None)
    assert faults(whole) == ["/balance"]
    assert faults(parted, balance=None) == ["/balance"]
    for opens_at, closes_at in ((NOON - HOUR, NOON + HOUR), (NOON + HOUR, NOON + HOUR)):
        assert faults(
            parted, balance=BalanceWindow(opens_at=opens_at, closes_at=closes_at, grace_hours=0)
        ) == ["/balance"]


def test_parts_of_a_price_add_up_to_it_at_every_step() -> None:
    parts = Waterfall(
        orchard_minor=3_600,
        cold_store_minor=300,
        packing_minor=500,
        freight_minor=1_360,
        commission_minor=240,
    )
    full = Step(from_boxes=0, unit_price_minor=6_000, waterfall=parts)
    check(ItemTerms(steps=(full,), deposit=None), balance=None)
    short = Step(from_boxes=0, unit_price_minor=6_001, waterfall=parts)
    assert faults(ItemTerms(steps=(short,), deposit=None), balance=None) == ["/items/0"]
    assert faults(ItemTerms(steps=(full, LADDER[1]), deposit=None), balance=None) == ["/items/0"]
    assert terms.price((full,), None, boxes=3, sold_boxes=0).steps[0].waterfall == parts.times(3)


@given(parts=st.lists(st.integers(0, 10**8), min_size=5, max_size=5), boxes=st.integers(1, 1_000))
def test_nothing_of_a_price_is_lost_in_its_parts(parts: list[int], boxes: int) -> None:
    waterfall = Waterfall(**dict(zip(PARTS, parts, strict=True)))
    assert waterfall.times(boxes).total_minor == boxes * waterfall.total_minor == boxes * sum(parts)


@given(steps=ladders(), fewer=st.integers(0, 2 * 10**6), more=st.integers(0, 2 * 10**6))
def test_the_more_is_sold_the_less_it_costs_and_never_more_than_shown(
    steps: tuple[Step, ...], fewer: int, more: int
) -> None:
    fewer, more = sorted((fewer, more))
    assert terms.price_at(steps, more) <= terms.price_at(steps, fewer) <= steps[0].unit_price_minor
    assert balance_rules.final_price(shown_minor=5, step_minor=terms.price_at(steps, more)) <= 5


@given(item=agreed(), boxes=st.integers(1, 1_000), sold=st.integers(0, 2 * 10**6))
def test_what_is_allowed_is_paid_to_the_unit_and_never_more_than_shown(
    item: ItemTerms, boxes: int, sold: int
) -> None:
    check(item, balance=WINDOW if item.deposit else None)
    shown = terms.price(item.steps, item.deposit, boxes=boxes, sold_boxes=sold)
    final = terms.price_at(item.steps, sold)
    due = balance_rules.due(boxes=boxes, unit_price_minor=final, deposit=item.deposit)
    assert min(due.now_minor, due.later_minor, due.bonus_minor) >= 0
    assert due.total_minor == boxes * final <= shown.total_minor
    assert due.later_minor <= shown.later_minor
    assert [step.is_reached for step in shown.steps].count(True) == 1
    if item.deposit is None:
        assert (due.later_minor, due.bonus_minor, shown.later_minor) == (0, 0, 0)
    else:
        assert due.now_minor == shown.now_minor, "the deposit does not change"
        assert due.bonus_minor == boxes * item.deposit.bonus_minor


@given(boxes=st.integers(1, 1_000), price=prices, per_box=prices, bonus=prices)
def test_whatever_the_terms_a_bonus_never_pays_more_than_is_left(
    boxes: int, price: int, per_box: int, bonus: int
) -> None:
    deposit = Deposit(
        type=DepositType.ADVANCE, per_box_minor=per_box, counts_minor=per_box + bonus, funder=Funder.COUNTY
    )
    due = balance_rules.due(boxes=boxes, unit_price_minor=price, deposit=deposit)
    assert due.later_minor >= 0
    assert due.bonus_minor >= 0
    assert due.bonus_minor + due.later_minor == max(0, boxes * (price - per_box))


@given(
    amount=st.integers(1, 10**7),
    kept=st.dictionaries(
        st.text("abcdef", min_size=1, max_size=4), st.integers(0, 10**5), min_size=1, max_size=8
    ),
    seed=st.uuids().map(str),
)
def test_a_forfeited_deposit_is_split_by_boxes_and_nothing_is_lost(
    amount: int, kept: dict[str, int], seed: str
) -> None:
    total = sum(kept.values())
    if not total:
        with pytest.raises(forfeit_rules.NothingKept):
            forfeit_rules.split(amount, kept, seed=seed)
        return
    parts = forfeit_rules.split(amount, kept, seed=seed)
    assert sum(parts.values()) == amount
    assert parts == forfeit_rules.split(amount, dict(reversed(kept.items())), seed=seed)
    for each, boxes in kept.items():
        assert abs(parts.get(each, 0) * total - amount * boxes) < len(kept) * total, "near the exact part"
        assert boxes or each not in parts
        assert all(parts.get(each, 0) >= parts.get(other, 0) for other in kept if kept[other] < boxes)


def test_who_may_withdraw_a_paid_deposit() -> None:
    advance = Deposit(type=DepositType.ADVANCE, per_box_minor=100, counts_minor=100)
    last = NOON - timedelta(microseconds=1)
    for state in OrderState:
        is_paid = state == OrderState.DEPOSIT_PAID
        assert balance_rules.may_withdraw(advance, state=state, free_until=None, now=NOON) == is_paid
        assert balance_rules.may_withdraw(EARNEST, state=state, free_until=NOON, now=last) == is_paid
        assert not balance_rules.may_withdraw(EARNEST, state=state, free_until=NOON, now=NOON)
        assert not balance_rules.may_withdraw(EARNEST, state=state, free_until=None, now=NOON)


@pytest.mark.parametrize(
    ("hours_left", "due"),
    [(73, None), (72, 72), (25, 72), (24, 24), (3, 24), (2, 2), (0.1, 2), (0, None), (-1, None)],
)
def test_when_it_is_time_to_remind(hours_left: float, due: int | None) -> None:
    assert balance_rules.reminder_due(now=NOON, due_at=NOON + hours_left * HOUR) == due
