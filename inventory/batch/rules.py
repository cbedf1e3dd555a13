"""What becomes of a row that is sent, perhaps again. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    CREATED = "created"
    UNCHANGED = "unchanged"
    """It was sent before with the same facts, whatever became of its lot since."""
    CONFLICT = "conflict"


def first_difference(known: Mapping[str, Any], sent: Mapping[str, Any]) -> str | None:
    """The name of a fact that is not as it was sent before, the first by name; None when all are the same."""
    return next((name for name in sorted({*known, *sent}) if known.get(name) != sent.get(name)), None)
