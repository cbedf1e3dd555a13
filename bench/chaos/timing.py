"""How long clients waited: while all was well, while the database was away, while Redis was. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.chaos.faults import Fault
from bench.chaos.findings import Report
from bench.chaos.history import Attempt

REFUSED_WITHIN_SECONDS: Final = 5.0
WELL_WITHIN_SECONDS: Final = 5.0
LOOKED_AT_SECONDS: Final = 5.0
WELL_SHARE: Final = 0.99
ATTEMPTS_MIN: Final = 30
SLOWER_MAX: Final = 3.0
"""How many times the quiet p99 the p99 without Redis may be."""
DATABASE: Final = ("postmaster", "hang")
REDIS: Final = ("redis-stop", "redis-nonsense")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One time without a database, as clients saw it."""

    kind: str
    away_seconds: float
    refused: int
    slowest_refusal_seconds: float
    longest_wait_seconds: float
    """Of whoever was on the way or came meanwhile, served or not."""
    well_after_seconds: float
    """From its return to the last request sent that was answered 503 or not at all."""
    afterwards: int
    well_share: float
    """Of what was sent in the seconds that follow the first five."""


def outages(history: Iterable[Attempt], faults: Sequence[Fault]) -> list[Outage]:
    attempts = sorted(history, key=lambda each: each.sent)
    away = [each for each in faults if each.kind in DATABASE]
    found = []
    for fault in away:
        later = [each.began for each in faults if each.began > fault.ended and _hits_database(each)]
        until = min([fault.ended + WELL_WITHIN_SECONDS + LOOKED_AT_SECONDS, *later])
        met = [each for each in attempts if each.answered >= fault.began and each.sent < fault.ended]
        during = [each for each in met if each.status == 503 or _is_lost(each)]
        after = [each for each in attempts if fault.ended <= each.sent < until and each.error != "hung up"]
        failed = [each for each in after if not _is_well(each)]
        settled = [each for each in after if each.sent >= fault.ended + WELL_WITHIN_SECONDS]
        found.append(
            Outage(
                kind=fault.kind,
                away_seconds=fault.ended - fault.began,
                refused=len(during),
                slowest_refusal_seconds=_longest(during, fault),
                longest_wait_seconds=_longest(met, fault),
                well_after_seconds=max((each.sent - fault.ended for each in failed), default=0.0),
                afterwards=len(settled),
                well_share=sum(map(_is_well, settled)) / len(settled) if settled else 1.0,
            )
        )
    return found


def _longest(attempts: Iterable[Attempt], fault: Fault) -> float:
    return max((each.answered - max(each.sent, fault.began) for each in attempts), default=0.0)


def check_outages(found: Iterable[Outage], report: Report) -> None:
    for each in found:
        report.expect(
            "outage",
            each.slowest_refusal_seconds <= REFUSED_WITHIN_SECONDS,
            f"{each.kind}: a client waited {each.slowest_refusal_seconds:.1f} s for its 503",
        )
        report.expect(
            "outage",
            each.well_share >= WELL_SHARE,
            f"{each.kind}: {each.well_share:.1%} of {each.afterwards} well, 5 s after the return",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How long answered requests took, in milliseconds."""

    count: int
    p50: float
    p99: float


def waiting(history: Iterable[Attempt], faults: Sequence[Fault], *, without: Sequence[str]) -> Waiting:
    """While one of these faults was on; with none named, while nothing at all was."""
    if without:
        spans = [(each.began, each.ended) for each in faults if each.kind in without]
        chosen = [each for each in _answered(history) if _is_in(each, spans)]
    else:
        spans = [(each.began - 1, each.ended + 2) for each in faults if each.ended - each.began > 0.5]
        chosen = [each for each in _answered(history) if not _is_in(each, spans)]
    took = sorted((each.answered - each.sent) * 1_000 for each in chosen)
    if not took:
        return Waiting(count=0, p50=0.0, p99=0.0)
    return Waiting(
        count=len(took), p50=took[len(took) // 2], p99=took[min(len(took) - 1, len(took) * 99 // 100)]
    )


def check_redis(quiet: Waiting, away: Waiting, report: Report) -> None:
    if min(quiet.count, away.count) >= ATTEMPTS_MIN:
        report.expect(
            "redis",
            away.p99 <= SLOWER_MAX * quiet.p99,
            f"the p99 was {away.p99:.0f} ms without Redis and {quiet.p99:.0f} ms with it",
        )


def _answered(history: Iterable[Attempt]) -> Iterable[Attempt]:
    return (each for each in history if each.phase in ("first", "retry") and each.status is not None)


def _is_in(attempt: Attempt, spans: Iterable[tuple[float, float]]) -> bool:
    return any(began <= attempt.sent < ended for began, ended in spans)


def _hits_database(fault: Fault) -> bool:
    return fault.kind in (*DATABASE, "backends")


def _is_lost(attempt: Attempt) -> bool:
    return attempt.status is None and attempt.error != "hung up"


def _is_well(attempt: Attempt) -> bool:
    return attempt.status is not None and attempt.status < 500
