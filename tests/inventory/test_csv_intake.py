"""Lots from a file: all or none, every fault named, the same file again changes nothing."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from inventory import csv_intake
from marketplace.access import Role
from marketplace.values import GRAMS_MAX
from tests.house import Caller
from tests.inventory.yard import Yard, at_once

AsRole = Callable[..., Caller]

HEADING = "code,cold_store_code,variety,grade,size,storage,harvested_on,best_before_on,quantity_grams"
ONE = "L1,COLD-1,Fuji,A,80-85,,2026-10-05,2027-03-01,50000"
TWO = "L2,COLD-1,Fuji,B,,controlled_atmosphere,2026-10-06,2027-03-01,12500"


def _text(*rows: str, heading: str = HEADING) -> str:
    return "\n".join((heading, *rows)) + "\n"


def _path(yard: Yard, cooperative: int = 0) -> str:
    return f"/v1/lots/imports?cooperative_id={yard.cooperative_ids[cooperative]}"


def _send(who: Caller, path: str, text: str, content_type: str = "text/csv", **options: Any) -> TestResponse:
    return who.post(path, data=text.encode(), content_type=content_type, **options)


def _report(answer: TestResponse) -> tuple[int, int, int]:
    assert answer.status_code == 200, answer.json
    return answer.json["rows"], answer.json["created"], answer.json["unchanged"]


def _faults(answer: TestResponse) -> list[tuple[int, str]]:
    assert (answer.status_code, answer.json["code"]) == (422, "csv_refused"), answer.json
    return [(each["line"], each["column"]) for each in answer.json["errors"]]


@pytest.fixture
def member(as_role: AsRole, yard: Yard) -> Caller:
    return as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])


def test_a_file_receives_its_lots_with_their_journals(yard: Yard, member: Caller) -> None:
    assert _report(_send(member, _path(yard), _text(ONE, TWO))) == (2, 2, 0)
    one, two = member.get("/v1/lots").json["items"]
    assert (one["code"], one["size"], one["storage"], one["on_hand_grams"]) == ("L1", "80-85", "cold", 50_000)
    assert (two["code"], two["size"], two["storage"]) == ("L2", None, "controlled_atmosphere")
    [line] = member.get(f"/v1/lots/{one['id']}/movements").json["items"]
    assert (line["number"], line["kind"], line["on_hand_delta_grams"]) == (1, "received", 50_000)
    assert yard.broken() == []


def test_the_same_file_again_changes_nothing_whatever_became_of_the_lots(yard: Yard, member: Caller) -> None:
    text = _text(ONE, TWO)
    _send(member, _path(yard), text)
    lot = member.get("/v1/lots").json["items"][0]
    member.post(f"/v1/lots/{lot['id']}/losses", {"quantity": 1_000, "reason": "rot"})
    assert _report(_send(member, _path(yard), text)) == (2, 0, 2)
    more = _text(ONE, TWO, ONE.replace("L1", "L3"))
    assert _report(_send(member, _path(yard), more)) == (3, 1, 2)
    bare = "code,cold_store_code,variety,grade,harvested_on,best_before_on,quantity_grams"
    left_out = _text("L1,COLD-1,Fuji,A,2026-10-05,2027-03-01,50000", heading=bare)
    assert _report(_send(member, _path(yard), left_out)) == (1, 0, 1)
    assert member.get(f"/v1/lots/{lot['id']}").json["version"] == 2
    assert yard.broken() == []


@pytest.mark.parametrize(
    ("column", "changed"),
    [
        ("variety", ONE.replace("Fuji", "Gala")),
        ("grade", ONE.replace(",A,", ",B,")),
        ("size", ONE.replace("80-85", "")),
        ("storage", ONE.replace(",,", ",controlled_atmosphere,")),
        ("harvested_on", ONE.replace("2026-10-05", "2026-10-04")),
        ("best_before_on", ONE.replace("2027-03-01", "2027-03-02")),
        ("quantity_grams", ONE.replace("50000", "50001")),
    ],
)
def test_a_stored_code_with_other_facts_is_a_fault_and_nothing_is_received(
    yard: Yard, member: Caller, column: str, changed: str
) -> None:
    _send(member, _path(yard), _text(ONE))
    assert _faults(_send(member, _path(yard), _text(TWO, changed))) == [(3, column)]
    assert [lot["code"] for lot in member.get("/v1/lots").json["items"]] == ["L1"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (ONE.replace("L1", "../L1"), "code"),
        (ONE.replace("L1", "L2"), "code"),
        (ONE.replace("COLD-1", "COLD-9"), "cold_store_code"),
        (ONE.replace("Fuji", "F" * 61), "variety"),
        (ONE.replace(",,", ",cellar,"), "storage"),
        (ONE.replace("2026-10-05", "2026-02-30"), "harvested_on"),
        (ONE.replace("2027-03-01", "2026-10-04"), "best_before_on"),
        (ONE.replace("50000", "0"), "quantity_grams"),
        (ONE.replace("50000", "5e4"), "quantity_grams"),
        (ONE.replace("50000", str(GRAMS_MAX + 1)), "quantity_grams"),
        (ONE + ",more", ""),
    ],
)
def test_one_bad_cell_is_named_and_nothing_is_received(
    yard: Yard, member: Caller, row: str, column: str
) -> None:
    assert _faults(_send(member, _path(yard), _text(TWO, row))) == [(3, column)]
    assert member.get("/v1/lots").json["items"] == []


def test_a_cell_guarded_against_formulas_reads_as_it_was(yard: Yard, member: Caller) -> None:
    row = ONE.replace("80-85", "'=80")
    assert _report(_send(member, _path(yard), _text(row))) == (1, 1, 0)
    assert member.get("/v1/lots").json["items"][0]["size"] == "=80"
    assert _report(_send(member, _path(yard), _text(row))) == (1, 0, 1)


def test_the_door_refuses_strangers_and_what_is_no_file(
    yard: Yard, member: Caller, as_role: AsRole, anyone: Caller
) -> None:
    text, path = _text(ONE), _path(yard)
    assert _send(anyone, path, text).status_code == 401
    for role in (Role.SHOPPER, Role.AUDITOR, Role.BUYER):
        assert _send(as_role(role), path, text).status_code == 403
    unknown = f"/v1/lots/imports?cooperative_id={uuid.uuid4()}"
    for who, where in ((member, _path(yard, 1)), (member, unknown), (as_role(Role.OPERATOR), unknown)):
        answer = _send(who, where, text)
        assert (answer.status_code, answer.json["code"]) == (404, "cooperative_not_found")
    assert _send(member, "/v1/lots/imports", text).status_code == 422
    assert _send(member, path, text, key=None).status_code == 400
    assert _send(member, path, text, content_type="application/json").status_code == 415
    assert _send(member, path, text, headers={"Content-Encoding": "gzip"}).status_code == 415
    assert _faults(member.post(path, data=b"\xff", content_type="text/csv")) == [(1, "")]
    assert _report(_send(as_role(Role.OPERATOR), _path(yard, 1), text)) == (1, 1, 0)


def test_the_same_file_from_many_hands_at_once_is_received_once(yard: Yard) -> None:
    def sending(session: Session) -> csv_intake.Report:
        return csv_intake.receive_file(
            session, yard.ctx, cooperative_id=yard.cooperative_ids[0], text=_text(ONE, TWO)
        )

    results = at_once(yard.app, [sending] * 6)
    created = [result.created for result in results if isinstance(result, csv_intake.Report)]
    assert sorted(created) == [0, 0, 0, 0, 0, 2]
    assert yard.broken() == []


def test_codes_are_the_cooperatives_own(yard: Yard, member: Caller) -> None:
    yard.lot("L1", cooperative=1)
    assert _report(_send(member, _path(yard), _text(ONE))) == (1, 1, 0)
