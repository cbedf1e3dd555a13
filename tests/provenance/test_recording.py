"""What use cases of stock did is in the county's chain, in the transaction that did it."""

import uuid
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from inventory import lots
from inventory.batch import intake
from inventory.counting import stock_takes
from inventory.families import parentage
from inventory.models import Lot
from inventory.provenance import numbering
from inventory.provenance.kinds import NumberKind
from inventory.quality import expiring, quality, readings
from inventory.stores import cold_stores, rooms
from inventory.traces.mentions import Role
from inventory.traces.models import TraceMention
from inventory.transfers import transfers
from marketplace import database
from tests.builders import Market, at_once
from tests.campaigns.inbox import work
from tests.traces.told import rows, verdict

KG = 1_000


def events(market: Market) -> list[dict[str, Any]]:
    return [orjson.loads(row.body) for row in rows(market)]


def steps(market: Market) -> list[tuple[str, str]]:
    return [(each["type"].removesuffix("Event"), each["bizStep"]) for each in events(market)]


def class_of(market: Market, lot: Lot) -> str:
    return database.transact(lambda session: numbering.lot_class(session, session.get_one(Lot, lot.id)))


def another_store(market: Market) -> uuid.UUID:
    facts = {"code": "COLD-2", "name_en": "Second store", "name_zh": "二号库", "county_id": market.county_id}
    return database.transact(lambda session: cold_stores.create(session, market.ctx, **facts)).id


