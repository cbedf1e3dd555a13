"""The tills at the door when the database's answer to a commit is lost, and when the database is away."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select

from marketplace import database, express
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.payments.models import Payment
from orders.models import Order
from tests.builders import Market, Sale, broken, held
from tests.ground.proxy import Fault, Proxy
from tests.house import Caller


@pytest.fixture
def sale(market: Market) -> Sale:
    return market.on_sale(20)


@pytest.fixture
def holding(sale: Sale, far_app: Flask, as_role: Callable[..., Caller]) -> Callable[[], tuple[Caller, str]]:
    """Somebody new at the far door, and the hold that it has."""

    def made() -> tuple[Caller, str]:
        near = as_role(Role.SHOPPER)
        return Caller(far_app, near.token, near.account_id), held(near, sale)["hold_id"]

    return made


def stored() -> tuple[int, int, int, int]:
    """Orders, payments, confirmed ones, and how often the trail says that a hold went to be paid."""
    confirmed = select(func.count()).where(Payment.state == "processing")
    told = select(func.count()).where(AuditEntry.action == "hold.start_payment")
    with database.reading() as session:
        return (
            session.scalar(select(func.count()).select_from(Order)) or 0,
            session.scalar(select(func.count()).select_from(Payment)) or 0,
            session.scalar(confirmed) or 0,
            session.scalar(told) or 0,
        )


@pytest.mark.parametrize("fault", ["reply_lost", "never_arrived"])
def test_what_is_lost_in_a_commit_is_made_once_and_answered(
    fault: Fault, proxy: Proxy, market: Market, holding
) -> None:
    shopper, hold_id = holding()
    order_key, payment_key = (str(uuid.uuid4()) for _ in range(2))
    proxy.fault = fault
    orders = [shopper.post("/v1/orders", json={"hold_id": hold_id}, key=order_key) for _ in range(2)]
    assert proxy.struck == 1
    assert [each.status_code for each in orders] == [201, 201]
    assert orders[0].data == orders[1].data
    assert stored() == (1, 1, 0, 1)

    proxy.fault = fault
    url = f"/v1/payments/{orders[0].json['payment_id']}/confirm"
    confirmed = [shopper.post(url, key=payment_key) for _ in range(2)]
    assert proxy.struck == 2
    assert [each.status_code for each in confirmed] == [200, 200]
    assert confirmed[0].data == confirmed[1].data
    assert stored() == (1, 1, 1, 1)
    assert broken(market.app) == []


@pytest.mark.parametrize("fault", ["reply_lost", "never_arrived"])
def test_all_who_share_a_commit_that_is_lost_get_their_own_answer(
    fault: Fault, proxy: Proxy, far_app: Flask, market: Market, holding
) -> None:
    """Six at once, while somebody keeps the line: those who wait for it are served together."""
    some = [holding() for _ in range(7)]
    assert some[0][0].post("/v1/orders", json={"hold_id": some[0][1]}).status_code == 201
    with far_app.app_context():
        line = express.line("orders")
    go, taken = threading.Event(), threading.Event()

    def keep(_unit: express.Work) -> None:
        taken.set()
        go.wait(10)

    with ThreadPoolExecutor(7) as pool:
        keeping = pool.submit(line.run, keep)
        taken.wait(10)
        waiting = [
            pool.submit(shopper.post, "/v1/orders", json={"hold_id": hold_id})
            for shopper, hold_id in some[1:]
        ]
        time.sleep(0.5)
        proxy.fault = fault
        go.set()
        keeping.result()
        answers = [each.result() for each in waiting]
    assert proxy.struck == 1
    assert [each.status_code for each in answers] == [201] * 6
    assert len({each.json["id"] for each in answers}) == 6
    assert [each.json["buyer_id"] for each in answers] == [str(who.account_id) for who, _ in some[1:]]
    assert stored() == (7, 7, 0, 7)
    assert broken(market.app) == []


def test_without_a_database_an_order_is_refused_at_once_and_made_when_it_is_back(
    proxy: Proxy, market: Market, holding
) -> None:
    shopper, hold_id = holding()
    key = str(uuid.uuid4())
    proxy.close()
    began = time.monotonic()
    refused = shopper.post("/v1/orders", json={"hold_id": hold_id}, key=key)
    assert time.monotonic() - began < 1
    assert (refused.status_code, refused.json["code"]) == (503, "database_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    proxy.open()
    assert shopper.post("/v1/orders", json={"hold_id": hold_id}, key=key).status_code == 201
    assert stored() == (1, 1, 0, 1)
