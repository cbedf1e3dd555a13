"""How many connections the servers keep and how much memory they have, before the first outage and at the end."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from bench.chaos.faults import Fault
from bench.chaos.findings import Report
from bench.chaos.servers import WORKERS, Servers
from marketplace.settings import Settings

EVERY_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 3.0
LINES: Final = frozenset({"arrivals", "counter", "reads", "orders", "payments"})
"""What a worker keeps beside its pool: a line each for who comes, the counter, pages, and the two tills."""
AT_REST_MAX: Final = WORKERS * (Settings().database_pool_size + len(LINES))
"""Connections that workers keep when nobody asks."""
MORE_MEBIBYTES_MAX: Final = 64
"""Of all workers together: what a run leaves in caches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    at: float
    connections: int
    mebibytes: int
    """Resident memory of all workers together."""


class Gauge:
    """Reads once a second from `start` to `stop`; while PostgreSQL is away it reads nothing."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self.readings: list[Reading] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        time.sleep(QUIET_SECONDS)
        self._read()

    def _go_on(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            if self._servers.postgres_lock.acquire(blocking=False):
                try:
                    self._read()
                except (psycopg.Error, OSError):
                    continue
                finally:
                    self._servers.postgres_lock.release()

    def _read(self) -> None:
        reading = Reading(
            at=time.time(), connections=self._servers.connections(), mebibytes=self._servers.mebibytes()
        )
        self.readings.append(reading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The most before the first outage, and what is there when all is quiet again."""

    connections_before: int
    connections_after: int
    mebibytes_before: int
    mebibytes_after: int


def kept(readings: Sequence[Reading], faults: Sequence[Fault], kinds: Sequence[str]) -> Kept | None:
    """None where nothing was away, or nothing was read before it was."""
    began = min((each.began for each in faults if each.kind in kinds), default=0.0)
    before = [each for each in readings if each.at < began]
    if not before:
        return None
    return Kept(
        connections_before=max(each.connections for each in before),
        connections_after=readings[-1].connections,
        mebibytes_before=max(each.mebibytes for each in before),
        mebibytes_after=readings[-1].mebibytes,
    )


def check(found: Kept | None, report: Report) -> None:
    if found is not None:
        report.expect(
            "outage",
            found.connections_after <= max(found.connections_before, AT_REST_MAX),
            f"{found.connections_before} connections before, {found.connections_after} when all was quiet again",
        )
        report.expect(
            "outage",
            found.mebibytes_after <= found.mebibytes_before + MORE_MEBIBYTES_MAX,
            f"{found.mebibytes_before} MiB before, {found.mebibytes_after} when all was quiet again",
        )
