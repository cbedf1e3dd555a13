"""Processes that a run starts, and the wish to end that reaches us while they work."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Final

from marketplace.running.errors import CannotRun, Stopped
from marketplace.settings import PROJECT_ROOT

POLL_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 25
_EXCEPTION: Final = re.compile(r"^(?:(?:[a-z_]\w*\.)+[A-Z]\w*|[A-Z]\w+(?:Error|Exception)): .+", re.MULTILINE)
ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wish:
    """Remembers that the end was asked for. A flag, because a database must not be abandoned half started."""

    def __init__(self) -> None:
        self._asked: list[signal.Signals] = []

    def listen(self) -> None:
        """From now on signals only leave their mark here."""
        for number in ENDINGS:
            signal.signal(number, self._mark)

    @property
    def count(self) -> int:
        return len(self._asked)

    def check(self) -> None:
        """Raises Stopped when the end was asked for."""
        if self._asked:
            raise Stopped(self._asked[0])

    def _mark(self, number: int, _frame: FrameType | None) -> None:
        self._asked.append(signal.Signals(number))


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    output: IO[bytes] | None = None,
    errors: IO[bytes] | None = None,
    keep: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """A child in a session of its own: a Ctrl-C in the terminal reaches us, and we tell the child.

    `output` and `errors` default to ours; descriptors in `keep` stay open in it.
    """
    return subprocess.Popen(  # noqa: S603 (our own programs)
        command, cwd=PROJECT_ROOT, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
        start_new_session=True, pass_fds=tuple(keep),
    )  # fmt: skip


def finish(child: "subprocess.Popen[bytes]", wish: Wish) -> int:
    """The exit status of a child; when the end is asked for first, it is ended and Stopped raised."""
    try:
        while child.poll() is None:
            wish.check()
            time.sleep(POLL_SECONDS)
        return child.returncode
    finally:
        end(child, wish)


def end(child: "subprocess.Popen[bytes]", wish: Wish) -> None:
    """Ask the child to end and wait for it; kill it with all it started when it is late or we are asked again."""
    if child.poll() is None:
        child.terminate()
        deadline, asked = time.monotonic() + PATIENCE_SECONDS, wish.count
        while child.poll() is None and time.monotonic() < deadline and wish.count <= max(asked, 1):
            time.sleep(POLL_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def run(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, wish: Wish, failing: str, show: bool = False
) -> None:
    """Run a command to its end. What it says goes to `log`; its results to the terminal too when `show`.

    Raises CannotRun with `failing` and the last thing it said.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        child = start(command, env=env, output=None if show else file, errors=file)
        status = finish(child, wish)
    if status != 0:
        raise CannotRun(f"{failing}: {last_words(log)} (all of it: {log})")


def last_words(log: Path) -> str:
    """Why a program gave up: its last exception, else the last line it wrote.

    `flask` that cannot load the app says so first, and then complains about a command it does not know.
    """
    said = log.read_text(errors="replace")
    raised = _EXCEPTION.findall(said) if "Traceback" in said else []
    lines = raised or [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ").rstrip(".") if lines else "it ended without a word"
