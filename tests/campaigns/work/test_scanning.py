"""Scans from phones that were offline: row by row, safe to send again, each box counted once."""

import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from marketplace import database
from marketplace.access import Role
from orders.work.models import ShiftScan
from orders.work.scanning import ROWS_MAX
from tests.builders import Market, assert_refused, broken
from tests.campaigns.fulfilment import stage
from tests.campaigns.work import crew as crews
from tests.campaigns.work.crew import Crew, done
from tests.house import Caller, caller
from tests.labels import grove as groves


@pytest.fixture
def shift_id(crew: Crew, li: str, wang: str) -> str:
    return crew.shift(li, wang)


@pytest.fixture
def li(crew: Crew) -> str:
    return crew.worker("李")


@pytest.fixture
def wang(crew: Crew) -> str:
    return crew.worker("王")


def stored() -> list[ShiftScan]:
    with database.reading() as session:
        return list(session.scalars(select(ShiftScan)))


def all_rows(crew: Crew, worker_id: str) -> list[dict[str, Any]]:
    return [
        crew.row(worker_id, parcel, box) for parcel in crew.parcels() for box in range(1, parcel["boxes"] + 1)
    ]


def test_a_phone_sends_a_whole_day_and_again_when_it_heard_nothing(
    crew: Crew, shift_id: str, li: str
) -> None:
    rows = all_rows(crew, li)
    assert len(rows) > 4
    assert crew.send(shift_id, rows[:3]) == ["taken"] * 3
    assert crew.send(shift_id, rows) == ["repeated"] * 3 + ["taken"] * (len(rows) - 3)
    assert crew.send(shift_id, rows[::-1]) == ["repeated"] * len(rows)
    assert len(stored()) == len(rows)
    listed = done(crew.member.get(f"/v1/shifts/{shift_id}/scans", query_string={"limit": 100}))["items"]
    assert {each["id"] for each in listed} == {each["id"] for each in rows}
    assert broken(crew.market.app) == []


