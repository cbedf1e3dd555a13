"""A season with a process that ends at a marked point, and started again: it must leave the same books."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from marketplace.embedded.databases import DatabaseUrls
from marketplace.points import Point
from tests import house, servers
from tests.attacks import paying_out, season
from tests.attacks.children import Fuse
from tests.attacks.dumps import Dump
from tests.attacks.ground import Ground, laid_out
from tests.payouts.desk import PAYER

ROLES: Final = ("web", "worker")
POLLS: Final = frozenset({Point.WORKED, Point.COMMITTED})
"""Passed by a worker whenever it looks for work, so that no number of them names a place."""


MONEY: Final = "money"
PAYING_OUT: Final = "paying out"
SCRIPTS: Final[dict[str, Callable[[Ground], Dump]]] = {
    MONEY: lambda ground: season.dump(season.play(ground)),
    PAYING_OUT: lambda ground: paying_out.dump(paying_out.play(ground)),
}
"""Seasons by their names: each is played on a ground of its own, and told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A season, a point, whose process ends there, and at which of its passings."""

    season: str = MONEY
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


def played(spot: Spot | None = None, *, script: str = MONEY) -> Outcome:
    """A season with a process that ends at a spot; without a spot `script` undisturbed."""
    begun = time.monotonic()
    play = SCRIPTS[script if spot is None else spot.season]
    with private() as (urls, folder):
        fuse = (
            Fuse(folder=folder)
            if spot is None
            else Fuse(folder=folder, role=spot.role, point=spot.point, nth=spot.nth)
        )
        with laid_out(urls, folder, fuse=fuse, **PAYER) as ground:
            told = play(ground)
            broken = ground.broken()
            was_lost = sum(each.lost for each in (*ground.webs, *ground.workers))
            assert fuse.is_burnt == (spot is not None), f"{spot} was never passed"
            passed = {role: fuse.passed(role) for role in ROLES}
    return Outcome(
        told=told, broken=broken, was_lost=was_lost, passed=passed, seconds=time.monotonic() - begun
    )


def spots(passed: dict[str, Counter[str]], script: str) -> list[Spot]:
    """Of every point, for every process that passes it, the passing in the middle."""
    found = []
    for role in ROLES:
        for point in Point:
            times = passed[role][point]
            if times and not (role == "worker" and point in POLLS):
                found.append(Spot(season=script, point=point, role=role, nth=(times + 1) // 2))
    return found


def never_passed(outcomes: Iterable[Outcome]) -> list[str]:
    """Points that no process passes in any of these runs."""
    passed = set().union(*(there for outcome in outcomes for there in outcome.passed.values()))
    return [str(point) for point in Point if point not in passed]
