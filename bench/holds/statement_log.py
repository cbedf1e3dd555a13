"""Which statements PostgreSQL is sent for one request: it is told to log all of them, and its log is read.

(The embedded server comes without pg_stat_statements.)
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from bench.holds.server import Ground

CONTROL: Final = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"})
"""They only frame the work. A ping of the connection (`;`) is counted as a statement: it is waited for."""
SHOWN_CHARACTERS: Final = 90
_SETTLE_SECONDS: Final = 0.5
_LINE: Final = re.compile(
    r"^\S+ \S+ \S+ \[\d+\] \S+@(?P<database>\S+) LOG:  (?:statement|execute [^:]*): (?P<text>.*)$"
)
_SPACE: Final = re.compile(r"\s+")


def parse(lines: Iterable[str], *, database: str) -> Counter[str]:
    """How often each statement came, in one line each; lines of other databases and other news are left out."""
    found: Counter[str] = Counter()
    text: str | None = None
    for line in lines:
        if text is not None and line.startswith("\t"):
            text += f" {line}"
            continue
        if text is not None:
            found[_plain(text)] += 1
        match = _LINE.match(line)
        text = match["text"] if match and match["database"] == database else None
    if text is not None:
        found[_plain(text)] += 1
    return found


def split(statements: Counter[str]) -> tuple[int, int]:
    """(how many did work, how many only framed it)."""
    framing = sum(number for text, number in statements.items() if is_control(text))
    return statements.total() - framing, framing


def is_control(text: str) -> bool:
    return text.partition(" ")[0].rstrip(";").upper() in CONTROL


def shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


@contextmanager
def logging(ground: Ground) -> Iterator[None]:
    """Everybody's statements go to the server's log inside."""
    _set(ground, "ALTER SYSTEM SET log_statement = 'all'")
    try:
        yield
    finally:
        _set(ground, "ALTER SYSTEM RESET log_statement")


def of(ground: Ground, database: str, work: Callable[[], None]) -> Counter[str]:
    """The statements that `work` made the app send; call inside `logging`."""
    log = ground.postgres.home.log
    before = log.stat().st_size
    work()
    time.sleep(_SETTLE_SECONDS)
    with log.open("rb") as file:
        file.seek(before)
        text = file.read().decode(errors="replace")
    return parse(text.splitlines(), database=database)


def _set(ground: Ground, statement: str) -> None:
    with ground.admin("postgres") as connection:
        connection.execute(statement)
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(_SETTLE_SECONDS)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
