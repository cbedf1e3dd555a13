"""Numbers for Prometheus. Labels are bounded: known methods, endpoint names, statuses; never addresses or ids.

Under gunicorn, PROMETHEUS_MULTIPROC_DIR makes all workers' counts one (its folder must be empty at the start).
"""

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import psycopg
from flask import Flask
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from marketplace import errors
from marketplace.database import db, reading
from marketplace.embedded.errors import CannotStart

MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REGISTRY: Final = CollectorRegistry()
"""What this process has counted; our own, so that nobody else's numbers appear."""

_REQUESTS: Final = Counter(
    "http_requests_total", "Requests answered.", ("method", "endpoint", "status"), registry=REGISTRY
)
_DURATION: Final = Histogram(
    "http_request_duration_seconds",
    "Time from arrival to answer.",
    ("method", "endpoint"),
    buckets=SECONDS,
    registry=REGISTRY,
)
_JOBS: Final = Counter(
    "job_runs_total", "Runs of jobs by their outcome.", ("name", "outcome"), registry=REGISTRY
)
_JOB_DURATION: Final = Histogram("job_duration_seconds", "Time of one run.", ("name",), registry=REGISTRY)
_GATE: Final = Counter(
    "gate_asks_total",
    "Asked at the gate: turned_away, let_through, no_notice (or no Redis); untold: Redis did not hear of freed boxes.",
    ("outcome",),
    registry=REGISTRY,
)
_WEBHOOKS: Final = Counter(
    "webhook_attempts_total",
    "Calls of partners' endpoints by how they went.",
    ("outcome",),
    registry=REGISTRY,
)
_NOTIFICATIONS: Final = Counter(
    "notification_deliveries_total",
    "Messages by channel and kind: sent, failed (tried again later), dead, skipped.",
    ("channel", "kind", "outcome"),
    registry=REGISTRY,
)
_REDIS_FAILURES: Final = Counter("redis_failures_total", "Redis failed to answer.", registry=REGISTRY)

JOBS_SQL: Final = text(
    """
    SELECT (SELECT count(*) FROM job WHERE state = 'waiting') AS waiting,
           (SELECT count(*) FROM job WHERE state = 'running') AS running,
           (SELECT count(*) FROM job WHERE state = 'dead') AS dead,
           (SELECT coalesce(greatest(extract(epoch FROM clock_timestamp() - min(due_at)), 0), 0)
            FROM job WHERE state = 'waiting') AS overdue,
           (SELECT count(*) FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id
            WHERE d.state = 'waiting' AND e.state = 'enabled' AND d.due_at <= clock_timestamp()) AS webhooks_due,
           (SELECT count(*) FROM webhook_endpoint WHERE state = 'enabled' AND failures_in_row > 0) AS failing,
           (SELECT count(*) FROM webhook_endpoint WHERE state = 'disabled') AS disabled
    """
)


def configure(app: Flask) -> None:
    """Give the app the reader of what is measured at the moment of asking."""
    app.extensions["metrics"] = _State()


def observe_request(method: str, endpoint: str, status: int, seconds: float) -> None:
    known = method if method in METHODS else "OTHER"
    count, duration = _of_requests(known, endpoint, status)
    count.inc()
    duration.observe(max(seconds, 0.0))


@lru_cache(maxsize=2_000)
def _of_requests(method: str, endpoint: str, status: int) -> tuple[Counter, Histogram]:
    return _REQUESTS.labels(method, endpoint, str(status)), _DURATION.labels(method, endpoint)


def observe_job(name: str, outcome: str, seconds: float) -> None:
    _JOBS.labels(name, outcome).inc()
    _JOB_DURATION.labels(name).observe(max(seconds, 0.0))


def observe_gate(outcome: str, count: int = 1) -> None:
    _GATE.labels(outcome).inc(count)


def observe_webhook(outcome: str) -> None:
    _WEBHOOKS.labels(outcome).inc()


def observe_notification(channel: str, kind: str, outcome: str) -> None:
    _NOTIFICATIONS.labels(channel, kind, outcome).inc()


def observe_redis_failure() -> None:
    _REDIS_FAILURES.inc()


def render(app: Flask) -> tuple[bytes, str]:
    """The page and its content type; never fails because the database is away."""
    state = CollectorRegistry()
    state.register(app.extensions["metrics"])
    return generate_latest(_counted()) + generate_latest(state), CONTENT_TYPE_LATEST


def _counted() -> CollectorRegistry:
    if MULTIPROCESS_VARIABLE not in os.environ:
        return REGISTRY
    merged = CollectorRegistry()
    MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
    return merged


class _State(Collector):
    """The database, its pool in this process, and the job queue, read while being asked."""

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from _pool()
        up = GaugeMetricFamily("database_up", "1 when the database answers.")
        try:
            waiting = list(_jobs())
        except (errors.TryLater, SQLAlchemyError, psycopg.Error, CannotStart):
            waiting = []
            up.add_metric((), 0)
        else:
            up.add_metric((), 1)
        yield up
        yield from waiting


def _pool() -> Iterator[Metric]:
    """Of the process that answers; the label tells which."""
    pool = db.engine.pool
    if not isinstance(pool, QueuePool):
        return
    family = GaugeMetricFamily(
        "database_pool_connections", "Connections of one process.", labels=("pid", "state")
    )
    family.add_metric((str(os.getpid()), "in_use"), pool.checkedout())
    family.add_metric((str(os.getpid()), "idle"), pool.checkedin())
    yield family


def _jobs() -> Iterator[Metric]:
    with reading() as session:
        session.execute(text("SET LOCAL statement_timeout = '2s'"))
        rows = session.execute(JOBS_SQL).one()
    count = GaugeMetricFamily("jobs", "Jobs that are not done.", labels=("state",))
    for state in ("waiting", "running", "dead"):
        count.add_metric((state,), getattr(rows, state))
    yield count
    age = GaugeMetricFamily("jobs_overdue_seconds", "How long the most overdue job has been due.")
    age.add_metric((), rows.overdue)
    yield age
    due = GaugeMetricFamily("webhook_deliveries_due", "Messages that could be sent now.")
    due.add_metric((), rows.webhooks_due)
    yield due
    sick = GaugeMetricFamily(
        "webhook_endpoints_not_well", "Endpoints that fail, or are disabled.", labels=("state",)
    )
    sick.add_metric(("failing",), rows.failing)
    sick.add_metric(("disabled",), rows.disabled)
    yield sick
