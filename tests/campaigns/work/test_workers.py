"""Workers: their names are sealed, and shown to members alone."""

import uuid

import pytest

from marketplace import database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from orders.work.models import Worker
from tests.builders import Market, assert_refused, broken
from tests.campaigns.work.crew import Crew, done
from tests.house import Caller, caller

NAME = "王桂英"


@pytest.fixture
def member(market: Market) -> Caller:
    return caller(market.app, Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])


def test_a_name_is_sealed_and_members_alone_are_shown_it(
    market: Market, member: Caller, operator: Caller
) -> None:
    url = f"/v1/cooperatives/{market.cooperative_ids[0]}/workers"
    added = member.post(url, json={"name": NAME, "village": " 南沟   村 "})
    assert NAME not in added.get_data(as_text=True)
    worker_id = done(added, 201)["id"]
    assert added.headers["Location"] == f"/v1/workers/{worker_id}"
    shown = done(member.get(f"/v1/workers/{worker_id}"))
    assert (shown["name"], shown["village"], shown["is_active"]) == (NAME, "南沟 村", True)
    assert [each["name"] for each in done(member.get(url))["items"]] == [NAME]
    for who in (operator, caller(market.app, Role.AUDITOR)):
        assert done(who.get(f"/v1/workers/{worker_id}"))["name"] is None
        assert [each["name"] for each in done(who.get(url))["items"]] == [None]
    with database.reading() as session:
        stored = session.get_one(Worker, uuid.UUID(worker_id))
        assert NAME.encode() not in stored.sealed
        told = [f"{each.before} {each.after}" for each in session.query(AuditEntry).all()]
    assert not [each for each in told if NAME in each]
    assert broken(market.app) == []


def test_who_is_no_member_finds_no_workers(market: Market, member: Caller) -> None:
    url = f"/v1/cooperatives/{market.cooperative_ids[0]}/workers"
    worker_id = done(member.post(url, json={"name": NAME, "village": "A"}), 201)["id"]
    other = caller(market.app, Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[1:])
    assert_refused(other.get(url), 404, "cooperative_not_found")
    assert_refused(other.post(url, json={"name": "x", "village": "A"}), 404, "cooperative_not_found")
    assert_refused(other.get(f"/v1/workers/{worker_id}"), 404, "worker_not_found")
    edit = other.patch(f"/v1/workers/{worker_id}", json={"village": "B"}, headers={"If-Match": '"1"'})
    assert_refused(edit, 404, "worker_not_found")


def test_an_edit_changes_what_it_names_and_nothing_else(market: Market, member: Caller) -> None:
    url = f"/v1/cooperatives/{market.cooperative_ids[0]}/workers"
    worker_id = done(member.post(url, json={"name": NAME, "village": "A"}), 201)["id"]
    at = f"/v1/workers/{worker_id}"
    tag = member.get(at).headers["ETag"]
    assert_refused(member.patch(at, json={"village": "B"}), 428, "precondition_required")
    edited = done(member.patch(at, json={"village": "B", "is_active": False}, headers={"If-Match": tag}))
    assert (edited["village"], edited["is_active"], edited["version"]) == ("B", False, 2)
    assert_refused(member.patch(at, json={"name": "x"}, headers={"If-Match": tag}), 412, "version")
    renamed = member.patch(at, json={"name": "王桂芳"}, headers={"If-Match": '"2"'})
    assert "王桂芳" not in renamed.get_data(as_text=True)
    shown = done(member.get(at))
    assert (shown["name"], shown["village"], shown["is_active"]) == ("王桂芳", "B", False)
    assert_refused(member.patch(at, json={"name": None}, headers={"If-Match": '"3"'}), 422, "invalid")


def test_the_list_may_be_of_one_village(market: Market, member: Caller) -> None:
    url = f"/v1/cooperatives/{market.cooperative_ids[0]}/workers"
    for village in ("A", "B", "A"):
        done(member.post(url, json={"name": NAME, "village": village}), 201)
    assert len(done(member.get(url, query_string={"village": "A"}))["items"]) == 2


def test_who_works_no_more_is_put_on_no_shift(crew: Crew) -> None:
    gone = crew.worker(is_active=False)
    shift_id = crew.shift()
    assert assert_refused(crew.assign(shift_id, gone), 409, "workers_unknown")["worker_ids"] == [gone]
