"""Served together: one leader at a time, batches in their order, nobody forgotten when a batch fails."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from marketplace import together
from marketplace.together import LeaderLost, NotAnswered, Together

WAIT = 10


class Gate:
    """A server that says when a batch has come and answers when it is let: double of each number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.came = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def serve(self, batch: Sequence[int]) -> Iterable[tuple[int, int]]:
        self.batches.append(list(batch))
        self.came.release()
        assert self.go.acquire(timeout=WAIT)
        if 13 in batch:
            raise ValueError("thirteen")
        return enumerate(2 * each for each in batch)


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
    counter: Together[int, int] = Together(lambda batch: enumerate(each + 1 for each in batch))
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
    counter: Together[int, int] = Together(lambda _batch: enumerate(answers.pop(0)))
    with pytest.raises(NotAnswered):
        counter.ask(1)
    assert counter.ask(1) == 7


def test_a_leader_that_is_interrupted_tells_its_followers(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_batch: Sequence[int]) -> Iterable[tuple[int, int]]:
        raise KeyboardInterrupt

    counter: Together[int, int] = Together(serve)
    with pytest.raises(KeyboardInterrupt):
        counter.ask(1)
    assert not counter._is_led


def test_who_waits_longer_than_any_leader_may_take_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "PATIENCE_SECONDS", 0.01)
    counter: Together[int, int] = Together(enumerate)
    counter._is_led = True
    with pytest.raises(LeaderLost):
        counter.ask(1)


def test_many_threads_all_get_their_own_answer() -> None:
    counter: Together[int, int] = Together(
        lambda batch: enumerate(each * each for each in batch), at_once_max=5
    )
    with ThreadPoolExecutor(max_workers=16) as pool:
        assert list(pool.map(counter.ask, range(300))) == [each * each for each in range(300)]


def test_who_is_answered_first_does_not_wait_for_the_others_of_the_batch() -> None:
    """One leads alone; of the two who came meanwhile the second is answered while the first is still served."""
    came, go, late = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)

    def serve(batch: Sequence[int]) -> Iterator[tuple[int, int]]:
        came.release()
        assert go.acquire(timeout=WAIT)
        yield from ((place, each) for place, each in enumerate(batch) if each % 2 == 0)
        if any(each % 2 for each in batch):
            assert late.acquire(timeout=WAIT)
            yield from ((place, each) for place, each in enumerate(batch) if each % 2)

    counter: Together[int, int] = Together(serve)
    with ThreadPoolExecutor(max_workers=3) as pool:
        first = pool.submit(counter.ask, 0)
        assert came.acquire(timeout=WAIT)
        odd, even = _line_up(counter, lambda number: pool.submit(counter.ask, number), [1, 2])
        go.release(2)
        assert (first.result(WAIT), even.result(WAIT)) == (0, 2)
        assert not odd.done()
        late.release()
        assert odd.result(WAIT) == 1


def test_who_was_answered_before_the_batch_failed_keeps_the_answer() -> None:
    came, go = threading.Semaphore(0), threading.Semaphore(0)

    def serve(batch: Sequence[int]) -> Iterator[tuple[int, int]]:
        came.release()
        assert go.acquire(timeout=WAIT)
        yield 0, batch[0]
        if len(batch) > 1:
            raise ValueError("the rest")

    counter: Together[int, int] = Together(serve)
    with ThreadPoolExecutor(max_workers=3) as pool:
        first = pool.submit(counter.ask, 0)
        assert came.acquire(timeout=WAIT)
        kept, lost = _line_up(counter, lambda number: pool.submit(counter.ask, number), [1, 2])
        go.release(2)
        assert (first.result(WAIT), kept.result(WAIT)) == (0, 1)
        with pytest.raises(ValueError, match="the rest"):
            lost.result(WAIT)


def test_a_leader_waits_a_moment_for_as_many_as_came_last_time() -> None:
    """Three were served together; when one of them comes back, it waits for the other two, and no longer."""
    batches: list[int] = []
    came, go = threading.Semaphore(0), threading.Semaphore(0)

    def serve(batch: Sequence[int]) -> Iterable[tuple[int, int]]:
        batches.append(len(batch))
        came.release()
        assert go.acquire(timeout=WAIT)
        return enumerate(batch)

    counter: Together[int, int] = Together(serve, linger_ms=WAIT * 1_000)
    with ThreadPoolExecutor(max_workers=4) as pool:
        first = pool.submit(counter.ask, 0)
        assert came.acquire(timeout=WAIT)
        three = _line_up(counter, lambda number: pool.submit(counter.ask, number), [1, 2, 3])
        go.release(2)
        assert [each.result(WAIT) for each in (first, *three)] == [0, 1, 2, 3]
        again = _line_up(counter, lambda number: pool.submit(counter.ask, number), [4, 5])
        assert not came.acquire(timeout=0.1) or len(batches) == 2
        last = pool.submit(counter.ask, 6)
        go.release()
        assert [each.result(WAIT) for each in (*again, last)] == [4, 5, 6]
    assert batches == [1, 3, 3]


def test_a_leader_does_not_wait_for_ever() -> None:
    batches: list[int] = []

    def serve(batch: Sequence[int]) -> Iterable[tuple[int, int]]:
        batches.append(len(batch))
        return enumerate(batch)

    counter: Together[int, int] = Together(serve, linger_ms=10)
    counter._expected = 5
    assert [counter.ask(1), counter.ask(2)] == [1, 2]
    assert batches == [1, 1]
    assert counter._expected == 1
