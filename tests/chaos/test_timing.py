"""What clients waited for, seconds by seconds."""

import pytest

from bench.chaos import timing
from bench.chaos.faults import Fault
from bench.chaos.findings import Report
from bench.chaos.history import Attempt

AWAY = Fault(kind="postmaster", began=100.0, ended=104.0)


def sent(at: float, status: int | None = 201, *, seconds: float = 0.1, error: str | None = None) -> Attempt:
    return Attempt(
        op=1,
        kind="hold",
        key="k",
        path="/",
        sent=at,
        answered=at + seconds,
        status=status,
        shopper="Ann",
        error=error,
    )


def judged(history: list[Attempt], faults: list[Fault]) -> set[str]:
    report = Report()
    timing.check_outages(timing.outages(history, faults), report)
    return report.broken()


def test_quick_refusals_and_a_quick_recovery_are_well():
    history = [sent(101.0, 503), sent(103.9, 503, seconds=2.0), sent(105.0, 503), *map(sent, range(110, 114))]
    (outage,) = timing.outages(history, [AWAY])

    assert (outage.refused, outage.slowest_refusal_seconds, outage.well_after_seconds) == (2, 2.0, 1.0)
    assert (outage.afterwards, outage.well_share) == (4, 1.0)
    assert judged(history, [AWAY]) == set()


@pytest.mark.parametrize("status", [503, None])
def test_who_waits_longer_than_five_seconds_for_a_refusal_is_seen(status):
    assert judged([sent(101.0, status, seconds=6.0)], [AWAY]) == {"outage"}


def test_who_was_on_the_way_when_it_went_away_waits_from_then_on():
    (outage,) = timing.outages([sent(98.0, 503, seconds=5.0)], [AWAY])

    assert (outage.refused, outage.slowest_refusal_seconds) == (1, 3.0)


@pytest.mark.parametrize("status", [503, None])
def test_failures_later_than_five_seconds_after_the_return_are_seen(status):
    assert judged([sent(109.5, status)], [AWAY]) == {"outage"}


def test_who_waited_through_the_outage_and_was_served_is_no_refusal():
    assert judged([sent(100.5, seconds=9.0)], [AWAY]) == set()


def test_clients_that_hung_up_and_the_next_fault_do_not_count():
    following = Fault(kind="backends", began=109.2, ended=109.3)

    assert judged([sent(109.1, None, error="hung up"), sent(109.5, 503)], [AWAY, following]) == set()


def test_waiting_is_counted_by_what_was_away():
    gone = Fault(kind="redis-stop", began=200.0, ended=206.0)
    history = [
        *(sent(100 + n, seconds=0.1) for n in range(50)),
        *(sent(200 + n / 10, seconds=0.2) for n in range(50)),
    ]
    quiet = timing.waiting(history, [gone], without=())
    away = timing.waiting(history, [gone], without=timing.REDIS)

    assert (quiet.count, round(quiet.p50), round(quiet.p99)) == (50, 100, 100)
    assert (away.count, round(away.p50), round(away.p99)) == (50, 200, 200)


@pytest.mark.parametrize(("p99", "wanted"), [(299.0, set()), (301.0, {"redis"})])
def test_without_redis_three_times_slower_is_the_most(p99, wanted):
    report = Report()
    quiet, away = (timing.Waiting(count=99, p50=50.0, p99=each) for each in (100.0, p99))
    timing.check_redis(quiet, away, report)

    assert report.broken() == wanted
