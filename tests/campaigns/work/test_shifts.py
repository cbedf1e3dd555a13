"""Shifts: planned from a wave, who is on them and when, their tasks, closed and opened again."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from marketplace.access import Role
from tests.builders import Market, assert_refused, broken
from tests.campaigns.work import crew as crews
from tests.campaigns.work.crew import Crew, done
from tests.house import Caller, caller


def test_a_shift_is_planned_from_a_wave(crew: Crew, operator: Caller) -> None:
    planned = crew.plan()
    shift = done(planned, 201)
    assert planned.headers["Location"] == f"/v1/shifts/{shift['id']}"
    assert (shift["state"], shift["workers"], shift["currency"]) == ("open", 0, "CNY")
    assert shift["on"] == crew.begins_at.date().isoformat()
    assert done(crew.member.get(f"/v1/shifts/{shift['id']}")) == shift
    listed = crew.member.get("/v1/shifts", query_string={"wave_id": crew.wave_id, "state": "open"})
    assert done(listed)["items"] == [shift]
    assert crew.market.actions(planned) == {"shift.plan"}
    by_operator = operator.post(f"/v1/waves/{crew.wave_id}/shifts", json=crew.terms(kind="haulage"))
    assert done(by_operator, 201)["kind"] == "haulage"
    assert done(crew.neighbour.get("/v1/shifts"))["items"] == []


def test_what_no_shift_can_be(crew: Crew) -> None:
    other = str(crew.market.cooperative_ids[1])
    assert_refused(crew.plan(cooperative_id=other), 404, "cooperative_not_found")
    nowhere = crew.member.post(f"/v1/waves/{uuid.uuid4()}/shifts", json=crew.terms())
    assert_refused(nowhere, 404, "wave_not_found")
    for changes in (
        {"ends_at": crew.at(0)},
        {"ends_at": crew.at(24 * 60 + 1)},
        {"on": (crew.begins_at.date() + timedelta(days=3)).isoformat()},
    ):
        assert_refused(crew.plan(**changes), 422, "shift_times_not_valid")
    for bad in ({"places": 0}, {"piece_rate_minor": -1}, {"kind": "pruning"}, {"currency": "XXX"}):
        assert_refused(crew.plan(**bad), 422, "invalid")


def test_a_cooperative_with_nothing_in_the_wave_plans_none(market: Market, operator: Caller) -> None:
    crew = crews.build(market, operator, orders=(2,), pledged=(0, 20, 20))
    assert_refused(crew.plan(), 404, "wave_not_found")


def test_workers_are_put_on_and_taken_off(crew: Crew) -> None:
    li, wang, zhao = (crew.worker(name) for name in ("李", "王", "赵"))
    shift_id = crew.shift(places=2)
    assert done(crew.assign(shift_id, li, li))["workers"] == 1
    assert done(crew.assign(shift_id, li, wang))["workers"] == 2
    assert_refused(crew.assign(shift_id, zhao), 409, "shift_full")
    assert_refused(crew.assign(shift_id, str(uuid.uuid4())), 409, "workers_unknown")
    off = done(crew.step(shift_id, "workers/removal", worker_ids=[li, li]))
    assert off["workers"] == 1
    assert_refused(crew.step(shift_id, "workers/removal", worker_ids=[li]), 409, "worker_not_on_shift")
    assert done(crew.assign(shift_id, zhao))["workers"] == 2
    on = done(crew.member.get(f"/v1/shifts/{shift_id}/workers"))["items"]
    assert {each["worker_id"] for each in on} == {wang, zhao}
    assert {each["name"] for each in on} == {"王", "赵"}
    seen = done(caller(crew.market.app, Role.AUDITOR).get(f"/v1/shifts/{shift_id}/workers"))["items"]
    assert [each["name"] for each in seen] == [None, None]
    assert broken(crew.market.app) == []


def test_who_has_scanned_stays(crew: Crew) -> None:
    li = crew.worker()
    shift_id = crew.shift(li)
    [parcel, *_] = crew.parcels()
    assert crew.send(shift_id, [crew.row(li, parcel)]) == ["taken"]
    refused = crew.step(shift_id, "workers/removal", worker_ids=[li])
    assert assert_refused(refused, 409, "worker_has_scanned")["worker_ids"] == [li]


def test_a_foreign_worker_is_put_on_no_shift(crew: Crew) -> None:
    url = f"/v1/cooperatives/{crew.market.cooperative_ids[1]}/workers"
    foreign = done(crew.neighbour.post(url, json={"name": "x", "village": "A"}), 201)["id"]
    assert_refused(crew.assign(crew.shift(), foreign), 409, "workers_unknown")


def test_times_are_told_and_told_again(crew: Crew) -> None:
    li, wang = crew.worker("李"), crew.worker("王")
    shift_id = crew.shift(li, wang)
    done(crew.attend(shift_id, (li, 0, None), (wang, 5, 485 - 5)))
    done(crew.attend(shift_id, (li, 0, 61)))
    on = done(crew.member.get(f"/v1/shifts/{shift_id}/workers"))["items"]
    assert {each["worker_id"]: each["minutes"] for each in on} == {li: 61, wang: 475}
    done(crew.attend(shift_id, (li, None, None)))
    on = done(crew.member.get(f"/v1/shifts/{shift_id}/workers"))["items"]
    assert {each["worker_id"]: each["minutes"] for each in on} == {li: 0, wang: 475}
    assert broken(crew.market.app) == []


def test_times_that_cannot_be_change_nothing(crew: Crew) -> None:
    li, wang = crew.worker("李"), crew.worker("王")
    shift_id = crew.shift(li)
    wrong: list[list[tuple[Any, ...]]] = [
        [(li, -1, 10)],
        [(li, 0, 481)],
        [(li, 10, 10)],
        [(li, 10, 9)],
        [(li, None, 10)],
        [(li, 0, 10), (li, 10, 20)],
    ]
    for times in wrong:
        assert_refused(crew.attend(shift_id, *times), 422, "attendance_not_valid")
    assert_refused(crew.attend(shift_id, (li, 0, 10), (wang, 0, 10)), 409, "worker_not_on_shift")
    seconds = {"worker_id": li, "checked_in_at": (crew.begins_at + timedelta(seconds=1)).isoformat()}
    refused = crew.member.put(f"/v1/shifts/{shift_id}/attendance", json={"items": [seconds]})
    assert_refused(refused, 422, "attendance_not_valid")
    [on] = done(crew.member.get(f"/v1/shifts/{shift_id}/workers"))["items"]
    assert (on["checked_in_at"], on["minutes"]) == (None, 0)


def test_a_worker_has_ten_hours_a_day_and_one_place_at_a_time(crew: Crew) -> None:
    li = crew.worker()
    first, second = crew.shift(li), crew.shift(li, kind="haulage", ends_at=crew.at(900))
    third = crew.shift(li, on=(crew.begins_at.date() - timedelta(days=1)).isoformat(), ends_at=crew.at(900))
    done(crew.attend(first, (li, 0, 400)))
    assert_refused(crew.attend(second, (li, 399, 500)), 409, "worker_elsewhere")
    refused = assert_refused(crew.attend(second, (li, 400, 601)), 409, "too_many_hours")
    assert (refused["minutes"], refused["minutes_max"], refused["worker_id"]) == (601, 600, li)
    done(crew.attend(second, (li, 400, 600)))
    assert_refused(crew.attend(first, (li, 0, 401)), 409, "worker_elsewhere")
    assert_refused(crew.attend(third, (li, 599, 700)), 409, "worker_elsewhere")
    done(crew.attend(third, (li, 600, 700)))
    assert broken(crew.market.app) == []


def test_a_shift_is_closed_when_all_times_are_told(crew: Crew) -> None:
    li, wang, zhao = (crew.worker(name) for name in ("李", "王", "赵"))
    shift_id = crew.shift(li, wang, zhao)
    [parcel, *_] = crew.parcels()
    assert crew.send(shift_id, [crew.row(wang, parcel)]) == ["taken"]
    done(crew.attend(shift_id, (li, 0, None)))
    missing = assert_refused(crew.step(shift_id, "closing"), 409, "attendance_open")["worker_ids"]
    assert missing == sorted([li, wang])
    done(crew.attend(shift_id, (li, 0, 480), (wang, 0, 480)))
    assert done(crew.step(shift_id, "closing"))["state"] == "closed"
    for refused in (
        crew.step(shift_id, "closing"),
        crew.assign(shift_id, li),
        crew.attend(shift_id, (li, 0, 60)),
        crew.step(shift_id, "workers/removal", worker_ids=[zhao]),
    ):
        assert assert_refused(refused, 409, "shift_state")["state"] == "closed"
    assert crew.send(shift_id, [crew.row(li, parcel, 2)]) == ["/rows/0/id shift_state"]
    assert done(crew.step(shift_id, "reopening"))["state"] == "open"
    assert_refused(crew.step(shift_id, "reopening"), 409, "shift_state")
    done(crew.attend(shift_id, (li, 0, 60)))
    assert broken(crew.market.app) == []


def test_tasks_are_the_planned_parcels_in_the_order_of_the_pick_list(crew: Crew) -> None:
    li = crew.worker()
    shift_id = crew.shift(li)
    url = f"/v1/shifts/{shift_id}/tasks"
    found = done(crew.member.get(url))["items"]
    assert {each["id"] for each in found} == {each["id"] for each in crew.parcels()}
    [store] = done(crew.member.get(f"/v1/waves/{crew.wave_id}/pick-lists"))["items"]
    fetched = [each["lot_id"] for each in store["picks"]]
    assert list(dict.fromkeys(each["lot_id"] for each in found)) == fetched
    assert {each["cold_store"] for each in found} == {store["code"]}
    assert sum(each["boxes"] for each in found) == store["boxes"]
    one_by_one: list[Any] = []
    page = done(crew.member.get(url, query_string={"limit": 1}))
    while page["items"]:
        one_by_one += page["items"]
        if page["next_cursor"] is None:
            break
        page = done(crew.member.get(url, query_string={"limit": 1, "cursor": page["next_cursor"]}))
    assert one_by_one == found
    elsewhere = crew.made.parcels(cooperative_id=str(crew.market.cooperative_ids[1]))[0]["id"]
    assert done(crew.member.get(url, query_string={"cursor": elsewhere}))["items"] == []


def test_tasks_say_what_is_scanned_and_what_waits(crew: Crew, operator: Caller) -> None:
    li = crew.worker()
    packing, haulage = crew.shift(li), crew.shift(li, kind="haulage")
    [first, *rest] = crew.parcels()
    assert crew.send(packing, [crew.row(li, first)]) == ["taken"]
    task = next(
        each
        for each in done(crew.member.get(f"/v1/shifts/{packing}/tasks"))["items"]
        if each["id"] == first["id"]
    )
    assert (task["boxes_scanned"], task["labels"], task["is_stopped"]) == (1, 0, False)
    assert done(crew.member.get(f"/v1/shifts/{haulage}/tasks"))["items"] == []
    done(crew.made.step(first, "packing"))
    [loaded] = done(crew.member.get(f"/v1/shifts/{haulage}/tasks"))["items"]
    assert (loaded["id"], loaded["boxes_scanned"]) == (first["id"], 0)
    left = done(crew.member.get(f"/v1/shifts/{packing}/tasks"))["items"]
    assert {each["id"] for each in left} == {each["id"] for each in rest}
    lot = rest[0]["lot_id"]
    done(operator.post(f"/v1/lots/{lot}/quarantine", json={"reason": "mould"}))
    stopped = done(crew.member.get(f"/v1/shifts/{packing}/tasks"))["items"]
    assert {each["lot_id"] for each in stopped if each["is_stopped"]} == {lot}


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SHOPPER, Role.BUYER])
def test_who_plans_no_work(crew: Crew, role: Role) -> None:
    who = caller(crew.market.app, role)
    assert_refused(who.post(f"/v1/waves/{crew.wave_id}/shifts", json=crew.terms()), 403, "forbidden")
