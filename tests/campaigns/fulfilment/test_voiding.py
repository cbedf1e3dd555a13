"""A wrong dispatch is undone: the parcel is packed again, with all that hangs on it, and leaves once more."""

from typing import Any

import orjson
from sqlalchemy import func, select, text

from inventory.families import parentage
from inventory.labels import serials
from inventory.models import Lot, Movement
from inventory.quality import quality
from inventory.stores import rooms
from inventory.traces.models import TraceEvent
from marketplace import database
from orders.claims.models import Claim
from tests.builders import Market, assert_refused, at_once, broken
from tests.campaigns.claims.scene import let_pass
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.loading import closed, given, packed
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.fulfilment.test_carriers import ago, taken
from tests.campaigns.fulfilment.test_labels import grove, labels_for, put_on, state_of
from tests.campaigns.inbox import told, work
from tests.house import Caller
from tests.labels.grove import Grove

__all__ = ("grove",)
KG = 1_000


def void(made: Sending, parcel: dict[str, Any], who: Caller | None = None) -> Any:
    return (who or made.operator).post(
        f"/v1/parcels/{parcel['id']}/shipment-void", json={"reason": "mixed up"}
    )


def ship(made: Sending, parcel: dict[str, Any]) -> dict[str, Any]:
    answer = made.step(parcel, "shipment", carrier="SF", tracking_number="SF-1")
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def on_hand() -> int:
    with database.reading() as session:
        return int(session.scalar(select(func.sum(Lot.on_hand_grams))) or 0)


def told_of(parcel: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    """What the chain says of the parcel's road, oldest first."""
    with database.reading() as session:
        statement = select(TraceEvent).where(
            TraceEvent.biz_step.in_(["shipping", "void_shipping"]), TraceEvent.body.contains(parcel["id"])
        )
        rows = session.scalars(statement.order_by(TraceEvent.number)).all()
        assert all("epcList" in orjson.loads(row.body) for row in rows)
        return [(row.biz_step, row.disposition) for row in rows]


def test_it_is_packed_as_before_and_leaves_once_more(market: Market, operator: Caller, grove: Grove) -> None:
    grown = {"plot": "North", "harvested_on": grove.harvested_on}
    made = stage.closed(market, operator, pledged=(20,), orders=(3,), grown=grown)
    made.released()
    [parcel] = made.parcels()
    found = labels_for(grove, parcel)
    assert put_on(made, parcel, found).status_code == 200
    assert made.step(parcel, "packing", weighed_grams=14_000).status_code == 200
    before = on_hand()
    first = given(made, cooperative=0, parcel_ids=[parcel["id"]])
    assert (made.states, on_hand()) == (["shipped"], before - 15 * KG)
    work(market)

    answer = void(made, parcel, made.members[0])
    assert answer.status_code == 200, answer.json
    told_now = {name: answer.json[name] for name in ("state", "carrier", "tracking_number", "shipped_at")}
    assert told_now == {"state": "packed", "carrier": None, "tracking_number": None, "shipped_at": None}
    assert answer.json["weighed_grams"] == 14_000
    assert (made.states, on_hand()) == (["packing"], before)
    assert {state_of(each) for each in found} == {"bound"}
    assert told_of(parcel) == [("shipping", "in_transit"), ("void_shipping", "in_progress")]
    with database.reading() as session:
        line = session.scalars(
            select(Movement).order_by(Movement.at.desc(), Movement.number.desc()).limit(1)
        ).one()
    assert (line.kind, line.on_hand_delta_grams, line.packed_delta_grams) == (
        "shipment_voided",
        15 * KG,
        15 * KG,
    )
    assert line.reason == "mixed up"
    work(market)
    [voided] = told(made.buyers[0], "shipment_voided")
    assert voided["boxes"] == 3
    assert broken(market.app) == []

    again = given(made, cooperative=0, parcel_ids=[parcel["id"]], reference="TOUR-8")
    assert again["id"] != first["id"]
    assert (made.states, on_hand()) == (["shipped"], before - 15 * KG)
    assert {state_of(each) for each in found} == {"shipped"}
    work(market)
    assert len(told(made.buyers[0], "parcel_shipped")) == 2
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Claim)) == 1, "light boxes are refunded once"
    manifest = operator.get(f"/v1/hand-overs/{first['id']}/manifest").json
    assert [each["undone_at"] is not None for each in manifest["lines"]] == [True]
    assert void(made, parcel).status_code == 200, "also once more"
    made.all_go("shipment", "delivery")
    assert made.states == ["delivered"]
    assert broken(market.app) == []


