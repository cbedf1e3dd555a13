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
