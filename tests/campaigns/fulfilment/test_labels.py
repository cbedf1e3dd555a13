"""Labels on the boxes of parcels: one on each, leaving and arriving with them, and told in the county's chain."""

from typing import Any

import orjson
import pytest
from sqlalchemy import select

from inventory.labels import serials
from inventory.labels.models import LabelSerial
from inventory.traces.mentions import Role as Mention
from inventory.traces.models import TraceEvent, TraceMention
from marketplace import database
from marketplace.access import Role
from tests import house
from tests.builders import Market, assert_refused, broken
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.stage import Sending
from tests.house import Caller
from tests.labels import grove as groves
from tests.labels.grove import GTIN, Grove


@pytest.fixture
def grove(market: Market) -> Grove:
    found = groves.build(market)
    for number in range(len(market.cooperative_ids)):
        found.plot(cooperative=number)
    return found


@pytest.fixture
def made(market: Market, operator: Caller, grove: Grove) -> Sending:
    """Parcels of certified fruit, ready to be packed."""
    grown = {"plot": "North", "harvested_on": grove.harvested_on}
    found = stage.closed(market, operator, orders=(3, 2), grown=grown)
    found.released()
    return found


def labels_for(grove: Grove, parcel: dict[str, Any], count: int | None = None) -> list[str]:
    place = [str(each) for each in grove.market.cooperative_ids].index(parcel["cooperative_id"])
    return grove.issued(parcel["boxes"] if count is None else count, cooperative=place)


def put_on(made: Sending, parcel: dict[str, Any], found: list[str]) -> Any:
    return made.step(parcel, "labels", serials=found)


def all_labelled(made: Sending, grove: Grove) -> dict[str, list[str]]:
    """Each parcel's labels."""
    on = {}
    for parcel in made.parcels():
        on[parcel["id"]] = labels_for(grove, parcel)
        answer = put_on(made, parcel, on[parcel["id"]])
        assert answer.status_code == 200, answer.json
    return on


def state_of(serial: str) -> str:
    with database.reading() as session:
        return session.scalars(select(LabelSerial.state).where(LabelSerial.serial == serial)).one()


def history(serial: str) -> list[tuple[str, str | None, str]]:
    """How a box is spoken of, oldest first."""
    key = f"https://id.gs1.org/01/{GTIN}/21/{serial}"
    with database.reading() as session:
        rows = session.execute(
            select(TraceEvent.event_type, TraceEvent.biz_step, TraceMention.role)
            .join(
                TraceMention,
                (TraceMention.county_id == TraceEvent.county_id) & (TraceMention.number == TraceEvent.number),
            )
            .where(TraceMention.key == key)
            .order_by(TraceEvent.number)
        ).all()
    return [(kind, step, role) for kind, step, role in rows]


def test_labels_go_with_their_boxes_from_packing_to_the_buyer(made: Sending, grove: Grove) -> None:
    on = all_labelled(made, grove)
    every = [serial for found in on.values() for serial in found]
    assert len(every) == 5
    made.all_go("packing")
    assert {state_of(each) for each in every} == {"bound"}
    made.all_go("shipment")
    assert {state_of(each) for each in every} == {"shipped"}
    made.all_go("delivery")
    assert {state_of(each) for each in every} == {"activated"}
    for serial in every:
        assert history(serial) == [
            ("TransformationEvent", "commissioning", Mention.OUTPUT),
            ("ObjectEvent", "reserving", Mention.OBJECT),
            ("AggregationEvent", "packing", Mention.CHILD),
        ]
    assert broken(made.market.app) == []


def test_a_box_is_made_of_its_lot_s_fruit_and_says_what_its_label_stands_for(
    made: Sending, grove: Grove
) -> None:
    [parcel, *_] = made.parcels()
    found = labels_for(grove, parcel)
    assert put_on(made, parcel, found).status_code == 200
    with database.reading() as session:
        body = session.scalars(select(TraceEvent.body).where(TraceEvent.body.contains("outputEPCList"))).one()
    event = orjson.loads(body)
    assert len(event["outputEPCList"]) == len(found)
    assert event["inputQuantityList"][0]["quantity"] == 5 * len(found)
    assert "/10/" in event["inputQuantityList"][0]["epcClass"]
    assert event["ilmd"]["vo:labelArea"] == "YJ-APPLE"
    assert event["ilmd"]["vo:netGrams"] == 5_000
    assert event["ilmd"]["vo:plot"] == "North"


def test_labels_come_in_parts_and_again(made: Sending, grove: Grove) -> None:
    parcel = max(made.parcels(), key=lambda each: each["boxes"])
    found = labels_for(grove, parcel)
    for some in (found[:1], found[:1], found[1:], found):
        answer = put_on(made, parcel, some)
        assert answer.status_code == 200, answer.json
    assert [each["serial"] for each in answer.json["items"]] == sorted(found)
    listed = made.operator.get(f"/v1/parcels/{parcel['id']}/labels")
    assert listed.json == answer.json
    assert len(history(found[0])) == 1


