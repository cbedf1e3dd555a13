"""What inventory tells the packages above, and itself."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inventory.models import Lot, QualityReading, Transfer
from inventory.states import Descent, MovementKind


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
class LotExpired:
    """A lot's best-before day is over, and fruit of it is still there."""

    lot: Lot


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastFell:
    """More is promised of a forecast than it bears by now."""

    capacity_id: uuid.UUID
    missing_grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LotBegan:
    """Fruit came in from outside: harvested, or received as it is."""

    lot: Lot


@dataclass(frozen=True, slots=True, kw_only=True)
class FruitLost:
    """Fruit of a lot shrank, was culled, or was never there; its line of the journal is written."""

    lot: Lot
    kind: MovementKind
    grams: int

    @property
    def before_grams(self) -> int:
        return self.lot.on_hand_grams + self.grams


@dataclass(frozen=True, slots=True, kw_only=True)
class FruitLeft:
    """Fruit left a lot for others; until LotDescended or RoadEnded tells of it, it is in none."""

    lot: Lot
    grams: int

    @property
    def before_grams(self) -> int:
        return self.lot.on_hand_grams + self.grams


@dataclass(frozen=True, slots=True, kw_only=True)
class LotDescended:
    """A lot began with fruit of others: of each so many grams."""

    lot: Lot
    descent: Descent
    shares: Sequence[tuple[uuid.UUID, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotGraded:
    """A lot was sorted: so much went onto the line, came out of it in lots, was culled, and is said to be lost."""

    parent: Lot
    children: Sequence[Lot]
    in_grams: int
    out_grams: int
    lost_grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadEnded:
    """A load was weighed in, with a gap: so many grams less than had left."""

    lot: Lot
    kind: str | None
    gap_grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadBegan:
    """A load was weighed out of a lot, for another cold store."""

    lot: Lot
    transfer: Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class FruitMeasured:
    """Sugar or firmness of a lot's fruit was measured."""

    lot: Lot
    reading: QualityReading


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxesLabelled:
    """Labels of one GTIN were put on boxes of a lot: out of its fruit became boxes with names of their own."""

    lot: Lot
    gtin: str
    serials: Sequence[str]
    net_grams: int
    """Of each box."""
    area: str
    """The code of the label's area."""
    season: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsEnded:
    """Labels that are on boxes of a lot count no more: void, or their box is used up. Each its GTIN and serial."""

    lot: Lot
    boxes: Sequence[tuple[str, str]]
    state: str
