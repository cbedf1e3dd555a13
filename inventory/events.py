"""What inventory tells the packages above, and itself."""

import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StockDeviates:
    """Fruit is not where or as much as it should be; somebody must look after it."""

    kind: str
    """`transfer_disputed`, `shrink_deviates`."""
    subject: tuple[str, uuid.UUID]
    cooperative_id: uuid.UUID
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMoved:
    """A question came up, or was settled."""

    case_id: uuid.UUID
    kind: str
    state: str
    subject: tuple[str, uuid.UUID]
    cooperative_id: uuid.UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotTurned:
    """A lot was quarantined, recalled or cleared."""

    lot_id: uuid.UUID
    cooperative_id: uuid.UUID
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastFell:
    """More is promised of a forecast than it bears by now."""

    capacity_id: uuid.UUID
    missing_grams: int
