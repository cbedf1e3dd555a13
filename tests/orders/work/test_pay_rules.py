"""Pay: boxes times the rate, lifted to the floor for the minutes, to the unit."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.work import pay_rules
from orders.work.pay_rules import DAY_MINUTES_MAX, Pay, Presence, TooManyHours, WorkerElsewhere

SOME = st.integers(0, 10**6)
MINUTES = st.integers(0, DAY_MINUTES_MAX)
NINE = datetime(2026, 11, 27, 9, tzinfo=UTC)
WORKED = st.fixed_dictionaries(
    {"boxes": SOME, "minutes": MINUTES, "piece_rate_minor": SOME, "hourly_floor_minor": SOME}
)


@pytest.mark.parametrize(
    ("boxes", "minutes", "piece", "top_up"),
    [
        (100, 480, 5_000, 9_400),  # 8 h at 18.00 are 144.00; 100 boxes at 0.50 are 50.00
        (400, 480, 20_000, 0),
        (288, 480, 14_400, 0),
        (0, 480, 0, 14_400),
        (7, 0, 350, 0),
        (0, 1, 0, 30),
        (0, 0, 0, 0),
    ],
)
def test_pay_by_hand(boxes: int, minutes: int, piece: int, top_up: int) -> None:
    found = pay_rules.pay(boxes=boxes, minutes=minutes, piece_rate_minor=50, hourly_floor_minor=1_800)
    assert (found.piece_minor, found.top_up_minor) == (piece, top_up)


def test_a_broken_unit_of_the_floor_is_rounded_up() -> None:
    assert pay_rules.floor_minor(1, 100) == 2  # 1.67
    assert pay_rules.floor_minor(3, 100) == 5
    assert pay_rules.floor_minor(59, 1) == pay_rules.floor_minor(60, 1) == 1


@given(WORKED)
def test_pay_is_the_greater_of_piece_pay_and_floor(worked: dict[str, int]) -> None:
    found = pay_rules.pay(**worked)
    piece = worked["boxes"] * worked["piece_rate_minor"]
    floor = pay_rules.floor_minor(worked["minutes"], worked["hourly_floor_minor"])
    assert found.piece_minor == piece
    assert found.total_minor == max(piece, floor)
    assert found.top_up_minor >= 0
    assert found.top_up_minor == 0 or found.total_minor == floor


@given(MINUTES, SOME)
def test_the_floor_is_the_least_whole_amount_that_is_not_too_little(minutes: int, hourly: int) -> None:
    floor = pay_rules.floor_minor(minutes, hourly)
    assert 60 * floor >= minutes * hourly > 60 * (floor - 1)


@given(WORKED, st.sampled_from(["boxes", "minutes", "piece_rate_minor", "hourly_floor_minor"]), SOME)
def test_who_does_more_is_never_paid_less(worked: dict[str, int], name: str, more: int) -> None:
    better = pay_rules.pay(**{**worked, name: worked[name] + more})
    assert better.total_minor >= pay_rules.pay(**worked).total_minor


@given(st.lists(WORKED, max_size=8))
def test_sums_add_up(people: list[dict[str, int]]) -> None:
    pays = [pay_rules.pay(**each) for each in people]
    whole = pay_rules.total(pays)
    assert whole.total_minor == sum(each.total_minor for each in pays)
    for name in ("minutes", "boxes", "piece_minor", "top_up_minor"):
        assert getattr(whole, name) == sum(getattr(each, name) for each in pays)
    assert pay_rules.total([]) == Pay(minutes=0, boxes=0, piece_minor=0, top_up_minor=0)


def test_nobody_works_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        pay_rules.pay(boxes=-1, minutes=0, piece_rate_minor=1, hourly_floor_minor=1)


@given(st.integers(0, 10**6))
def test_minutes_are_whole(seconds: int) -> None:
    assert pay_rules.minutes_between(NINE, NINE + timedelta(seconds=seconds)) == seconds // 60
    assert pay_rules.minutes_between(NINE, None) == pay_rules.minutes_between(None, NINE) == 0


def presence(since: int, until: int, *, is_same_day: bool = True) -> Presence:
    """By minutes after nine."""
    return Presence(
        since=NINE + timedelta(minutes=since), until=NINE + timedelta(minutes=until), is_same_day=is_same_day
    )


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), max_size=5), st.integers(0, 900))
def test_a_day_has_ten_hours_and_a_worker_one_place(others: list[tuple[int, int]], since: int) -> None:
    known = [presence(each, each + length) for each, length in others]
    own = presence(since, since + 120)
    minutes = set(range(since, since + 120))
    elsewhere = [set(range(each, each + length)) for each, length in others]
    worker_id = uuid.uuid4()
    if any(minutes & each for each in elsewhere):
        with pytest.raises(WorkerElsewhere):
            pay_rules.check_day(worker_id, own, known)
    elif 120 + sum(length for _, length in others) > DAY_MINUTES_MAX:
        with pytest.raises(TooManyHours):
            pay_rules.check_day(worker_id, own, known)
    else:
        pay_rules.check_day(worker_id, own, known)


def test_ten_hours_are_not_too_many_and_another_day_does_not_count() -> None:
    yesterday = presence(-700, -100, is_same_day=False)
    pay_rules.check_day("w", presence(0, 300), [presence(300, 600), yesterday])
    with pytest.raises(TooManyHours) as refused:
        pay_rules.check_day("w", presence(0, 301), [presence(301, 601), yesterday])
    assert refused.value.facts["minutes"] == 601
    with pytest.raises(WorkerElsewhere):
        pay_rules.check_day("w", presence(-101, 0), [yesterday])
