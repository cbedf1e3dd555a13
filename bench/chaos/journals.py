"""Checks of journals alone, and what they say about the time at which a version was the latest. Pure."""

from collections.abc import Iterable, Mapping
from itertools import groupby, pairwise
from math import inf
from typing import Final

from bench.chaos.findings import Report
from bench.chaos.stored import Hold, LotLine, PoolLine, Stored

OPEN: Final = ("active", "converting")
ENDS: Final = ("released", "expired", "superseded", "sold")
SHAPES: Final = {
    "opened": {(0, 0, 0)},
    "pledged": {(1, 0, 0)},
    "withdrawn": {(-1, 0, 0)},
    "held": {(0, 1, 0)},
    "resized": {(0, 1, 0), (0, -1, 0)},
    "released": {(0, -1, 0)},
    "expired": {(0, -1, 0)},
    "superseded": {(0, -1, 0)},
    "sold": {(0, -1, 1)},
    "returned": {(0, 0, -1)},
}
"""Which counters each kind of line raises and lowers: pledged, held, sold."""


def by_pool(lines: Iterable[PoolLine]) -> dict[str, list[PoolLine]]:
    """In the order they were written."""
    found: dict[str, list[PoolLine]] = {}
    for line in lines:
        found.setdefault(line.pool_id, []).append(line)
    return found


def check(stored: Stored, report: Report) -> None:
    """Every prefix of every journal: lots, pools by our witness, pools by the app's own journal."""
    _check_lots(stored, report)
    _check_pools("witness", stored.witness, stored, report)
    _check_pools("journal", stored.journal, stored, report)
    for line in stored.journal:
        _check_kind(line, report)
    _check_holds_in_journal(stored.journal, stored.holds, report)
    _compare(stored, report)


def _check_lots(stored: Stored, report: Report) -> None:
    lots = {lot.id: lot for lot in stored.lots}
    for lot_id, lines in _grouped(stored.lot_lines).items():
        on_hand = held = number = 0
        for line in lines:
            where = f"lot {lot_id} line {line.number}"
            on_hand, held, number = on_hand + line.on_hand_delta, held + line.held_delta, number + 1
            report.expect("journal", line.number == number, f"{where}: {number} should come")
            report.expect("journal", (line.on_hand, line.held) == (on_hand, held), f"{where} does not follow")
            report.expect("oversold", 0 <= line.held <= line.on_hand, f"{where}: holds more than there is")
        lot = lots[lot_id]
        is_last = (lot.on_hand, lot.held, lot.version) == (on_hand, held, number)
        report.expect("journal", is_last, f"lot {lot_id} is not what its journal says last")


def _grouped(lines: Iterable[LotLine]) -> dict[str, list[LotLine]]:
    return {lot_id: list(group) for lot_id, group in groupby(lines, key=lambda line: line.lot_id)}


def _check_pools(name: str, lines: Iterable[PoolLine], stored: Stored, report: Report) -> None:
    pools = {pool.id: pool for pool in stored.pools}
    for pool_id, own in by_pool(lines).items():
        for line in own:
            is_possible = line.held >= 0 and line.sold >= 0 and line.held + line.sold <= line.pledged
            report.expect(
                "oversold",
                is_possible,
                f"{name} of pool {pool_id} line {line.number}: {line.held} held and {line.sold} sold of {line.pledged}",
            )
        for before, after in pairwise(own):
            where = f"{name} of pool {pool_id} line {after.number}"
            is_next = after.number == before.number + 1
            is_later = name == "witness" and after.number > before.number
            report.expect("journal", is_next or is_later, f"{where} comes after {before.number}")
            follows = (
                before.pledged + after.pledged_delta,
                before.held + after.held_delta,
                before.sold + after.sold_delta,
            ) == (after.pledged, after.held, after.sold)
            report.expect("journal", follows, f"{where} does not follow")
        pool, last = pools[pool_id], own[-1]
        is_last = (pool.version, pool.pledged, pool.held, pool.sold) == (
            last.number,
            last.pledged,
            last.held,
            last.sold,
        )
        report.expect("journal", is_last, f"pool {pool_id} is not what its {name} says last")


def _check_kind(line: PoolLine, report: Report) -> None:
    """A line changes what its kind says and nothing else, and names the hold that it is about."""
    shape = tuple(
        (delta > 0) - (delta < 0) for delta in (line.pledged_delta, line.held_delta, line.sold_delta)
    )
    is_so = shape in SHAPES.get(line.kind or "", ()) and (line.kind == "opened") == (line.hold_id is None)
    report.expect("journal", is_so, f"pool {line.pool_id} line {line.number} is no line of its kind: {line}")


def _check_holds_in_journal(lines: Iterable[PoolLine], holds: Iterable[Hold], report: Report) -> None:
    """A hold goes in once, may change its size, and goes out at most once, under its own id."""
    of_hold: dict[str, list[PoolLine]] = {}
    for line in lines:
        if line.hold_id is not None:
            of_hold.setdefault(line.hold_id, []).append(line)
    for hold in holds:
        own = of_hold.get(hold.id, [])
        entries = [line for line in own if line.kind == "held"]
        ends = [line for line in own if line.kind in ENDS]
        held, sold = sum(line.held_delta for line in own), sum(line.sold_delta for line in own)
        wanted = (hold.boxes if hold.state in OPEN else 0, hold.boxes if hold.state == "consumed" else 0)
        report.expect(
            "twice", len(entries) == 1, f"hold {hold.id} goes into the journal {len(entries)} times"
        )
        report.expect("twice", len(ends) <= 1, f"hold {hold.id} leaves the journal {len(ends)} times")
        report.expect("journal", (held, sold) == wanted, f"hold {hold.id} is {hold.state}, its lines differ")


def _compare(stored: Stored, report: Report) -> None:
    """The app's journal against the witness, which began when the pools were filled, wherever that looked."""
    told = {(line.pool_id, line.number): line for line in stored.journal}
    for pool_id, seen in by_pool(stored.witness).items():
        for line in seen[1:]:
            other = told.get((pool_id, line.number))
            same = other is not None and (other.pledged, other.held, other.sold) == (
                line.pledged,
                line.held,
                line.sold,
            )
            report.expect("journal", same, f"pool {pool_id} line {line.number}: the witness saw another")


def free_between(
    lines: list[PoolLine], told_at: Mapping[int, float], since: float, until: float
) -> list[int]:
    """The free boxes of every version that may have been the latest at some moment between the two times.

    A line's time is that under the pool's lock, before its commit; whoever was told a later version was told after
    it: between these two bounds the version began. So the answer may hold a version too many, never one too few.
    Of versions that one commit made together, those in between were true for who was refused with them.
    """
    began_earliest, latest = [], -inf
    for line in lines:
        latest = max(latest, line.at)
        began_earliest.append(latest)
    began_latest, earliest = [inf] * (len(lines) + 1), inf
    for place in range(len(lines) - 1, -1, -1):
        earliest = min(earliest, told_at.get(lines[place].number, inf))
        began_latest[place] = earliest
    return [
        line.free
        for place, line in enumerate(lines)
        if began_earliest[place] <= until and began_latest[place + 1] >= since
    ]
