"""Weighing: loads become lots, promises become holds, and the same load sent again changes nothing."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from inventory import holds, lots
from inventory.capacity import forecasts, promises, weighing
from inventory.capacity.models import Weighing
from inventory.models import Hold, Lot, Movement
from marketplace import database
from marketplace.access import Role
from tests import builders
from tests.builders import assert_refused
from tests.house import Caller
from tests.inventory.fields import (
    ITEM,
    close,
    forecast,
    give_back,
    journal,
    load,
    promise,
    revise,
    shortfalls,
    told,
    weigh,
)
from tests.inventory.yard import Yard, at_once

AsRole = Callable[..., Caller]
OTHER = ("campaign_item", uuid.UUID(int=9))


@pytest.fixture(autouse=True)
def every_promise_holds(app: Flask) -> Iterator[None]:
    yield
    assert builders.broken(app) == []


def _lot(made: Weighing) -> Lot:
    with database.reading() as session:
        lot = session.get_one(Lot, made.lot_id)
        session.expunge(lot)
        return lot


def _holds(made: Weighing) -> list[tuple[uuid.UUID, int]]:
    with database.reading() as session:
        found = session.scalars(select(Hold).where(Hold.lot_id == made.lot_id).order_by(Hold.id))
        return [(hold.purpose_id, hold.quantity_grams) for hold in found]


def test_a_load_without_promises_becomes_a_free_lot_of_the_forecast_fruit(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    made = weigh(yard, capacity, 600, size="80-85")
    lot = _lot(made)
    assert (lot.cooperative_id, lot.variety, lot.grade, lot.size) == (
        capacity.cooperative_id,
        "Fuji",
        "A",
        "80-85",
    )
    assert (lot.on_hand_grams, lot.available_grams) == (600, 600)
    stored = yard.stored(capacity)
    assert (made.number, made.net_grams, made.converted_grams) == (1, 600, 0)
    assert (stored.weighed_grams, stored.converted_grams, stored.sellable_grams) == (600, 0, 400)


def test_promises_move_over_to_the_lot_and_nobody_else_can_take_their_fruit(yard: Yard) -> None:
    capacity = forecast(yard, 20_000)
    promise(yard, capacity, 8_000)
    promise(yard, capacity, 5_000, OTHER)
    first = weigh(yard, capacity, 10_000)
    assert _holds(first) == [(ITEM[1], 8_000), (OTHER[1], 2_000)]
    assert _lot(first).available_grams == 0
    with pytest.raises(lots.NotEnoughInStore):
        yard.reserve(1)
    second = weigh(yard, capacity, 9_000)
    assert _holds(second) == [(OTHER[1], 3_000)]
    assert _lot(second).available_grams == 6_000
    stored = yard.stored(capacity)
    assert (stored.weighed_grams, stored.promised_grams, stored.converted_grams) == (19_000, 0, 13_000)
    assert stored.sellable_grams == 1_000
    assert journal(capacity) == [
        (1, "promise", 8_000, 8_000, 0),
        (2, "promise", 5_000, 13_000, 0),
        (3, "convert", 8_000, 5_000, 8_000),
        (4, "convert", 2_000, 3_000, 10_000),
        (5, "convert", 3_000, 0, 13_000),
    ]


def test_converted_fruit_is_given_back_at_its_lot_and_not_at_the_forecast(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 800)
    made = weigh(yard, capacity, 500)
    with pytest.raises(promises.NotPromised) as refused:
        give_back(yard, capacity, 301)
    assert refused.value.facts["promised_grams"] == 300
    give_back(yard, capacity, 300)
    freed = database.transact(lambda session: holds.release_purpose(session, yard.ctx, purpose=ITEM))
    assert freed == 1
    assert _lot(made).available_grams == 500


def test_a_load_narrows_a_gap_and_closing_names_what_is_still_missing(yard: Yard) -> None:
    forecast(yard, 300, grade="B")
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 900)
    revise(yard, capacity, 400)
    weigh(yard, capacity, 600)
    [case] = shortfalls(capacity)
    assert told(case) == [("opened", "revised", 500), ("changed", "weighed", 300)]
    closed = close(yard, capacity)
    assert (closed.weighed_grams, closed.converted_grams, closed.missing_grams) == (600, 600, 300)
    assert told(case) == [("opened", "revised", 500), ("changed", "weighed", 300)], "closing changed nothing"


def test_closing_early_opens_the_case_with_the_gap_of_each_grade(yard: Yard) -> None:
    b_fruit = forecast(yard, 300, grade="B")
    weigh(yard, b_fruit, 250)
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 900)
    weigh(yard, capacity, 600)
    assert shortfalls(capacity) == []
    close(yard, capacity)
    [case] = shortfalls(capacity)
    by_grade = {
        each["grade"]: (each["state"], each["weighed_grams"], each["missing_grams"])
        for each in case.facts["grades"]
    }
    assert by_grade == {"A": ("closed", 600, 300), "B": ("open", 250, 0)}


def test_more_than_forecast_is_weighed_and_kept(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 1_000)
    made = weigh(yard, capacity, 1_700)
    stored = yard.stored(capacity)
    assert (stored.weighed_grams, stored.promised_grams, stored.sellable_grams) == (1_700, 0, 0)
    assert _lot(made).available_grams == 700
    close(yard, capacity)
    assert shortfalls(capacity) == []


def test_the_same_load_again_gets_the_same_answer_and_changes_nothing(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 100)
    facts = load(yard, capacity, 500)
    first = weigh(yard, capacity, 500, **facts)
    version = yard.stored(capacity).version
    close(yard, capacity)
    again = weigh(yard, capacity, 500, **facts)
    assert (again.id, again.number, again.lot_id) == (first.id, first.number, first.lot_id)
    assert yard.stored(capacity).version == version + 1, "only the closing"


@pytest.mark.parametrize(
    "changes",
    [
        {"gross_grams": 801},
        {"tare_grams": 299},
        {"code": "OTHER"},
        {"size": "70-75"},
        {"best_before_on": "later"},
        {"cold_store_id": uuid.uuid4()},
    ],
)
def test_the_same_id_with_other_facts_is_refused(yard: Yard, changes: dict[str, Any]) -> None:
    capacity = forecast(yard, 1_000)
    facts = load(yard, capacity, 500)
    weigh(yard, capacity, 500, **facts)
    if "best_before_on" in changes:
        changes = {"best_before_on": facts["best_before_on"] + timedelta(days=1)}
    with pytest.raises(weighing.WeighingDiffers):
        weigh(yard, capacity, 500, **{**facts, **changes})
    other = forecast(yard, 1_000, grade="B")
    with pytest.raises(weighing.WeighingDiffers):
        weigh(yard, other, 500, **{**facts, "capacity_id": other.id})


def test_the_same_load_from_many_hands_at_once_is_weighed_once(yard: Yard, app: Flask) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 400)
    facts = load(yard, capacity, 500)
    results = at_once(app, [lambda session: weighing.weigh(session, yard.ctx, **facts)] * 8)
    assert len({each.lot_id for each in results if isinstance(each, Weighing)}) == 1
    assert yard.stored(capacity).weighed_grams == 500


def test_weighing_and_promising_at_once_never_sell_a_gram_twice(yard: Yard, app: Flask) -> None:
    capacity = forecast(yard, 1_000)
    loads = [load(yard, capacity, 130) for _ in range(6)]

    def weighing_of(facts: dict[str, Any]) -> Callable[..., Any]:
        return lambda session: weighing.weigh(session, yard.ctx, **facts)

    def promising(number: int) -> Callable[..., Any]:
        purpose = ("campaign_item", uuid.UUID(int=number))
        return lambda session: promises.promise(
            session, yard.ctx, capacity_id=capacity.id, grams=110, purpose=purpose
        )

    works = [work for number, facts in enumerate(loads) for work in (promising(number), weighing_of(facts))]
    at_once(app, [*works, *(promising(number) for number in range(10, 16))])
    stored = yard.stored(capacity)
    assert stored.weighed_grams == 780
    assert stored.missing_grams == 0
    with database.reading() as session:
        free = sum(session.scalars(select(Lot.on_hand_grams - Lot.held_grams)))
    assert stored.promised_grams + stored.converted_grams + free + stored.sellable_grams == 1_000


def test_what_cannot_be_weighed_is_refused_and_leaves_nothing(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    weigh(yard, capacity, 10, code="TAKEN")
    week = capacity.week_on
    cases: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"tare_grams": 800}, weighing.TareTooHeavy),
        ({"harvested_on": week - timedelta(days=1)}, weighing.HarvestedOtherWeek),
        ({"harvested_on": week + timedelta(days=7)}, weighing.HarvestedOtherWeek),
        ({"best_before_on": week - timedelta(days=1)}, lots.DaysOutOfOrder),
        ({"code": "TAKEN"}, lots.LotCodeTaken),
        ({"gross_grams": 10**13 + 300}, lots.LotTooLarge),
    ]
    for changes, refusal in cases:
        with pytest.raises(refusal):
            weigh(yard, capacity, 500, **changes)
    assert yard.stored(capacity).weighings_count == 1
    close(yard, capacity)
    with pytest.raises(forecasts.CapacityClosed):
        weigh(yard, capacity, 500)


def test_the_journal_of_the_lot_tells_where_its_fruit_went(yard: Yard) -> None:
    capacity = forecast(yard, 1_000)
    promise(yard, capacity, 200)
    made = weigh(yard, capacity, 500)
    with database.reading() as session:
        rows = session.scalars(
            select(Movement).where(Movement.lot_id == made.lot_id).order_by(Movement.number)
        )
        found = [(row.kind, row.on_hand_delta_grams, row.held_delta_grams) for row in rows]
    assert found == [("harvested", 500, 0), ("held", 0, 200)]


@pytest.mark.parametrize("statement", ["UPDATE weighing SET net_grams = 1", "DELETE FROM weighing"])
def test_the_app_cannot_rewrite_a_weighing(yard: Yard, statement: str) -> None:
    weigh(yard, forecast(yard), 10)
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text(statement))


def _body(yard: Yard, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(facts["weighing_id"]),
        "cold_store_id": str(facts["cold_store_id"]),
        "code": facts["code"],
        "gross": {"value": 1_640, "unit": "jin"},
        "tare": {"value": "20", "unit": "kg"},
        "harvested_on": facts["harvested_on"].isoformat(),
        "best_before_on": facts["best_before_on"].isoformat(),
    }


def test_the_door_weighs_and_answers_the_same_again(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    capacity = forecast(yard, 1_000_000)
    url = f"/v1/capacities/{capacity.id}/weighings"
    body = _body(yard, load(yard, capacity, 1))
    first = member.post(url, json=body)
    assert (first.status_code, first.json["net_grams"]) == (201, 800_000)
    again = member.post(url, json=body)
    assert (again.status_code, again.json) == (201, first.json)
    assert_refused(member.post(url, json={**body, "code": "OTHER"}), 409, "weighing_differs")
    heavy = assert_refused(
        member.post(url, json={**body, "id": str(uuid.uuid4()), "tare": 820_000}), 422, "tare_too_heavy"
    )
    assert heavy["errors"][0]["pointer"] == "/tare"
    fresh = {**body, "id": str(uuid.uuid4())}
    assert_refused(member.post(url, json=fresh), 409, "lot_code_taken")
    unknown = {**fresh, "code": "C2", "cold_store_id": str(uuid.uuid4())}
    assert_refused(member.post(url, json=unknown), 404, "cold_store_not_found")
    assert [each["id"] for each in member.get(url).json["items"]] == [body["id"]]
    stranger = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[1:])
    assert_refused(stranger.post(url, json=fresh), 404, "capacity_not_found")
    assert_refused(as_role(Role.AUDITOR).post(url, json=fresh), 403, "forbidden")
