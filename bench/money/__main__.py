"""`python -m bench.money [--only CASE …] [--quick]`: measure and print.

`--output bench/results/money.md` (as `make bench-money` says) writes the page. `--quick` takes small numbers, which
show that it runs, and nothing else. Ends with 1 when something was wrong, not when a bar was missed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench import running
from bench.holds import report
from bench.holds.ground import Part
from bench.holds.measure import Progress
from bench.money import intake, posting, settling, standing, stating

COMMAND: Final = "make bench-money"
CASES: Final = ("postings", "trial-balance", "intake", "statements", "settlements")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    transfers: int
    lines: int
    seconds: float
    rounds: int
    orders: int
    sellers: int


FULL: Final = Sizes(transfers=1_000_000, lines=100_000, seconds=5, rounds=5, orders=100_000, sellers=500)
QUICK: Final = Sizes(transfers=5_000, lines=2_000, seconds=0.5, rounds=1, orders=600, sellers=5)


def main(arguments: Sequence[str]) -> int:
    parser = running.parser("money", __doc__, cases=CASES)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    cases: dict[str, running.Case] = {
        "postings": posting.case,
        "trial-balance": lambda bench: standing.case(bench, transfers=sizes.transfers),
        "intake": intake.case,
        "statements": lambda bench: stating.case(bench, lines=sizes.lines),
        "settlements": lambda bench: settling.case(bench, orders=sizes.orders, sellers=sizes.sellers),
    }
    chosen = options.only or list(CASES)
    load_before = os.getloadavg()[0]
    progress = Progress(6 * (sizes.rounds + 1) + 6 + sizes.rounds + 3)
    parts = running.carried(
        chosen, cases, progress, shoppers=sizes.orders, seconds=sizes.seconds, rounds=sizes.rounds
    )
    page = _page(arguments, sizes, parts, load_before)
    if options.output:
        options.output.write_text(page, encoding="utf-8")
    print(page)
    return 1 if any(part.wrong for part in parts) else 0


def _page(arguments: Sequence[str], sizes: Sizes, parts: Sequence[Part], load_before: float) -> str:
    command = running.command_of("money", arguments, make=COMMAND)
    lines = [
        "# Money: measured",
        "",
        running.head(command, load_before=load_before),
        "",
        "* PostgreSQL with fsync, full_page_writes and synchronous_commit on.",
        f"* Postings: medians of {sizes.rounds} interleaved rounds of {sizes.seconds:g} s after one to warm up; a ratio"
        " is the median of the rounds' own ratios. The bare tables have a primary key and nothing else.",
        f"* Trial balances: medians of {standing.TIMES} in one process.",
        "* Events: wrk on the same machine, gunicorn with 2 workers for both; every event is another one.",
        "* The promises of the ledger are checked at the end of each case. Trust the ratios, not the seconds.",
        "",
        *report.summary(parts),
        *running.sections(parts),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    running.carry_out(main)
