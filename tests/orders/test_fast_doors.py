"""Ordering and confirming in front of Flask and through the views: the same answers, byte for byte."""

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from marketplace import fast_path
from marketplace.access import Role
from tests.builders import Market, broken, held, ordered
from tests.house import Caller
from tests.tills import without_what_changes

REQUEST_ID = "the-same-request"
JSON_OTHERWISE = "application/json; charset=utf-8"
"""What the views take, and the fast path leaves to them."""


@pytest.fixture
def ways(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`with ways("fast")`, `with ways("view")`: what goes the other way fails."""

    def fails(*_args: Any, **_kwargs: Any) -> None:
        pytest.fail("went the other way")

    @contextmanager
    def only(way: str) -> Iterator[None]:
        with monkeypatch.context() as patched:
            if way == "view":
                patched.setattr(fast_path, "_answered", fails)
            else:
                for endpoint in ("orders.place", "payments.confirm"):
                    patched.setitem(app.view_functions, endpoint, fails)
            yield

    return only


def order(caller: Caller, hold_id: str, way: str, **options: Any) -> TestResponse:
    body = json.dumps({"hold_id": hold_id})
    media = "application/json" if way == "fast" else JSON_OTHERWISE
    headers = {"Content-Type": media, "X-Request-Id": REQUEST_ID, **options.pop("headers", {})}
    return caller.post("/v1/orders", data=body, headers=headers, **options)


def confirm(caller: Caller, payment_id: str, way: str, **options: Any) -> TestResponse:
    headers = {"X-Request-Id": REQUEST_ID, **options.pop("headers", {})}
    if way == "view":
        headers["Content-Type"] = "text/plain"
    return caller.post(f"/v1/payments/{payment_id}/confirm", headers=headers, **options)


def parts(response: TestResponse) -> tuple[int, str, list[tuple[str, str]]]:
    return response.status_code, response.get_data(as_text=True), sorted(response.headers.items())


def alike(response: TestResponse) -> tuple[int, str, list[tuple[str, str]]]:
    """All of an answer but ids, instants and references."""
    status, body, headers = parts(response)
    return (
        status,
        without_what_changes(body),
        [(name, without_what_changes(value)) for name, value in headers],
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_orders_and_confirmations_answer_alike_both_ways(
    market: Market, as_role, ways, language: str
) -> None:
    sale = market.on_sale(20)
    found: dict[str, list[Any]] = {}
    for way in ("fast", "view"):
        shopper, headers = as_role(Role.SHOPPER), {"Accept-Language": language}
        hold_id = held(shopper, sale, 2)["hold_id"]
        with ways(way):
            placed = order(shopper, hold_id, way, headers=headers)
            answer = confirm(shopper, placed.json["payment_id"], way, headers=headers)
        assert (placed.status_code, answer.status_code) == (201, 200)
        found[way] = [alike(placed), alike(answer)]
    assert found["fast"] == found["view"]


@pytest.mark.parametrize("first_way", ["fast", "view"])
def test_a_repeat_by_the_other_way_is_the_first_answer(
    market: Market, shopper: Caller, ways, first_way: str
) -> None:
    other_way = {"fast": "view", "view": "fast"}[first_way]
    hold_id = held(shopper, market.on_sale(5))["hold_id"]
    order_key, payment_key = str(uuid.uuid4()), str(uuid.uuid4())
    with ways(first_way):
        placed = order(shopper, hold_id, first_way, key=order_key)
        answer = confirm(shopper, placed.json["payment_id"], first_way, key=payment_key)
    with ways(other_way):
        placed_again = order(shopper, hold_id, other_way, key=order_key)
        answer_again = confirm(shopper, placed.json["payment_id"], other_way, key=payment_key)
    assert (placed_again.data, answer_again.data) == (placed.data, answer.data)
    assert placed_again.headers["Idempotent-Replayed"] == "true"
    assert answer_again.headers["Idempotent-Replayed"] == "true"
    assert placed_again.headers["Location"] == placed.headers["Location"]


def test_refusals_are_alike_both_ways_byte_for_byte(
    market: Market, shopper: Caller, anyone: Caller, as_role, ways
) -> None:
    sale, other_sale = market.on_sale(20), market.on_sale(20)
    spent = ordered(shopper, sale)
    lapsed = held(shopper, other_sale)["hold_id"]
    market.let_expire(lapsed)
    with ways("fast"):
        assert confirm(shopper, spent["payment_id"], "fast").status_code == 200
    operator, stranger = as_role(Role.OPERATOR), Caller(market.app, "nobody-has-this-token")
    missing = str(uuid.uuid4())
    refused = [
        (order, shopper, missing, 404),
        (order, shopper, lapsed, 410),
        (order, operator, missing, 403),
        (order, stranger, missing, 401),
        (confirm, shopper, missing, 404),
        (confirm, shopper, spent["payment_id"], 409),
        (confirm, operator, missing, 403),
        (confirm, stranger, missing, 401),
    ]
    for ask, caller, subject, status in refused:
        told = {}
        for way in ("fast", "view"):
            with ways(way):
                told[way] = parts(ask(caller, subject, way))
        assert told["fast"][0] == status
        assert told["fast"] == told["view"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        '{"hold_id": "x"}',
        '{"hold_id": "00000000-0000-7000-8000-000000000001", "boxes": 1}',
        '{"hold_id":  "00000000-0000-7000-8000-000000000001"}',
        '{"hold_id": "00000000-0000-7000-8000-00000000000A"}',
        '{"hold_id": "00000000-0000-7000-8000-000000000001"}\n',
    ],
)
def test_an_unusual_order_is_the_views(market: Market, shopper: Caller, ways, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    with market.unchanged(), ways("view"):
        assert shopper.post("/v1/orders", data=body, headers=headers).status_code in (400, 404, 422)


def test_whatever_is_unusual_about_a_confirmation_is_the_views(
    market: Market, shopper: Caller, anyone: Caller, ways
) -> None:
    missing = str(uuid.uuid4())
    url = f"/v1/payments/{missing}/confirm"
    with market.unchanged(), ways("view"):
        assert shopper.post(url, json={}).status_code == 404
        assert shopper.post(url, data=b" ").status_code == 404
        assert shopper.post(url, headers={"Transfer-Encoding": "chunked"}).status_code == 404
        assert shopper.post(f"{url}?x=1").status_code == 404
        assert shopper.post(url, key=None).json["code"] == "idempotency_key_missing"
        assert shopper.post(url, key="short").json["code"] == "idempotency_key_malformed"
        assert anyone.post(url).status_code == 401
        assert shopper.post(f"/v1/payments/{missing.upper()}/confirm").status_code == 404


@pytest.mark.parametrize("way", ["fast", "view"])
def test_a_rush_of_orders_and_confirmations_has_each_made_once(
    market: Market, as_role, ways, way: str
) -> None:
    """Eight shoppers, each with its own hold, at once; each order and each payment twice under one key."""
    sale = market.on_sale(20)
    shoppers = [as_role(Role.SHOPPER) for _ in range(8)]
    holds = [held(each, sale)["hold_id"] for each in shoppers]
    keys = [str(uuid.uuid4()) for _ in range(8)]

    def twice(place: int) -> list[TestResponse]:
        return [order(shoppers[place], holds[place], way, key=keys[place]) for _ in range(2)]

    with ways(way), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(twice, range(8)))
        assert all(first.status_code == 201 and again.data == first.data for first, again in answers)
        ids = [first.json["payment_id"] for first, _ in answers]
        confirmed = list(pool.map(lambda place: confirm(shoppers[place], ids[place], way), range(8)))
    assert [each.status_code for each in confirmed] == [200] * 8
    assert len({first.json["id"] for first, _ in answers}) == 8
    assert broken(market.app) == []
