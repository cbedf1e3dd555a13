"""A campaign fails: everybody is paid back by a worker that is killed in the midst of it, and by another one."""

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from flask import Flask

from bench.campaigns import crowd
from bench.campaigns.crowd import Crowd
from bench.holds import seed
from bench.holds.ground import Bench, Part
from bench.holds.measure import Bar, Row
from bench.holds.server import resident_mib
from campaigns import advancing, ending, planning
from campaigns.states import CampaignEvent
from marketplace import context, database
from marketplace.jobs import worker as jobs_worker

FLAT: Final = Bar(must=1.2, at_most=True)
ONCE: Final = Bar(must=0, at_most=True)
KILLED_AT_PERCENT: Final = 50
PATIENCE_SECONDS: Final = 3_600
LOOK_SECONDS: Final = 0.25
LOOKS_MIN: Final = 10
"""With fewer looks at its memory nothing is said of it."""

_RELEASED: Final = "SELECT count(*) FROM \"order\" WHERE state = 'released'"
_WRONG: Final = """
    SELECT count(*) FROM payment p LEFT JOIN (
        SELECT payment_id, count(*) AS refunds, sum(amount_minor) AS minor FROM part_refund WHERE kind = 'refund'
        GROUP BY payment_id
    ) r ON r.payment_id = p.id
    WHERE p.refund_due_minor <> p.received_minor OR r.refunds IS DISTINCT FROM 1 OR r.minor <> p.received_minor
"""
_STATE: Final = "SELECT state FROM campaign WHERE id = %s"


@dataclass(slots=True)
class Watched:
    """What a worker did while it was looked at: how many orders were released then, and its resident memory."""

    pid: int
    looks: list[tuple[int, float]] = field(default_factory=list)

    def growth(self) -> float | None:
        """Its memory at the end against that after a tenth of what it did; before that it fills its caches."""
        begun, ended = self.looks[0][0], max(released for released, _ in self.looks)
        warm = [mib for released, mib in self.looks if mib and released - begun > (ended - begun) // 10]
        if len(warm) < LOOKS_MIN:
            return None
        return statistics.median(warm[-LOOKS_MIN // 2 :]) / statistics.median(warm[: LOOKS_MIN // 2])

    @property
    def peak(self) -> float:
        return max((mib for _, mib in self.looks), default=0.0)


def case(bench: Bench, *, orders: int, sellers: int) -> Part:
    part = Part(title=f"A campaign with {orders:,} paid deposits fails; its worker is killed half-way")
    with bench.servers.copy("failing") as urls:
        app = crowd.build(bench.servers, urls)
        with app.app_context():
            bench.progress.step(f"failing: {orders:,} paid orders are written")
            found = crowd.gather(urls, bench.world, orders=orders, sellers=sellers, is_met=False)
            part.wrong += [f"as written: {each}" for each in crowd.broken(app)]
            close(found)
        with seed.connect(urls.owner_url) as owner:
            bench.progress.step("failing: a worker pays back, and is killed")
            begun = time.monotonic()
            with worker(bench, urls, "first") as first:
                _watch(owner, first, found, until=orders * KILLED_AT_PERCENT // 100)
                os.kill(first.pid, signal.SIGKILL)
            killed_at, at_kill = time.monotonic(), _count(owner, _RELEASED)
            bench.progress.step("failing: another one goes on")
            with worker(bench, urls, "second") as second:
                _watch(owner, second, found, until=None)
            ended = time.monotonic()
            part.rows += _rows(owner, orders, begun, killed_at, ended, at_kill, (first, second))
            state = owner.execute(_STATE, [found.campaign_id]).fetchone()
        if state is None or state[0] != "closed":
            part.wrong.append(f"the campaign is {state}, not closed")
        with app.app_context():
            bench.progress.step("failing: checking every invariant")
            part.wrong += crowd.broken(app)
        crowd.close(app)
    return part


def close(found: Crowd) -> None:
    """The sale is closed, and its goal is met or missed; in the app's context. Deposits follow by `commit_all`."""
    ctx = context.system()
    database.transact(
        lambda session: planning.move(
            session, ctx, campaign_id=found.campaign_id, event=CampaignEvent.CLOSE, reason="measured"
        )
    )
    database.transact(
        lambda session: advancing.evaluate(session, context.system(), campaign_id=found.campaign_id)
    )


def commit_all(app: Flask) -> None:
    """The batches of deposits that are left, with the last of which the campaign is split."""
    own = {advancing.COMMIT: app.extensions["jobs"][advancing.COMMIT]}
    while jobs_worker.run_next(app, own):
        pass


def end_all(app: Flask) -> None:
    """All batches one after the other in this process, as a worker does them, and nothing else."""
    own = {ending.END_ORDERS: app.extensions["jobs"][ending.END_ORDERS]}
    while jobs_worker.run_next(app, own):
        pass


@contextmanager
def worker(bench: Bench, urls: Any, name: str) -> Iterator[Watched]:
    """`flask worker` in a process of its own, as on any machine."""
    with bench.servers.work(name, urls) as child:
        yield Watched(child.pid)
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                child.kill()


def _watch(owner: "psycopg.Connection[Any]", watched: Watched, found: Crowd, *, until: int | None) -> None:
    """Look until so many orders are released, or until the campaign is closed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        released = _count(owner, _RELEASED)
        watched.looks.append((released, resident_mib(watched.pid)))
        if until is not None and released >= until:
            return
        state = owner.execute(_STATE, [found.campaign_id]).fetchone()
        if state is not None and state[0] == "closed":
            return
        time.sleep(LOOK_SECONDS)


def _rows(
    owner: "psycopg.Connection[Any]",
    orders: int,
    begun: float,
    killed_at: float,
    ended: float,
    at_kill: int,
    workers: tuple[Watched, Watched],
) -> list[Row]:
    first, second = workers
    rows = [
        Row(
            what="orders released a second, until the kill",
            value=at_kill / (killed_at - begun),
            unit="r/s",
            note=f"{at_kill:,} in {killed_at - begun:.0f} s",
        ),
        Row(
            what="from the kill to the end",
            value=ended - killed_at,
            unit="s",
            note="15 to 20 s until a lost job is found included, or the next minute's own",
        ),
        Row(
            what="payments not paid back exactly once", value=_count(owner, _WRONG), unit="of them", bar=ONCE
        ),
        Row(what="orders not released", value=orders - _count(owner, _RELEASED), unit="of them", bar=ONCE),
    ]
    for name, each in (("first", first), ("second", second)):
        rows.append(
            Row(
                what=f"memory of the {name} worker, at its end against after a tenth of its work",
                value=each.growth(),
                unit="×",
                bar=FLAT,
                note=f"{each.peak:.0f} MiB at most",
            )
        )
    return rows


def _count(owner: "psycopg.Connection[Any]", statement: str) -> int:
    row = owner.execute(statement).fetchone()  # type: ignore[call-overload]
    return int(row[0]) if row else 0
