"""A market with partners: a receiver that is told what to answer, and endpoints registered at the door."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplace import context, database, jobs
from marketplace.access import Role
from marketplace.context import Context
from marketplace.outbound import client as outbound
from marketplace.outbound.client import Answer
from marketplace.outbound.rules import Outcome
from marketplace.webhooks import delivering
from marketplace.webhooks.catalogue import BY_NAME, WISHED
from marketplace.webhooks.models import Attempt, Delivery, Endpoint, Message
from tests.builders import Market, buyer, market, operator, shopper
from tests.house import Caller
from tests.outbound.conftest import authority, client_of, serve

__all__ = ["authority", "buyer", "client_of", "market", "operator", "serve", "shopper"]

URL = "https://hooks.example.com/in"
FOR_COOPERATIVES = [name for name in WISHED if BY_NAME[name].for_cooperatives]
ACCEPTED = Answer(outcome=Outcome.ACCEPTED, status=204, duration_ms=3)
REFUSED = Answer(outcome=Outcome.REFUSED, status=500, duration_ms=3)


@dataclass
class Received:
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Stands in for the guarded client: keeps what is sent, answers as it is told."""

    ports: frozenset[int] = frozenset({443})
    says: Callable[[Received], Answer] = lambda received: ACCEPTED
    got: list[Received] = field(default_factory=list)

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        received = Received(url, headers, body)
        self.got.append(received)
        return self.says(received)

    def of(self, url: str) -> list[dict[str, Any]]:
        return [each.json for each in self.got if each.url == url]

    def types(self, url: str = URL) -> list[str]:
        return [each["type"] for each in self.of(url)]


@pytest.fixture
def receiver(app: Flask) -> Iterator[Receiver]:
    standing = Receiver()
    outbound.configure(app, standing)  # type: ignore[arg-type]
    yield standing
    outbound.configure(app, None)


@pytest.fixture
def member(market: Market, as_role: Callable[..., Caller]) -> Caller:
    """Of the first cooperative."""
    return as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])


def registered(
    who: Caller, *, url: str = URL, events: list[str] | None = None, **changes: Any
) -> dict[str, Any]:
    """An endpoint made at the door, with its secret."""
    body = {"url": url, "events": events or list(WISHED), "description": "the till", **changes}
    response = who.post("/v1/webhook-endpoints", json=body)
    assert response.status_code == 201, response.json
    return response.json


def verified(received: Received, *secrets: str, tolerance: int = 300) -> bool:
    """What a receiver does, by the words of the standard alone."""
    stamp = received.headers["webhook-timestamp"]
    assert abs(time.time() - int(stamp)) < tolerance
    signed = received.headers["webhook-id"].encode() + b"." + stamp.encode() + b"." + received.body
    given = [part.split(",", 1) for part in received.headers["webhook-signature"].split(" ")]
    expected = [
        base64.b64encode(hmac.new(base64.b64decode(each[6:]), signed, hashlib.sha256).digest()).decode()
        for each in secrets
    ]
    return any(version == "v1" and signature in expected for version, signature in given)


def worked(app: Flask) -> None:
    """Every job that is due is done."""
    jobs.work(app, once=True)


def turn(ctx: Context, endpoint_id: str) -> None:
    """One turn of the endpoint's sender at another time."""
    database.transact(lambda session: delivering.deliver(session, ctx, endpoint_id=endpoint_id))


def hurried(**moved: float) -> None:
    """As if every wait and rest were over; with `moved`, as if endpoints had failed for so long."""
    now = context.now_utc()

    def work(session: Session) -> None:
        session.execute(update(Delivery).values(due_at=now))
        session.execute(update(Endpoint).values(rests_until=None))
        if moved:
            failing = update(Endpoint).where(Endpoint.failing_since.is_not(None))
            session.execute(failing.values(failing_since=now - timedelta(**moved)))

    database.transact(work)


def stored(kind: type, **only: Any) -> list[Any]:
    """All rows of a kind, oldest first."""
    with database.reading() as session:
        rows = list(session.scalars(select(kind).filter_by(**only)).all())
        session.expunge_all()
    return sorted(
        rows, key=lambda row: (getattr(row, "id", None) or row.delivery_id, getattr(row, "number", 0))
    )


def deliveries() -> list[Delivery]:
    return stored(Delivery)


def messages() -> list[Message]:
    return stored(Message)


def attempts() -> list[Attempt]:
    return stored(Attempt)


def endpoint_of(made: Mapping[str, Any]) -> Endpoint:
    [found] = [each for each in stored(Endpoint) if str(each.id) == made["id"]]
    return found


def transacted(work: Callable[[Session], Any]) -> Any:
    return database.transact(work)