def test_a_parcel_with_some_labels_is_neither_packed_nor_shipped(made: Sending, grove: Grove) -> None:
    parcel = max(made.parcels(), key=lambda each: each["boxes"])
    found = labels_for(grove, parcel)
    assert put_on(made, parcel, found[1:]).status_code == 200
    refused = made.step(parcel, "packing")
    assert_refused(refused, 409, "parcel_labels_differ")
    assert (refused.json["boxes"], refused.json["labels"]) == (len(found), len(found) - 1)
    assert put_on(made, parcel, found[:1]).status_code == 200
    assert made.step(parcel, "packing").status_code == 200
    made.operator.post("/v1/labels/void", json={"serials": found[:1], "reason": "torn"})
    assert_refused(made.step(parcel, "shipment", carrier="SF"), 409, "parcel_labels_differ")
    [another] = labels_for(grove, parcel, 1)
    assert put_on(made, parcel, [another]).status_code == 200
    assert made.step(parcel, "shipment", carrier="SF").status_code == 200
    assert [step for _, step, _ in history(found[0])] == [
        "commissioning",
        "reserving",
        "packing",
        "decommissioning",
    ]
    assert [step for _, step, _ in history(another)] == ["commissioning", "packing"]
    assert (state_of(found[0]), state_of(another)) == ("void", "shipped")


def test_there_are_no_more_labels_than_boxes(made: Sending, grove: Grove) -> None:
    [parcel, *_] = made.parcels()
    found = labels_for(grove, parcel, parcel["boxes"] + 1)
    refused = put_on(made, parcel, found)
    assert_refused(refused, 409, "parcel_labels_differ")
    assert {state_of(each) for each in found} == {"issued"}, "nothing of it was done"


def test_boxes_that_were_labelled_before_they_had_a_parcel_get_one(made: Sending, grove: Grove) -> None:
    [parcel, *_] = made.parcels()
    found = labels_for(grove, parcel)
    bound = made.operator.post(f"/v1/lots/{parcel['lot_id']}/labels", json={"serials": found})
    assert bound.status_code == 200, bound.json
    answer = put_on(made, parcel, found)
    assert {each["parcel_id"] for each in answer.json["items"]} == {parcel["id"]}
    assert len(history(found[0])) == 1, "they were made once"
    assert made.step(parcel, "packing").status_code == 200


def test_a_label_is_on_one_parcel(made: Sending, grove: Grove) -> None:
    one, other = [each for each in made.parcels() if each["boxes"]][:2]
    found = labels_for(grove, one)
    assert put_on(made, one, found).status_code == 200
    refused = put_on(made, other, found[:1])
    assert refused.status_code == 409
    assert refused.json["code"] in ("label_state_forbids", "label_does_not_fit")


def test_a_flagged_label_keeps_its_parcel_in_the_store(made: Sending, grove: Grove) -> None:
    [parcel, *_] = made.parcels()
    found = labels_for(grove, parcel)
    assert put_on(made, parcel, found).status_code == 200
    assert made.step(parcel, "packing").status_code == 200
    grove.do(serials.flag, serials=found[:1], reason="seen in another county")
    refused = made.step(parcel, "shipment", carrier="SF")
    assert_refused(refused, 409, "label_state_forbids")
    assert refused.json["serial"] == found[0]


def test_a_label_flagged_on_the_road_keeps_no_parcel_from_arriving(made: Sending, grove: Grove) -> None:
    on = all_labelled(made, grove)
    made.all_go("packing", "shipment")
    [first, *_] = next(iter(on.values()))
    grove.do(serials.flag, serials=[first], reason="seen twice")
    made.all_go("delivery")
    assert state_of(first) == "flagged"


def test_a_parcel_that_left_takes_no_label(made: Sending, grove: Grove) -> None:
    [parcel, *_] = made.parcels()
    made.step(parcel, "packing")
    made.step(parcel, "shipment", carrier="SF")
    assert_refused(put_on(made, parcel, labels_for(grove, parcel)), 409, "parcel_state")


def test_labels_that_nobody_printed_are_refused(made: Sending) -> None:
    [parcel, *_] = made.parcels()
    refused = put_on(made, parcel, ["ABCDEFGHJKLM"])
    assert_refused(refused, 409, "labels_unknown")
    assert refused.json["serials"] == ["ABCDEFGHJKLM"]


def test_another_cooperative_s_member_sees_and_labels_nothing(made: Sending, grove: Grove) -> None:
    [parcel, *_] = made.parcels()
    others = [each for each in made.market.cooperative_ids if str(each) != parcel["cooperative_id"]]
    stranger = house.caller(made.market.app, Role.COOPERATIVE, cooperative_ids=(others[0],))
    url = f"/v1/parcels/{parcel['id']}/labels"
    assert stranger.get(url).status_code == 404
    assert stranger.post(url, json={"serials": labels_for(grove, parcel)}).status_code == 404
