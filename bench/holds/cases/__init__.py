"""The cases of `performance.md`, in the order of the report, and how many measurements a round of each has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.holds.cases import forms, gate, growth, reads, selling, workers
from bench.holds.ground import Bench, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    run: Callable[[Bench], Part]
    lanes: int
    """For the progress bar."""


CASES: Final[dict[str, Case]] = {
    "holds": Case(run=selling.holds, lanes=5),
    "sold_out": Case(run=selling.sold_out, lanes=3),
    "confirm": Case(run=selling.confirm, lanes=3),
    "reads": Case(run=reads.pages, lanes=5),
    "statements": Case(run=workers.statements, lanes=0),
    "flat": Case(run=growth.flat, lanes=2),
    "sweep": Case(run=growth.sweep, lanes=2),
    "gate": Case(run=gate.alone, lanes=6),
    "forms": Case(run=forms.forms, lanes=10),
    "memory": Case(run=workers.memory, lanes=2),
}
