"""How far the suite looks: a part of the cases each time, drawn anew, or all of them with THOROUGH=1.

`make test-thorough` is for a change of a rule, and for now and then; `make test` is for every change.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")

IS_THOROUGH = os.environ.get("THOROUGH", "") not in ("", "0")
PLAIN_EXAMPLES = 30
"""Of a law that does not say how many."""
LONG = (
    "attacks/test_conserved.py",
    "attacks/test_flood.py",
    "attacks/test_marked_points.py",
    "attacks/test_races.py",
    "bench/",
    "campaigns/advances/test_scale.py",
    "campaigns/promotions/test_budgets.py",
    "campaigns/promotions/test_crowds.py",
    "campaigns/season/test_season.py",
    "campaigns/shortage/test_late_races.py",
    "campaigns/shortage/test_lost_late.py",
    "campaigns/shortage/test_scale.py",
    "campaigns/test_allotting_scale.py",
    "campaigns/test_allotting_walks.py",
    "campaigns/test_counter_faults.py",
    "campaigns/test_gate.py",
    "campaigns/test_gate_walks.py",
    "chaos/test_run.py",
    "embedded/test_postgres.py",
    "inventory/test_capacity_walks.py",
    "inventory/test_hold_machine.py",
    "inventory/test_hold_pairs.py",
    "orders/allocation/test_columns.py",
    "orders/allocation/test_cuts_in_arrays.py",
    "orders/allocation/test_market_oracles.py",
    "orders/allocation/test_minimum_lots.py",
    "orders/allocation/test_mixed.py",
    "orders/sponsoring/test_sponsor_walks.py",
    "orders/test_life_races.py",
    "orders/test_life_walks.py",
    "orders/test_storm.py",
    "payments/online/test_races.py",
    "test_demo.py",
    "test_raw_http.py",
    "webhooks/test_many.py",
)
"""Files whose tests take seconds each. Of each file a part is run, drawn anew by the seed that the run tells."""
LONG_PART = 4
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


def kept(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """The tests to run: all that are short, and of each file of long ones a part, one at least."""
    by_file: defaultdict[str, list[str]] = defaultdict(list)
    for item in items:
        path = item.nodeid.partition("::")[0].removeprefix("tests/")
        if path.startswith(LONG):
            by_file[path].append(item.nodeid)
    dropped: set[str] = set()
    for path, names in by_file.items():
        chance = random.Random(f"{seed} {path}")
        dropped.update(chance.sample(sorted(names), len(names) - max(1, len(names) // LONG_PART)))
    return [item for item in items if item.nodeid not in dropped]


def load_profile() -> None:
    """For laws that do not say how many; by the suite's conftest."""
    settings.register_profile("plain", max_examples=PLAIN_EXAMPLES)
    settings.register_profile("thorough", max_examples=100)
    settings.load_profile("thorough" if IS_THOROUGH else "plain")
