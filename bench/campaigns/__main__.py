"""`python -m bench.campaigns [--only CASE …] [--quick]`: measure and print.

`--output bench/results/campaigns.md` (as `make bench-campaigns` says) writes the page. `--quick` takes small numbers,
which show that it runs, and nothing else. Ends with 1 when something was wrong, not when a bar was missed.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench import running
from bench.campaigns import answering, failing, growth
from bench.holds import load, report, seed, server
from bench.holds.cases import reads
from bench.holds.ground import Bench, Part
from bench.holds.measure import Progress

COMMAND: Final = "make bench-campaigns"
CASES: Final = ("failing", "growth", "answers", "pages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    orders: int
    sellers: int
    growth: tuple[int, ...]
    answers: tuple[int, ...]
    seconds: float
    rounds: int


FULL: Final = Sizes(
    orders=100_000,
    sellers=500,
    growth=(1_000, 10_000, 100_000),
    answers=(50, 500, 1_000),
    seconds=5,
    rounds=5,
)
QUICK: Final = Sizes(orders=600, sellers=5, growth=(200, 400), answers=(5, 10), seconds=1, rounds=1)


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    sizes = _sizes(options)
    cases = _cases(sizes)
    chosen = [name for name in options.only or list(cases) if name != "pages" or load.installed() is not None]
    load_before = os.getloadavg()[0]
    progress = Progress(4 * len(chosen) + 2 * len(sizes.growth) + 8 * (sizes.rounds + 1))
    parts: list[Part] = []
    with server.started() as servers:
        progress.step("filling the template")
        urls = servers.make_template()
        most = answering.ORDERS_OF_A_SELLER * max(sizes.answers, default=0)
        shoppers = max(sizes.orders, *sizes.growth, most)
        world = seed.fill(servers.settings(urls), urls.owner_url, shoppers=shoppers)
        bench = Bench(
            servers=servers, world=world, seconds=sizes.seconds, rounds=sizes.rounds, progress=progress
        )
        for name in chosen:
            parts.append(running.case(name, cases[name], bench))
            if options.output:
                page = _page(arguments, sizes, parts, load_before)
                options.output.write_text(page, encoding="utf-8")
    print(_page(arguments, sizes, parts, load_before))
    if load.installed() is None and "pages" in (options.only or cases):
        print(load.HOW_TO_GET_WRK, file=sys.stderr)
    return 1 if any(part.wrong for part in parts) else 0


def _cases(sizes: Sizes) -> dict[str, running.Case]:
    return {
        "failing": lambda bench: failing.case(bench, orders=sizes.orders, sellers=sizes.sellers),
        "growth": lambda bench: growth.case(bench, sizes=sizes.growth),
        "answers": lambda bench: answering.case(bench, sizes=sizes.answers),
        "pages": reads.pages,
    }


def _sizes(options: argparse.Namespace) -> Sizes:
    if options.quick:
        return QUICK
    if options.orders is None:
        return FULL
    steps = tuple(each for each in FULL.growth if each < options.orders)
    return Sizes(
        orders=options.orders,
        sellers=growth.sellers_of(options.orders),
        growth=(*steps, options.orders),
        answers=tuple(each for each in FULL.answers if each <= options.orders),
        seconds=FULL.seconds,
        rounds=FULL.rounds,
    )


def _page(arguments: Sequence[str], sizes: Sizes, parts: Sequence[Part], load_before: float) -> str:
    command = running.command_of("campaigns", arguments, make=COMMAND)
    lines = [
        "# Campaigns: measured",
        "",
        running.head(command, load_before=load_before),
        "",
        f"* {sizes.orders:,} orders of one or two boxes with a paid deposit, {sizes.sellers} cooperatives with a lot "
        "each. What sells is made by the use cases; what was bought is written in bulk, and must pass every invariant "
        "before anything is measured, as after it.",
        "* PostgreSQL with fsync, full_page_writes and synchronous_commit on. The failing campaign is ended by"
        " `flask worker` in a process of its own, which sends the messages to buyers meanwhile, too; the growth is"
        " measured in one process without them.",
        "* Trust the ratios, not the seconds.",
        "",
        *report.summary(parts),
        *running.sections(parts),
    ]
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = running.parser("campaigns", __doc__, cases=CASES)
    parser.add_argument("--orders", type=int, default=None, help="instead of 100,000")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")
    return parser


if __name__ == "__main__":
    running.carry_out(main)
