"""`python -m bench.traces [--only CASE …] [--quick]`: measure and print.

`--output bench/results/traces.md` (as `make bench-trace` says) writes the page. `--quick` takes small numbers, which
show that it runs, and nothing else. Ends with 1 when something was wrong, not when a bar was missed. The whole run
needs some 15 GB of disk, for ten million events.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench import running
from bench.holds import report
from bench.holds.ground import Part
from bench.holds.measure import Progress
from bench.traces import capturing, examining, page, walking

COMMAND: Final = "make bench-trace"
CASES: Final = ("capture", "page", "verify", "walk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    verified: int
    few: int
    many: int
    seconds: float
    capture_seconds: float
    rounds: int


FULL: Final = Sizes(verified=1_000_000, few=100_000, many=10_000_000, seconds=5, capture_seconds=20, rounds=5)
QUICK: Final = Sizes(verified=2_000, few=700, many=2_100, seconds=1, capture_seconds=8, rounds=1)


def main(arguments: Sequence[str]) -> int:
    parser = running.parser("traces", __doc__, cases=CASES)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")
    parser.add_argument("--many", type=int, help="so many events for the walk, instead of ten million")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    many = options.many or sizes.many
    cases: dict[str, running.Case] = {
        "capture": lambda bench: capturing.case(bench, seconds=sizes.capture_seconds),
        "page": page.case,
        "verify": lambda bench: examining.case(bench, events=sizes.verified),
        "walk": lambda bench: walking.case(bench, few=sizes.few, many=many),
    }
    chosen = options.only or list(CASES)
    load_before = os.getloadavg()[0]
    ways = (sizes.few + many) // walking.STEPS // walking.BATCH + 4
    progress = Progress(4 * (sizes.rounds + 1) + 2 + sizes.verified // examining.BATCH + ways)
    parts = running.carried(chosen, cases, progress, shoppers=100, seconds=sizes.seconds, rounds=sizes.rounds)
    told = _page(arguments, sizes, parts, load_before)
    if options.output:
        options.output.write_text(told, encoding="utf-8")
    print(told)
    return 1 if any(part.wrong for part in parts) else 0


def _page(arguments: Sequence[str], sizes: Sizes, parts: Sequence[Part], load_before: float) -> str:
    command = running.command_of("traces", arguments, make=COMMAND)
    lines = [
        "# Events: measured",
        "",
        running.head(command, load_before=load_before),
        "",
        "* PostgreSQL with fsync, full_page_writes and synchronous_commit on; gunicorn with 2 workers; load by wrk.",
        f"* Ratios: medians of {sizes.rounds} interleaved rounds of {sizes.seconds:g} s (capture:"
        f" {sizes.capture_seconds:g} s) after one to warm up.",
        "* Trust the ratios, not the seconds.",
        "",
        *report.summary(parts),
        *running.sections(parts),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    running.carry_out(main)
