"""Lots from a phone: each row by itself, good ones stay, the same row again changes nothing."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from inventory import lots
from inventory.batch import intake, rules
from inventory.batch.intake import ROWS_MAX
from marketplace import database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from tests import builders
from tests.builders import assert_refused
from tests.house import Caller
from tests.inventory.yard import Yard, at_once

AsRole = Callable[..., Caller]
URL = "/v1/lot-batches"
FACTS = st.dictionaries(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 2)), max_size=4)


@pytest.fixture
def member(as_role: AsRole, yard: Yard) -> Caller:
    return as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])


def _row(yard: Yard, code: str = "P1", **changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "cooperative_id": str(yard.cooperative_ids[0]),
        "cold_store_id": str(yard.cold_store_id),
        "code": code,
        "variety": "Fuji",
        "grade": "A",
        "harvested_on": "2026-10-05",
        "best_before_on": "2027-03-01",
        "quantity": {"value": 40, "unit": "jin"},
        **changes,
    }


def _sent(answer: TestResponse) -> list[str]:
    """The outcome of each row: `created`, or the pointer and the code of what keeps it out."""
    assert answer.status_code == 200, answer.json
    counts = {name: answer.json[name] for name in ("created", "unchanged", "conflicts")}
    assert sum(counts.values()) == answer.json["rows"] == len(answer.json["results"])
    found = []
    for each in answer.json["results"]:
        is_conflict = each["outcome"] == "conflict"
        assert is_conflict == (each["lot_id"] is None) == (each["detail"] is not None)
        if is_conflict:
            assert re.search("[a-z]", each["detail"]["en"]) and re.search(
                "[\u4e00-\u9fff]", each["detail"]["zh"]
            )
        found.append(f"{each['pointer']} {each['code']}" if is_conflict else each["outcome"])
    return found


@given(FACTS, FACTS)
def test_facts_differ_exactly_where_a_name_has_another_value(
    known: dict[str, Any], sent: dict[str, Any]
) -> None:
    found = rules.first_difference(known, sent)
    differing = [name for name in "abcd" if known.get(name) != sent.get(name)]
    assert found == (differing[0] if differing else None)
    assert rules.first_difference(known, known) is None
    assert rules.first_difference(sent, known) == found


def test_the_rows_become_lots_with_their_journals(yard: Yard, app: Flask, member: Caller) -> None:
    answer = member.post(URL, json={"rows": [_row(yard), _row(yard, "P2", size="80-85", quantity=7_000)]})
    assert _sent(answer) == ["created", "created"]
    one, two = [member.get(f"/v1/lots/{each['lot_id']}").json for each in answer.json["results"]]
    assert (one["code"], one["on_hand_grams"], one["storage"], one["size"]) == ("P1", 20_000, "cold", None)
    assert (two["code"], two["on_hand_grams"], two["size"]) == ("P2", 7_000, "80-85")
    assert builders.broken(app) == []


def test_the_same_rows_again_change_nothing_whatever_became_of_the_lots(
    yard: Yard, app: Flask, member: Caller
) -> None:
    body = {"rows": [_row(yard), _row(yard, "P2")]}
    first = member.post(URL, json=body)
    lot_id = first.json["results"][0]["lot_id"]
    member.post(f"/v1/lots/{lot_id}/losses", json={"quantity": 500, "reason": "rot"})
    body["rows"].append(_row(yard, "P3"))
    again = member.post(URL, json=body)
    assert _sent(again) == ["unchanged", "unchanged", "created"]
    assert again.json["results"][0]["lot_id"] == lot_id
    assert member.get(f"/v1/lots/{lot_id}").json["on_hand_grams"] == 19_500
    assert builders.broken(app) == []


def test_good_rows_stay_although_others_cannot_be_taken_in(yard: Yard, app: Flask, member: Caller) -> None:
    yard.lot("TAKEN")
    nowhere = str(uuid.uuid4())
    rows = [
        _row(yard, "P1"),
        _row(yard, "TAKEN"),
        _row(yard, "P2", best_before_on="2026-10-04"),
        _row(yard, "P3", cold_store_id=nowhere),
        _row(yard, "P4", cooperative_id=str(yard.cooperative_ids[1])),
        _row(yard, "P5", cooperative_id=nowhere),
        _row(yard, "P6"),
        _row(yard, "P6"),
    ]
    answer = member.post(URL, json={"rows": [*rows, {**rows[0], "code": "OTHER"}, rows[6]]})
    assert _sent(answer) == [
        "created",
        "/rows/1/code lot_code_taken",
        "/rows/2/best_before_on days_out_of_order",
        "/rows/3/cold_store_id cold_store_not_found",
        "/rows/4/cooperative_id cooperative_not_found",
        "/rows/5/cooperative_id cooperative_not_found",
        "created",
        "/rows/7/code lot_code_taken",
        "/rows/8/code row_differs",
        "unchanged",
    ]
    four, five = answer.json["results"][4:6]
    assert {**four, "id": None, "pointer": None} == {**five, "id": None, "pointer": None}
    codes = [lot["code"] for lot in member.get("/v1/lots").json["items"]]
    assert codes == ["TAKEN", "P1", "P6"]
    assert builders.broken(app) == []


@pytest.mark.parametrize(
    ("changes", "member_name"),
    [
        ({"code": "P9"}, "code"),
        ({"variety": "Gala"}, "variety"),
        ({"grade": "B"}, "grade"),
        ({"size": "70-75"}, "size"),
        ({"storage": "controlled_atmosphere"}, "storage"),
        ({"harvested_on": "2026-10-04"}, "harvested_on"),
        ({"best_before_on": "2027-03-02"}, "best_before_on"),
        ({"quantity": 20_001}, "quantity"),
        ({"cold_store_id": str(uuid.uuid4())}, "cold_store_id"),
    ],
)
def test_the_same_id_with_another_fact_is_a_conflict_that_points_to_it(
    yard: Yard, member: Caller, changes: dict[str, Any], member_name: str
) -> None:
    row = _row(yard)
    member.post(URL, json={"rows": [row]})
    answer = member.post(URL, json={"rows": [{**row, **changes}]})
    assert _sent(answer) == [f"/rows/0/{member_name} row_differs"]
    same_weight = {**row, "quantity": {"value": "20", "unit": "kg"}}
    assert _sent(member.post(URL, json={"rows": [same_weight]})) == ["unchanged"]


def test_ids_are_the_cooperatives_own(yard: Yard, app: Flask, member: Caller, as_role: AsRole) -> None:
    row = _row(yard)
    member.post(URL, json={"rows": [row]})
    other = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[1:])
    own = {**row, "cooperative_id": str(yard.cooperative_ids[1])}
    assert _sent(other.post(URL, json={"rows": [row]})) == ["/rows/0/cooperative_id cooperative_not_found"]
    assert _sent(other.post(URL, json={"rows": [own]})) == ["created"]
    assert _sent(as_role(Role.OPERATOR).post(URL, json={"rows": [row, own]})) == ["unchanged", "unchanged"]
    assert builders.broken(app) == []


def test_the_key_replays_and_a_lost_answer_is_made_up_for(yard: Yard, member: Caller) -> None:
    body = {"rows": [_row(yard), _row(yard, "P1")]}
    key = str(uuid.uuid4())
    first = member.post(URL, json=body, key=key)
    again = member.post(URL, json=body, key=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == first.json
    assert_refused(member.post(URL, json={"rows": [_row(yard)]}, key=key), 422, "idempotency_key_reused")
    fresh = member.post(URL, json=body)
    assert _sent(first) == ["created", "/rows/1/code lot_code_taken"]
    assert _sent(fresh) == ["unchanged", "/rows/1/code lot_code_taken"]
    assert_refused(member.post(URL, json=body, key=None), 400, "idempotency_key_missing")


def test_a_request_of_no_shape_is_refused_as_a_whole(yard: Yard, member: Caller, as_role: AsRole) -> None:
    good = _row(yard)
    for rows in (
        [],
        [good] * (ROWS_MAX + 1),
        [good, {**_row(yard, "P2"), "quantity": 0}],
        [{**good, "id": "1"}],
    ):
        assert_refused(member.post(URL, json={"rows": rows}), 422, "invalid")
    refused = member.post(URL, json={"rows": [good, {**good, "code": "../x"}]})
    assert refused.json["errors"][0]["pointer"] == "/rows/1/code"
    assert member.get("/v1/lots").json["items"] == []
    for role in (Role.AUDITOR, Role.SHOPPER, Role.BUYER):
        assert_refused(as_role(role).post(URL, json={"rows": [good]}), 403, "forbidden")


def test_two_hundred_rows_fit_into_one_request(yard: Yard, app: Flask, member: Caller) -> None:
    answer = member.post(URL, json={"rows": [_row(yard, f"P{number}") for number in range(ROWS_MAX)]})
    assert (answer.json["rows"], answer.json["created"]) == (ROWS_MAX, ROWS_MAX)
    assert builders.broken(app) == []


def test_the_same_rows_from_many_phones_in_any_order_are_received_once(yard: Yard, app: Flask) -> None:
    sent = [
        {
            "id": uuid.uuid4(),
            "cooperative_id": yard.cooperative_ids[number % 2],
            "cold_store_id": yard.cold_store_id,
            "code": f"P{number}",
            "variety": "Fuji",
            "grade": "A",
            "harvested_on": yard.today,
            "best_before_on": yard.today + timedelta(days=60),
            "quantity_grams": 5_000,
        }
        for number in range(6)
    ]

    def sending(rows: list[dict[str, Any]]) -> Callable[[Session], intake.Report]:
        return lambda session: intake.receive_rows(session, yard.ctx, rows=rows)

    results = at_once(app, [sending(sent), sending(sent[::-1])] * 4)
    reports = [each for each in results if isinstance(each, intake.Report)]
    assert len(reports) == 8
    assert sorted(report.created for report in reports) == [0] * 7 + [6]
    assert all(report.conflicts == 0 for report in reports)
    assert builders.broken(app) == []


def test_a_failure_of_our_own_is_no_conflict_and_leaves_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lots.receive
    calls = 0

    def breaking(*args: Any, **facts: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise database.DatabaseUnavailable
        return real(*args, **facts)

    monkeypatch.setattr(lots, "receive", breaking)
    rows = [
        {
            "id": uuid.uuid4(),
            "cooperative_id": yard.cooperative_ids[0],
            "cold_store_id": yard.cold_store_id,
            "code": code,
            "variety": "Fuji",
            "grade": "A",
            "harvested_on": yard.today,
            "best_before_on": yard.today,
            "quantity_grams": 5_000,
        }
        for code in ("P1", "P2")
    ]
    with pytest.raises(database.DatabaseUnavailable):
        database.transact(lambda session: intake.receive_rows(session, yard.ctx, rows=rows))
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM lot")) == 0
        assert session.query(AuditEntry).filter(AuditEntry.action == "lot.batch").count() == 0


@pytest.mark.parametrize("statement", ["UPDATE lot_intake SET actor = 'x'", "DELETE FROM lot_intake"])
def test_the_app_cannot_rewrite_what_a_phone_sent(yard: Yard, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text(statement))
