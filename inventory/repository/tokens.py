"""Tokens of pages: where the next page begins, and of which question it is one. Pure.

They hold nothing that has to be kept from anybody and are checked as any other input; one of another question, or
older than a day, is refused.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from marketplace import errors, strict_json
from marketplace.language import Text

LIVES: Final = timedelta(days=1)
LENGTH_MAX: Final = 2_000
NUMBER_MAX: Final = 2**58
PARTS: Final = 5
_NO_TOKEN: Final = Text(
    en="Must be a token that a page of the same question gave, not longer than a day ago.",
    zh="须为同一查询在一天之内给出的分页令牌。",
)


@dataclass(frozen=True, slots=True)
class Position:
    """After which event the next page begins, how many were given before, and until when that can be asked."""

    after: int
    at_micros: int
    given: int
    until: datetime


def fingerprint(question: Mapping[str, Any]) -> str:
    """What a question is known by: everything that was asked but the page."""
    text = json.dumps(question, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def written(position: Position, question: str) -> str:
    """The token's text."""
    parts = [position.after, position.at_micros, position.given, int(position.until.timestamp()), question]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read(token: str, question: str, now: datetime) -> Position:
    """Where the page begins; raises Invalid."""
    parts = _parts(token)
    if parts is None or parts[4] != question:
        raise _refused()
    after, micros, given, until, _ = parts
    numbers = (after, micros, given, until)
    if not all(type(each) is int and abs(each) < NUMBER_MAX for each in numbers) or min(after, given) < 0:
        raise _refused()
    if until < now.timestamp() or until > (now + LIVES).timestamp():
        raise _refused()
    return Position(after, micros, given, datetime.fromtimestamp(until, UTC))


def _parts(token: str) -> list[Any] | None:
    try:
        found = strict_json.loads(base64.urlsafe_b64decode(token[:LENGTH_MAX] + "=" * (-len(token) % 4)))
    except (ValueError, strict_json.MalformedJson):
        return None
    return found if isinstance(found, list) and len(found) == PARTS else None


def _refused() -> errors.Invalid:
    return errors.Invalid(errors=[{"parameter": "nextPageToken", "detail": _NO_TOKEN}])
