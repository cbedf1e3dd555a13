"""The bench of money runs: small numbers through real processes, and books that hold at the end of each case."""

import re
import subprocess
import sys

from bench.money.__main__ import CASES, FULL
from bench.money.intake import OF_BARE
from bench.money.posting import MANY, ONE, PROCESSES
from bench.money.standing import NOW
from bench.money.stating import COOPERATIVES, IN_SECONDS
from marketplace.settings import PROJECT_ROOT


def test_a_quick_run_ends_well():
    command = [sys.executable, "-m", "bench.money", "--quick"]

    run = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=280, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "**Wrong**" not in run.stdout
    for what in ("one transfer in a transaction", "1,000 transfers in a transaction"):
        assert re.search(rf"\| {what} .* bare INSERT of the same rows", run.stdout)
    for what in ("now, from the kept balances", "an hour ago", "fifteen days ago"):
        assert re.search(rf"\| {what} .* ms \|", run.stdout)
    assert re.search(r"\| events .* bare INSERT of the same event", run.stdout)
    assert re.search(r"\| gathered, settled and proved .* s \| ≤ 10 ", run.stdout)


def test_the_full_run_is_what_is_promised():
    assert (FULL.transfers, PROCESSES, NOW.must, NOW.at_most) == (1_000_000, 2, 100, True)
    assert (FULL.lines, COOPERATIVES) == (100_000, 500)
    assert ONE.must == MANY.must == 0.1
    assert (OF_BARE.must, IN_SECONDS.must, IN_SECONDS.at_most) == (0.25, 10, True)
    assert CASES == ("postings", "trial-balance", "intake", "statements", "settlements")
