"""What became of rows that a phone sent, perhaps again: each has its own answer, in the order of the rows. Pure."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from marketplace.language import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    id: uuid.UUID
    """As the phone made it."""
    outcome: StrEnum
    code: str | None = None
    """Of the refusal."""
    pointer: str | None = None
    detail: Text | None = None


Result = TypeVar("Result", bound=RowResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReport(Generic[Result]):
    """Kinds of rows name their counts."""

    results: Sequence[Result]

    @property
    def rows(self) -> int:
        return len(self.results)

    def count(self, outcome: StrEnum) -> int:
        return sum(each.outcome is outcome for each in self.results)
