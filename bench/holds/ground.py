"""What cases share: the servers, the options of the run, and the loads they put on a web server."""

import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from bench.holds import load, seed
from bench.holds.load import Failed, Sample
from bench.holds.measure import Lane, Progress, Row, interleave, strange
from bench.holds.seed import Sale, World
from bench.holds.server import BARE, Ground, Web
from marketplace.embedded.databases import DatabaseUrls

HELD: Final = "201"
REFUSED: Final = "409"
SHOWN: Final = "200"
UNCHANGED: Final = "304"
_labels: Final = itertools.count(1)
_of_this_run: Final = secrets.token_hex(3)


@dataclass(slots=True, kw_only=True)
class Part:
    """What one case found."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Why the run fails, whatever the numbers say."""
    profile: str = ""

    @property
    def missed(self) -> bool:
        return any(row.verdict == "**missed**" for row in self.rows)


@dataclass(slots=True, kw_only=True)
class Bench:
    """One run."""

    servers: Ground
    world: World
    seconds: float
    rounds: int
    progress: Progress

    @contextmanager
    def bare(self) -> Iterator[Web]:
        with self.servers.serve("bare", app=BARE) as web:
            yield web

    @contextmanager
    def market(self, name: str, part: Part, *, redis: bool = True) -> Iterator[tuple[Web, DatabaseUrls]]:
        """The app on a copy of the template; afterwards every invariant must hold there."""
        with self.servers.copy(f"case_{name}") as urls:
            with self.servers.serve(name, urls, redis=redis) as web:
                yield web, urls
            self.progress.step(f"{name}: checking every invariant")
            broken = seed.broken_promises(self.servers.settings(urls))
            part.wrong += [f"{name}: invariant {each} is broken" for each in broken]

    def interleave(self, part: Part, lanes: Sequence[Lane]) -> None:
        interleave(lanes, rounds=self.rounds, progress=self.progress)
        for name, found in strange(lanes).items():
            part.wrong.append(f"{name}: unexpected answers {dict(found)}")
        part.notes += [f"answers to {lane.name}: {counted(lane)}" for lane in lanes if lane.statuses()]

    def holding(
        self, web: Web, sale: Sale, *, connections: int, shoppers: "Shoppers", again: bool = False
    ) -> Callable[[int], Sample]:
        """Fresh shoppers hold one box each. `again`: they may come a second time, because they get nothing."""

        def measure(_round: int) -> Sample:
            sample = load.run(
                "holds.lua", web.url, label(), shoppers.next, shoppers.count, sale.path, sale.body(),
                connections=connections, seconds=self.seconds,
            )  # fmt: skip
            shoppers.came(sample.issued, again=again)
            return sample

        return measure

    def reading(
        self, web: Web, path: str, *, connections: int, etag: str | None = None
    ) -> Callable[[int], Sample]:
        """Passers-by, each from an address of its own."""
        came = itertools.count(0, 10_000_000)

        def measure(_round: int) -> Sample:
            known = () if etag is None else (etag,)
            return load.run(
                "reads.lua", web.url, next(came), path, *known, connections=connections, seconds=self.seconds
            )

        return measure


@dataclass(slots=True)
class Shoppers:
    """Who has not come yet: a second hold of the same shopper would be another thing."""

    count: int
    next: int = 0

    def came(self, number: int, *, again: bool = False) -> None:
        self.next += number
        if again:
            self.next %= self.count
        elif self.next > self.count:
            raise Failed(f"{self.next} shoppers came, only {self.count} are known: raise --shoppers")


def label() -> str:
    """Fresh for each run of the load, so that no Idempotency-Key comes twice."""
    return f"{_of_this_run}{next(_labels):04d}"


def counted(lane: Lane) -> str:
    """All answers of a lane, as the report shows them."""
    return ", ".join(f"{number:,} × {status}" for status, number in sorted(lane.statuses().items()))
