"""One run from its first server to its verdict."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench.chaos import checker, history, market, stored, timing
from bench.chaos.broken import DEFECTS
from bench.chaos.faults import Fault
from bench.chaos.findings import Report
from bench.chaos.history import Attempt
from bench.chaos.nemesis import Nemesis
from bench.chaos.plan import Plan
from bench.chaos.servers import CannotRun, Servers
from marketplace.embedded.ports import LOOPBACK
from marketplace.settings import PROJECT_ROOT

SETTLE_SECONDS: Final = 60.0
STEPS_EACH: Final = 2
"""How many operations a shopper makes, roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a run does; shares are per mille of the operations."""

    name: str
    faults: tuple[str, ...] = ()
    seconds: float = 60.0
    operations: int = 2_000
    boxes: int = 150
    """of each item"""
    connections: int = 24
    copies_share: int = 200
    repeats_share: int = 300
    hang_up_share: int = 100
    restart: bool = True
    broken: str | None = None


@dataclass(slots=True, kw_only=True)
class Result:
    scenario: Scenario
    seed: int
    operations: int
    attempts: int
    replayed: int
    sold_out: int
    faults: list[Fault]
    report: Report
    outages: list[timing.Outage]
    quiet: timing.Waiting
    without_redis: timing.Waiting
    has_journal: bool
    workers_kept: bool
    verified: str | None = None
    kept_in: Path | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Clean; for a broken build: seen by the check that is meant for it."""
        if self.scenario.broken is not None:
            return DEFECTS[self.scenario.broken].found_by in self.report.broken()
        return self.report.is_clean() and not self.problems


def run(scenario: Scenario, *, seed: int, say: Callable[[str], object], keep: bool = False) -> Result:
    app = f"bench.chaos.broken:build({scenario.broken!r})" if scenario.broken else None
    with Servers(app=app) as servers:
        say(f"{scenario.name}, seed {seed}: servers are up on port {servers.port}, files in {servers.folder}")
        plan = _prepare(servers, scenario, seed)
        workers = servers.workers()
        faults, problems = _load(servers, scenario, plan, seed)
        workers_kept = servers.workers() == workers
        say(f"  load is over, {len(faults)} faults")
        if scenario.restart:
            _restart(servers)
            _load_again(servers)
        servers.stop_web()
        with servers.database() as connection:
            if scenario.broken is not None:
                connection.execute((DEFECTS[scenario.broken].undo or "SELECT 1").encode())
            snapshot = stored.read(connection)
        told = history.read(Path(plan.history))
        result = _judge(scenario, seed, told, snapshot, faults)
        result.verified, result.workers_kept, result.problems = servers.verify(), workers_kept, problems
        result.report.expect("verify", result.verified is None, _broken_lines(result.verified or ""))
        if keep or (scenario.broken is None and not result.is_good):
            servers.keep, result.kept_in = True, servers.folder
    return result


def _prepare(servers: Servers, scenario: Scenario, seed: int) -> Plan:
    with servers.database() as connection:
        operator = market.add_people(connection, role="operator", count=1)[0]
        shoppers = market.add_people(connection, role="shopper", count=scenario.operations // STEPS_EACH)
    seller = market.Seller(LOOPBACK, servers.port, operator.token)
    with contextlib.closing(seller):
        items = market.open_market(seller, boxes=scenario.boxes)
    with servers.database() as connection:
        stored.install_witness(connection)
        if scenario.broken is not None:
            connection.execute((DEFECTS[scenario.broken].sql or "SELECT 1").encode())
    plan = Plan(
        host=LOOPBACK,
        port=servers.port,
        history=str(servers.folder / "history.jsonl"),
        seed=seed,
        seconds=scenario.seconds,
        operations=scenario.operations,
        connections=scenario.connections,
        copies_share=scenario.copies_share,
        repeats_share=scenario.repeats_share,
        hang_up_share=scenario.hang_up_share,
        settle_seconds=SETTLE_SECONDS,
        items=items,
        shoppers=shoppers,
        operator_token=operator.token,
    )
    plan.write(servers.folder / "plan.json")
    return plan


def _load(servers: Servers, scenario: Scenario, plan: Plan, seed: int) -> tuple[list[Fault], list[str]]:
    nemesis = Nemesis(servers, list(scenario.faults), seed=seed, seconds=plan.seconds)
    clients = _clients(servers)
    try:
        nemesis.start()
        with_faults_until = time.monotonic() + plan.seconds
        while clients.poll() is None and time.monotonic() < with_faults_until:
            time.sleep(0.1)
    except BaseException:
        clients.kill()
        raise
    finally:
        nemesis.stop()
    _finish(clients, plan.settle_seconds + 30)
    return nemesis.faults, nemesis.problems


def _load_again(servers: Servers) -> None:
    _finish(_clients(servers, "again"), SETTLE_SECONDS + 30)


def _clients(servers: Servers, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "bench.chaos.load", str(servers.folder / "plan.json"), *arguments]
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _finish(clients: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        if clients.wait(seconds) != 0:
            raise CannotRun(f"The clients ended with {clients.returncode}: see above.")
    finally:
        clients.kill()
        clients.wait()


def _restart(servers: Servers) -> None:
    """All of it, once, in order."""
    servers.stop_web()
    servers.restart_postgres()
    servers.stop_redis()
    servers.start_redis()
    servers.start_web()


def _judge(
    scenario: Scenario, seed: int, told: list[Attempt], snapshot: stored.Stored, faults: list[Fault]
) -> Result:
    report = checker.check(told, snapshot)
    found = timing.outages(told, faults)
    quiet = timing.waiting(told, faults, without=())
    without_redis = timing.waiting(told, faults, without=timing.REDIS)
    if not {"workers", "backends"} & set(scenario.faults):
        timing.check_outages(found, report)
    if not {"workers", "backends", *timing.DATABASE} & set(scenario.faults):
        timing.check_redis(quiet, without_redis, report)
    return Result(
        scenario=scenario,
        seed=seed,
        operations=len({each.op for each in told}),
        attempts=len(told),
        replayed=sum(each.replayed for each in told),
        sold_out=sum(each.code == "sold_out" and not each.replayed for each in told),
        faults=faults,
        report=report,
        outages=found,
        quiet=quiet,
        without_redis=without_redis,
        has_journal=snapshot.journal is not None,
        workers_kept=True,
    )


def _broken_lines(said: str) -> str:
    """The lines of `flask verify` that do not say ok."""
    broken = [
        " ".join(line.split()) for line in said.splitlines() if line.startswith("│") and " ok " not in line
    ]
    return "; ".join(broken) or said[-900:]


def shortened(scenario: Scenario, *, seconds: float | None, operations: int | None) -> Scenario:
    """The same in another size; the stock follows, so that it sells out as before."""
    if seconds is not None:
        scenario = replace(scenario, seconds=seconds)
    if operations is not None:
        boxes = max(8, scenario.boxes * operations // scenario.operations)
        scenario = replace(scenario, operations=operations, boxes=boxes)
    return scenario
