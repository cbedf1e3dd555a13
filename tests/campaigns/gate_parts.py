"""What tests of the gate share: Redis seen from outside, a second process, and nonsense to fill keys with."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from flask import Flask
from werkzeug.test import TestResponse

import wsgi
from marketplace import database, express
from marketplace.embedded.databases import DatabaseUrls
from tests import house
from tests.builders import Sale
from tests.house import Caller

NONSENSE = {
    "text": lambda server, name: server.set(name, "nonsense"),
    "number": lambda server, name: server.set(name, "1"),
    "list": lambda server, name: server.rpush(name, "1", "2"),
    "hash": lambda server, name: server.hset(name, "upto", "999999"),
    "set": lambda server, name: server.sadd(name, "s1", "b2"),
    "zset": lambda server, name: server.zadd(name, {"a": 1}),
    "almost a notice": lambda server, name: server.set(name, "0123456789ab:1:0:10:0:s0"),
    "almost a notice of no tag": lambda server, name: server.set(name, ":1:0:10:0:s0"),
}


def ask(caller: Caller, sale: Sale, boxes: int = 1, **options: Any) -> TestResponse:
    return caller.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": boxes}, **options)


def give_back(caller: Caller, made: dict[str, Any]) -> None:
    assert caller.post(f"/v1/holds/{made['hold_id']}/release").status_code == 200


@pytest.fixture
def gate_server(app: Flask) -> Iterator[redis.Redis]:
    """Redis as an outsider sees it; this process' gate begins afresh."""
    app.extensions.pop("gate", None)
    app.extensions.pop("empty_pools", None)
    client = redis.Redis.from_url(app.config["SETTINGS"].redis_url, decode_responses=True)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()
    if (gate := app.extensions.pop("gate", None)) is not None:
        gate.close()


@pytest.fixture
def second_app(
    app: Flask, gate_server: redis.Redis, database_urls: DatabaseUrls, worker_id: str
) -> Iterator[Flask]:
    """A second process' app on the same database and the same Redis."""
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    built = wsgi.build(house.settings_for(database_urls, redis_number=number))
    yield built
    express.close_all(built)
    with built.app_context():
        if "gate" in built.extensions:
            built.extensions["gate"].close()
        database.db.engine.dispose()