def test_a_lot_that_is_received_begins_in_the_chain(market: Market) -> None:
    lot = market.lot(10, code="YJ-1")
    [event] = events(market)
    assert event["quantityList"] == [
        {"epcClass": class_of(market, lot), "quantity": lot.on_hand_grams // KG, "uom": "KGM"}
    ]
    assert event["ilmd"]["cbvmda:lotNumber"] == "YJ-1"
    assert event["ilmd"]["cbvmda:harvestStartDate"] == lot.harvested_on.isoformat()
    assert class_of(market, lot).endswith("/10/YJ-1")
    assert verdict(market).finding is None


def test_lots_of_two_cooperatives_with_one_code_are_two_classes(market: Market) -> None:
    one, other = market.lot(1, code="L-1", cooperative=0), market.lot(1, code="L-1", cooperative=1)
    again = market.lot(1, code="L-2", cooperative=0)
    assert class_of(market, one) != class_of(market, other)
    assert class_of(market, one).split("/10/")[0] == class_of(market, again).split("/10/")[0]


def test_a_code_that_no_key_can_bear_is_replaced_and_told(market: Market) -> None:
    lot = market.lot(1, code="北坡一号")
    assert class_of(market, lot).endswith("/10/L-1")
    assert events(market)[0]["ilmd"]["cbvmda:lotNumber"] == "L-1"


def test_split_merged_graded_and_taken_back_lots_are_followed(market: Market) -> None:
    lot = market.lot(20, code="L-1")
    part = {"code": "L-2", "quantity_grams": 20 * KG, "room_id": None}

    def work(session: Any) -> None:
        parentage.split(session, market.ctx, lot_id=lot.id, parts=[part])

    database.transact(work)
    graded = {**part, "code": "L-3", "quantity_grams": 30 * KG, "grade": "B", "size": None}

    def sort(session: Any) -> None:
        parentage.grade(session, market.ctx, lot_id=lot.id, parts=[graded], culled_grams=5 * KG)

    database.transact(sort)
    assert steps(market) == [
        ("Object", "commissioning"),
        ("Transformation", "commissioning"),
        ("Object", "destroying"),
        ("Transformation", "commissioning"),
    ]
    split, grading = events(market)[1], events(market)[3]
    assert split["inputQuantityList"][0]["epcClass"] == class_of(market, lot)
    assert split["inputQuantityList"][0]["quantity"] == split["outputQuantityList"][0]["quantity"] == 20
    assert split["ilmd"]["vo:variety"] == lot.variety
    assert [each["quantity"] for each in grading["outputQuantityList"]] == [30]
    assert (grading["vo:culledGrams"], grading["inputQuantityList"][0]["quantity"]) == (5 * KG, 35)
    with database.reading() as session:
        made_of = session.scalars(
            select(TraceMention.key).where(TraceMention.role == Role.INPUT_CLASS).distinct()
        ).all()
    assert made_of == [class_of(market, lot)]


def test_a_load_on_the_road_leaves_and_arrives(market: Market) -> None:
    lot, other = market.lot(20, code="L-1"), another_store(market)

    def send(session: Any) -> uuid.UUID:
        return transfers.dispatch(
            session,
            market.ctx,
            lot_id=lot.id,
            code="L-2",
            to_cold_store_id=other,
            quantity_grams=20 * KG,
        ).id

    transfer_id = database.transact(send)
    database.transact(
        lambda session: transfers.arrive(
            session,
            market.ctx,
            transfer_id=transfer_id,
            quantity_grams=19_900,
            gap_kind="shrunk",
            gap_reason="road",
        )
    )
    assert steps(market) == [
        ("Object", "commissioning"),
        ("Object", "shipping"),
        ("Transformation", "receiving"),
    ]
    _, left, arrived = events(market)
    assert left["destinationList"][0]["destination"] == arrived["readPoint"]["id"] != left["readPoint"]["id"]
    assert [each["quantity"] for each in arrived["outputQuantityList"]] == [19.9]


def test_fruit_in_a_room_is_stored_there_once(market: Market) -> None:
    def rooms_of(session: Any) -> list[uuid.UUID]:
        facts = {"cold_store_id": market.cold_store_id}
        return [rooms.create(session, market.ctx, code=code, **facts).id for code in ("R1", "R2")]

    one, other = database.transact(rooms_of)
    lot = market.lot(20, code="L-1", room_id=one)
    part = {"quantity_grams": 20 * KG}

    def work(session: Any) -> None:
        kinds = [{**part, "code": "L-2", "room_id": None}, {**part, "code": "L-3", "room_id": other}]
        parentage.split(session, market.ctx, lot_id=lot.id, parts=kinds)
        graded = [
            {**part, "code": f"L-{number}", "grade": "B", "size": str(number), "room_id": room}
            for number, room in ((4, other), (5, one), (6, other))
        ]
        quality.quarantine(session, market.ctx, lot_id=lot.id, reason="smell")
        quality.clear(session, market.ctx, lot_id=lot.id, reason="fine")
        parentage.grade(session, market.ctx, lot_id=lot.id, parts=graded)

    database.transact(work)
    found = [each for each in events(market) if each["bizStep"] == "storing"]
    stored = [
        (
            each["bizLocation"]["id"].rpartition("/254/")[2],
            [one["epcClass"][-4:] for one in each["quantityList"]],
        )
        for each in found
    ]
    assert stored == [("R1", ["/L-1"]), ("R2", ["/L-3"]), ("R2", ["/L-4", "/L-6"])]
    assert {each["disposition"] for each in found} == {"sellable_not_accessible"}
    assert found[0]["readPoint"]["id"] == found[0]["bizLocation"]["id"].partition("/254/")[0]


def test_fruit_of_a_stopped_lot_is_stored_and_not_sellable(market: Market) -> None:
    lot, store = market.lot(20, code="L-1"), another_store(market)
    ctx = market.ctx

    def send(session: Any) -> uuid.UUID:
        room = rooms.create(session, ctx, cold_store_id=store, code="R9")
        return transfers.dispatch(
            session,
            ctx,
            lot_id=lot.id,
            code="L-2",
            to_cold_store_id=store,
            to_room_id=room.id,
            quantity_grams=20 * KG,
        ).id

    transfer_id = database.transact(send)

    def come(session: Any) -> None:
        quality.recall(session, ctx, lot_id=lot.id, reason="glass")
        transfers.arrive(session, ctx, transfer_id=transfer_id, quantity_grams=20 * KG)

    database.transact(come)
    [stored] = [each for each in events(market) if each["bizStep"] == "storing"]
    assert stored["disposition"] == "non_sellable_other"
    assert stored["bizLocation"]["id"].endswith("/254/R9")


def test_fruit_past_its_best_before_day_is_told_of_once(market: Market) -> None:
    """Not while somebody works on the lot, not of what has left, not on the day itself."""
    today = market.ctx.today
    old, worked_on = (
        market.lot(2, code=f"L-{number}", best_before_on=today - timedelta(days=2)) for number in (1, 2)
    )
    market.lot(2, code="L-3", best_before_on=today)
    gone = market.lot(2, code="L-4", best_before_on=today - timedelta(days=2))
    database.transact(
        lambda session: lots.lose(session, market.ctx, lot_id=gone.id, quantity_grams=10 * KG, reason="rot")
    )

    def tell() -> int:
        return database.transact(lambda session: expiring.tell_expired(session, market.ctx))

    def while_worked_on(session: Any) -> int:
        lots.locked(session, market.ctx, lot_ids=[worked_on.id])
        return at_once(market.app, [tell])[0]

    assert database.transact(while_worked_on) == 1
    assert [tell(), tell()] == [1, 0]
    found = [each for each in events(market) if each.get("disposition") == "expired"]
    assert [each["quantityList"][0]["epcClass"] for each in found] == [
        class_of(market, old),
        class_of(market, worked_on),
    ]
    assert [(each["bizStep"], each["quantityList"][0]["quantity"]) for each in found] == [("holding", 10)] * 2


def test_many_expired_lots_are_told_of_in_batches(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "TOLD", 1)
    for _ in range(2):
        market.lot(1, best_before_on=market.ctx.today - timedelta(days=1))
    database.transact(lambda session: expiring.tell_expired(session, market.ctx))
    work(market)
    assert [each.get("disposition") for each in events(market)].count("expired") == 2


def test_counted_measured_stopped_and_cleared(market: Market) -> None:
    lot = market.lot(20, code="L-1")
    before = lot.on_hand_grams

    def work(session: Any) -> None:
        readings.write_down(session, market.ctx, lot_id=lot.id, measured_on=market.ctx.today, brix_tenths=138)
        stock_takes.take(session, market.ctx, lot_id=lot.id, counted_grams=before - 500, reason="monthly")
        quality.quarantine(session, market.ctx, lot_id=lot.id, reason="smell")
        quality.clear(session, market.ctx, lot_id=lot.id, reason="fine")
        quality.recall(session, market.ctx, lot_id=lot.id, reason="glass")

    database.transact(work)
    found = events(market)[1:]
    assert [each["bizStep"] for each in found] == [
        "inspecting",
        "stock_taking",
        "holding",
        "inspecting",
        "holding",
    ]
    assert [each.get("persistentDisposition") for each in found[2:]] == [
        {"set": ["non_sellable_other"]},
        {"unset": ["non_sellable_other"]},
        {"set": ["recalled"]},
    ]
    assert found[0]["vo:brixTenths"] == 138
    assert found[1]["quantityList"][0]["quantity"] == (before - 500) / KG


def test_a_row_of_a_batch_that_is_refused_tells_nothing(market: Market) -> None:
    market.lot(1, code="L-1")
    row = {
        "id": uuid.uuid4(),
        "cooperative_id": market.cooperative_ids[0],
        "cold_store_id": market.cold_store_id,
        "code": "L-2",
        "variety": "Fuji",
        "grade": "A",
        "harvested_on": market.ctx.today - timedelta(days=3),
        "quantity_grams": 5 * KG,
    }
    twice = [row, {**row, "id": uuid.uuid4()}, {**row, "id": uuid.uuid4(), "code": "L-3"}]
    database.transact(lambda session: intake.receive_rows(session, market.ctx, rows=twice))
    assert [each["ilmd"]["cbvmda:lotNumber"] for each in events(market)] == ["L-1", "L-2", "L-3"]


def test_two_who_name_one_thing_at_once_give_it_one_number(market: Market) -> None:
    def name() -> int:
        return database.transact(
            lambda session: numbering.reference_of(session, NumberKind.PARCEL, "the same")
        )

    assert len(set(at_once(market.app, [name] * 8))) == 1


def test_a_prefix_without_numbers_left_stops_nobody(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "reference_of", lambda *_: 10**10)
    lot = market.lot(1, code="L-1")
    [event] = events(market)
    assert event["quantityList"][0]["epcClass"] == lot.id.urn
    assert event["readPoint"]["id"] == lot.cold_store_id.urn
    assert event["ilmd"]["vo:cooperative"] == lot.cooperative_id.urn
    name = database.transact(lambda session: numbering.parcel(session, lot.id))
    assert name == lot.id.urn
    assert verdict(market).finding is None
