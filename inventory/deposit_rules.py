"""What a deposit is: of which type, how much for each box, what it counts as, and who pays the difference. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class DepositType(StrEnum):
    EARNEST = "earnest"
    """定金: whoever breaks the promise loses it; at most a fifth of the price."""
    ADVANCE = "advance"
    """订金: goes back to the buyer at any time before the boxes are committed."""


class Funder(StrEnum):
    """Who pays what a deposit counts as more than it is; never a cooperative."""

    PLATFORM = "platform"
    COUNTY = "county"
    SPONSOR = "sponsor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """For each box, in minor units."""

    type: DepositType
    per_box_minor: int
    counts_minor: int
    funder: Funder | None = None
    free_hours: int = 0
    """For so long after it was paid the buyer may withdraw and gets all of it back."""

    @property
    def bonus_minor(self) -> int:
        """What the funder pays for each box."""
        return self.counts_minor - self.per_box_minor


def read(row: Mapping[str, Any] | None) -> Deposit | None:
    """From what a statement tells of it by the names of its fields."""
    if row is None:
        return None
    return Deposit(
        type=DepositType(row["type"]),
        per_box_minor=row["per_box_minor"],
        counts_minor=row["counts_minor"],
        funder=None if row["funder"] is None else Funder(row["funder"]),
        free_hours=row["free_hours"],
    )
