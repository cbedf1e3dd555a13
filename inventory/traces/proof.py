"""Whether a chain is what it was: the first bad position, against its own links and against checkpoints. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inventory.traces.chain import link_after
from inventory.traces.entries import chained
from inventory.traces.merkle import Frontier, leaf_hash
from inventory.traces.notes import Checkpoint

BLOCK: Final = 1_024
"""Leaves that are put into the tree together."""


class Fault(StrEnum):
    CHANGED = "changed"
    """The event does not follow from the link before it: it, or its link, was changed or put in another place."""
    MISSING = "missing"
    """The number is not there, though later ones are."""
    CUT = "cut"
    """The chain ends before this number, which a checkpoint or the chain's own head has seen."""
    WRITTEN_ANEW = "written_anew"
    """The chain is whole, but not the one that a checkpoint was signed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event as it stands in the table."""

    number: int
    body: bytes
    context: bytes | None
    link: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the chain's own row says of it."""

    length: int
    head: bytes
    frontier: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong first, and where."""

    fault: Fault
    number: int
    until: int
    """It began at `number` at the earliest and at `until` at the latest."""
    checkpoint: Checkpoint | None = None
    """The one that shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    events: int
    """How many were read, up to the first bad one."""
    finding: Finding | None
    checkpoints: int
    """How many of the given ones hold."""


def examine(
    rows: Iterable[Row], seed: bytes, standing: Standing, checkpoints: Sequence[Checkpoint] = ()
) -> Verdict:
    """Read a chain from its beginning, rows by number; `seed` is what its first link follows."""
    reading = _Reading(seed, checkpoints)
    for row in rows:
        if finding := reading.take(row):
            return reading.verdict(finding)
    return reading.verdict(reading.end(standing))


class _Reading:
    """What is known of a chain up to the row that was read last."""

    def __init__(self, seed: bytes, checkpoints: Sequence[Checkpoint]) -> None:
        self._waiting = sorted(checkpoints, key=lambda each: each.size)
        self._link = seed
        self._frontier = Frontier()
        self._leaves: list[bytes] = []
        self._number = self._kept = self._last_good = 0

    def take(self, row: Row) -> Finding | None:
        """The next row; what is wrong with it, or with the checkpoints that end with it."""
        if row.number != self._number + 1:
            return _at(Fault.MISSING, self._number + 1)
        entry = chained(row.body, row.context)
        link = link_after(self._link, entry)
        if link != row.link:
            return _at(Fault.CHANGED, row.number)
        self._number, self._link = row.number, link
        self._leaves.append(leaf_hash(entry))
        if len(self._leaves) == BLOCK:
            self._grow()
        return self._compare()

    def end(self, standing: Standing) -> Finding | None:
        """No row is left: is that where the chain should end?"""
        self._grow()
        after = self._number + 1
        if self._waiting:
            return Finding(fault=Fault.CUT, number=after, until=after, checkpoint=self._waiting[0])
        if standing.length > self._number:
            return _at(Fault.CUT, after)
        if standing != Standing(length=self._number, head=self._link, frontier=self._frontier.hashes):
            return _at(Fault.CHANGED, after)
        return None

    def verdict(self, finding: Finding | None) -> Verdict:
        return Verdict(events=self._number, finding=finding, checkpoints=self._kept)

    def _compare(self) -> Finding | None:
        while self._waiting and self._waiting[0].size == self._number:
            self._grow()
            checkpoint = self._waiting[0]
            if (checkpoint.head, checkpoint.root) != (self._link, self._frontier.root()):
                return Finding(
                    fault=Fault.WRITTEN_ANEW,
                    number=self._last_good + 1,
                    until=self._number,
                    checkpoint=checkpoint,
                )
            self._waiting.pop(0)
            self._kept += 1
            if not self._waiting or self._waiting[0].size > self._number:
                self._last_good = self._number
        return None

    def _grow(self) -> None:
        self._frontier, self._leaves = self._frontier.extended(self._leaves)[0], []


def _at(fault: Fault, number: int) -> Finding:
    return Finding(fault=fault, number=number, until=number)
