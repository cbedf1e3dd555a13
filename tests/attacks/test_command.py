"""`python -m tests.attacks` runs on servers of its own, and its page says what it did."""

import subprocess
import sys
from pathlib import Path

from marketplace.settings import PROJECT_ROOT
from tests.attacks.__main__ import ATTACKS, BY_MAKE, FULL


def test_a_quick_run_writes_its_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    command = [sys.executable, "-m", "tests.attacks", "--quick", "--only", "deposits", "worst"]
    run = subprocess.run(
        [*command, "--output", str(page)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 of 2 attacks ended as they must." in page.read_text()
    assert "all totals from 1 to 200 with deposits of 1 to 99 %" in page.read_text()


def test_the_full_run_is_what_is_promised() -> None:
    assert (FULL.events.payments, FULL.events.forged, FULL.events.unreadable) == (1_000, 500, 200)
    assert (FULL.five, FULL.late, FULL.three, FULL.totals) == (1_000, 500, 1_000, 100_000)
    assert list(ATTACKS) == ["events", "five", "late", "three", "everything", "worst", "deposits", "points"]
    assert BY_MAKE[1] in (PROJECT_ROOT / "Makefile").read_text()
