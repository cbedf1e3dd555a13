"""Crowds at the real web server, over HTTP: one coupon with a limit, and one person with a hundred hands."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection
from json import dumps, loads
from pathlib import Path
from typing import Any

import pytest

from campaigns import selling
from inventory.models import Hold
from marketplace import database
from marketplace.access import Role
from marketplace.embedded.databases import DatabaseUrls
from tests import house, web_server
from tests.builders import Market, Sale
from tests.campaigns.promotions.shop import drawn, running, shared, uses
from tests.house import Caller

CLIENTS, LIMIT, AT_ONCE = 500, 37, 32
HANDS = 100
TRIES_MAX = 10

Ask = Callable[[Caller, str, dict[str, Any]], tuple[int, dict[str, Any]]]


@pytest.fixture
def ask(market: Market, database_urls: DatabaseUrls, tmp_path: Path) -> Iterator[Ask]:
    """POST to a web server of two processes on the market's database, on a connection of its own.

    Who is told to come back (503) does, with the same key, as a phone would: on a slow machine a crowd may wait too
    long for a connection to the database.
    """
    with web_server.started(database_urls, tmp_path, WEB_CONCURRENCY="2") as server:

        def post(caller: Caller, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            headers = {
                "Authorization": f"Bearer {caller.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": str(uuid.uuid4()),
            }
            for _ in range(TRIES_MAX):
                wire = HTTPConnection("127.0.0.1", server.port, timeout=60)
                wire.request("POST", path, dumps(body), headers)
                answer = wire.getresponse()
                told = loads(answer.read())
                wire.close()
                if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    break
                time.sleep(1)
            return answer.status, told

        yield post


def holds_of(market: Market, sale: Sale, shoppers: list[Caller]) -> list[str]:
    wanted = [selling.Wanted(item_id=sale.item_id, boxes=1)]

    def one(shopper: Caller) -> str:
        [placed] = database.transact(
            lambda session: selling.hold_now(session, market.acting(shopper), sale.campaign_id, wanted)
        )
        return str(placed.hold_id)

    with market.app.test_request_context():
        return [one(shopper) for shopper in shoppers]


def test_of_500_clients_on_one_coupon_exactly_37_pay_less(market: Market, operator: Caller, ask: Ask) -> None:
    """Everybody asks for a quote with the code and orders at once, all of them together."""
    sale = market.on_sale(CLIENTS)
    coupon = running(operator, sale, uses_max=LIMIT)
    code = shared(operator, coupon, "SPRING26")
    shoppers = [house.caller(market.app, Role.SHOPPER) for _ in range(CLIENTS)]
    hold_ids = holds_of(market, sale, shoppers)

    def buy(shopper: Caller, hold_id: str) -> tuple[str, int]:
        status, quote = ask(shopper, f"/v1/holds/{hold_id}/quote", {"codes": [code]})
        assert status == 201, quote
        status, order = ask(shopper, "/v1/orders", {"hold_id": hold_id})
        assert status == 201, order
        assert order["total_minor"] == quote["total_minor"]
        return quote["codes"][0], order["discount_minor"]

    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        told = Counter(threads.map(buy, shoppers, hold_ids))
    assert told == {("applied", 500): LIMIT, ("not_valid", 0): CLIENTS - LIMIT}
    assert uses(market, coupon) == (LIMIT, 0, LIMIT * 500, 0)


def test_of_100_hands_of_one_person_the_limit_of_boxes_holds(
    market: Market, shopper: Caller, ask: Ask
) -> None:
    sale = market.on_sale(HANDS, per_buyer=3)
    body = {"item_id": str(sale.item_id)}

    def hold(number: int) -> int:
        return ask(shopper, f"/v1/campaigns/{sale.campaign_id}/holds", {**body, "boxes": 1 + number % 5})[0]

    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        told = Counter(threads.map(hold, range(HANDS)))
    assert set(told) <= {200, 201, 409}
    assert told[201] == 1
    assert told[409] == 2 * HANDS // 5, "four boxes and five are too many, whenever they are asked for"
    assert 1 <= market.pool(sale).boxes_held <= 3
    with database.reading() as session:
        live = session.query(Hold).filter_by(owner_id=shopper.account_id, state="active").all()
        assert [hold.boxes for hold in live] == [market.pool(sale).boxes_held]


def test_of_100_hands_of_one_person_the_limit_of_a_coupon_holds(
    market: Market, shopper: Caller, operator: Caller, ask: Ask
) -> None:
    """A hundred codes of a coupon that one person may use once, each tried for the same boxes."""
    sale = market.on_sale(HANDS)
    coupon = running(operator, sale, uses_per_person_max=1)
    codes = drawn(operator, coupon, HANDS)
    hold_id = holds_of(market, sale, [shopper])[0]

    def quote(code: str) -> str:
        status, told = ask(shopper, f"/v1/holds/{hold_id}/quote", {"codes": [code]})
        assert status == 201, told
        return str(told["codes"][0])

    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        told = Counter(threads.map(quote, codes))
    assert told == {"applied": HANDS}, "each quote takes the place of the one before"
    assert uses(market, coupon) == (1, 0, 500, 0)