def test_what_has_left_for_good_stays_gone(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(5, 4, 3))
    made.released()
    one, two, three, *_ = every = sorted(
        packed(made) + packed(made, cooperative=0), key=lambda each: each["id"]
    )
    assert_refused(void(made, one), 409, "parcel_state")
    assert_refused(made.operator.post(f"/v1/parcels/{one['id']}/shipment-void", json={}), 422, "invalid")

    # with a pallet
    mine = [each for each in every if each["cooperative_id"] == one["cooperative_id"]]
    place = [str(each) for each in market.cooperative_ids].index(one["cooperative_id"])
    on = closed(made, mine[:1], cooperative=place)
    given(made, cooperative=place, pallet_ids=[on["id"]])
    refused = assert_refused(void(made, one), 409, "parcel_on_pallet")
    assert refused["pallet_id"] == on["id"]

    # with a carrier that has told of it; a number may be announced
    taken(made, (two["id"], "announced", ago(1), "SF-1"))
    ship(made, two)
    assert void(made, two).status_code == 200
    ship(made, two)
    taken(made, (two["id"], "in_transit", ago(0), "SF-1"))
    refused = assert_refused(void(made, two), 409, "carrier_has_it")
    assert refused["tracking_status"] == "in_transit"

    # for a day at most, if its cooperative asks
    ship(made, three)
    place = [str(each) for each in market.cooperative_ids].index(three["cooperative_id"])
    late = text("UPDATE parcel SET shipped_at = shipped_at - interval '25 hours' WHERE id = :id")
    database.transact(lambda session: session.execute(late, {"id": three["id"]}))
    assert_refused(void(made, three, made.members[place]), 409, "shipment_too_old")

    # while its buyer claims nothing of it
    let_pass()
    order = [each["id"] for each in made.orders].index(three["order_id"])
    asked = {"parcel_id": three["id"], "kind": "missing", "boxes": 1, "words": "it is not there"}
    claim = made.buyers[order].post(f"/v1/orders/{three['order_id']}/claims", json=asked)
    assert claim.status_code == 201, claim.json
    assert_refused(void(made, three), 409, "parcel_claimed")
    assert made.buyers[order].post(f"/v1/claims/{claim.json['id']}/withdrawal").status_code == 200
    with market.unchanged():
        assert_refused(void(made, three, made.members[1 - place]), 404, "parcel_not_found")
    assert void(made, three).status_code == 200, "an operator may later, too"
    assert broken(market.app) == []


def test_its_fruit_is_there_once(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, pledged=(20,), orders=(3, 2))
    made.released()
    one, two = packed(made, cooperative=0)
    ship(made, one)
    ship(made, two)
    lot_id = market.stored(Lot, one["lot_id"]).id

    def come_back() -> None:
        facts = {"code": "BACK-1", "quantity_grams": 12 * KG, "reason": "refused at the door"}
        database.transact(lambda session: parentage.take_back(session, market.ctx, lot_id=lot_id, **facts))

    come_back()
    refused = assert_refused(void(made, max(one, two, key=lambda each: each["boxes"])), 409, "not_shipped")
    assert (refused["shipped_grams"], refused["returned_grams"]) == (25 * KG, 12 * KG)
    small = min(one, two, key=lambda each: each["boxes"])
    kept = database.transact(lambda session: rooms.space_of(session, cold_store_id=market.cold_store_id))
    full = {"cold_store_id": market.cold_store_id, "capacity_grams": kept.space.lying_grams + 9 * KG}
    database.transact(lambda session: rooms.set_capacity(session, market.ctx, **full))
    with market.unchanged():
        assert_refused(void(made, small), 409, "no_space")
    full["capacity_grams"] += KG
    database.transact(lambda session: rooms.set_capacity(session, market.ctx, **full))
    database.transact(lambda session: quality.quarantine(session, market.ctx, lot_id=lot_id, reason="smell"))
    statuses = at_once(market.app, [lambda: void(made, small).status_code] * 3)
    assert sorted(statuses) == [200, 409, 409], "once, and whatever stops the lot"
    assert_refused(made.step(small, "shipment", carrier="SF"), 409, "lot_status_forbids")
    assert broken(market.app) == []


def test_a_label_that_a_buyer_has_tells_that_it_has_arrived(
    market: Market, operator: Caller, grove: Grove
) -> None:
    grown = {"plot": "North", "harvested_on": grove.harvested_on}
    made = stage.closed(market, operator, pledged=(20,), orders=(3,), grown=grown)
    made.released()
    [parcel] = made.parcels()
    found = labels_for(grove, parcel)
    put_on(made, parcel, found)
    made.all_go("packing", "shipment")
    grove.do(serials.flag, serials=found[:1], reason="seen in two cities")
    assert void(made, parcel).status_code == 200
    assert [state_of(each) for each in found] == ["flagged", "bound", "bound"]
    assert broken(market.app) == []
    grove.do(serials.void, serials=found[:1], reason="seen in two cities")
    found[:1] = labels_for(grove, parcel, 1)
    assert put_on(made, parcel, found[:1]).status_code == 200
    ship(made, parcel)
    grove.do(serials.activate, serials=found[1:2])
    with market.unchanged():
        assert_refused(void(made, parcel), 409, "label_state_forbids")
