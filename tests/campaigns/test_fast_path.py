"""The fast path answers what the views answer, byte for byte; what is not plain, it leaves to them."""

import json
import logging
import uuid
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import RAISE, ValidationError
from werkzeug.test import TestResponse

from campaigns import fast, schemas, selling
from inventory import coming
from marketplace import express, limits, metrics, stations, strict_json
from marketplace.access import Role
from tests.builders import Market, Sale, held
from tests.house import Caller
from tests.two_ways import both_ways, told, usual_way

URL = "/v1/campaigns"


def body_of(sale: Sale, boxes: int = 1) -> dict[str, Any]:
    return {"item_id": str(sale.item_id), "boxes": boxes}


@pytest.mark.parametrize("language", ["", "zh-CN,zh;q=0.9", "de, en;q=0.5"])
def test_what_passers_by_read_is_the_same(
    app: Flask, ways: list[str], market: Market, anyone: Caller, as_role, language: str
) -> None:
    sales = [market.on_sale(5), market.on_sale(3)]
    headers = {"Accept-Language": language} if language else {}
    for caller in (anyone, as_role(Role.SHOPPER), as_role(Role.OPERATOR)):
        for url in (URL, f"{URL}?limit=1", f"{URL}?limit=100", sales[0].url, f"{URL}/{uuid.uuid4()}"):
            first = both_ways(app, ways, partial(caller.get, url, headers=headers))
            tag = first.headers.get("ETag")
            for seen in (tag, f"W/{tag}", '"other"', "*", "") if tag else ():
                asked = {**headers, "If-None-Match": seen}
                both_ways(app, ways, partial(caller.get, url, headers=asked))


def test_a_hold_is_the_same(app: Flask, ways: list[str], market: Market, shopper: Caller) -> None:
    """Asked for again with a new key, a hold stays what it is; but for its time, which begins anew."""
    sale = market.on_sale(9)
    held(shopper, sale, 2)
    names = ("hold_id", "state", "boxes", "unit_price_minor", "currency", "available", "version")
    ways.clear()
    quick = shopper.post(sale.holds_url, json=body_of(sale, 2))
    assert ways == ["campaigns.hold"]
    with usual_way(app):
        usual = shopper.post(sale.holds_url, json=body_of(sale, 2))
    assert (quick.status_code, usual.status_code) == (200, 200)
    assert [quick.json[name] for name in names] == [usual.json[name] for name in names]
    assert list(quick.json) == list(usual.json)
    assert [name for name, _ in told(quick)[2]] == [name for name, _ in told(usual)[2]]
    new = market.on_sale(9)
    first = shopper.post(new.holds_url, json=body_of(new, 2))
    assert first.headers["Location"] == f"/v1/holds/{first.json['hold_id']}"
    assert market.actions(first) == {"hold.place"}


