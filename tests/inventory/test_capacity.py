"""Forecasts and promises: never more than the prudent part, and every truth is taken even when it hurts."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from inventory import cases
from inventory.capacity import forecasts, promises
from inventory.capacity.models import Capacity, CapacityRevision
from inventory.capacity.rules import Haircut
from marketplace import database, errors
from marketplace.access import Role
from marketplace.catalogue import cooperatives
from tests import builders
from tests.builders import assert_refused
from tests.house import Caller
from tests.inventory.fields import (
    ITEM,
    close,
    forecast,
    give_back,
    journal,
    monday,
    promise,
    revise,
    shortfalls,
    told,
)
from tests.inventory.yard import Yard, at_once

AsRole = Callable[..., Caller]


@pytest.fixture(autouse=True)
def every_promise_holds(app: Flask) -> Iterator[None]:
    yield
    assert builders.broken(app) == []


def test_the_first_forecast_is_revision_one_and_its_haircut_grows_with_the_weeks(yard: Yard) -> None:
    haircut = Haircut(base_permille=50, weekly_permille=20, most_permille=100)
    prudent = [forecast(yard, 1_000, weeks=weeks, haircut=haircut).prudent_grams for weeks in (0, 1, 2, 3, 9)]
    assert prudent == [950, 930, 910, 900, 900]


def test_revisions_are_numbered_without_gaps_and_say_who_when_and_why(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    revise(yard, capacity, 1_500, reason="a good rain")
    after = revise(yard, capacity, 1_200, reason="hail")
    assert (after.revisions_count, after.version, after.prudent_grams) == (3, 3, 1_200)
    with database.reading() as session:
        rows = session.scalars(
            select(CapacityRevision)
            .where(CapacityRevision.capacity_id == capacity.id)
            .order_by(CapacityRevision.number)
        ).all()
        found = [(row.number, row.low_grams, row.reason, row.actor) for row in rows]
    assert found == [
        (1, 1_000, "first walk through the orchard", "system"),
        (2, 1_500, "a good rain", "system"),
        (3, 1_200, "hail", "system"),
    ]


def test_promises_go_up_to_the_prudent_gram_and_not_one_further(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    assert promise(yard, capacity, 999).sellable_grams == 1
    with pytest.raises(promises.CapacityExceeded) as refused:
        promise(yard, capacity, 2)
    assert refused.value.facts == {"requested_grams": 2, "sellable_grams": 1}
    assert promise(yard, capacity, 1).sellable_grams == 0
    assert give_back(yard, capacity, 600).sellable_grams == 600
    assert journal(capacity) == [
        (1, "promise", 999, 999, 0),
        (2, "promise", 1, 1_000, 0),
        (3, "give_back", 600, 400, 0),
    ]


def test_nobody_gives_back_what_was_promised_to_others(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 100)
    promise(yard, capacity, 300, ("campaign_item", uuid.UUID(int=8)))
    with pytest.raises(promises.NotPromised) as refused:
        give_back(yard, capacity, 101)
    assert refused.value.facts == {"requested_grams": 101, "promised_grams": 100}
    assert yard.stored(capacity).promised_grams == 400


def test_what_is_not_there_or_closed_promises_nothing(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    close(yard, capacity)
    with pytest.raises(forecasts.CapacityClosed):
        promise(yard, capacity, 1)
    for act in (lambda: revise(yard, capacity, 5), lambda: close(yard, capacity)):
        with pytest.raises(forecasts.CapacityClosed):
            act()
    missing = Capacity(id=uuid.uuid4())
    for act in (lambda: promise(yard, missing, 1), lambda: give_back(yard, missing, 1)):
        with pytest.raises(forecasts.CapacityNotFound):
            act()


def test_lowering_below_what_is_promised_is_taken_and_opens_a_case_that_names_the_gap(yard: Yard) -> None:
    other = forecast(yard, 700, grade="B")
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 800)
    lowered = revise(yard, capacity, 500)
    assert (lowered.prudent_grams, lowered.promised_grams, lowered.missing_grams) == (500, 800, 300)
    [case] = shortfalls(capacity)
    assert case.cooperative_id == yard.cooperative_ids[0]
    assert (case.facts["missing_grams"], case.facts["cause"]) == (300, "revised")
    grades = {each["grade"]: each for each in case.facts["grades"]}
    assert (grades["A"]["missing_grams"], grades["B"]["missing_grams"]) == (300, 0)
    assert grades["B"]["prudent_grams"] == other.prudent_grams
    with pytest.raises(promises.CapacityExceeded):
        promise(yard, capacity, 1)


def test_the_case_is_told_of_every_move_of_the_gap(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 800)
    revise(yard, capacity, 500)
    revise(yard, capacity, 400)
    revise(yard, capacity, 600)
    give_back(yard, capacity, 150)
    revise(yard, capacity, 900)
    revise(yard, capacity, 950)
    [case] = shortfalls(capacity)
    assert told(case) == [
        ("opened", "revised", 300),
        ("repeated", "revised", 400),
        ("changed", "revised", 200),
        ("changed", "given_back", 50),
        ("changed", "revised", 0),
    ]
    assert case.state == "open", "a person settles it, not the weather"
    assert yard.stored(capacity).sellable_grams == 300


def test_a_settled_gap_that_widens_is_a_new_case_and_one_that_narrows_is_not(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 800)
    revise(yard, capacity, 500)
    [case] = shortfalls(capacity)
    database.transact(lambda session: cases.settle(session, yard.ctx, case_id=case.id, decision="cut"))
    revise(yard, capacity, 600)
    assert len(shortfalls(capacity)) == 1
    revise(yard, capacity, 550)
    assert [each.state for each in shortfalls(capacity)] == ["settled", "open"]


def test_closing_with_open_promises_is_a_shortfall_of_all_of_them(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 800)
    closed = close(yard, capacity)
    assert (closed.state, closed.missing_grams, closed.sellable_grams) == ("closed", 800, 0)
    [case] = shortfalls(capacity)
    assert told(case) == [("opened", "closed", 800)]
    give_back(yard, capacity, 800)
    assert told(case)[-1] == ("changed", "given_back", 0)


def test_two_hands_for_the_last_grams_never_promise_more_than_is_prudent(yard: Yard, app: Flask) -> None:
    capacity = forecast(yard, 1_000)

    def promising(number: int) -> Callable[[Session], Capacity]:
        purpose = ("campaign_item", uuid.UUID(int=number))
        return lambda session: promises.promise(
            session, yard.ctx, capacity_id=capacity.id, grams=300, purpose=purpose
        )

    results = at_once(app, [promising(number) for number in range(16)])
    refused = [each for each in results if isinstance(each, errors.Refusal)]
    assert len(refused) == 13
    assert all(isinstance(each, promises.CapacityExceeded) for each in refused)
    assert yard.stored(capacity).promised_grams == 900
    assert [line[0] for line in journal(capacity)] == [1, 2, 3]


def test_promising_lowering_and_giving_back_at_once_leave_nothing_silent(yard: Yard, app: Flask) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 400)

    def lowering(session: Session) -> Capacity:
        return forecasts.revise(
            session,
            yard.ctx,
            capacity_id=capacity.id,
            low_grams=300,
            likely_grams=300,
            high_grams=300,
            reason="frost",
            haircut=Haircut(base_permille=0, weekly_permille=0),
        )

    def promising(session: Session) -> Capacity:
        return promises.promise(session, yard.ctx, capacity_id=capacity.id, grams=50, purpose=ITEM)

    def giving(session: Session) -> Capacity:
        return promises.give_back(session, yard.ctx, capacity_id=capacity.id, grams=30, purpose=ITEM)

    results = at_once(app, [promising, giving, promising, lowering, promising, giving, promising])
    made = sum(isinstance(each, Capacity) for each in results)
    stored = yard.stored(capacity)
    assert (stored.revisions_count, stored.version) == (2, 2 + made)
    assert stored.missing_grams == max(stored.promised_grams - 300, 0)
    assert len(shortfalls(capacity)) == 1


def test_the_database_refuses_a_promise_that_nobody_tells_of(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    for statement in (
        "UPDATE capacity SET promised_grams = 1001",
        "UPDATE capacity SET prudent_grams = 2000, promised_grams = 1500",
        "UPDATE capacity SET short_grams = 1",
        "UPDATE capacity SET week_on = week_on + 1",
        "UPDATE capacity SET converted_grams = 1",
    ):
        with pytest.raises(IntegrityError, match="ck_capacity"), database.transaction() as session:
            session.execute(text(statement))
    assert yard.stored(capacity).promised_grams == 0


@pytest.mark.parametrize("table", ["capacity_revision", "capacity_line"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET number = 9", "DELETE FROM {}"])
def test_the_app_cannot_rewrite_what_was_said(yard: Yard, table: str, verb: str) -> None:
    promise(yard, forecast(yard), 10)
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text(verb.format(table)))


def _body(yard: Yard, **changes: Any) -> dict[str, Any]:
    return {
        "cooperative_id": str(yard.cooperative_ids[0]),
        "variety": "Fuji",
        "grade": "A",
        "week_on": monday(yard, 2).isoformat(),
        "low": {"value": 400, "unit": "jin"},
        "likely": 220_000,
        "high": 260_000,
        "reason": "counted the fruit set",
        **changes,
    }


def test_the_doors_declare_revise_read_and_close(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    made = member.post("/v1/capacities", json=_body(yard))
    assert made.status_code == 201, made.json
    assert made.json["low_grams"] == 200_000
    assert (made.json["haircut_permille"], made.json["prudent_grams"]) == (90, 182_000)
    url = made.headers["Location"]
    assert member.get(url).json == made.json
    estimates = {"low": 100_000, "likely": 100_000, "high": 100_000, "reason": "hail"}
    revised = member.post(f"{url}/revisions", json=estimates)
    assert (revised.status_code, revised.headers["ETag"]) == (201, '"2"')
    found = member.get(f"{url}/revisions").json["items"]
    assert [(each["number"], each["reason"]) for each in found] == [(1, "counted the fruit set"), (2, "hail")]
    assert found[1]["actor"] == f"account:{member.account_id}"
    promise(yard, Capacity(id=uuid.UUID(made.json["id"])), 5)
    [line] = member.get(f"{url}/lines").json["items"]
    assert (line["kind"], line["grams"], line["promised_grams"]) == ("promise", 5, 5)
    assert member.get(f"{url}/weighings").json["items"] == []
    closed = member.post(f"{url}/close")
    assert (closed.status_code, closed.json["state"], closed.json["missing_grams"]) == (200, "closed", 5)
    assert_refused(member.post(f"{url}/revisions", json=estimates), 409, "capacity_closed")
    assert [each["state"] for each in member.get("/v1/capacities?state=closed").json["items"]] == ["closed"]
    assert member.get("/v1/capacities?state=open").json["items"] == []


def test_the_doors_refuse_what_cannot_be(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    tuesday = (monday(yard, 2) + timedelta(days=1)).isoformat()
    refused = assert_refused(
        member.post("/v1/capacities", json=_body(yard, week_on=tuesday)), 422, "not_a_monday"
    )
    assert refused["errors"][0]["pointer"] == "/week_on"
    crossed = assert_refused(
        member.post("/v1/capacities", json=_body(yard, likely=300_000)), 422, "band_out_of_order"
    )
    assert crossed["errors"][0]["pointer"] == "/likely"
    assert member.post("/v1/capacities", json=_body(yard)).status_code == 201
    assert_refused(member.post("/v1/capacities", json=_body(yard)), 409, "capacity_exists")
    foreign = _body(yard, cooperative_id=str(yard.cooperative_ids[1]))
    assert_refused(member.post("/v1/capacities", json=foreign), 404, "cooperative_not_found")
    nobody = _body(yard, cooperative_id=str(uuid.uuid4()))
    assert_refused(as_role(Role.OPERATOR).post("/v1/capacities", json=nobody), 404, "cooperative_not_found")


def test_a_foreign_capacity_looks_like_a_missing_one(yard: Yard, as_role: AsRole) -> None:
    stranger = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[1:])
    estimates = {"low": 1, "likely": 1, "high": 1, "reason": "x"}
    for capacity_id in (forecast(yard).id, uuid.uuid4()):
        url = f"/v1/capacities/{capacity_id}"
        for answer in (
            *(stranger.get(f"{url}{path}") for path in ("", "/revisions", "/lines", "/weighings")),
            stranger.post(f"{url}/revisions", json=estimates),
            stranger.post(f"{url}/close"),
        ):
            assert_refused(answer, 404, "capacity_not_found")
    assert stranger.get("/v1/capacities").json["items"] == []


def test_a_forecast_of_nobody_is_refused(yard: Yard) -> None:
    with pytest.raises(cooperatives.CooperativeNotFound), database.transaction() as session:
        forecasts.declare(
            session,
            yard.ctx,
            cooperative_id=uuid.uuid4(),
            variety="Fuji",
            grade="A",
            week_on=monday(yard),
            low_grams=1,
            likely_grams=1,
            high_grams=1,
            reason="x",
        )
