"""`python -m bench.chaos`: runs scenarios one after another; exit 1 when one is red, or a broken build is not.

make chaos                                        everything, written to bench/results/chaos.md
python -m bench.chaos --scenario database --seed 7
python -m bench.chaos --faults workers,redis-flush --seconds 20
python -m bench.chaos --broken all
"""

import argparse
import signal
import sys
from dataclasses import replace
from typing import Final, NoReturn

from bench.chaos import tables
from bench.chaos.broken import DEFECTS
from bench.chaos.findings import SENTENCES
from bench.chaos.nemesis import FAULTS, NOT_BY_DEFAULT
from bench.chaos.run import Result, Scenario, run, shortened

SCENARIOS: Final = {
    each.name: each
    for each in (
        Scenario(name="everything", faults=FAULTS),
        Scenario(name="database", faults=("postmaster",), operations=1_500),
        Scenario(name="redis", faults=("redis-flush", "redis-stop", "redis-nonsense"), operations=1_500),
        Scenario(
            name="retries",
            faults=("redis-flush", "workers"),
            seconds=90.0,
            operations=2_400,
            boxes=180,
            copies_share=1_000,
            repeats_share=1_000,
            hang_up_share=200,
        ),
        Scenario(name="hang", faults=("hang",), operations=1_500),
    )
}
USUAL: Final = ("everything", "database", "redis", "retries")
SEEDS_USUAL: Final = {"everything": 3}
PROOF: Final = Scenario(
    name="broken", seconds=10.0, operations=400, boxes=20, copies_share=300, repeats_share=200, restart=False
)


def main() -> int:
    given = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    results = []
    for scenario, seed in _wanted(given):
        result = run(scenario, seed=seed, say=_say, keep=given.keep)
        _tell(result)
        results.append(result)
        if given.write:
            tables.write(results, command=given.command)
    bad = [each for each in results if not each.is_good]
    _say(f"{len(results) - len(bad)} of {len(results)} runs came out as they must")
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    known = ", ".join((*FAULTS, *NOT_BY_DEFAULT))
    parser = argparse.ArgumentParser(
        prog="python -m bench.chaos", description="Faults, and what survives them."
    )
    parser.add_argument(
        "--scenario", choices=sorted(SCENARIOS), action="append", help="may be given several times"
    )
    parser.add_argument("--faults", help=f"comma-separated, or none: {known}")
    parser.add_argument("--broken", choices=["all", *DEFECTS], help="prove the checker on a broken build")
    parser.add_argument("--seed", type=_numbers, help="comma-separated")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--operations", type=int)
    parser.add_argument(
        "--keep", action="store_true", help="keep history, logs and database of clean runs too"
    )
    parser.add_argument("--write", action="store_true", help=f"write {tables.PAGE.name}")
    parser.add_argument("--command", default="make chaos", help="what the page names as its command")
    return parser.parse_args()


def _wanted(given: argparse.Namespace) -> list[tuple[Scenario, int]]:
    is_usual = not (given.scenario or given.faults or given.broken)
    names = given.scenario or (USUAL if is_usual else ())
    scenarios = [SCENARIOS[name] for name in names]
    if given.faults:
        kinds = () if given.faults == "none" else tuple(given.faults.split(","))
        if unknown := set(kinds) - {*FAULTS, *NOT_BY_DEFAULT}:
            sys.exit(f"unknown faults: {', '.join(sorted(unknown))}")
        scenarios = [replace(each, faults=kinds) for each in scenarios] or [
            Scenario(name="chosen", faults=kinds)
        ]
    broken = list(DEFECTS) if given.broken == "all" or is_usual else [given.broken] if given.broken else []
    sized = [shortened(each, seconds=given.seconds, operations=given.operations) for each in scenarios]
    found = [
        (each, seed)
        for each in sized
        for seed in given.seed or range(1, 1 + (SEEDS_USUAL.get(each.name, 1) if is_usual else 1))
    ]
    return found + [
        (replace(PROOF, name=f"broken: {name}", broken=name), seed)
        for name in broken
        for seed in given.seed or [1]
    ]


def _end(number: int, _frame: object) -> NoReturn:
    """Asked to end: the servers end with us."""
    sys.exit(128 + number)


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def _tell(result: Result) -> None:
    _say(
        f"  {result.operations} operations, {result.attempts} requests, {result.replayed} answered again, "
        f"{result.sold_out} sold out: {tables.verdict(result)}"
    )
    for outage in result.outages:
        _say(f"  {outage}")
    _say(f"  quiet {result.quiet}; without Redis {result.without_redis}")
    for name in SENTENCES:
        found = result.report.found[name]
        for each in found[:3]:
            _say(f"    {name}: {each[:600]}")
        if len(found) > 3:
            _say(f"    {name}: and {len(found) - 3} more")
    if result.kept_in is not None:
        _say(f"  history, logs and database are kept in {result.kept_in}")


if __name__ == "__main__":
    sys.exit(main())