def test_the_key_replays_and_is_asked_for(crew: Crew, shift_id: str, li: str) -> None:
    url, body = f"/v1/shifts/{shift_id}/scans", {"rows": all_rows(crew, li)[:2]}
    key = str(uuid.uuid4())
    first = crew.member.post(url, json=body, key=key)
    again = crew.member.post(url, json=body, key=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == first.json
    assert_refused(crew.member.post(url, json=body, key=None), 400, "idempotency_key_missing")


def test_good_rows_stay_although_others_are_not_taken(crew: Crew, shift_id: str, li: str, wang: str) -> None:
    [parcel, *_] = [each for each in crew.parcels() if each["boxes"] > 1]
    theirs = crew.made.parcels(cooperative_id=str(crew.market.cooperative_ids[1]))[0]
    first = crew.row(li, parcel, 1)
    rows = [
        first,
        crew.row(wang, parcel, 1),
        crew.row(li, parcel, 1),
        crew.row(li, parcel, parcel["boxes"] + 1),
        crew.row(li, theirs, 1),
        crew.row(li, {"id": str(uuid.uuid4())}, 1),
        crew.row(str(uuid.uuid4()), parcel, 2),
        crew.row(li, parcel, 2, scanned_at=crew.at(-1)),
        crew.row(li, parcel, None),
        crew.row(li, parcel, None, serial="K7Q2M9XW4TPA"),
        {**first, "box": 2},
        crew.row(wang, parcel, 2),
        first,
    ]
    assert crew.send(shift_id, rows) == [
        "taken",
        "/rows/1/box box_scanned_by_another",
        "/rows/2/box box_scanned_before",
        "/rows/3/box box_not_in_parcel",
        "/rows/4/parcel_id parcel_not_in_shift",
        "/rows/5/parcel_id parcel_not_in_shift",
        "/rows/6/worker_id worker_not_on_shift",
        "/rows/7/scanned_at scan_outside_shift",
        "/rows/8/box box_not_named",
        "/rows/9/serial label_not_on_parcel",
        "/rows/10/box scan_differs",
        "taken",
        "repeated",
    ]
    assert {(each.box, str(each.worker_id)) for each in stored()} == {(1, li), (2, wang)}
    assert broken(crew.market.app) == []


def test_every_row_that_is_not_taken_says_why_in_both_languages(crew: Crew, shift_id: str, li: str) -> None:
    row = crew.row(li, crew.parcels()[0], 999)
    answer = done(crew.member.post(f"/v1/shifts/{shift_id}/scans", json={"rows": [row]}))
    detail = answer["results"][0]["detail"]
    assert re.search("[a-z]", detail["en"]) and re.search("[\u4e00-\u9fff]", detail["zh"])


def test_a_foreign_parcel_looks_like_a_missing_one(crew: Crew, shift_id: str, li: str) -> None:
    theirs = crew.made.parcels(cooperative_id=str(crew.market.cooperative_ids[1]))[0]
    rows = [crew.row(li, theirs, 1), crew.row(li, {"id": str(uuid.uuid4())}, 1)]
    answer = done(crew.member.post(f"/v1/shifts/{shift_id}/scans", json={"rows": rows}))
    one, other = ({**each, "id": None, "pointer": None} for each in answer["results"])
    assert one == other


def test_a_box_counts_on_one_shift_alone(crew: Crew, shift_id: str, li: str, wang: str) -> None:
    second = crew.shift(li, wang)
    row = crew.row(li, crew.parcels()[0], 1)
    assert crew.send(shift_id, [row]) == ["taken"]
    assert crew.send(second, [row]) == ["/rows/0/box box_scanned_before"]
    assert crew.send(second, [{**row, "worker_id": wang}]) == ["/rows/0/box box_scanned_by_another"]
    assert crew.send(shift_id, [row]) == ["repeated"]
    assert broken(crew.market.app) == []


def test_what_was_packed_before_the_parcel_left_counts_however_late_it_comes(
    crew: Crew, shift_id: str, li: str
) -> None:
    [parcel, *_] = [each for each in crew.parcels() if each["boxes"] > 1]
    for step, body in (("packing", {}), ("shipment", {"carrier": "SF"})):
        done(crew.made.step(parcel, step, **body))
    late, after = crew.row(li, parcel, 1), crew.row(li, parcel, 2, scanned_at=crew.at(470))
    assert crew.send(shift_id, [late, after]) == ["taken", "/rows/1/parcel_id parcel_gone"]
    assert broken(crew.market.app) == []


def test_parcels_are_loaded_whole_and_packed_and_loaded_are_two_things(
    crew: Crew, shift_id: str, li: str, wang: str
) -> None:
    haulage = crew.shift(wang, kind="haulage")
    [parcel, *_] = [each for each in crew.parcels() if each["boxes"] > 1]
    assert crew.send(shift_id, [crew.row(li, parcel, 1)]) == ["taken"]
    row = crew.row(wang, parcel, None)
    assert crew.send(haulage, [row]) == ["/rows/0/parcel_id parcel_not_packed"]
    done(crew.made.step(parcel, "packing"))
    outcomes = crew.send(haulage, [row, crew.row(wang, parcel, None), crew.row(wang, parcel, 1)])
    assert outcomes == ["taken", "/rows/1/parcel_id box_scanned_before", "/rows/2/box box_not_named"]
    assert crew.sheet(haulage)["boxes"] == parcel["boxes"]
    assert crew.sheet(shift_id)["boxes"] == 1
    assert broken(crew.market.app) == []


def test_boxes_with_labels_are_named_by_them(market: Market, operator: Caller) -> None:
    """A label of another parcel, or a void one, names no box of this one."""
    grove = groves.build(market)
    grove.plot()
    grown = {"plot": "North", "harvested_on": grove.harvested_on}
    made = stage.closed(market, operator, orders=(2, 2), pledged=(20, 0, 0), grown=grown)
    crew = Crew(made=made, wave_id=made.released()["id"])
    one, other = crew.parcels()
    serials = grove.issued(5)
    for parcel, found in ((one, serials[:2]), (other, serials[2:4])):
        done(made.step(parcel, "labels", serials=found))
    li = crew.worker()
    shift_id = crew.shift(li)
    rows = [
        crew.row(li, one, None, serial=serials[0]),
        crew.row(li, one, None, serial=serials[2]),
        crew.row(li, one, None, serial=serials[4]),
        crew.row(li, one, 1),
        crew.row(li, other, None, serial=serials[2]),
        crew.row(li, one, None, serial=serials[0]),
    ]
    assert crew.send(shift_id, rows) == [
        "taken",
        "/rows/1/serial label_not_on_parcel",
        "/rows/2/serial label_not_on_parcel",
        "/rows/3/box box_named_otherwise",
        "taken",
        "/rows/5/serial box_scanned_before",
    ]
    task = done(crew.member.get(f"/v1/shifts/{shift_id}/tasks"))["items"]
    assert {(each["labels"], each["boxes_scanned"]) for each in task} == {(2, 1)}
    assert broken(market.app) == []


def test_a_request_of_no_shape_is_refused_as_a_whole(crew: Crew, shift_id: str, li: str) -> None:
    good = crew.row(li, crew.parcels()[0])
    url = f"/v1/shifts/{shift_id}/scans"
    for rows in ([], [good] * (ROWS_MAX + 1), [good, {**good, "box": 0}], [{**good, "id": "1"}], [{}]):
        assert_refused(crew.member.post(url, json={"rows": rows}), 422, "invalid")
    nul = {**good, "serial": "A\x00"}
    assert_refused(crew.member.post(url, json={"rows": [nul]}), 422, "invalid")
    assert stored() == []


def test_five_hundred_rows_fit_into_one_request(crew: Crew, shift_id: str, li: str) -> None:
    good = all_rows(crew, li)
    more = [crew.row(li, {"id": str(uuid.uuid4())}) for _ in range(ROWS_MAX - len(good))]
    outcomes = crew.send(shift_id, good + more)
    assert outcomes.count("taken") == len(good)
    assert len(outcomes) == ROWS_MAX


def test_who_may_not_scan(crew: Crew, shift_id: str, li: str) -> None:
    rows = [crew.row(li, crew.parcels()[0])]
    url = f"/v1/shifts/{shift_id}/scans"
    assert_refused(crew.neighbour.post(url, json={"rows": rows}), 404, "shift_not_found")
    for role in (Role.AUDITOR, Role.SHOPPER):
        assert_refused(caller(crew.market.app, role).post(url, json={"rows": rows}), 403, "forbidden")


def test_the_database_has_the_last_word_on_boxes_that_are_scanned_twice(
    crew: Crew, shift_id: str, li: str, wang: str
) -> None:
    assert crew.send(shift_id, [crew.row(li, crew.parcels()[0], 1)]) == ["taken"]
    [first] = stored()

    def again(session: Session) -> None:
        session.add(
            ShiftScan(
                shift_id=first.shift_id,
                id=uuid.uuid4(),
                kind=first.kind,
                worker_id=uuid.UUID(wang),
                parcel_id=first.parcel_id,
                box=first.box,
                boxes=1,
                scanned_at=first.scanned_at,
                actor="x",
                at=first.at,
            )
        )

    with pytest.raises(IntegrityError, match="uq_shift_scan_box"):
        database.transact(again)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shift_scan SET boxes = 2",
        "DELETE FROM shift_scan",
        "UPDATE wage_line SET boxes = 2",
        "DELETE FROM wage_line",
        "DELETE FROM wage_sheet",
        "DELETE FROM shift",
        "DELETE FROM worker",
    ],
)
def test_the_app_cannot_rewrite_what_was_scanned_and_signed(market: Market, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text(statement))


def test_rows_of_two_waves_do_not_mix(market: Market, operator: Caller) -> None:
    crew = crews.build(market, operator, orders=(2,), pledged=(20, 0, 0))
    gala = replace(market, pack_id=market.pack("Gala").id)
    other = crews.build(gala, operator, orders=(2,), pledged=(20, 0, 0), variety="Gala")
    li = crew.worker()
    [parcel] = other.parcels()
    assert crew.send(crew.shift(li), [crew.row(li, parcel)]) == ["/rows/0/parcel_id parcel_not_in_shift"]
