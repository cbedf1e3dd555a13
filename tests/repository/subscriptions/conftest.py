"""A county whose events somebody wants to be sent: a kept query, a receiver, jobs by hand."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from inventory.repository.subscriptions import gathering, sending, waking
from inventory.repository.subscriptions.models import EventDelivery, EventSubscription
from marketplace import context, database, jobs
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from tests import builders
from tests.epcis.documents import document
from tests.house import Caller
from tests.outbound.conftest import authority, client_of, serve
from tests.repository.test_doors import Repository, told
from tests.webhooks.conftest import Received, Receiver, receiver

__all__ = ["authority", "client_of", "receiver", "serve"]

DEST = "https://client.example.com/queryCallback"
TOKEN = "13df38d8275b13f05704629e5f1cf3d45d6132d5"
DAILY = {"hour": "1", "minute": "5"}


@dataclass
class Desk:
    """An operator's repository with one kept query, `shipped`, of events that ship."""

    app: Flask
    repository: Repository
    county_id: uuid.UUID

    @property
    def who(self) -> Caller:
        return self.repository.who

    @property
    def url(self) -> str:
        return f"{self.repository.url}/queries/shipped/subscriptions"

    def keep(self, name: str = "shipped", **query: Any) -> None:
        body = {"name": name, "query": query or {"EQ_bizStep": ["shipping"]}}
        response = self.who.post(f"{self.repository.url}/queries", json=body)
        assert response.status_code == 201, response.json

    def subscribe(self, *, status: int = 201, **body: Any) -> Any:
        asked = {"dest": DEST, **body}
        if not {"schedule", "stream"} & set(asked):
            asked["stream"] = True
        response = self.who.post(self.url, json=asked)
        assert response.status_code == status, response.json
        return response.json

    def shown(self, made: Any) -> Any:
        response = self.who.get(f"{self.url}/{made['subscriptionID']}")
        assert response.status_code == 200, response.json
        return response.json

    def tell(self, *numbers: int, step: str = "shipping") -> None:
        self.repository.send(document(*(told(number, bizStep=step) for number in numbers)))


@pytest.fixture
def desk(app: Flask, as_role: Callable[..., Caller]) -> Desk:
    county_id = builders.build(app).county_id
    made = Desk(app, Repository(as_role(Role.OPERATOR), county_id), county_id)
    made.keep()
    return made


def worked(app: Flask) -> None:
    """Every job that is due is done."""
    jobs.work(app, once=True)


def later(**moved: float) -> context.Context:
    ctx = context.system()
    return replace(ctx, now=ctx.now + timedelta(**moved))


def gathered(made: Any, ctx: context.Context | None = None) -> None:
    """The subscription looks for what there is to tell."""
    subscription_id = made["subscriptionID"]
    database.transact(
        lambda session: gathering.gather(session, ctx or later(), subscription_id=subscription_id)
    )


def sent(made: Any, ctx: context.Context | None = None) -> None:
    """What waits for the subscription is sent."""
    subscription_id = made["subscriptionID"]
    database.transact(
        lambda session: sending.send(session, ctx or later(seconds=1), subscription_id=subscription_id)
    )


def swept(ctx: context.Context | None = None) -> int:
    return database.transact(lambda session: waking.sweep(session, ctx or later()))


def row(made: Any) -> EventSubscription:
    with database.reading() as session:
        return session.get_one(EventSubscription, uuid.UUID(made["subscriptionID"]))


def waiting(made: Any) -> EventDelivery | None:
    with database.reading() as session:
        return session.get(EventDelivery, uuid.UUID(made["subscriptionID"]))


def changed(made: Any, **values: Any) -> None:
    def work(session: Session) -> None:
        chosen = EventSubscription.id == uuid.UUID(made["subscriptionID"])
        session.execute(update(EventSubscription).where(chosen).values(**values))

    database.transact(work)


def waits_in_queue(name: str) -> list[StoredJob]:
    with database.reading() as session:
        rows = list(
            session.scalars(select(StoredJob).where(StoredJob.name == name, StoredJob.state == "waiting"))
        )
        session.expunge_all()
    return rows


def results(got: Received) -> dict[str, Any]:
    return json.loads(got.body)["epcisBody"]["queryResults"]


def events(got: Received) -> list[dict[str, Any]]:
    return results(got)["resultsBody"]["eventList"]


def boxes(receiver: Receiver) -> list[int]:
    """The last part of each box that was told of, in the order in which it was told."""
    return [
        int(event["epcList"][0].rpartition(".")[2]) for received in receiver.got for event in events(received)
    ]
