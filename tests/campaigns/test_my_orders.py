"""My orders: one statement, newest first, and what may be done is what the doors let one do."""

import json
import time
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from flask import Flask

from campaigns import schemas
from marketplace import database, express
from marketplace.access import Role
from marketplace.embedded.databases import DatabaseUrls
from orders.states import ADDRESSABLE, NextStep, OrderState, next_steps
from tests import servers
from tests.addresses.book import added
from tests.builders import Market, assert_refused, confirmed, ordered, paid, receipt
from tests.house import Caller

URL = "/v1/me/orders"
OF_OTHERS = """
    INSERT INTO payment (id, order_id, payer_id, gateway, state, amount_minor, received_minor, currency, reference,
        created_at)
    SELECT gen_random_uuid(), gen_random_uuid(), %(payer_id)s, 'offline', 'processing', 100, 0, 'CNY',
        'B' || lpad(n::text, 11, '0'), now() FROM generate_series(1, 30000) AS n
"""


def mine(caller: Caller, order: dict[str, Any]) -> dict[str, Any]:
    answer = caller.get(f"{URL}/{order['id']}")
    assert answer.status_code == 200, answer.json
    return answer.json


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("is_unconfirmed", [True, False])
def test_next_steps_by_state(state: OrderState, is_unconfirmed: bool) -> None:
    steps = next_steps(state, is_unconfirmed=is_unconfirmed)
    assert (NextStep.WITHDRAW in steps) == (state in ("deposit_due", "deposit_paid"))
    assert (NextStep.PAY in steps) == (state == "balance_due" or (state == "deposit_due" and is_unconfirmed))
    assert (NextStep.CHOOSE_ADDRESS in steps) == (state in ADDRESSABLE)


def test_an_order_is_told_with_its_campaign_and_what_may_be_done(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    order = ordered(shopper, sale, 2)
    found = mine(shopper, order)
    shared = set(order) & set(found)
    assert {name: found[name] for name in shared} == {name: order[name] for name in shared}
    assert (found["campaign"]["title_en"], found["campaign"]["title_zh"]) == ("Spring presale", "春季预售")
    assert (found["campaign"]["id"], found["campaign"]["item_id"]) == (
        str(sale.campaign_id),
        str(sale.item_id),
    )
    assert (found["variety"], found["grade"], found["payment"]["id"]) == ("Fuji", "A", order["payment_id"])
    assert (found["due_now_minor"], found["has_address"]) == (order["total_minor"], False)
    assert found["next_steps"] == ["pay", "withdraw", "choose_address"]
    assert list(found) == [*schemas.MyOrder().fields, "history"]
    assert json.dumps(shopper.get(URL).json["items"]) == json.dumps(
        [{name: value for name, value in found.items() if name != "history"}]
    )


def test_each_next_step_is_one_that_the_doors_take_and_no_other(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale, home = market.on_sale(), added(shopper)
    other = as_role(Role.SHOPPER)
    withdrawn = ordered(other, sale)
    assert other.post(f"/v1/orders/{withdrawn['id']}/withdrawal").status_code == 200
    told = [
        (shopper, ordered(shopper, sale), {"pay", "withdraw", "choose_address"}),
        (shopper, confirmed(shopper, sale), {"withdraw", "choose_address"}),
        (shopper, paid(shopper, operator, sale), {"choose_address"}),
        (other, withdrawn, set()),
    ]
    for caller, order, steps in told:
        assert set(mine(caller, order)["next_steps"]) == steps
        address_id = (home if caller is shopper else added(caller))["id"]
        chosen = caller.put(f"/v1/orders/{order['id']}/address", json={"address_id": address_id})
        assert (chosen.status_code == 200) == ("choose_address" in steps)
        assert mine(caller, order)["has_address"] == ("choose_address" in steps)
        given_up = caller.post(f"/v1/orders/{order['id']}/withdrawal")
        assert (given_up.status_code == 200) == ("withdraw" in steps)
        assert mine(caller, order)["next_steps"] == ([] if "withdraw" in steps else sorted(steps))


def test_the_history_tells_what_happened_and_not_by_whom(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, market.on_sale())
    home = added(shopper)
    shopper.put(f"/v1/orders/{order['id']}/address", json={"address_id": home["id"]})
    operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
    found = mine(shopper, order)
    steps = [(step["what"], step["state"]) for step in found["history"]]
    assert ("order.place", None) in steps
    assert ("order.committed", "committed") in steps
    assert ("order.choose_address", None) in steps
    assert [step["at"] for step in found["history"]] == sorted(step["at"] for step in found["history"])
    assert {name for step in found["history"] for name in step} == {"at", "what", "state"}
    assert (found["due_now_minor"], found["payment"]["received_minor"]) == (0, order["total_minor"])
    assert str(operator.account_id) not in json.dumps(found)


def test_pages_go_from_the_newest_to_the_oldest_and_304_is_told(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    made = [ordered(shopper, sale)["id"] for _ in range(5)]
    seen: list[str] = []
    address = f"{URL}?limit=2"
    while address:
        answer = shopper.get(address)
        seen += [each["id"] for each in answer.json["items"]]
        address = answer.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert seen == made[::-1]
    answer = shopper.get(URL)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = shopper.get(URL, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    ordered(shopper, sale)
    assert shopper.get(URL, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200


def test_nobody_elses(market: Market, shopper: Caller, as_role) -> None:
    order = ordered(shopper, market.on_sale())
    other = as_role(Role.SHOPPER)
    assert other.get(URL).json == {"items": [], "next_cursor": None}
    assert_refused(other.get(f"{URL}/{order['id']}"), 404, "order_not_found")
    assert as_role(Role.OPERATOR).get(URL).status_code == 403


def test_a_page_and_an_order_are_one_statement_each(market: Market, shopper: Caller, monkeypatch) -> None:
    order = ordered(shopper, market.on_sale())
    shopper.get(URL)
    counted: list[int] = []
    look = express.Work.look

    def counting(self: express.Work, *statements: express.Statement) -> list[Any]:
        counted.extend("FROM (\n" in sql and '"order"' in sql for sql, _ in statements)
        return look(self, *statements)

    monkeypatch.setattr(express.Work, "look", counting)
    monkeypatch.setattr(database.db, "session", SimpleNamespace(remove=lambda: None))
    for url in (URL, f"{URL}/{order['id']}"):
        counted.clear()
        assert shopper.get(url).status_code == 200
        assert sum(counted) == 1


def test_one_s_orders_are_found_without_reading_everybody_s(
    market: Market, shopper: Caller, as_role, app: Flask, database_urls: DatabaseUrls
) -> None:
    """Beside 30,000 payments of others: what is read does not grow with them."""
    order = ordered(shopper, market.on_sale(), 2)
    with psycopg.connect(servers.plain(database_urls.owner_url), autocommit=True) as owner:
        owner.execute(OF_OTHERS, {"payer_id": as_role(Role.SHOPPER).account_id})
        owner.execute("ANALYZE payment")
        read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'payment'"
        express.close_all(app)
        time.sleep(0.2)
        before = owner.execute(read).fetchone()
        assert mine(shopper, order)["payment"]["id"] == order["payment_id"]
        assert len(shopper.get(URL).json["items"]) == 1
        express.close_all(app)
        time.sleep(0.2)
        assert owner.execute(read).fetchone() == before
        owner.execute("DELETE FROM payment WHERE state = 'processing'")
