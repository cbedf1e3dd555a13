"""`python -m bench.holds [--only CASE …] [--seconds 5] [--rounds 5]`: measure and print.

`--output bench/results/holds.md` (as `make bench-holds` says) writes the page of a whole run.
Ends with 1 when something was wrong (answers that nobody expected, a broken invariant), not when a bar was missed.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from bench import running
from bench.holds import load, report, seed, server
from bench.holds.cases import CASES
from bench.holds.ground import Bench
from bench.holds.measure import Progress
from marketplace.embedded import binaries

SHOPPERS: Final = 300_000
COMMAND: Final = "make bench-holds"


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    chosen = options.only or list(CASES)
    if load.installed() is None:
        print(load.HOW_TO_GET_WRK, file=sys.stderr)
        return 2
    load_before = os.getloadavg()[0]
    progress = Progress(sum(CASES[name].lanes * (options.rounds + 1) + 2 for name in chosen) + 1)
    parts = []
    with server.started() as servers:
        progress.step(f"filling the template with {options.shoppers:,} shoppers")
        urls = servers.make_template()
        world = seed.fill(servers.settings(urls), urls.owner_url, shoppers=options.shoppers)
        bench = Bench(
            servers=servers, world=world, seconds=options.seconds, rounds=options.rounds, progress=progress
        )
        run = report.Run(
            command=running.command_of("holds", arguments, make=COMMAND),
            seconds=options.seconds,
            rounds=options.rounds,
            shoppers=options.shoppers,
            postgres=binaries.find().version,
            redis=servers.redis.version,
            cores=os.cpu_count() or 1,
            load_before=load_before,
        )
        for name in chosen:
            parts.append(running.case(name, CASES[name].run, bench))
            if options.output:
                report.write(options.output, run, parts)
    for part in parts:
        lines = ["", part.title, *map(report.table_line, part.rows), *part.notes, part.profile, *part.wrong]
        print("\n".join(line for line in lines if line or line is lines[0]))
    print("\n".join(["", *report.summary(parts)]))
    return 1 if any(part.wrong for part in parts) else 0


def _parser() -> argparse.ArgumentParser:
    parser = running.parser("holds", __doc__, cases=CASES)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="kept, after one to warm up")
    parser.add_argument("--shoppers", type=int, default=SHOPPERS, help="in the template")
    return parser


if __name__ == "__main__":
    running.carry_out(main)
