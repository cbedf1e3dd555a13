"""Lines: how many jobs of a process may wait for somebody outside at once, so that a slow one does not stop all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flask import current_app


@contextmanager
def line(outside: str) -> Iterator[bool]:
    """Whether a job may call now; who may not comes again later.

    Of those who call the same outside, one worker thread of a process is always left for other work, if there are more.
    """
    lines = _lines(f"lines:{outside}")
    has_line = lines.acquire(blocking=False)
    try:
        yield has_line
    finally:
        if has_line:
            lines.release()


def _lines(name: str) -> threading.BoundedSemaphore:
    extensions = current_app.extensions
    if name not in extensions:
        number = max(1, current_app.config["WORKER_CONCURRENCY"] - 1)
        with _making:
            extensions.setdefault(name, threading.BoundedSemaphore(number))
    found: threading.BoundedSemaphore = extensions[name]
    return found


_making: Final = threading.Lock()
