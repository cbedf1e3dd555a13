"""What counters must be by their journal and their holds, how they differ, and what a repair sets. Pure.

A counter is kept for speed; the journal is the truth, for nobody can rewrite it. So a counter that differs from its
fold is set to the fold, and the line that tells of it moves nothing: no fruit came or went when a number was wrong.
Where journal and holds contradict each other no line can help: a person must find out which promise is real.
"""

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
    committed_grams: int = 0
    packed_grams: int = 0
    version: int = 0

    @property
    def promised_grams(self) -> int:
        """What open holds keep for somebody, committed or not."""
        return self.held_grams + self.committed_grams


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


def lot_differences(stored: Buckets, *, journal: Buckets, promised_by_holds: int) -> list[Difference]:
    """Each counter that is not its fold; and what is promised, if it is not what the open holds say."""
    found = _differing(stored, journal, Source.JOURNAL)
    if stored.promised_grams != promised_by_holds:
        found.append(
            Difference(
                counter="promised_grams",
                stored=stored.promised_grams,
                rebuilt=promised_by_holds,
                source=Source.HOLDS,
            )
        )
    return found


def pool_differences(stored: Counters, *, journal: Counters, holds: Boxes) -> list[Difference]:
    """Each counter that is not its fold, and each that is not what the holds say."""
    return _differing(stored, journal, Source.JOURNAL) + _differing(stored, holds, Source.HOLDS)


def repaired_lot(*, journal: Buckets, promised_by_holds: int) -> Buckets:
    """The counters after the line that sets them right, which is the journal's next. Raises NotRepairable."""
    can_be = (
        journal.held_grams >= 0
        and 0 <= journal.packed_grams <= journal.committed_grams
        and journal.promised_grams <= journal.on_hand_grams
    )
    if journal.promised_grams != promised_by_holds or not can_be:
        raise NotRepairable
    return replace(journal, version=journal.version + 1)


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
