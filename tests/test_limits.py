"""Limits: counted over all processes with Redis, in this one without."""

import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import limits as counting
import pytest
from flask import Flask, g, jsonify, request
from werkzeug.test import TestResponse

from marketplace import context, limits, problems
from marketplace.app import create_app
from marketplace.context import ANONYMOUS, Actor, Context
from marketplace.embedded import redis_server
from marketplace.settings import Settings
from tests import servers

AWAY = "unix:///tmp/there-is-no-redis-here.sock?db=0"
SILENT = "redis://192.0.2.1:6379/0"
"""Nobody ever answers from there (RFC 5737)."""


def settings(**changes: Any) -> Settings:
    return Settings(
        **{"environment": "test", "secret_key": "only-for-tests-" * 4, "log_level": "ERROR", **changes}
    )


def build(**changes: Any) -> Flask:
    """An app with limited doors and nothing else. Who calls says so in X-Account."""
    app = Flask("limited")
    problems.configure(app)

    @app.before_request
    def arrive() -> None:
        account = request.headers.get("X-Account")
        actor = Actor(kind="account", id=uuid.UUID(account)) if account else ANONYMOUS
        g.context = Context(actor=actor, now=context.now_utc())

    limits.configure(app, settings(**changes))

    @app.get("/address")
    @limits.limited("3 per minute")
    def by_address() -> Any:
        return jsonify(ok=True)

    @app.get("/other")
    @limits.limited("3 per minute", per="address")
    def other_by_address() -> Any:
        return jsonify(ok=True)

    @app.get("/actor")
    @limits.limited("3 per minute", per="actor")
    def by_actor() -> Any:
        return jsonify(ok=True)

    @app.get("/phone/<phone>")
    @limits.limited("3 per minute", per=lambda phone: phone)
    def by_phone(phone: str) -> Any:
        return jsonify(phone=phone)

    @app.get("/soon")
    @limits.limited("2 per second")
    def soon() -> Any:
        return jsonify(ok=True)

    return app


def get(app: Flask, path: str, address: str, account: uuid.UUID | None = None) -> TestResponse:
    headers = {"X-Account": str(account)} if account else {}
    return app.test_client().get(path, environ_base={"REMOTE_ADDR": address}, headers=headers)


def statuses(app: Flask, path: str, address: str, count: int = 4) -> list[int]:
    return [get(app, path, address).status_code for _ in range(count)]


def an_address() -> str:
    """From where nobody has called before."""
    return f"2001:db8::{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"


@pytest.fixture(params=["redis", "memory"])
def app(request: pytest.FixtureRequest) -> Flask:
    return build(redis_url=servers.redis_url() if request.param == "redis" else None)


def test_one_call_too_many_is_refused_with_the_time_to_wait(app: Flask) -> None:
    address = an_address()
    assert statuses(app, "/address", address) == [200, 200, 200, 429]
    refused = get(app, "/address", address)
    assert refused.mimetype == "application/problem+json"
    assert refused.get_json()["code"] == "too_many"
    assert 1 <= int(refused.headers["Retry-After"]) <= 120


def test_others_and_other_doors_are_not_touched(app: Flask) -> None:
    address = an_address()
    statuses(app, "/address", address)
    assert get(app, "/address", an_address()).status_code == 200
    assert get(app, "/other", address).status_code == 200


