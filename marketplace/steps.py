"""Work in steps: a generator that says what it waits for, so that one thread can take many through at once.

What waits is told as data (`Joining`, `Alone`), and whoever drives the generator decides how to wait: alone (`walk`),
or many who ask the same table in one go (`fast_path.pass_all`).
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from marketplace.together import Outcome, Together

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Joining:
    """Waits for the answer of others who are asked together."""

    together: Together[Any, Any]
    asked: Any

    def run(self) -> Outcome[Any]:
        [outcome] = self.together.ask_all([self.asked])
        return outcome


@dataclass(frozen=True, slots=True)
class Alone:
    """Work of its own that may take long: nobody else should have to wait for it."""

    work: Callable[[], Any]

    def run(self) -> Outcome[Any]:
        try:
            return Outcome(told=self.work())
        except Exception as problem:  # noqa: BLE001 (raised where the step was taken)
            return Outcome(failed=problem)


Step = Joining | Alone
Steps = Generator[Step, Any, Result]
"""Yields what it waits for, is sent what that told, and returns its result."""


def go_on(steps: Steps[Result], outcome: Outcome[Any] | None) -> Step:
    """The next step after `outcome` (None: the first).

    Raises StopIteration with the result, and what the steps raise.
    """
    if outcome is None:
        return next(steps)
    if outcome.failed is not None:
        return steps.throw(outcome.failed)
    return steps.send(outcome.told)


def walk(steps: Steps[Result]) -> Result:
    """The result, one step after the other in this thread; raises what the steps raise."""
    outcome = None
    while True:
        try:
            step = go_on(steps, outcome)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        outcome = step.run()
