"""What counters must be by their journal and their holds, how they differ, and what a repair sets. Pure.

A counter is kept for speed; the journal is the truth, for nobody can rewrite it. So a counter that differs from its
fold is set to the fold, and the line that tells of it moves nothing: no fruit came or went when a number was wrong.
Where journal and holds contradict each other no line can help: a person must find out which promise is real.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import StrEnum


class Phase(StrEnum):
    """What a reconciliation looks at now."""

    LOTS = "lots"
    POOLS = "pools"
    DONE = "done"


class Source(StrEnum):
    """Where a counter was rebuilt from."""

    JOURNAL = "journal"
    HOLDS = "holds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """A lot's counters; `version` is the number of its last line."""

    on_hand_grams: int = 0
    held_grams: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """A pool's boxes, as its holds can tell them."""

    boxes_pledged: int = 0
    boxes_held: int = 0
    boxes_sold: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters(Boxes):
    """A pool's counters; `version` is the number of its last line."""

    version: int = 0

    @property
    def boxes(self) -> Boxes:
        return Boxes(boxes_pledged=self.boxes_pledged, boxes_held=self.boxes_held, boxes_sold=self.boxes_sold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    counter: str
    stored: int
    rebuilt: int
    source: Source


class NotRepairable(Exception):
    """Journal and holds contradict each other, or tell what cannot be: no counter fits."""


def fold(deltas: Iterable[tuple[int, int]]) -> Buckets:
    """The buckets after these changes of (on hand, held), first to last."""
    on_hand = held = number = 0
    for on_hand_delta, held_delta in deltas:
        on_hand, held, number = on_hand + on_hand_delta, held + held_delta, number + 1
    return Buckets(on_hand_grams=on_hand, held_grams=held, version=number)


def lot_differences(stored: Buckets, *, journal: Buckets, held_by_holds: int) -> list[Difference]:
    """Each counter that is not its fold; and what is held, if it is not what the open holds say."""
    found = _differing(stored, journal, Source.JOURNAL)
    if stored.held_grams != held_by_holds:
        found.append(
            Difference(
                counter="held_grams", stored=stored.held_grams, rebuilt=held_by_holds, source=Source.HOLDS
            )
        )
    return found


def pool_differences(stored: Counters, *, journal: Counters, holds: Boxes) -> list[Difference]:
    """Each counter that is not its fold, and each that is not what the holds say."""
    return _differing(stored, journal, Source.JOURNAL) + _differing(stored, holds, Source.HOLDS)


def repaired_lot(*, journal: Buckets, held_by_holds: int) -> Buckets:
    """The counters after the line that sets them right, which is the journal's next. Raises NotRepairable."""
    if journal.held_grams != held_by_holds or not 0 <= journal.held_grams <= journal.on_hand_grams:
        raise NotRepairable
    return Buckets(
        on_hand_grams=journal.on_hand_grams, held_grams=journal.held_grams, version=journal.version + 1
    )


def repaired_pool(*, journal: Counters, holds: Boxes) -> Counters:
    """The counters after the line that sets them right, which is the journal's next. Raises NotRepairable."""
    can_be = (
        min(journal.boxes_held, journal.boxes_sold) >= 0
        and journal.boxes_held + journal.boxes_sold <= journal.boxes_pledged
    )
    if journal.boxes != holds or not can_be:
        raise NotRepairable
    return replace(journal, version=journal.version + 1)


def _differing(stored: Buckets | Boxes, rebuilt: Buckets | Boxes, source: Source) -> list[Difference]:
    return [
        Difference(
            counter=each.name,
            stored=getattr(stored, each.name),
            rebuilt=getattr(rebuilt, each.name),
            source=source,
        )
        for each in fields(rebuilt)
        if getattr(stored, each.name) != getattr(rebuilt, each.name)
    ]
