"""Calls counted in a sliding window: never more than the limit in a stretch, and who waits as told gets in."""

from hypothesis import given
from hypothesis import strategies as st

from marketplace import window
from marketplace.window import SECOND, Calls


class Clock:
    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now


@given(
    amount=st.integers(1, 20),
    seconds=st.integers(1, 60),
    pauses=st.lists(st.integers(0, 30 * SECOND), max_size=80),
)
def test_a_stretch_never_lets_more_through_than_the_limit(
    amount: int, seconds: int, pauses: list[int]
) -> None:
    clock = Clock()
    calls = Calls(amount, seconds, clock=clock)
    let_in: dict[int, int] = {}
    for pause in pauses:
        clock.now += pause
        if calls.take("somebody") is None:
            stretch = clock.now // (seconds * SECOND)
            let_in[stretch] = let_in.get(stretch, 0) + 1
    assert all(count <= amount for count in let_in.values())


@given(
    amount=st.integers(1, 20),
    seconds=st.integers(1, 60),
    pauses=st.lists(st.integers(0, 90 * SECOND), max_size=60),
)
def test_who_waits_as_long_as_told_gets_in(amount: int, seconds: int, pauses: list[int]) -> None:
    clock = Clock()
    calls = Calls(amount, seconds, clock=clock)
    for pause in pauses:
        clock.now += pause
        wait = calls.take("somebody")
        if wait is not None:
            assert 1 <= wait <= 2 * seconds
            clock.now += wait * SECOND
            assert calls.take("somebody") is None


def test_the_calls_of_the_stretch_before_count_by_the_part_in_sight() -> None:
    clock = Clock()
    calls = Calls(10, 10, clock=clock)
    assert [calls.take("somebody") for _ in range(10)] == [None] * 10
    assert calls.take("somebody") is not None
    clock.now += 15 * SECOND
    assert [calls.take("somebody") is None for _ in range(6)] == [True] * 5 + [False]
    assert calls.take("another") is None


def test_after_two_stretches_all_is_forgotten_and_a_crowd_does_not_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(window, "CALLERS_MAX", 50)
    clock = Clock()
    calls = Calls(1, 10, clock=clock)
    assert (calls.take("somebody"), calls.take("somebody") is None) == (None, False)
    clock.now += 20 * SECOND
    assert calls.take("somebody") is None
    for number in range(500):
        calls.take(str(number))
    assert len(calls._window.now) <= 50
