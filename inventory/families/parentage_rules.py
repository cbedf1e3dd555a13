"""What a lot that comes out of others is: the careful answer where its parents differ. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Fruit:
    """What a parent hands down."""

    variety: str
    grade: str
    size: str | None
    storage: str
    plot: str | None
    harvested_on: date
    best_before_on: date

    @property
    def sort(self) -> tuple[str, str, str | None, str]:
        """What fruit must have in common to lie in one lot."""
        return self.variety, self.grade, self.size, self.storage


def differing(parents: Sequence[Fruit]) -> list[str]:
    """The facts that keep these from being one lot."""
    names = ("variety", "grade", "size", "storage")
    return [name for name in names if len({getattr(parent, name) for parent in parents}) > 1]


def merged(parents: Sequence[Fruit]) -> Fruit:
    """Of one sort: the earliest days count, and a plot only if all grew there."""
    plots = {parent.plot for parent in parents}
    first = parents[0]
    return Fruit(
        variety=first.variety,
        grade=first.grade,
        size=first.size,
        storage=first.storage,
        plot=plots.pop() if len(plots) == 1 else None,
        harvested_on=min(parent.harvested_on for parent in parents),
        best_before_on=min(parent.best_before_on for parent in parents),
    )
