"""The bench of campaigns runs: small numbers through real servers, a worker killed half-way, and nobody paid twice."""

import re
import subprocess
import sys

import pytest

from bench.campaigns import growth
from bench.campaigns.__main__ import FULL, QUICK
from bench.campaigns.failing import LOOKS_MIN, Watched
from marketplace.settings import PROJECT_ROOT


def test_a_quick_run_ends_well():
    command = [sys.executable, "-m", "bench.campaigns", "--quick", "--only", "failing", "growth", "answers"]

    run = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=600, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "**Wrong**" not in run.stdout
    assert re.search(r"\| payments not paid back exactly once .* 0\.00 of them .* met \|", run.stdout)
    assert re.search(r"\| orders not released .* 0\.00 of them .* met \|", run.stdout)
    assert re.search(r"an answer among 10 against one among 5 ", run.stdout)
    for name in ("allocated", "failed"):
        small, large = QUICK.growth
        assert f"{name}: an order of {large:,} against one of {small:,}" in run.stdout


def test_the_full_run_is_what_is_promised():
    assert (FULL.orders, FULL.sellers, FULL.growth) == (100_000, 500, (1_000, 10_000, 100_000))
    assert growth.sellers_of(FULL.orders) == FULL.sellers
    assert FULL.answers == (50, 500, 1_000)


@pytest.mark.parametrize(("last", "value"), [(150.0, 1.0), (300.0, 2.0)])
def test_memory_is_judged_from_a_tenth_of_the_work_on(last, value):
    """What a worker needs to start is not growth, and what it needs at its end is."""
    watched = Watched(1)
    watched.looks += [(0, 20.0), (50, 90.0)]
    watched.looks += [(100 + number, 150.0) for number in range(1, LOOKS_MIN)]
    watched.looks += [(900 + number, last) for number in range(LOOKS_MIN)]

    assert watched.growth() == value


def test_of_a_short_look_nothing_is_said():
    watched = Watched(1)
    watched.looks += [(number * 100, 100.0) for number in range(LOOKS_MIN)]

    assert watched.growth() is None
