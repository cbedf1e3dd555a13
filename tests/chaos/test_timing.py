"""What clients waited for, seconds by seconds."""

import re
from dataclasses import replace

import pytest

from bench.chaos import gauge, timing
from bench.chaos.faults import Fault
from bench.chaos.findings import Report
from bench.chaos.history import Attempt
from marketplace.payments import at_till as payments_till
from marketplace.settings import PROJECT_ROOT
from orders import at_till as orders_till

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


def test_a_rush_is_told_by_what_shoppers_got_and_when_they_knew():
    held = {"sent_body": {"boxes": 2}}
    history = [
        replace(sent(100.0, seconds=1.0), op=1, **held),
        replace(sent(100.1, 503, seconds=0.4), op=2, **held),
        replace(sent(100.7, 409, seconds=1.3), op=2, body={"code": "sold_out"}, **held),
    ]

    assert timing.rush(history) == timing.Rush(
        shoppers=2, boxes_asked=4, boxes_granted=2, refused=1, requests=3, p50_seconds=2.0, last_seconds=2.0
    )


def reading(at: float, connections: int, mebibytes: int = 200) -> gauge.Reading:
    return gauge.Reading(at=at, connections=connections, mebibytes=mebibytes)


@pytest.mark.parametrize(
    ("after", "wanted"), [((17, 264), set()), ((21, 200), {"outage"}), ((17, 265), {"outage"})]
)
def test_connections_and_memory_come_back_after_an_outage(after, wanted):
    readings = [reading(98.0, 17), reading(99.0, 9), reading(101.0, 30, 900), reading(120.0, *after)]
    report = Report()
    gauge.check(gauge.kept(readings, [AWAY], timing.DATABASE), report)

    assert report.broken() == wanted


def test_pools_that_have_grown_to_their_size_since_are_no_leak():
    report = Report()
    for after in (gauge.AT_REST_MAX, gauge.AT_REST_MAX + 1):
        gauge.check(gauge.kept([reading(98.0, 1), reading(120.0, after)], [AWAY], timing.DATABASE), report)

    assert len(report.found["outage"]) == 1


def test_the_gauge_knows_every_line_that_a_worker_keeps():
    kept = {till.name for till in (orders_till.TILL, payments_till.TILL)}
    for package in ("marketplace", "inventory", "orders", "campaigns"):
        for file in (PROJECT_ROOT / package).rglob("*.py"):
            kept.update(re.findall(r'express\.line\("(\w+)"\)', file.read_text()))

    assert kept == gauge.LINES


def test_without_an_outage_nothing_has_to_come_back():
    assert gauge.kept([reading(1.0, 1)], [], timing.DATABASE) is None
