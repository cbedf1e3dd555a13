"""The counter at the door, when the database's answer is lost, when it is away, and when it says nothing."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from inventory.models import Hold, PoolMovement
from inventory.states import PoolMovementKind
from marketplace import database, express, patience
from marketplace.access import Role
from tests.builders import Market, Sale
from tests.ground.proxy import Fault, Proxy
from tests.house import Caller

ENOUGH_SECONDS = 5.0
BOXES = 4


@pytest.fixture
def sale(market: Market) -> Sale:
    return market.on_sale(BOXES)


@pytest.fixture
def far_shopper(far_app: Flask, as_role: Callable[..., Caller]) -> Callable[[], Caller]:
    """Somebody new at the far door."""

    def made() -> Caller:
        near = as_role(Role.SHOPPER)
        return Caller(far_app, near.token, near.account_id)

    return made


def hold(caller: Caller, sale: Sale, key: str | None = None) -> TestResponse:
    return caller.post(
        sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 1}, key=key or str(uuid.uuid4())
    )


def stored(sale: Sale) -> tuple[int, int]:
    """Holds of shoppers, and lines of the pool that a hold was made."""
    with database.reading() as session:
        holds = select(func.count()).where(Hold.pool_id == sale.pool_id, Hold.owner_id.is_not(None))
        lines = select(func.count()).where(
            PoolMovement.pool_id == sale.pool_id, PoolMovement.kind == PoolMovementKind.HELD
        )
        return session.scalar(holds) or 0, session.scalar(lines) or 0


@pytest.mark.parametrize("fault", ["reply_lost", "never_arrived"])
def test_a_hold_whose_commit_meets_a_broken_wire_is_made_once_and_answered(
    fault: Fault, proxy: Proxy, sale: Sale, far_shopper: Callable[[], Caller]
) -> None:
    shopper, key = far_shopper(), str(uuid.uuid4())
    assert hold(far_shopper(), sale).status_code == 201
    proxy.fault = fault
    first, again = hold(shopper, sale, key), hold(shopper, sale, key)

    assert proxy.struck == 1
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert stored(sale) == (2, 2)


@pytest.mark.parametrize("fault", ["reply_lost", "never_arrived"])
def test_all_who_share_a_commit_that_meets_a_broken_wire_get_their_own_answer(
    fault: Fault, proxy: Proxy, sale: Sale, far_app: Flask, far_shopper: Callable[[], Caller]
) -> None:
    """Seven at once for four boxes, while somebody keeps the line: those who wait for it are served together."""
    shoppers = [far_shopper() for _ in range(8)]
    assert hold(shoppers[0], sale).status_code == 201
    with far_app.app_context():
        line = express.line("counter")
    go, taken = threading.Event(), threading.Event()

    def keep(_unit: express.Work) -> None:
        taken.set()
        go.wait(10)

    with ThreadPoolExecutor(8) as pool:
        keeping = pool.submit(line.run, keep)
        taken.wait(10)
        waiting = [pool.submit(hold, shopper, sale) for shopper in shoppers[1:]]
        time.sleep(0.5)
        proxy.fault = fault
        go.set()
        keeping.result()
        answers = [each.result() for each in waiting]

    assert proxy.struck == 1
    assert sorted(each.status_code for each in answers) == [201, 201, 201, 409, 409, 409, 409]
    assert len({each.json["version"] for each in answers if each.status_code == 201}) == BOXES - 1
    assert stored(sale) == (BOXES, BOXES)


def test_without_a_database_a_hold_is_refused_at_once_and_made_when_it_is_back(
    proxy: Proxy, sale: Sale, far_shopper: Callable[[], Caller]
) -> None:
    shopper, key = far_shopper(), str(uuid.uuid4())
    assert hold(far_shopper(), sale).status_code == 201
    proxy.close()
    began = time.monotonic()
    refused = hold(shopper, sale, key)
    assert time.monotonic() - began < 1
    assert (refused.status_code, refused.json["code"]) == (503, "database_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    proxy.open()

    assert hold(shopper, sale, key).status_code == 201
    assert stored(sale) == (2, 2)


def test_a_database_that_says_nothing_costs_a_shopper_five_seconds_at_most(
    proxy: Proxy, sale: Sale, far_shopper: Callable[[], Caller]
) -> None:
    shoppers = [far_shopper() for _ in range(6)]
    keys = [str(uuid.uuid4()) for _ in shoppers]
    assert hold(shoppers[0], sale, keys[0]).status_code == 201
    proxy.is_silent = True

    def refused(place: int) -> float:
        began = time.monotonic()
        answer = hold(shoppers[place], sale, keys[place])
        assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)
        return time.monotonic() - began

    with ThreadPoolExecutor(5) as pool:
        assert max(pool.map(refused, range(1, 6))) < ENOUGH_SECONDS
    proxy.is_silent = False
    time.sleep(patience.PAUSE_SECONDS)

    assert [hold(shoppers[place], sale, keys[place]).status_code for place in range(4)] == [201] * 4
    assert stored(sale) == (BOXES, BOXES)
