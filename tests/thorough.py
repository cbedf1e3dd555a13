"""How far the suite looks: a part of the cases each time, drawn anew, or all of them with THOROUGH=1.

`make test-thorough` is for a change of a rule, and for now and then; `make test` is for every change.
"""

import os
import random
from collections.abc import Iterable
from typing import TypeVar

from hypothesis import settings

T = TypeVar("T")

IS_THOROUGH = os.environ.get("THOROUGH", "") not in ("", "0")
PLAIN_EXAMPLES = 30
"""Of a law that does not say how many."""
PLAIN_PART = 5
"""Of a law that says how many, so many times fewer."""


def many(examples: int) -> int:
    """So many examples of a law, or their part."""
    return examples if IS_THOROUGH else max(PLAIN_EXAMPLES, examples // PLAIN_PART)


def large(whole: int, part: int) -> int:
    """How many there are of something: the whole number, or the smaller one."""
    return whole if IS_THOROUGH else part


def some(cases: Iterable[T], part: int) -> list[T]:
    """All cases, or so many of them, drawn anew each time (by the seed that the run tells)."""
    found = list(cases)
    return found if IS_THOROUGH else random.sample(found, part)


def load_profile() -> None:
    """For laws that do not say how many; by the suite's conftest."""
    settings.register_profile("plain", max_examples=PLAIN_EXAMPLES)
    settings.register_profile("thorough", max_examples=100)
    settings.load_profile("thorough" if IS_THOROUGH else "plain")