def test_an_actor_is_counted_from_wherever_it_calls(app: Flask) -> None:
    account = uuid.uuid4()
    answers = [get(app, "/actor", an_address(), account).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
    assert get(app, "/actor", an_address(), uuid.uuid4()).status_code == 200


def test_who_is_nobody_yet_is_counted_by_address(app: Flask) -> None:
    assert statuses(app, "/actor", an_address()) == [200, 200, 200, 429]


def test_a_function_of_the_arguments_says_who(app: Flask) -> None:
    phone = uuid.uuid4().hex
    answers = [get(app, f"/phone/{phone}", an_address()).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
    assert get(app, f"/phone/{uuid.uuid4().hex}", an_address()).status_code == 200


def test_after_the_wait_one_may_call_again(app: Flask) -> None:
    address = an_address()
    answers = [get(app, "/soon", address) for _ in range(3)]
    wait = int(answers[-1].headers["Retry-After"])
    assert wait <= 2
    time.sleep(wait + 0.1)
    assert get(app, "/soon", address).status_code == 200


def test_two_processes_with_redis_count_as_one() -> None:
    one, other = (build(redis_url=servers.redis_url()) for _ in range(2))
    address = an_address()
    assert statuses(one, "/address", address, 2) == [200, 200]
    assert statuses(other, "/address", address, 2) == [200, 429]


@pytest.mark.parametrize("url", [AWAY, SILENT])
def test_without_redis_the_process_counts_for_itself(url: str) -> None:
    app = build(redis_url=url)
    began = time.monotonic()
    assert statuses(app, "/address", an_address()) == [200, 200, 200, 429]
    assert time.monotonic() - began < 2, "only the first call may wait for Redis"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[redis_server.RedisServer]:
    server = redis_server.start(folder=tmp_path / "redis")
    yield server
    server.stop()


def test_redis_may_go_and_come_back(
    own_redis: redis_server.RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REDIS_PAUSE_NANOSECONDS", 100_000_000)
    app, address = build(redis_url=own_redis.url), an_address()
    assert statuses(app, "/address", address, 3) == [200, 200, 200]
    own_redis.stop()
    assert statuses(app, "/address", address) == [200, 200, 200, 429]
    again = redis_server.start(folder=tmp_path / "redis")
    try:
        assert again.url == own_redis.url
        time.sleep(0.2)
        assert statuses(app, "/address", address) == [200, 200, 200, 429]
    finally:
        again.stop()


def test_while_redis_says_nothing_one_call_at_a_time_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight at once, after the pause as before it: seven of them are served without."""
    monkeypatch.setattr(limits, "REDIS_PAUSE_NANOSECONDS", 400_000_000)
    limit = counting.parse("1000 per minute")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        counts = limits.Counts(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert counts.take(limit, "first") is None

        def seconds(number: int) -> float:
            began = time.monotonic()
            assert counts.take(limit, str(number)) is None
            return time.monotonic() - began

        for _ in range(2):
            time.sleep(0.5)
            with ThreadPoolExecutor(8) as pool:
                waited = sorted(pool.map(seconds, range(8)))
            assert waited[-1] >= limits.REDIS_PATIENCE_MS / 1_000, "somebody tries again"
            assert waited[-2] < limits.REDIS_PATIENCE_MS / 2_000


def test_switched_off_nobody_is_refused() -> None:
    assert statuses(build(rate_limits_enabled=False), "/address", an_address(), 9) == [200] * 9


def test_the_whole_api_has_a_general_limit_for_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GENERAL", "3 per minute")
    app = create_app(settings(redis_url=servers.redis_url()), [])
    address = an_address()
    assert statuses(app, "/openapi.json", address) == [200, 200, 200, 429]
    assert get(app, "/not-even-there", address).status_code == 429
    assert statuses(app, "/healthz", address) == [200] * 4
    assert get(app, "/openapi.json", an_address()).status_code == 200


def test_the_general_limit_leaves_room_for_a_busy_person() -> None:
    app = build()
    assert statuses(app, "/address", an_address(), 1) == [200]
    assert limits.counting.parse(limits.GENERAL).amount >= 600


def test_of_the_general_limit_redis_is_told_in_lots_and_still_refuses_who_calls_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "GENERAL", "120 per minute")
    one, other = (create_app(settings(redis_url=servers.redis_url()), []) for _ in range(2))
    asked: list[int] = []
    take = limits._take
    monkeypatch.setattr(limits, "_take", lambda *args: asked.append(args[-1]) or take(*args))
    address = an_address()
    let_in = sum(get(app, "/nowhere", address).status_code == 404 for _ in range(90) for app in (one, other))
    assert 120 <= let_in <= 120 + 2, "at most one call of each process is not known to the other"
    assert asked[:10] == [2] * 10
    assert statuses(one, "/nowhere", address, 5) == [429] * 5, "who is refused stays refused"
    assert get(one, "/nowhere", an_address()).status_code == 404


def test_without_redis_the_general_limit_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GENERAL", "120 per minute")
    app, address = create_app(settings(), []), an_address()
    assert statuses(app, "/nowhere", address, 121) == [404] * 120 + [429]
