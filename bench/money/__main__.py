"""`python -m bench.money [--only CASE …] [--quick]`: measure and print.

`--output bench/results/money.md` (as `make bench-money` says) writes the page. `--quick` takes small numbers, which
show that it runs, and nothing else. Ends with 1 when something was wrong, not when a bar was missed.
"""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from bench.holds import report, seed, server
from bench.holds.ground import Bench, Part
from bench.holds.load import Failed
from bench.holds.measure import Progress
from bench.money import posting, settling, standing
from marketplace.embedded import binaries
from marketplace.embedded.errors import CannotStart

BY_MAKE: Final = ["--output", "bench/results/money.md"]
COMMAND: Final = "make bench-money"
CASES: Final = ("postings", "trial-balance", "settlements")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    transfers: int
    seconds: float
    rounds: int
    orders: int
    sellers: int


FULL: Final = Sizes(transfers=1_000_000, seconds=5, rounds=5, orders=100_000, sellers=500)
QUICK: Final = Sizes(transfers=5_000, seconds=0.5, rounds=1, orders=600, sellers=5)


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    cases: dict[str, Callable[[Bench], Part]] = {
        "postings": posting.case,
        "trial-balance": lambda bench: standing.case(bench, transfers=sizes.transfers),
        "settlements": lambda bench: settling.case(bench, orders=sizes.orders, sellers=sizes.sellers),
    }
    chosen = options.only or list(CASES)
    load_before = os.getloadavg()[0]
    progress = Progress(4 * (sizes.rounds + 1) + 6 + 2)
    parts: list[Part] = []
    with server.started() as servers:
        progress.step("filling the template")
        urls = servers.make_template()
        world = seed.fill(servers.settings(urls), urls.owner_url, shoppers=sizes.orders)
        bench = Bench(
            servers=servers, world=world, seconds=sizes.seconds, rounds=sizes.rounds, progress=progress
        )
        for name in chosen:
            try:
                parts.append(cases[name](bench))
            except Failed as problem:
                parts.append(Part(title=name, wrong=[str(problem)]))
    page = _page(arguments, sizes, parts, load_before)
    if options.output:
        options.output.write_text(page, encoding="utf-8")
    print(page)
    return 1 if any(part.wrong for part in parts) else 0


def _page(arguments: Sequence[str], sizes: Sizes, parts: Sequence[Part], load_before: float) -> str:
    command = COMMAND if list(arguments) == BY_MAKE else " ".join(("python -m bench.money", *arguments))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in report.PACKAGES)
    lines = [
        "# Money: measured",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {versions}, PostgreSQL "
        f"{binaries.find().version}, {os.cpu_count() or 1} cores. "
        f"Load average in the minute before: {load_before:.1f}.",
        "",
        "* PostgreSQL with fsync, full_page_writes and synchronous_commit on.",
        f"* Postings: medians of {sizes.rounds} interleaved rounds of {sizes.seconds:g} s after one to warm up; a ratio"
        " is the median of the rounds' own ratios. The bare tables have a primary key and nothing else.",
        f"* Trial balances: medians of {standing.TIMES} in one process.",
        "* The promises of the ledger are checked at the end of each case. Trust the ratios, not the seconds.",
        "",
        *report.summary(parts),
    ]
    for part in parts:
        lines += ["", f"## {part.title}", "", *report.HEAD, *(report.table_line(row) for row in part.rows)]
        lines += ["", *(f"* {note}" for note in part.notes)] if part.notes else []
        lines += ["", *(f"* **Wrong**: {wrong}" for wrong in part.wrong)] if part.wrong else []
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.money", description=__doc__)
    parser.add_argument("--only", choices=CASES, nargs="+", help="only these cases")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")
    parser.add_argument(
        "--output",
        type=lambda given: Path(given).resolve(),
        default=None,
        help="where the page goes (whole run: bench/results)",
    )
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, as after Ctrl-C
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as problem:
        sys.exit(str(problem))
