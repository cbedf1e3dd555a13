"""Who gets what of a box's price, as the operator has set it: whole minor units that sum to the price. Pure."""

from dataclasses import asdict, dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The price from the orchard to the buyer."""

    orchard_minor: int
    """The cooperative that grew it."""
    cold_store_minor: int
    packing_minor: int
    freight_minor: int
    commission_minor: int
    """The platform."""

    @property
    def total_minor(self) -> int:
        return sum(asdict(self).values())

    def times(self, boxes: int) -> "Waterfall":
        return Waterfall(**{name: boxes * minor for name, minor in asdict(self).items()})


PARTS: Final = tuple(Waterfall.__dataclass_fields__)
