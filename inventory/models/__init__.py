"""Tables of inventory, by subject; whoever needs one imports it from here."""

from inventory.models.lots import (
    KeepingTime,
    Lot,
    LotParent,
    Movement,
    QualityReading,
    SafetyStock,
    StockTake,
)
from inventory.models.pools import Hold, Pool, PoolMovement, WaitlistEntry
from inventory.models.stores import ColdStore, Room, StoragePrice
from inventory.models.transfers import Transfer

__all__ = [
    "ColdStore",
    "Hold",
    "KeepingTime",
    "Lot",
    "LotParent",
    "Movement",
    "Pool",
    "PoolMovement",
    "QualityReading",
    "Room",
    "SafetyStock",
    "StockTake",
    "StoragePrice",
    "Transfer",
    "WaitlistEntry",
]
