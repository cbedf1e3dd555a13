"""The bench of events runs: small numbers through real processes, and one chain at the end."""

import re
import subprocess
import sys

import pytest

from bench.traces.__main__ import CASES, FULL
from bench.traces.capturing import EVENTS, OF_BARE, WRITERS
from bench.traces.examining import AT_LEAST
from bench.traces.page import OF_HEALTHZ
from bench.traces.walking import GROWTH, LEVELS, WITHIN
from marketplace.settings import PROJECT_ROOT


@pytest.mark.timeout(600)
def test_a_quick_run_ends_well() -> None:
    command = [sys.executable, "-m", "bench.traces", "--quick"]

    run = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=540, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "**Wrong**" not in run.stdout
    assert re.search(r"\| documents of 100 events .* bare INSERT", run.stdout)
    assert re.search(r"\| the page of a box .* /healthz", run.stdout)
    assert re.search(r"\| events a second .* ≥ 20000 ", run.stdout)
    assert re.search(r"\| growth ", run.stdout)


def test_the_full_run_is_what_is_promised() -> None:
    assert (WRITERS, EVENTS, OF_BARE.must) == (50, 100, 0.25)
    assert (FULL.few, FULL.many, LEVELS) == (100_000, 10_000_000, 6)
    assert (WITHIN.must, WITHIN.at_most, GROWTH.must, GROWTH.at_most) == (50, True, 1.5, True)
    assert (FULL.verified, AT_LEAST.must) == (1_000_000, 20_000)
    assert OF_HEALTHZ.must == 0.5
    assert CASES == ("capture", "page", "verify", "walk")
