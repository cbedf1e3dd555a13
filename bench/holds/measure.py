"""Paired, interleaved rounds and their medians; rows with their bars."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.holds.load import Failed, Sample

BAR_WIDTH: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a number must reach, and what it should; `at_most` for numbers that must stay small."""

    must: float
    aim: float | None = None
    at_most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.must if self.at_most else value >= self.must

    def reached(self, value: float) -> bool:
        """The aim too."""
        if self.aim is None:
            return self.met(value)
        return value <= self.aim if self.at_most else value >= self.aim

    def words(self, limit: float | None) -> str:
        return "" if limit is None else f"{'≤' if self.at_most else '≥'} {limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. Without a bar it is for the record; without a value it could not be measured."""

    what: str
    value: float | None
    unit: str = "of it"
    against: str = ""
    per_second: float | None = None
    other_per_second: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    bar: Bar | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        if self.bar is None:
            return ""
        if not self.bar.met(self.value):
            return "**missed**"
        return "met, aim too" if self.bar.aim is not None and self.bar.reached(self.value) else "met"


@dataclass(slots=True)
class Lane:
    """One thing that is measured in every round."""

    name: str
    measure: Callable[[int], Sample]
    """Given the number of the round; 0 warms up and is thrown away."""
    expected: tuple[str, ...] = ()
    """The answers that may come; () for what does not speak HTTP."""
    samples: list[Sample] = field(default_factory=list)

    def median(self, of: Callable[[Sample], float]) -> float:
        return statistics.median(of(sample) for sample in self.samples)

    @property
    def per_second(self) -> float:
        return self.median(lambda sample: sample.per_second)

    @property
    def p50_ms(self) -> float:
        return self.median(lambda sample: sample.p50_ms)

    @property
    def p99_ms(self) -> float:
        return self.median(lambda sample: sample.p99_ms)

    @property
    def tail(self) -> float:
        return self.median(lambda sample: sample.tail)

    def statuses(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for sample in self.samples:
            for status, number in sample.statuses.items():
                total[status] = total.get(status, 0) + number
        return total

    def unexpected(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for sample in self.samples:
            for status, number in sample.unexpected(*self.expected).items() if self.expected else ():
                total[status] = total.get(status, 0) + number
        return total


class Progress:
    """How far the run is, on stderr."""

    def __init__(self, steps: int) -> None:
        self._steps, self._done, self._shown = max(1, steps), 0, 0

    def step(self, name: str) -> None:
        self._done += 1
        part = min(1.0, self._done / self._steps)
        bar = "█" * round(BAR_WIDTH * part)
        text = f"{bar:·<{BAR_WIDTH}} {100 * part:3.0f} % {name}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text:<{self._shown}}")
            self._shown = len(text)
        else:
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def interleave(lanes: Sequence[Lane], *, rounds: int, progress: Progress) -> None:
    """Every lane once in each round, so that what slows the machine slows all of them; round 0 is not kept.

    Odd rounds go backwards: who comes after whom does not matter then.
    """
    for number in range(rounds + 1):
        for lane in lanes if number % 2 == 0 else reversed(lanes):
            progress.step(f"{lane.name}{'' if number else ', warming up'}")
            sample = lane.measure(number)
            if number:
                lane.samples.append(sample)
            elif lane.expected and not any(sample.statuses.get(status) for status in lane.expected):
                raise Failed(f"{lane.name}: no answer was {lane.expected}, but {dict(sample.statuses)}")


def ratio(lane: Lane, other: Lane) -> float:
    """The median of the rounds' own ratios."""
    pairs = zip(lane.samples, other.samples, strict=True)
    return statistics.median(one.per_second / two.per_second if two.per_second else 0.0 for one, two in pairs)


def compared(lane: Lane, other: Lane, *, bar: Bar | None = None, note: str = "") -> Row:
    return Row(
        what=lane.name,
        value=ratio(lane, other),
        against=other.name,
        per_second=lane.per_second,
        other_per_second=other.per_second,
        p50_ms=lane.p50_ms,
        p99_ms=lane.p99_ms or None,
        bar=bar,
        note=note,
    )


def strange(lanes: Sequence[Lane]) -> Mapping[str, Mapping[str, int]]:
    """Of each lane what nobody expected."""
    return {lane.name: found for lane in lanes if (found := lane.unexpected())}
