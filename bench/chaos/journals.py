"""Checks of journals alone, and what they say about the time at which a version was the latest. Pure."""

from collections.abc import Iterable, Mapping
from itertools import groupby, pairwise
from math import inf

from bench.chaos.findings import Report
from bench.chaos.stored import Hold, LotLine, PoolLine, Stored

OPEN = ("active", "converting")


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
    if stored.journal is not None:
        _check_pools("journal", stored.journal, stored, report)
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
            report.expect(
                "journal", after.number == before.number + 1, f"{where} comes after {before.number}"
            )
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


def _check_holds_in_journal(lines: Iterable[PoolLine], holds: Iterable[Hold], report: Report) -> None:
    """A hold that did not lapse goes in once and out at most once, under its own id."""
    of_hold: dict[str, list[PoolLine]] = {}
    for line in lines:
        if line.hold_id is not None:
            of_hold.setdefault(line.hold_id, []).append(line)
    for hold in holds:
        if hold.state == "expired":
            continue
        own = of_hold.get(hold.id, [])
        entries = [line for line in own if line.held_delta > 0]
        held, sold = sum(line.held_delta for line in own), sum(line.sold_delta for line in own)
        wanted = (hold.boxes if hold.state in OPEN else 0, hold.boxes if hold.state == "consumed" else 0)
        report.expect(
            "twice", len(entries) == 1, f"hold {hold.id} goes into the journal {len(entries)} times"
        )
        report.expect("journal", (held, sold) == wanted, f"hold {hold.id} is {hold.state}, its lines differ")


def _compare(stored: Stored, report: Report) -> None:
    """The app's journal against the witness, which began when the pools were filled."""
    told = {(line.pool_id, line.number): line for line in stored.journal or ()}
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

    A line is written before its commit, and whoever was told a later version was told after it: between these
    two bounds the version began. So the answer may hold a version too many, never one too few.
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
