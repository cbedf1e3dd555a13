"""The season with a process that ends at a marked point, and started again: it must leave the same books."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from marketplace.embedded.databases import DatabaseUrls
from marketplace.points import Point
from tests import house, servers
from tests.attacks import season
from tests.attacks.children import Fuse
from tests.attacks.dumps import Dump
from tests.attacks.ground import laid_out

ROLES: Final = ("web", "worker")
POLLS: Final = frozenset({Point.WORKED, Point.COMMITTED})
"""Passed by a worker whenever it looks for work, so that no number of them names a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A point, whose process ends there, and at which of its passings."""

    point: Point
    role: str
    nth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    told: Dump
    broken: list[str]
    """Invariants that do not hold."""
    was_lost: int
    """Processes that were started again."""
    passed: dict[str, Counter[str]]
    seconds: float


@contextmanager
def private() -> Iterator[tuple[DatabaseUrls, Path]]:
    """A database and a folder for one run."""
    name = servers.fresh_database(servers.template_database(house.migrate))
    folder = Path(tempfile.mkdtemp(prefix="vo-attack-"))
    try:
        yield servers.urls_of(name), folder
    finally:
        servers.drop_database(servers.current().admin_url, name)
        shutil.rmtree(folder, ignore_errors=True)


def played(spot: Spot | None = None) -> Outcome:
    begun = time.monotonic()
    with private() as (urls, folder):
        fuse = (
            Fuse(folder=folder)
            if spot is None
            else Fuse(folder=folder, role=spot.role, point=spot.point, nth=spot.nth)
        )
        with laid_out(urls, folder, fuse=fuse) as ground:
            told = season.dump(season.play(ground))
            broken = ground.broken()
            was_lost = sum(each.lost for each in (*ground.webs, *ground.workers))
            assert fuse.is_burnt == (spot is not None), f"{spot} was never passed"
            passed = {role: fuse.passed(role) for role in ROLES}
    return Outcome(
        told=told, broken=broken, was_lost=was_lost, passed=passed, seconds=time.monotonic() - begun
    )


def spots(passed: dict[str, Counter[str]]) -> list[Spot]:
    """Of every point, for every process that passes it, the passing in the middle."""
    found = []
    for role in ROLES:
        for point in Point:
            times = passed[role][point]
            if times and not (role == "worker" and point in POLLS):
                found.append(Spot(point=point, role=role, nth=(times + 1) // 2))
    return found