def test_a_key_is_one_key_on_both_ways(app: Flask, ways: list[str], market: Market, shopper: Caller) -> None:
    sale, key = market.on_sale(9), str(uuid.uuid4())
    first = shopper.post(sale.holds_url, json=body_of(sale, 2), key=key)
    again = both_ways(app, ways, lambda: shopper.post(sale.holds_url, json=body_of(sale, 2), key=key))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    with usual_way(app):
        refused = shopper.post(sale.holds_url, json=body_of(sale, 3), key=key)
    assert told(refused) == told(shopper.post(sale.holds_url, json=body_of(sale, 3), key=key))
    assert (refused.status_code, refused.json["code"]) == (422, "idempotency_key_reused")
    turned = '{"boxes":2,"item_id":"' + str(sale.item_id) + '"}'
    other = shopper.post(sale.holds_url, data=turned, content_type="application/json", key=key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")


def test_refusals_are_the_same(
    app: Flask, ways: list[str], market: Market, shopper: Caller, anyone: Caller, as_role
) -> None:
    sale, empty, closed = market.on_sale(50), market.on_sale(1), market.draft()
    held(as_role(Role.SHOPPER), empty)
    stranger = Caller(app, "x" * 43)
    cases = [
        (shopper, sale.holds_url, body_of(sale, 11), 409, "hold_limit"),
        (shopper, empty.holds_url, body_of(empty), 409, "sold_out"),
        (shopper, sale.holds_url, {"item_id": str(uuid.uuid4()), "boxes": 1}, 404, "item_not_found"),
        (shopper, f"{URL}/{uuid.uuid4()}/holds", body_of(sale), 404, "campaign_not_found"),
        (shopper, closed.holds_url, body_of(closed), 404, "campaign_not_found"),
        (as_role(Role.OPERATOR), sale.holds_url, body_of(sale), 403, "forbidden"),
        (stranger, sale.holds_url, body_of(sale), 401, "unauthenticated"),
        (stranger, f"{URL}/{uuid.uuid4()}/holds", body_of(sale), 401, "unauthenticated"),
    ]
    for caller, url, body, status, code in cases:
        for headers in ({}, {"Accept-Language": "zh"}):
            answer = both_ways(app, ways, partial(caller.post, url, json=body, headers=headers))
            assert (answer.status_code, answer.json["code"]) == (status, code)
    ways.clear()
    nobody = anyone.post(sale.holds_url, json=body_of(sale))
    assert (nobody.status_code, nobody.json["code"], ways) == (401, "unauthenticated", [])


def test_a_session_that_ends_and_a_service_key_are_told_apart(
    app: Flask, ways: list[str], market: Market, shopper: Caller, operator: Caller
) -> None:
    key = operator.post("/v1/service-keys", {"name": "Partner", "scopes": ["lots.read"]}).json["key"]
    sale = market.on_sale(9)
    assert shopper.post(sale.holds_url, json=body_of(sale)).status_code == 201
    assert shopper.delete("/v1/sessions/current").status_code < 300
    gone = both_ways(app, ways, lambda: shopper.post(sale.holds_url, json=body_of(sale)))
    assert (gone.status_code, gone.json["code"]) == (401, "unauthenticated")
    program = both_ways(app, ways, lambda: Caller(app, key).post(sale.holds_url, json=body_of(sale)))
    assert (program.status_code, program.json["code"]) == (403, "forbidden")


def test_what_is_not_plain_goes_to_the_views(
    ways: list[str], market: Market, shopper: Caller, anyone: Caller
) -> None:
    sale = market.on_sale(9)
    plain = json.dumps(body_of(sale)).encode()
    post: dict[str, dict[str, Any]] = {
        "another type": {"data": plain, "content_type": "application/json; charset=utf-8"},
        "no json": {"data": plain, "content_type": "text/plain"},
        "spaces": {"data": b" " + plain, "content_type": "application/json"},
        "a long body": {"data": plain + b" " * 5_000, "content_type": "application/json"},
        "encoded": {"data": plain, "content_type": "application/json", "headers": {"Content-Encoding": "br"}},
        "no key": {"json": body_of(sale), "key": None},
        "a short key": {"json": body_of(sale), "key": "short"},
        "a query": {"json": body_of(sale), "query_string": "a=1"},
        "basic": {"json": body_of(sale), "headers": {"Authorization": "Basic YTpi"}},
    }
    expected = {
        "another type": 201, "no json": 415, "spaces": 200, "a long body": 200, "encoded": 415,
        "no key": 400, "a short key": 400, "a query": 200, "basic": 401,
    }  # fmt: skip
    for name, options in post.items():
        assert shopper.post(sale.holds_url, **options).status_code == expected[name], name
    for url in (f"{URL}?limit=0", f"{URL}?limit=101", f"{URL}?cursor={uuid.uuid4()}", f"{URL}/", f"{URL}/x"):
        anyone.get(url)
    anyone.call("HEAD", URL)
    anyone.call("OPTIONS", URL)
    assert ways == []


def test_a_body_that_ends_early_is_the_clients_fault(
    app: Flask, ways: list[str], market: Market, shopper: Caller
) -> None:
    sale = market.on_sale(9)
    plain = json.dumps(body_of(sale)).encode()

    class Broken(BytesIO):
        def read(self, *_: Any) -> bytes:
            raise OSError("gone")

    for stream in (BytesIO(plain[:-5]), Broken(plain)):
        response = app.test_client().open(
            sale.holds_url,
            method="POST",
            headers={"Authorization": f"Bearer {shopper.token}", "Idempotency-Key": str(uuid.uuid4())},
            content_type="application/json",
            environ_overrides={"wsgi.input": stream, "CONTENT_LENGTH": str(len(plain))},
        )
        assert response.status_code == 400
        assert response.mimetype == "application/problem+json"
    assert ways == []


def test_a_failure_of_our_own_is_answered_as_everywhere(
    app: Flask, ways: list[str], market: Market, shopper: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = market.on_sale(9)

    def broken(*_args: Any, **_named: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(coming, "come", broken)

    def ask() -> TestResponse:
        return app.test_client().post(
            sale.holds_url,
            json=body_of(sale),
            headers={"Authorization": f"Bearer {shopper.token}", "Idempotency-Key": str(uuid.uuid4())},
        )

    answer = both_ways(app, ways, ask)
    assert (answer.status_code, answer.json["code"]) == (500, "internal")


def test_without_a_database_both_ways_say_so(
    app: Flask, ways: list[str], market: Market, anyone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any) -> None:
        raise express.DatabaseUnavailable

    monkeypatch.setattr(express.Line, "run", away)
    answer = both_ways(app, ways, lambda: anyone.get(URL))
    assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_general_limit_counts_here_too(
    app: Flask, ways: list[str], market: Market, anyone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "limits", limits.Counts(None))
    monkeypatch.setitem(app.extensions, "limits_general", limits.counting.parse("3 per minute"))
    statuses = [anyone.get(URL).status_code for _ in range(2)]
    with usual_way(app):
        statuses.append(anyone.get(URL).status_code)
    assert statuses == [200, 200, 200]
    refused = both_ways(app, ways, lambda: anyone.get(URL))
    assert (refused.status_code, refused.json["code"]) == (429, "too_many")
    assert int(refused.headers["Retry-After"]) > 0


def test_each_is_measured_and_told_in_the_log(
    app: Flask, ways: list[str], market: Market, shopper: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(stations.logs, "request", lambda **facts: lines.append(facts))
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(metrics, "observe_request", lambda *facts: seen.append(facts[:3]))
    sale = market.on_sale(9)
    shopper.post(sale.holds_url, json=body_of(sale), headers={"X-Request-Id": "mine-mine"})
    [line] = lines
    assert line["milliseconds"] > 0
    assert {name: line[name] for name in ("method", "route", "path", "status", "actor", "request_id")} == {
        "method": "POST",
        "route": "campaigns.hold",
        "path": sale.holds_url,
        "status": 201,
        "actor": f"account:{shopper.account_id}",
        "request_id": "mine-mine",
    }
    assert seen == [("POST", "campaigns.hold", 201)]
    assert logging.getLogger().handlers


def test_every_fast_door_is_a_door_of_a_view(app: Flask) -> None:
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
    for each in fast.FAST_DOORS:
        assert rules[each.endpoint].rule.replace("<uuid:campaign_id>", "{id}") == each.path
        assert each.method in rules[each.endpoint].methods


IDS = st.uuids().map(str)
NUMBERS = st.one_of(st.integers(-2, 12), st.integers(990, 10_010), st.sampled_from([1.0, "1", None, True]))
BODIES = st.one_of(
    st.builds(lambda item, boxes: {"item_id": item, "boxes": boxes}, IDS, NUMBERS),
    st.builds(lambda item, boxes: {"boxes": boxes, "item_id": item}, IDS, NUMBERS),
    st.builds(lambda item: {"item_id": item.upper(), "boxes": 1}, IDS),
    st.builds(lambda item: {"item_id": item, "boxes": 1, "more": 1}, IDS),
)
TEXTS = st.builds(
    lambda body, separators: json.dumps(body, separators=separators).encode(),
    BODIES,
    st.sampled_from([(", ", ": "), (",", ":"), (",", ": "), ("  ,", ":")]),
)


@given(st.one_of(TEXTS, st.binary(max_size=80)))
@example(b'{"item_id":"01900000-0000-7000-8000-000000000001","boxes":1,"boxes":2}')
@example(b'{"item_id":"01900000-0000-7000-8000-000000000001","boxes":01}')
@example('{"item_id":"01900000-0000-7000-8000-000000000001","boxes":１}'.encode())
@example(b'{"item_id":"01900000-0000-7000-8000-000000000001","boxes":1}\n')
def test_what_is_read_here_is_what_the_schema_reads(body: bytes) -> None:
    found = fast._wanted(body)
    if found is None:
        return
    loaded = schemas.HoldBoxes().load(strict_json.loads(body), unknown=RAISE)
    assert found == selling.Wanted(**loaded)


@given(IDS, st.integers(1, 1_000))
def test_what_phones_send_is_plain(item: str, boxes: int) -> None:
    for body in ({"item_id": item, "boxes": boxes}, {"boxes": boxes, "item_id": item}):
        for separators in ((", ", ": "), (",", ":")):
            assert fast._wanted(json.dumps(body, separators=separators).encode()) is not None


@given(IDS, st.one_of(st.integers(max_value=0), st.integers(min_value=1_001)))
def test_what_the_schema_refuses_is_left_to_it(item: str, boxes: int) -> None:
    body = {"item_id": item, "boxes": boxes}
    assert fast._wanted(json.dumps(body).encode()) is None
    with pytest.raises(ValidationError):
        schemas.HoldBoxes().load(body)
