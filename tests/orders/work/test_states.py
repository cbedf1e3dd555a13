"""States of a shift, and its times."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from orders.work import states
from orders.work.states import ShiftState, ShiftStateForbids, ShiftTimesNotValid

NINE = datetime(2026, 11, 27, 9, tzinfo=UTC)
LEGAL = {("open", "closed"), ("closed", "open"), ("closed", "signed"), ("signed", "paid")}


@pytest.mark.parametrize(("before", "after"), [*product(ShiftState, ShiftState)])
def test_exactly_these_moves_are_legal(before: ShiftState, after: ShiftState) -> None:
    if (before.value, after.value) in LEGAL:
        states.check_move(before, after)
    else:
        with pytest.raises(ShiftStateForbids):
            states.check_move(before, after)


@pytest.mark.parametrize(
    ("day", "begins", "ends", "wrong"),
    [
        (0, timedelta(), timedelta(hours=8), []),
        (1, timedelta(), timedelta(hours=24), []),
        (-1, timedelta(), timedelta(minutes=1), []),
        (2, timedelta(), timedelta(hours=8), ["/on"]),
        (0, timedelta(), timedelta(), ["/ends_at"]),
        (0, timedelta(), timedelta(hours=24, minutes=1), ["/ends_at"]),
        (0, timedelta(seconds=1), timedelta(hours=1, microseconds=1), ["/begins_at", "/ends_at"]),
    ],
)
def test_a_shift_has_times(day: int, begins: timedelta, ends: timedelta, wrong: list[str]) -> None:
    on = NINE.date() + timedelta(days=day)
    if not wrong:
        states.check_times(on, NINE + begins, NINE + ends)
        return
    with pytest.raises(ShiftTimesNotValid) as refused:
        states.check_times(on, NINE + begins, NINE + ends)
    assert [each["pointer"] for each in refused.value.facts["errors"]] == wrong
