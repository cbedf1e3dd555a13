"""Lines of answered requests, written to a file of the system in bundles: one call for all that came within 20 ms.

Each call of the system gives the interpreter to another thread, and getting it back in a rush takes longer than all
the rest of a small answer. A process that is killed loses the lines of its last moment; one that ends writes them.
"""

import atexit
import contextlib
import os
import threading
import time
from collections import deque
from typing import Final

GATHER_SECONDS: Final = 0.02


class Lines:
    """Whole lines, in the order in which they came, of each file by itself."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, str]] = deque()
        self._has_some = threading.Event()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def add(self, number: int, line: str) -> None:
        """`number`: of the open file."""
        self._waiting.append((number, line))
        if self._has_some.is_set():
            return
        if self._writer is None or not self._writer.is_alive():
            self._start()
        self._has_some.set()

    def flush(self) -> None:
        """Everything that waits is written when this returns. Who reads our log may have gone: nothing breaks then."""
        with self._lock:
            bundles: dict[int, list[str]] = {}
            while self._waiting:
                number, line = self._waiting.popleft()
                bundles.setdefault(number, []).append(line)
            for number, lines in bundles.items():
                with contextlib.suppress(OSError):
                    _write_all(number, "".join(lines).encode())

    def _start(self) -> None:
        with self._lock:
            if self._writer is None or not self._writer.is_alive():  # as in a process that was forked
                self._writer = threading.Thread(target=self._run, name="log-lines", daemon=True)
                self._writer.start()

    def _run(self) -> None:
        while self._has_some.wait():
            time.sleep(GATHER_SECONDS)
            self._has_some.clear()
            self.flush()


def _write_all(number: int, text: bytes) -> None:
    while text:
        text = text[os.write(number, text) :]


lines: Final = Lines()
atexit.register(lines.flush)
