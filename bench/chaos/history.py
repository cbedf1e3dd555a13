"""The history: what clients sent and what they were told, one JSON line for each request that left a client."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

IN_FLIGHT = "key_in_flight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request. Copies and retries of one operation share `op` and `key`; without an answer `status` is None."""

    op: int
    kind: str
    """hold, release, order, confirm or receipt"""
    key: str
    path: str
    sent: float
    answered: float
    status: int | None
    shopper: str
    """The account's id; the shopper's also where the operator acts."""
    sent_body: dict[str, Any] = field(default_factory=dict)
    hold_id: str | None = None
    """The hold that a later step is about."""
    phase: str = "first"
    copy: int = 0
    body: dict[str, Any] | None = None
    replayed: bool = False
    retry_after: str | None = None
    error: str | None = None

    @property
    def code(self) -> str | None:
        return None if self.body is None else self.body.get("code")

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """An answer that must never change again; others ask the client to come back."""
        if self.status is None or self.status >= 500 or self.status == 429:
            return False
        return not (self.status == 409 and self.code == IN_FLIGHT)

    @classmethod
    def from_line(cls, line: str) -> Self:
        return cls(**json.loads(line))


class Writer:
    """Appends attempts; several threads may."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, attempt: Attempt) -> None:
        line = json.dumps(asdict(attempt), separators=(",", ":"), ensure_ascii=False)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> list[Attempt]:
    return list(_lines(path))


def _lines(path: Path) -> Iterator[Attempt]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield Attempt.from_line(line)
