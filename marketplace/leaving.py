"""Whether this process is about to end: what answers for minutes asks here, so that nobody has to wait for it.

The web server's worker says how to find out; elsewhere nobody does, and no process is ever about to end.
"""

from collections.abc import Callable

_ask: Callable[[], bool] | None = None


def watch(ask: Callable[[], bool]) -> None:
    """From here on `ask` knows."""
    global _ask  # noqa: PLW0603 (one answer for the process)
    _ask = ask


def has_begun() -> bool:
    return _ask is not None and _ask()
