"""The numbers for Prometheus."""

import os
import subprocess
import sys
from pathlib import Path

from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from marketplace import metrics
from marketplace.app import create_app
from marketplace.settings import PROJECT_ROOT, Settings
from tests.house import Caller


def values(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(page)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(app: Flask, metric: str, /, **labels: str) -> float | None:
    page, _ = metrics.render(app)
    return values(page.decode()).get((metric, frozenset(labels.items())))


def test_a_request_is_counted_and_timed_by_its_endpoint(app: Flask, anyone: Caller) -> None:
    labels = {"method": "GET", "endpoint": "shell.healthz"}
    before = value(app, "http_requests_total", **labels, status="200") or 0
    anyone.get("/healthz?who=somebody")
    assert value(app, "http_requests_total", **labels, status="200") == before + 1
    assert (value(app, "http_request_duration_seconds_count", **labels) or 0) >= before + 1


def test_what_a_caller_makes_up_adds_no_label(app: Flask, anyone: Caller) -> None:
    for number in range(3):
        anyone.get(f"/made-up-{number}")
        anyone.call(f"MADEUP{number}", "/healthz", key=None)
    page = metrics.render(app)[0].decode()
    assert "made-up" not in page
    assert "MADEUP" not in page
    assert 'method="OTHER"' in page


def test_the_queue_the_pool_and_the_database_are_told(app: Flask) -> None:
    assert value(app, "database_up") == 1
    for state in ("waiting", "running", "dead"):
        assert value(app, "jobs", state=state) == 0
    assert value(app, "jobs_overdue_seconds") == 0
    assert value(app, "database_pool_connections", pid=str(os.getpid()), state="in_use") is not None


def test_without_a_database_the_page_says_so_and_does_not_fail() -> None:
    settings = Settings(
        environment="test",
        database_url="postgresql+psycopg://127.0.0.1:1/none",
        secret_key="only-for-tests-" * 4,
        rate_limits_enabled=False,
        log_level="ERROR",
    )
    app = create_app(settings, [])
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert "database_up 0.0" in answer.get_data(as_text=True)
    assert "http_requests_total" in answer.get_data(as_text=True)


def test_the_page_is_what_prometheus_reads(anyone: Caller) -> None:
    answer = anyone.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    assert values(answer.get_data(as_text=True))


def test_a_job_s_run_is_counted(app: Flask) -> None:
    before = value(app, "job_runs_total", name="test.some", outcome="done") or 0
    metrics.observe_job("test.some", "done", 0.1)
    assert value(app, "job_runs_total", name="test.some", outcome="done") == before + 1


COUNT = """
from marketplace import metrics
metrics.observe_request("GET", "shell.healthz", 200, 0.01)
print(metrics.generate_latest(metrics._counted()).decode())
"""


def test_the_counts_of_all_processes_are_one(tmp_path: Path) -> None:
    def serve() -> str:
        env = {**os.environ, metrics.MULTIPROCESS_VARIABLE: str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-c", COUNT],
            env=env,
            cwd=PROJECT_ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    serve()
    labels = frozenset({("method", "GET"), ("endpoint", "shell.healthz"), ("status", "200")})
    assert values(serve())["http_requests_total", labels] == 2


def test_looking_does_not_leave_a_transaction_open(app: Flask) -> None:
    metrics.render(app)
    assert value(app, "database_pool_connections", pid=str(os.getpid()), state="in_use") == 0
