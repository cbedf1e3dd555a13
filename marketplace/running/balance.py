"""Connections shared out among the web workers: who has more than another lets that one take the next.

The kernel wakes every worker for a new connection and the quickest takes it, often all of them one after the other;
kept-alive connections then stay with one worker, on one core, while the others rest.
"""

import mmap
from typing import Final

WORKERS_MAX: Final = 256
"""Of more workers, some share a place; then the counts are rough, which only costs a little time."""

_counts: Final = memoryview(mmap.mmap(-1, 4 * WORKERS_MAX)).cast("i")
"""Made before the workers are, and so theirs in common. For each: open connections and one; 0: there is none."""


class Share:
    """One worker's place among all; `age` is its number, which no other has had."""

    def __init__(self, age: int) -> None:
        self._place = age % WORKERS_MAX

    def tell(self, connections: int) -> None:
        _counts[self._place] = connections + 1

    def leave(self) -> None:
        _counts[self._place] = 0

    def is_ahead(self) -> bool:
        """Whether another worker has at least two connections less: one more here would make it worse."""
        others = [count for place, count in enumerate(_counts) if count and place != self._place]
        return bool(others) and min(others) + 1 < _counts[self._place]
