"""Served together: one leader at a time, batches in their order, nobody forgotten when a batch fails."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from marketplace import together
from marketplace.together import LeaderLost, Together

WAIT = 10


class Gate:
    """A server that says when a batch has come and answers when it is let: double of each number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.came = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def serve(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        self.came.release()
        assert self.go.acquire(timeout=WAIT)
        if 13 in batch:
            raise ValueError("thirteen")
        return [2 * each for each in batch]


def _line_up(
    counter: "Together[int, int]", ask: Callable[[int], Future[int]], numbers: Sequence[int]
) -> list[Future[int]]:
    """Asked one after the other, so that they wait in this order."""
    futures = []
    for number in numbers:
        before = len(counter._waiting)
        futures.append(ask(number))
        while len(counter._waiting) == before:
            threading.Event().wait(0.001)
    return futures


def _run(at_once_max: int, numbers: Sequence[int]) -> tuple[Gate, list[Future[int]]]:
    """One request leads alone; the others come while it is served."""
    gate = Gate()
    counter: Together[int, int] = Together(gate.serve, at_once_max=at_once_max)
    with ThreadPoolExecutor(max_workers=len(numbers) + 1) as pool:
        first = pool.submit(counter.ask, 0)
        assert gate.came.acquire(timeout=WAIT)
        rest = _line_up(counter, lambda number: pool.submit(counter.ask, number), numbers)
        for _ in range(len(numbers) + 1):
            gate.go.release()
    return gate, [first, *rest]


def test_a_lone_request_waits_for_nobody() -> None:
    counter: Together[int, int] = Together(lambda batch: [each + 1 for each in batch])
    assert [counter.ask(1), counter.ask(5)] == [2, 6]


def test_who_comes_meanwhile_is_served_in_one_go_and_in_order() -> None:
    gate, futures = _run(64, [1, 2, 3, 4])
    assert gate.batches == [[0], [1, 2, 3, 4]]
    assert [future.result(WAIT) for future in futures] == [0, 2, 4, 6, 8]


def test_no_batch_is_larger_than_the_most_and_the_lead_is_handed_on() -> None:
    gate, futures = _run(2, [1, 2, 3, 4, 5])
    assert gate.batches == [[0], [1, 2], [3, 4], [5]]
    assert [future.result(WAIT) for future in futures] == [0, 2, 4, 6, 8, 10]


def test_a_batch_that_fails_fails_for_all_of_it_and_for_nobody_else() -> None:
    gate, futures = _run(2, [1, 13, 3])
    assert gate.batches == [[0], [1, 13], [3]]
    for future in futures[1:3]:
        with pytest.raises(ValueError, match="thirteen"):
            future.result(WAIT)
    assert (futures[0].result(WAIT), futures[3].result(WAIT)) == (0, 6)


def test_answers_that_are_too_few_are_a_failure_and_the_counter_goes_on() -> None:
    answers = [[], [7]]
    counter: Together[int, int] = Together(lambda _batch: answers.pop(0))
    with pytest.raises(ValueError, match="shorter"):
        counter.ask(1)
    assert counter.ask(1) == 7


def test_a_leader_that_is_interrupted_tells_its_followers(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_batch: Sequence[int]) -> list[int]:
        raise KeyboardInterrupt

    counter: Together[int, int] = Together(serve)
    with pytest.raises(KeyboardInterrupt):
        counter.ask(1)
    assert not counter._is_led


def test_who_waits_longer_than_any_leader_may_take_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "PATIENCE_SECONDS", 0.01)
    counter: Together[int, int] = Together(list)
    counter._is_led = True
    with pytest.raises(LeaderLost):
        counter.ask(1)


def test_many_threads_all_get_their_own_answer() -> None:
    counter: Together[int, int] = Together(lambda batch: [each * each for each in batch], at_once_max=5)
    with ThreadPoolExecutor(max_workers=16) as pool:
        assert list(pool.map(counter.ask, range(300))) == [each * each for each in range(300)]
