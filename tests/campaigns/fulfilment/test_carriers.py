"""What is exchanged with carriers: files of parcels to be fetched, and reports of what became of them."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from marketplace import database, errors
from marketplace.access import Role
from marketplace.audit import AuditEntry
from orders.fulfilment.carriers import consigning, reporting
from orders.fulfilment.carriers.reporting import Outcome
from orders.fulfilment.models import ParcelTracking
from tests.builders import Market, assert_refused, broken
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.loading import closed, given, ids, packed
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.inbox import told
from tests.house import Caller
from tests.inventory.yard import at_once

HEADING = "parcel,status,at,tracking_number"


@pytest.fixture
def made(market: Market, operator: Caller) -> Sending:
    found = stage.closed(market, operator, orders=(5, 4, 3))
    found.released()
    return found


@pytest.fixture
def wave(made: Sending) -> str:
    return str(made.parcels()[0]["wave_id"])


def ago(hours: int) -> str:
    return (datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)).isoformat()


def report(made: Sending, *lines: tuple[str, ...], who: Caller | None = None, **query: str) -> TestResponse:
    text = "\r\n".join((HEADING, *(",".join(each) for each in lines)))
    options = {"query_string": query, "data": text.encode(), "content_type": "text/csv"}
    return (who or made.operator).post("/v1/carrier-reports", **options)  # type: ignore[arg-type]


def taken(made: Sending, *lines: tuple[str, ...]) -> dict[str, Any]:
    answer = report(made, *lines)
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def take_file(who: Caller, wave: str, **body: Any) -> TestResponse:
    return who.post(f"/v1/waves/{wave}/carrier-files", json=body)


def rows_of(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.json
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def reads(parcel_id: str) -> list[dict[str, Any] | None]:
    with database.reading() as session:
        statement = select(AuditEntry.after).where(
            AuditEntry.action == "parcel.read_recipient", AuditEntry.subject_id == parcel_id
        )
        return list(session.scalars(statement))


def state_of(made: Sending, parcel: dict[str, Any]) -> str:
    return str(made.operator.get(f"/v1/parcels/{parcel['id']}").json["state"])


def test_the_ways_are_listed(operator: Caller) -> None:
    listed = {each["code"]: each["has_files"] for each in operator.get("/v1/carriers").json["items"]}
    assert listed == {"offline": False, "csv": True}


def test_packed_parcels_go_out_with_their_addresses_and_each_reading_is_written_down(
    made: Sending, wave: str
) -> None:
    found = packed(made)
    rows = rows_of(take_file(made.operator, wave))
    assert [each["parcel"] for each in rows] == ids(found), "what is not packed is not fetched"
    assert [int(each["boxes"]) for each in rows] == [each["boxes"] for each in found]
    asked = made.operator.post(f"/v1/parcels/{found[0]['id']}/recipient").json["address"]
    for name in ("recipient", "phone", "city", "street"):
        assert rows[0][name].removeprefix("'") == asked[name]
    assert rows[0]["link"].startswith("https://id.gs1.org/00/0")
    for each in found:
        assert {"carrier": "csv"} in reads(each["id"])
    planned = made.parcels(state="planned")
    assert planned
    assert all(reads(each["id"]) == [] for each in planned)


def test_members_get_addresses_of_their_own_parcels_alone(made: Sending, wave: str) -> None:
    mine = packed(made)
    theirs = packed(made, cooperative=0)
    stranger, member = made.members[:2]
    assert [each["parcel"] for each in rows_of(take_file(member, wave))] == ids(mine)
    assert [each["parcel"] for each in rows_of(take_file(stranger, wave))] == ids(theirs)
    foreign = take_file(member, wave, cooperative_id=str(made.market.cooperative_ids[0]))
    assert rows_of(foreign) == []
    narrowed = take_file(made.operator, wave, cooperative_id=str(made.market.cooperative_ids[1]))
    assert [each["parcel"] for each in rows_of(narrowed)] == ids(mine)


def test_files_follow_each_other(made: Sending, wave: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consigning, "FILE_PARCELS_MAX", 1)
    found = packed(made)
    first = take_file(made.operator, wave)
    assert (first.headers["Parcels-Left"], first.headers["Parcels-Last"]) == ("1", found[0]["id"])
    second = take_file(made.operator, wave, after=found[0]["id"])
    assert [each["parcel"] for each in rows_of(second)] == [found[1]["id"]]
    assert second.headers["Parcels-Left"] == "0"


def test_what_has_left_is_not_fetched_again_and_wrong_questions_are_refused(made: Sending, wave: str) -> None:
    given(made, parcel_ids=ids(packed(made)))
    empty = take_file(made.operator, wave)
    assert rows_of(empty) == []
    assert "Parcels-Last" not in empty.headers
    assert_refused(take_file(made.operator, wave, carrier="offline"), 409, "carrier_has_no_files")
    assert_refused(take_file(made.operator, wave, carrier="pigeon"), 404, "carrier_not_found")
    assert_refused(take_file(made.operator, str(uuid.uuid4())), 404, "wave_not_found")


def test_numbers_come_before_parcels_leave_and_count_then(made: Sending) -> None:
    first, second = packed(made)
    answer = taken(
        made,
        (first["id"], "announced", ago(3), "SF-OLD"),
        (first["id"], "announced", ago(2), "SF-1"),
        (second["id"], "announced", ago(2), "SF-2"),
    )
    assert (answer["rows"], answer["taken"], answer["refused"]) == (3, 3, [])
    told_of = [{"parcel_id": second["id"], "tracking_number": "SF-9"}]
    given(made, parcel_ids=ids([first, second]), tracking_numbers=told_of)
    now = {each["id"]: each["tracking_number"] for each in made.parcels(state="shipped")}
    assert now == {first["id"]: "SF-1", second["id"]: "SF-9"}, "a number that a person tells goes first"
    assert broken(made.market.app) == []


def test_a_number_that_comes_after_its_parcel_left_is_its_number_and_stays(made: Sending) -> None:
    [first, *_] = packed(made)
    given(made, parcel_ids=[first["id"]])
    assert taken(made, (first["id"], "announced", ago(1), "SF-1"))["taken"] == 1
    assert made.operator.get(f"/v1/parcels/{first['id']}").json["tracking_number"] == "SF-1"
    other = taken(made, (first["id"], "announced", ago(0), "SF-2"))
    assert [each["code"] for each in other["refused"]] == ["tracking_number_differs"]


def test_what_a_carrier_says_is_shown_to_the_buyer_and_delivered_delivers(made: Sending) -> None:
    first, second = packed(made)
    one = closed(made, [first, second])
    given(made, pallet_ids=[one["id"]])
    rows = rows_by_link(made, one)
    away, there = ago(5), ago(1)
    answer = taken(
        made,
        (first["id"], "delivered", there, ""),
        (first["id"], "in_transit", away, "SF-1"),
        (rows[second["id"]].rpartition("/")[2], "in_transit", away, ""),
    )
    assert (answer["taken"], answer["refused"]) == (3, [])
    assert (state_of(made, first), state_of(made, second)) == ("delivered", "shipped")
    place = [each["id"] for each in made.orders].index(first["order_id"])
    shown = made.buyers[place].get(f"/v1/orders/{first['order_id']}/parcels").json["items"]
    [mine] = [each for each in shown if each["id"] == first["id"]]
    assert [(each["status"], each["tracking_number"]) for each in mine["tracking"]] == [
        ("in_transit", "SF-1"),
        ("delivered", None),
    ]
    assert mine["tracking"][0]["at"] < mine["tracking"][1]["at"] < mine["tracking"][1]["reported_at"]
    assert told(made.buyers[place], "parcel_shipped")
    assert broken(made.market.app) == []


def rows_by_link(made: Sending, pallet: dict[str, Any]) -> dict[str, str]:
    found = made.operator.get(f"/v1/pallets/{pallet['id']}").json
    lines = made.operator.get(f"/v1/hand-overs/{found['hand_over_id']}/manifest").json["lines"]
    return {each["parcel_id"]: each["link"] for each in lines}


def test_sent_again_nothing_is_done_twice_and_wrong_lines_are_named(made: Sending) -> None:
    first, second = packed(made)
    given(made, parcel_ids=[first["id"]])
    [planned, *_] = made.parcels(state="planned")
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    lines = (
        (first["id"], "in_transit", ago(2), ""),
        (str(uuid.uuid4()), "lost", ago(2), ""),
        (second["id"], "delivered", ago(2), ""),
        (planned["id"], "announced", ago(2), ""),
        (first["id"], "flying", ago(2), ""),
        (first["id"], "delivered", soon, ""),
        ("'=x", "lost", "never", ""),
        (first["id"], "lost", ago(1), ""),
    )
    for taken_count, known in ((2, 0), (0, 2)):
        answer = taken(made, *lines)
        assert (answer["rows"], answer["taken"], answer["known"]) == (8, taken_count, known)
        assert [(each["line"], each["code"]) for each in answer["refused"]] == [
            (3, "parcel_not_found"),
            (4, "not_sent_yet"),
            (5, "tracking_number_missing"),
            (6, "unreadable"),
            (7, "in_the_future"),
            (8, "unreadable"),
        ]
        assert all(each["detail"] for each in answer["refused"])
    assert state_of(made, first) == "shipped", "what is lost is told, and not arrived"
    with database.reading() as session:
        assert len(session.scalars(select(ParcelTracking.id)).all()) == 2
    found = taken(made, (first["id"], "delivered", ago(0), ""))
    assert (found["taken"], state_of(made, first)) == (1, "delivered"), "what was lost is found"
    late = taken(made, (first["id"], "returned", ago(0), ""), (first["id"], "in_transit", ago(3), ""))
    assert [(each["line"], each["code"]) for each in late["refused"]] == [(2, "arrived_already")]
    assert late["taken"] == 1
    assert broken(made.market.app) == []


def test_a_parcel_that_a_person_delivered_is_delivered_once(made: Sending) -> None:
    [first, *_] = packed(made)
    given(made, parcel_ids=[first["id"]])
    assert made.step(first, "delivery").status_code == 200
    assert taken(made, (first["id"], "delivered", ago(1), ""))["taken"] == 1
    assert broken(made.market.app) == []


def test_members_report_of_their_own_parcels_alone(made: Sending) -> None:
    [first, *_] = packed(made)
    given(made, parcel_ids=[first["id"]])
    stranger, member = made.members[:2]
    line = (first["id"], "delivered", ago(1), "")
    answer = report(made, line, who=stranger)
    assert [each["code"] for each in answer.json["refused"]] == ["parcel_not_found"]
    assert state_of(made, first) == "shipped"
    assert report(made, line, who=member).json["taken"] == 1


def test_what_is_no_such_file_changes_nothing(made: Sending) -> None:
    [first, *_] = packed(made)
    given(made, parcel_ids=[first["id"]])
    good = (first["id"], "delivered", ago(1), "")
    assert_refused(report(made, good, ("too", "few")), 422, "csv_refused")
    assert_refused(report(made, good, carrier="offline"), 409, "carrier_has_no_files")
    assert_refused(report(made, good, carrier="pigeon"), 404, "carrier_not_found")
    wrong = made.operator.post("/v1/carrier-reports", data=b"\xff", content_type="text/csv")
    assert_refused(wrong, 422, "csv_refused")
    json = made.operator.post("/v1/carrier-reports", json={})
    assert_refused(json, 415, "unsupported_media_type")
    nul = report(made, (first["id"], "delivered", ago(1), "SF\x00"))
    assert_refused(nul, 422, "csv_refused")
    assert state_of(made, first) == "shipped"


def test_two_reports_at_once_deliver_once(made: Sending) -> None:
    found = packed(made)
    given(made, parcel_ids=ids(found))
    ctx = made.market.acting(made.operator, roles=frozenset({Role.OPERATOR}))
    at = ago(1)
    lines = [f"{each['id']},delivered,{at}," for each in found]

    def tell(some: list[str]) -> Any:
        text = "\n".join((HEADING, *some))
        return lambda session: reporting.take_in(session, ctx, carrier="csv", text=text)

    outcomes = at_once(made.market.app, [tell(lines), tell(lines[::-1])])
    assert not [each for each in outcomes if isinstance(each, errors.Refusal)]
    counted = sorted((each.taken, each.known) for each in outcomes if isinstance(each, Outcome))
    assert counted == [(0, 2), (2, 0)]
    assert {state_of(made, each) for each in found} == {"delivered"}
    assert broken(made.market.app) == []
