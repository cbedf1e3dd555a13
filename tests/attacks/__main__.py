"""`python -m tests.attacks [--only ATTACK …] [--quick] [--output FILE]`: all attacks on the books, in full.

Everything runs on this machine's loopback, on servers of its own that end with the run; the load is bounded by the
numbers below. `--output bench/results/attacks-money.md` (as `make attack-money` says) writes the page. Ends with 1 when
anything was wrong.
"""

import argparse
import logging
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from marketplace.embedded import binaries, postgres, redis_server
from marketplace.points import Point
from tests import servers
from tests.attacks import conserved, flood, marked, races
from tests.attacks.dumps import differences
from tests.attacks.ground import Ground, laid_out
from tests.attacks.marked import Outcome, Spot, private
from tests.attacks.races import INSTANTS, Fight

BY_MAKE: Final = ["--output", "bench/results/attacks-money.md"]
COMMAND: Final = "make attack-money"
BAR_WIDTH: Final = 30
TOLD_EVERY_SECONDS: Final = 5.0
WITHIN_SECONDS: Final = 60
SHOWN_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of each."""

    events: flood.Size
    five: int
    late: int
    three: int
    moved: int
    hammered: int
    totals: int
    spots: int
    """At how many of the points a process ends; at all of them, if there are not so many."""


FULL: Final = Sizes(
    events=flood.FULL,
    five=1_000,
    late=500,
    three=1_000,
    moved=60,
    hammered=4_000,
    totals=100_000,
    spots=1_000,
)
QUICK: Final = Sizes(
    events=flood.QUICK, five=24, late=32, three=24, moved=3, hammered=80, totals=200, spots=4
)


@dataclass(slots=True, kw_only=True)
class Found:
    """What one attack did, and how it ended."""

    title: str
    done: str = ""
    ended: str = ""
    wrong: list[str] = field(default_factory=list)
    table: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Progress:
    """How far the run is, on stderr: attacks that are over, and the part of the present one."""

    def __init__(self, attacks: int) -> None:
        self._attacks, self._over, self._told_at, self._title = attacks, 0, 0.0, ""

    def begin(self, title: str) -> None:
        self._title, self._told_at = title, 0.0
        self.step("")

    def end(self, found: Found) -> None:
        self._over += 1
        for line in found.wrong[:SHOWN_MAX]:
            sys.stderr.write(f"\n{found.title}: {line}\n")

    def step(self, text: str) -> None:
        now = time.monotonic()
        is_terminal = sys.stderr.isatty()
        if now - self._told_at < (0.1 if is_terminal else TOLD_EVERY_SECONDS):
            return
        self._told_at = now
        found = re.search(r"(\d+) of (\d+)", text)
        part = (self._over + (int(found[1]) / int(found[2]) if found else 0)) / self._attacks
        bar = "█" * round(BAR_WIDTH * part)
        line = f"{bar:·<{BAR_WIDTH}} {100 * part:3.0f} % {self._title} {text}"
        sys.stderr.write(f"\r{line[:110]:<110}" if is_terminal else f"{line}\n")
        sys.stderr.flush()


Step = Callable[[str], None]


@contextmanager
def ground(**options: Any) -> Iterator[Ground]:
    with private() as (urls, folder):
        flood.keep_what_is_answered(urls)
        with laid_out(urls, folder, **options) as found:
            found.restart_database = kill_database
            yield found


def kill_database() -> None:
    """kill -9 of the server, and its recovery."""
    home = Path(servers.current().folder) / "postgres"
    running = postgres.find_running(home)
    assert running is not None, "TEST_DATABASE_URL names a server that is not ours to kill"
    running.process.send(signal.SIGKILL)
    running.process.wait_until_gone(30)
    postgres.ensure(home, fast=True, tcp_port=None, say=lambda _: None)


def events(sizes: Sizes, step: Step) -> Found:
    size = sizes.events
    found = Found(title="T-04 events")
    with ground(workers=2, worker_threads=3) as first:
        ordered = flood.in_order(flood.filled(first, size, step))
        found.wrong += first.broken()
    folder = Path(tempfile.mkdtemp(prefix="vo-attack-redis-"))
    redis = redis_server.start(folder=folder / "redis")
    try:
        with ground(webs=2, workers=2, worker_threads=3, redis_url=redis.url) as second:
            flooded = flood.filled(second, size, step)
            told = flood.flooded(flooded, size, redis, step)
            found.wrong += second.broken()
    finally:
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)
    found.wrong += differences(told, ordered)
    sent = flooded.sent
    found.done = (
        f"{flooded.events:,} events of {size.payments:,} payments, {sent['deliveries']:,} deliveries in any order;"
        f" {sent['to two at once']:,} to two servers in the same moment; {sent['outages']} times `kill -9` of the"
        f" database with {sent['during an outage']} on their way ({sent['not taken']:,} not taken and sent again);"
        f" {sent['forged']} forged, {sent['broken UTF-8']} of broken UTF-8; {sent['stored when Redis died']} stored"
        f" when workers and Redis were killed, {sent['jobs lost']} of them without their job"
    )
    found.ended = "as after ordered single delivery; forged and broken ones 400, no row changed"
    return found


def _races(title: str, count: int, step: Step, fight: Callable[[Ground, int, Step], list[Fight]]) -> Found:
    found = Found(title=title)
    with ground(webs=2, worker_threads=2) as there:
        fights = fight(there, count, step)
        step("everything comes to rest")
        there.settle()
        _judge(found, fights)
    return found


def _judge(found: Found, fights: list[Fight]) -> None:
    there = fights[0].ground
    found.wrong += races.strange_ends(fights)
    found.wrong += [f"sold more than there is: {row}" for row in races.oversold(there)]
    found.wrong += [f"invariant {each} is broken" for each in there.broken()]
    captured, ours = races.totals(there)
    if captured != ours:
        found.wrong.append(f"captured there {captured}, here {ours}")
    ends = races.ends(fights)
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(ends.items()))
    found.ended = f"{told}; captured there and here {captured:,}; one charge for each at most"


def five(sizes: Sizes, step: Step) -> Found:
    found = _races("T-05 charged once", sizes.five, step, races.five)
    found.done = (
        f"{sizes.five:,} orders, all 120 ways of browser, event, event again, sweeper and cancel in turn,"
        " within 50 ms"
    )
    return found


def three(sizes: Sizes, step: Step) -> Found:
    found = _races("T-07 cancel against pay", sizes.three, step, races.three)
    found.done = f"{sizes.three:,} times cancel, pay and the clock within 100 ms"
    return found


def late(sizes: Sizes, step: Step) -> Found:
    found = Found(title="T-06 late payment")
    each = -(-sizes.late // len(INSTANTS))
    fights: list[Fight] = []
    longest = 0.0
    with ground(webs=2, worker_threads=2) as there:
        for number, instant in enumerate(INSTANTS, start=1):
            step(f"instant {number} of {len(INSTANTS)}")
            these = races.late(there, instant, each)
            waited = races.wait_for_ends(these, WITHIN_SECONDS)
            longest = max(longest, waited)
            if waited >= WITHIN_SECONDS:
                found.wrong.append(f"{instant} has not ended within {WITHIN_SECONDS} s")
            fights += these
        there.settle()
        _judge(found, fights)
    found.done = (
        f"{len(fights)} orders; money 1 s before their end, at it (twenty tries within 10 ms), 1 s and a day after;"
        " boxes left or taken by others; the clock's job on or off"
    )
    found.ended += f"; all within {longest:.0f} s"
    return found


def everything(sizes: Sizes, step: Step) -> Found:
    found = Found(title="T-08 while everything moves")
    with ground(webs=2, worker_threads=2) as there:
        with conserved.watched(there) as seen:
            fights = conserved.moved(there, sizes.moved, step)
            for currency in ("CNY", "JPY", "KWD"):
                conserved.booked_by_bank(there, currency, 10**9)
            there.settle()
            by_hand = conserved.pay_back_by_hand(there)
        found.wrong += seen.wrong
        found.wrong += [f"invariant {each} is broken" for each in there.broken()]
        captured, ours = races.totals(there)
        if captured != ours:
            found.wrong.append(f"captured there {captured}, here {ours}")
    found.done = (
        f"{len(fights)} orders in CNY, JPY and KWD from 1 to 10^10 minor units: paid, disputed, given back in parts,"
        f" given up; {by_hand} refunds paid by hand; {conserved.READERS} readers, ten times a second each"
    )
    found.ended = (
        f"{seen.answers:,} trial balances ({seen.slow:,} later than asked for), every one sums to zero"
    )
    return found


def worst(sizes: Sizes, step: Step) -> Found:
    found = Found(title="T-08 the worst of amounts")
    with ground(webs=2, workers=0) as there:
        step("posting, reserving, voiding, reversing")
        with conserved.watched(there) as seen:
            asked = conserved.hammered(there, sizes.hammered)
        found.wrong += seen.wrong
        found.wrong += [f"invariant {each} is broken" for each in conserved.broken_ledger()]
        [(entries, largest)] = there.rows("SELECT count(*), max(amount_minor) FROM ledger_entry")
    found.done = (
        f"{asked:,} times post, reserve, post a third, void, reverse, by four at once: 1, 2, 3, 7, 10^13, 2^53 ± 1 and"
        f" {largest:,} minor units in CNY, JPY and KWD ({entries:,} entries)"
    )
    found.ended = f"{seen.answers:,} trial balances, every one sums to zero"
    return found


def deposits(sizes: Sizes, step: Step) -> Found:
    found = Found(title="T-08 deposit + balance = total")
    percents = range(1, 100)
    for start in range(1, sizes.totals + 1, 1_000):
        totals = range(start, min(start + 1_000, sizes.totals + 1))
        found.wrong += [f"{total} with {percent} %" for total, percent in conserved.off(totals, percents)]
        step(f"{start} of {sizes.totals}")
    found.done = f"all totals from 1 to {sizes.totals:,} with deposits of 1 to 99 %"
    found.ended = f"{sizes.totals * len(percents):,} sums, each of them whole"
    return found


def _lost_at(spot: Spot, undisturbed: Outcome) -> list[str]:
    """What is otherwise than in an undisturbed run."""
    try:
        outcome = marked.played(spot)
    except AssertionError as problem:
        return [str(problem)]
    wrong = differences(outcome.told, undisturbed.told) + [f"invariant {each}" for each in outcome.broken]
    return wrong if outcome.was_lost == 1 else [*wrong, f"{outcome.was_lost} processes were lost"]


def points(sizes: Sizes, step: Step) -> Found:
    found = Found(title="Killed at marked points")
    undisturbed = {}
    for script in marked.SCRIPTS:
        step(f"the season of {script}, undisturbed")
        undisturbed[script] = marked.played(script=script)
        found.wrong += [f"{script}: {each}" for each in undisturbed[script].broken]
    every = [spot for script, there in undisturbed.items() for spot in marked.spots(there.passed, script)]
    spots = every[:: -(-len(every) // sizes.spots)]
    found.table = [
        "| season | process | ends when it has | passings | at the | the same books |",
        "|---|---|---|---:|---:|---|",
    ]
    for number, spot in enumerate(spots, start=1):
        step(f"{number} of {len(spots)}: {spot.season}, {spot.role} {spot.point}")
        there = undisturbed[spot.season]
        wrong = _lost_at(spot, there)
        found.wrong += [f"{spot.season}: {spot.role} {spot.point} {spot.nth}: {each}" for each in wrong]
        found.table.append(
            f"| {spot.season} | {spot.role} | `{spot.point}` | {there.passed[spot.role][spot.point]} | {spot.nth}"
            f" | {'**no**' if wrong else 'yes'} |"
        )
        for each in wrong[:SHOWN_MAX]:
            sys.stderr.write(f"\n{spot}: {each}\n")
    missing = marked.never_passed(undisturbed.values())
    if missing:
        found.wrong.append(f"never passed: {missing}")
    money, paying_out = (undisturbed[script].told for script in (marked.MONEY, marked.PAYING_OUT))
    found.done = (
        f"a season of {len(money['orders'])} orders with deposits, balances, refunds, disputes"
        f" and bank statements, and one of {len(paying_out['payouts'])} payouts for"
        f" settlements and advances, by bank and by transfer; each once undisturbed, and"
        f" {len(spots)} times with `kill -9` at one of {len({spot.point for spot in spots})} of the {len(Point)} marked"
        " points"
    )
    found.ended = (
        "the same ledger, payments, refunds, orders, bank statements, settlements, payouts, advances, messages and"
        " transfers there as undisturbed"
    )
    return found


ATTACKS: Final[dict[str, Callable[[Sizes, Step], Found]]] = {
    "events": events,
    "five": five,
    "late": late,
    "three": three,
    "everything": everything,
    "worst": worst,
    "deposits": deposits,
    "points": points,
}


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    chosen = options.only or list(ATTACKS)
    logging.getLogger("werkzeug").disabled = True  # the stand-in's own requests
    progress = Progress(len(chosen))
    results: list[Found] = []
    servers.start_for_run()
    try:
        for name in chosen:
            progress.begin(name)
            begun = time.monotonic()
            try:
                found = ATTACKS[name](sizes, progress.step)
            except AssertionError as problem:
                found = Found(title=name, wrong=[str(problem)])
            found.seconds = time.monotonic() - begun
            results.append(found)
            progress.end(found)
            if options.output:  # after each of them: the run is long
                options.output.write_text(_page(arguments, results), encoding="utf-8")
    finally:
        servers.stop_for_run()
    sys.stdout.write(_page(arguments, results))
    return 1 if any(each.wrong for each in results) else 0


def _page(arguments: Sequence[str], results: Sequence[Found]) -> str:
    command = COMMAND if list(arguments) == BY_MAKE else " ".join(("python -m tests.attacks", *arguments))
    good = sum(not each.wrong for each in results)
    lines = [
        "# Attacks on the books",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, PostgreSQL"
        f" {binaries.find().version}, {os.cpu_count() or 1} cores.",
        "",
        "Real processes (web servers, a worker) and a stand-in for the payment service, all on this machine. After each"
        " attack everything comes to rest, and every promise of `flask verify` is checked. What the attacks are is told"
        " in [docs/payments.md](../../docs/payments.md#attacks--攻击测试).",
        "",
        f"{good} of {len(results)} attacks ended as they must.",
        "",
        "| attack | what was done | how it ended | s | |",
        "|---|---|---|---:|---|",
        *(
            f"| {each.title} | {each.done} | {each.ended} | {each.seconds:.0f} |"
            f" {'**wrong**' if each.wrong else 'good'} |"
            for each in results
        ),
    ]
    for each in results:
        if each.wrong:
            lines += ["", f"## Wrong: {each.title}", "", *(f"* {line}" for line in each.wrong[:SHOWN_MAX])]
            lines += [f"* and {len(each.wrong) - SHOWN_MAX} more"] if len(each.wrong) > SHOWN_MAX else []
        if each.table:
            lines += ["", f"## {each.title}", "", *each.table]
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--only", choices=list(ATTACKS), nargs="+", help="only these attacks")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")
    parser.add_argument("--output", type=lambda given: Path(given).resolve(), help="where the page goes")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, as after Ctrl-C
    sys.exit(main(sys.argv[1:]))
