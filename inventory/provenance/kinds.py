"""What this marketplace numbers itself. Pure."""

from enum import StrEnum


class NumberKind(StrEnum):
    FRUIT = "fruit"
    """Fruit of one cooperative, variety, grade and size: a GTIN, within which lot codes are unique."""
    LOCATION = "location"
    """A cold store or a cooperative: a GLN."""
    LOT = "lot"
    """A lot whose code cannot be a lot number."""
    PARCEL = "parcel"
    """An SSCC."""
    PALLET = "pallet"
    """An SSCC as well, in a series of its own."""
