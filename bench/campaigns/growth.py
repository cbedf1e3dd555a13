"""What an order costs when a campaign is closed and allocated, or fails: the same in a large one as in a small one."""

import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from flask import Flask
from sqlalchemy import select

from bench.campaigns import crowd, failing
from bench.campaigns.crowd import Crowd
from bench.holds.ground import Bench, Part
from bench.holds.load import Failed
from bench.holds.measure import Bar, Row
from bench.holds.server import rss_mib
from campaigns.allotting import allotting
from campaigns.allotting.models import Commitment
from campaigns.models import Campaign
from marketplace import context, database

FLAT: Final = Bar(must=1.3, at_most=True)
ORDERS_OF_A_SELLER: Final = 200
"""A campaign ten times as large has ten times as many cooperatives."""
SELLERS_MIN: Final = 5


def sellers_of(orders: int) -> int:
    return max(SELLERS_MIN, orders // ORDERS_OF_A_SELLER)


def case(bench: Bench, *, sizes: Iterable[int]) -> Part:
    part = Part(title="The cost of an order, from small campaigns to large ones")
    costs: dict[str, list[tuple[int, float]]] = {"allocated": [], "failed": []}
    for orders in sizes:
        for name, work in (("allocated", _allocate), ("failed", _fail)):
            seconds = _measured(bench, part, name, orders, work)
            costs[name].append((orders, seconds * 1_000 / orders))
    for name, found in costs.items():
        first = found[0]
        for orders, each in found[1:]:
            part.rows.append(
                Row(
                    what=f"{name}: an order of {orders:,} against one of {first[0]:,}",
                    value=each / first[1],
                    unit="×",
                    bar=FLAT,
                    note=f"{each:.2f} ms against {first[1]:.2f} ms",
                )
            )
    return part


def _measured(
    bench: Bench, part: Part, name: str, orders: int, work: Callable[[Flask, Crowd], dict[str, float]]
) -> float:
    """Seconds of the work itself; its parts and its memory are rows."""
    is_met = name == "allocated"
    bench.progress.step(f"{name}: {orders:,} orders of {sellers_of(orders)} cooperatives")
    with bench.servers.copy(f"growth_{name}_{orders}") as urls:
        app = crowd.build(bench.servers, urls)
        with app.app_context():
            found = crowd.gather(urls, bench.world, orders=orders, sellers=sellers_of(orders), is_met=is_met)
        before = _rss()
        _forget_peak()
        parts = work(app, found)
        peak = _peak()
        with app.app_context():
            part.wrong += [f"{name}, {orders:,}: {each}" for each in crowd.broken(app)]
        crowd.close(app)
    told = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in parts.items())
    total = sum(parts.values())
    part.rows.append(
        Row(
            what=f"{name}: {orders:,} orders, {sellers_of(orders)} cooperatives",
            value=total,
            unit="s",
            note=f"{told}; {before:.0f} MiB before, {peak:.0f} MiB at most",
        )
    )
    return total


def _allocate(app: Flask, found: Crowd) -> dict[str, float]:
    """Closed and split; every cooperative says yes; with the last of them each order gets its suppliers."""
    begun = time.monotonic()
    with app.app_context():
        failing.close(found)
    failing.commit_all(app)
    split = time.monotonic()
    with app.app_context(), database.reading() as session:
        asked = list(session.scalars(select(Commitment.id).where(Commitment.state == "offered")))
    for place, commitment_id in enumerate(asked):
        if place == len(asked) - 1:
            last = time.monotonic()
        with app.app_context():
            database.transact(
                lambda session, each=commitment_id: allotting.answer(
                    session, context.system(), commitment_id=each
                )
            )
    ended = time.monotonic()
    with app.app_context(), database.reading() as session:
        state = session.get_one(Campaign, found.campaign_id).state
    if state != "harvested":
        raise Failed(f"the campaign is {state}, not harvested")
    return {"closed and split": split - begun, "answers": last - split, "supplied": ended - last}


def _fail(app: Flask, found: Crowd) -> dict[str, float]:
    begun = time.monotonic()
    with app.app_context():
        failing.close(found)
    failed = time.monotonic()
    failing.end_all(app)
    return {"closed and failed": failed - begun, "paid back": time.monotonic() - failed}


def _rss() -> float:
    return rss_mib(Path("/proc/self/status").read_text())


def _peak() -> float:
    line = next(
        each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:")
    )
    return int(line.split()[1]) / 1_024


def _forget_peak() -> None:
    """The highest memory is told from here on; where that is not allowed, from the process's beginning."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0
