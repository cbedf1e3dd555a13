"""How much fruit lay in a lot for how long: grams times days, from its journal. Pure.

A day counts with what lies there at its end (UTC): the day on which fruit comes counts, the day on which it goes
does not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is on hand at the end of a day, and until the next level's day."""

    day: date
    grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """So many grams on each day from `start` until, and without, `end`."""

    start: date
    end: date
    grams: int

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def gram_days(self) -> int:
        return self.grams * self.days


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def levels(lines: Iterable[tuple[date, int]]) -> list[Level]:
    """From a journal's lines in their order (day, grams on hand after it): the last line of each day."""
    last = dict(lines)
    return [Level(day=day, grams=grams) for day, grams in sorted(last.items())]


def spans(found: Sequence[Level], start: date, end: date) -> Iterator[Span]:
    """The days from `start` until, and without, `end`, each with what lay there."""
    ends = [each.day for each in found[1:]] + [end]
    for level, following in zip(found, ends, strict=False):
        first, last = max(level.day, start), min(following, end)
        if first < last:
            yield Span(start=first, end=last, grams=level.grams)


def gram_days(found: Sequence[Level], start: date, end: date) -> int:
    return sum(span.gram_days for span in spans(found, start, end))
