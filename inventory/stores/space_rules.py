"""How much more fruit fits where so much lies. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A cold store or a room: what fits, if anybody said so, and what lies there."""

    capacity_grams: int | None
    lying_grams: int

    @property
    def free_grams(self) -> int | None:
        """What still fits; None where nobody said how much does."""
        return None if self.capacity_grams is None else max(0, self.capacity_grams - self.lying_grams)

    @property
    def is_overfull(self) -> bool:
        return self.capacity_grams is not None and self.lying_grams > self.capacity_grams

    def before(self, arrived_grams: int) -> "Space":
        """The same before so much came in."""
        return Space(capacity_grams=self.capacity_grams, lying_grams=self.lying_grams - arrived_grams)
