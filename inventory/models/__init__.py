"""Tables of inventory, by subject; whoever needs one imports it from here."""

from inventory.models.lots import Lot, Movement
from inventory.models.pools import Hold, Pool
from inventory.models.stores import ColdStore

__all__ = ["ColdStore", "Hold", "Lot", "Movement", "Pool"]
