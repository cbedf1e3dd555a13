"""What is read from a real database after a real sale through the doors; and that each defect fits today's tables."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from flask import Flask
from psycopg.conninfo import conninfo_to_dict

import wsgi
from bench.chaos import checker, stored
from bench.chaos.broken import DEFECTS
from bench.chaos.history import Attempt
from marketplace.access import Role
from marketplace.database import db
from marketplace.embedded.databases import DatabaseUrls
from tests import builders, house, servers
from tests.builders import Market
from tests.house import Caller


def superuser_of(urls: DatabaseUrls, *, autocommit: bool = True) -> psycopg.Connection[Any]:
    name = conninfo_to_dict(servers.plain(urls.owner_url))["dbname"]
    return psycopg.connect(servers.plain(servers.current().admin_url), dbname=name, autocommit=autocommit)


@dataclass
class Place:
    """A database that this file alone uses, with the witness in it."""

    app: Flask
    market: Market
    urls: DatabaseUrls
    history: list[Attempt] = field(default_factory=list)

    def read(self) -> stored.Stored:
        with self.superuser() as connection:
            return stored.read(connection)

    def superuser(self) -> psycopg.Connection[Any]:
        return superuser_of(self.urls)

    def post(
        self,
        caller: Caller,
        kind: str,
        path: str,
        *,
        of: Caller,
        body: Any = None,
        hold_id: str | None = None,
    ) -> Any:
        """Call a door, and once more with the same key; both go into the history."""
        key = str(uuid.uuid4())
        number = len(self.history)
        for _ in range(2):
            sent = time.time()
            answer = caller.post(path, json=body, key=key)
            self.history.append(
                Attempt(
                    op=number,
                    kind=kind,
                    key=key,
                    path=path,
                    sent=sent,
                    answered=time.time(),
                    status=answer.status_code,
                    shopper=str(of.account_id),
                    sent_body=body or {},
                    hold_id=hold_id,
                    body=answer.json,
                    replayed=answer.headers.get("Idempotent-Replayed") == "true",
                )
            )
        return answer.json


@pytest.fixture
def place() -> Iterator[Place]:
    name = servers.fresh_database(servers.template_database(house.migrate))
    urls = servers.urls_of(name)
    app = wsgi.build(house.settings_for(urls))
    with app.app_context():
        yield Place(app=app, market=builders.build(app), urls=urls)
        db.engine.dispose()
    servers.drop_database(servers.current().admin_url, name)


def sell(place: Place) -> None:
    """Held, given back, ordered and paid, refused."""
    sale = place.market.on_sale(5)
    with place.superuser() as connection:
        stored.install_witness(connection)
    operator = house.caller(place.app, Role.OPERATOR)
    ann, ben, cui = (house.caller(place.app, Role.SHOPPER) for _ in range(3))

    def hold(shopper: Caller, boxes: int) -> Any:
        body = {"item_id": str(sale.item_id), "boxes": boxes}
        return place.post(shopper, "hold", sale.holds_url, of=shopper, body=body)

    given_back = checker.promise(hold(ann, 2)).hold_id
    place.post(ann, "release", f"/v1/holds/{given_back}/release", of=ann, hold_id=given_back)
    kept = checker.promise(hold(ben, 3)).hold_id
    order = place.post(ben, "order", "/v1/orders", of=ben, body={"hold_id": kept}, hold_id=kept)
    payment = f"/v1/payments/{order['payment_id']}"
    place.post(ben, "confirm", f"{payment}/confirm", of=ben, hold_id=kept)
    place.post(operator, "receipt", f"{payment}/receipts", of=ben, body=builders.receipt(order), hold_id=kept)
    assert hold(cui, 3)["code"] == "sold_out"


def test_a_real_sale_is_clean_and_every_check_has_looked(place):
    sell(place)
    report = checker.check(place.history, place.read())

    assert report.is_clean(), report.found
    idle = {name for name, count in report.looked_at.items() if count == 0}
    assert idle == {"verify", "outage", "redis"}


def test_what_is_changed_behind_the_back_of_the_app_is_seen(place):
    sell(place)
    with place.superuser() as connection:
        connection.execute("UPDATE pool SET boxes_held = boxes_held + 1, version = version + 2")

    assert {"journal"} <= checker.check(place.history, place.read()).broken()


@pytest.mark.parametrize(
    "defect", [each for each in DEFECTS.values() if each.sql], ids=lambda each: each.name
)
def test_a_defect_in_the_database_fits_the_tables_and_can_be_taken_out(database_urls, defect):
    with superuser_of(database_urls, autocommit=False) as connection:
        connection.execute("SET LOCAL lock_timeout = '10s'")
        stored.install_witness(connection)
        connection.execute(defect.sql)
        connection.execute(defect.undo or "SELECT 1")
        kind = connection.execute(
            "SELECT relkind::text FROM pg_class WHERE oid = 'pool'::regclass"
        ).fetchone()
        connection.rollback()

    assert kind == ("r",)
