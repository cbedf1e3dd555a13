"""Pallets: loaded, closed, handed over, broken; each step told in the chain, and a box is followed through them."""

import uuid
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from inventory.epcis.identifiers import key_in
from inventory.traces import walking
from inventory.traces.models import TraceEvent, TraceMention
from inventory.traces.walk_rules import Direction, is_birth
from marketplace import database, errors
from marketplace.access import Role
from orders.fulfilment import parcels
from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets import building
from orders.fulfilment.pallets.states import ParcelOnPallet
from tests import house
from tests.builders import Market, assert_refused, broken
from tests.campaigns.fulfilment import loading, stage
from tests.campaigns.fulfilment.loading import act, closed, done, given, ids, packed, pallet
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.tracing import scene as scenes
from tests.house import Caller
from tests.inventory.yard import at_once

HUB = "9521234001003"


@pytest.fixture
def made(market: Market, operator: Caller) -> Sending:
    found = stage.closed(market, operator, orders=(5, 4, 3))
    found.released()
    return found


def events_of(link: str) -> list[dict[str, Any]]:
    """Those that speak of the thing, oldest first."""
    with database.reading() as session:
        bodies = session.scalars(
            select(TraceEvent.body)
            .join(
                TraceMention,
                (TraceMention.county_id == TraceEvent.county_id) & (TraceMention.number == TraceEvent.number),
            )
            .where(TraceMention.key == link)
            .order_by(TraceEvent.number)
        ).all()
    return [orjson.loads(each) for each in bodies]


def said(link: str) -> list[tuple[str, str, str]]:
    return [(each["action"], each["bizStep"], each["disposition"]) for each in events_of(link)]


def test_a_pallet_goes_from_the_store_to_a_hub_and_each_step_is_told(made: Sending) -> None:
    found = packed(made)
    one = pallet(made)
    assert (one["state"], one["parcel_ids"], one["version"]) == ("open", [], 1)
    assert key_in(one["link"])["00"].startswith("1"), "a series of its own"  # type: ignore[index]
    loaded = done(made, one, "parcels", parcel_ids=ids(found))
    assert loaded["parcel_ids"] == ids(found)
    assert loaded["boxes"] == sum(each["boxes"] for each in found)
    assert loaded["quantity_grams"] == sum(each["quantity_grams"] for each in found)
    assert said(one["link"]) == [], "an open pallet is still changed by hand"
    assert done(made, one, "closing")["state"] == "closed"
    hand_over = given(made, pallet_ids=[one["id"]])
    assert {each["state"] for each in made.parcels(cooperative_id=one["cooperative_id"])} == {"shipped"}
    there = done(made, one, "arrival", gln=HUB, is_complete=True)
    assert (there["state"], there["hub_gln"], there["hand_over_id"]) == ("arrived", HUB, hand_over["id"])
    assert done(made, one, "breaking")["parcel_ids"] == []
    assert said(one["link"]) == [
        ("ADD", "packing", "container_closed"),
        ("OBSERVE", "shipping", "in_transit"),
        ("OBSERVE", "receiving", "completeness_verified"),
        ("DELETE", "unpacking", "in_progress"),
    ]
    add, sent, arrived, broken_up = events_of(one["link"])
    assert len(add["childEPCs"]) == len(found)
    assert broken_up["childEPCs"] == add["childEPCs"]
    assert {each["type"]: each["bizTransaction"] for each in sent["bizTransactionList"]} == {
        "bol": f"urn:uuid:{hand_over['id']}",
        "desadv": f"urn:uuid:{one['id']}",
    }
    assert arrived["bizLocation"]["id"].endswith(f"/414/{HUB}")
    assert broken_up["readPoint"] == arrived["readPoint"]
    assert broken(made.market.app) == []


def test_a_pallet_that_nobody_has_counted_yet_only_arrives(made: Sending) -> None:
    one = closed(made, packed(made))
    given(made, pallet_ids=[one["id"]])
    done(made, one, "arrival", gln=HUB)
    assert said(one["link"])[-1] == ("OBSERVE", "arriving", "in_progress")
    assert broken(made.market.app) == []


def test_parcels_come_on_and_off_as_long_as_it_is_open(made: Sending) -> None:
    found = packed(made)
    one = pallet(made)
    first, rest = found[:1], found[1:]
    assert rest, "the cooperative has several"
    done(made, one, "parcels", parcel_ids=ids(first))
    again = done(made, one, "parcels", parcel_ids=ids(found))
    assert again["parcel_ids"] == ids(found)
    same = done(made, one, "parcels", parcel_ids=ids(found))
    assert same["version"] == again["version"], "sent again it changes nothing"
    off = done(made, one, "removals", parcel_ids=[*ids(first), str(uuid.uuid4())])
    assert off["parcel_ids"] == ids(rest)
    assert done(made, one, "removals", parcel_ids=ids(first))["version"] == off["version"]
    assert done(made, one, "parcels", parcel_ids=ids(first))["parcel_ids"] == ids(found)
    done(made, one, "removals", parcel_ids=ids(first))
    done(made, one, "closing")
    assert len(events_of(one["link"])[0]["childEPCs"]) == len(rest)
    for step in ("parcels", "removals"):
        assert_refused(act(made, one, step, parcel_ids=ids(first)), 409, "pallet_state")
    assert broken(made.market.app) == []


def test_what_is_taken_apart_in_the_store_goes_on_another_pallet(made: Sending) -> None:
    found = packed(made)
    one = closed(made, found)
    done(made, one, "breaking")
    other = closed(made, found)
    assert other["parcel_ids"] == ids(found)
    assert said(one["link"]) == [
        ("ADD", "packing", "container_closed"),
        ("DELETE", "unpacking", "in_progress"),
    ]
    assert_refused(act(made, one, "closing"), 409, "pallet_state")
    assert broken(made.market.app) == []


def test_an_open_pallet_that_is_given_up_leaves_no_word(made: Sending) -> None:
    found = packed(made)
    one = pallet(made)
    done(made, one, "parcels", parcel_ids=ids(found))
    done(made, one, "breaking")
    assert events_of(one["link"]) == []
    assert closed(made, found)["parcel_ids"] == ids(found)
    assert broken(made.market.app) == []


def test_each_parcel_that_does_not_fit_is_named_with_its_reason(made: Sending) -> None:
    found = packed(made)
    planned = made.parcels(cooperative_id=str(made.market.cooperative_ids[0]))[0]
    here, there = pallet(made), pallet(made)
    done(made, there, "parcels", parcel_ids=ids(found[:1]))
    refused = act(made, here, "parcels", parcel_ids=[*ids(found), planned["id"]])
    assert_refused(refused, 409, "parcels_unfit")
    assert {each["parcel_id"]: each["code"] for each in refused.json["errors"]} == {
        found[0]["id"]: "parcel_on_pallet",
        planned["id"]: "cooperative_differs",
    }
    assert made.operator.get(f"/v1/pallets/{here['id']}").json["parcel_ids"] == [], "none of them"
    missing = act(made, here, "parcels", parcel_ids=[str(uuid.uuid4())])
    assert [each["code"] for each in missing.json["errors"]] == ["parcel_not_found"]


def test_only_what_is_packed_and_not_stopped_goes_on(made: Sending) -> None:
    [first, *_] = made.parcels(cooperative_id=str(made.market.cooperative_ids[1]))
    one = pallet(made)
    refused = act(made, one, "parcels", parcel_ids=[first["id"]])
    assert refused.json["errors"][0]["code"] == "parcel_state"
    found = packed(made)
    stopped = made.operator.post(f"/v1/lots/{first['lot_id']}/quarantine", json={"reason": "mould"})
    assert stopped.status_code == 200
    refused = act(made, one, "parcels", parcel_ids=ids(found))
    codes = {each["parcel_id"]: each["code"] for each in refused.json["errors"]}
    assert codes[first["id"]] == "lot_status_forbids"


def test_a_pallet_holds_so_many(made: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    found = packed(made)
    monkeypatch.setattr(building, "PARCELS_MAX", len(found) - 1)
    one = pallet(made)
    refused = act(made, one, "parcels", parcel_ids=ids(found))
    assert_refused(refused, 409, "pallet_full")
    done(made, one, "parcels", parcel_ids=ids(found[1:]))


def test_an_empty_pallet_is_not_closed_and_an_open_one_does_not_leave(made: Sending) -> None:
    one = pallet(made)
    assert_refused(act(made, one, "closing"), 409, "pallet_empty")
    done(made, one, "parcels", parcel_ids=ids(packed(made)))
    assert_refused(loading.give(made, pallet_ids=[one["id"]]), 409, "pallet_state")
    assert_refused(act(made, one, "arrival", gln=HUB), 409, "pallet_state")


def test_on_the_road_nobody_takes_it_apart(made: Sending) -> None:
    one = closed(made, packed(made))
    given(made, pallet_ids=[one["id"]])
    assert_refused(act(made, one, "breaking"), 409, "pallet_state")
    assert_refused(act(made, one, "arrival", gln="9521234001004"), 422, "gln_refused")
    assert made.operator.get(f"/v1/pallets/{one['id']}").json["state"] == "shipped"


def test_a_parcel_on_a_pallet_does_not_leave_by_itself(made: Sending) -> None:
    [first, *_] = found = packed(made)
    one = closed(made, found)
    refused = made.step(first, "shipment", carrier="SF")
    assert_refused(refused, 409, "parcel_on_pallet")
    assert refused.json["pallet_id"] == one["id"]
    done(made, one, "breaking")
    assert made.step(first, "shipment", carrier="SF").status_code == 200


def test_members_load_their_own_pallets_alone(made: Sending) -> None:
    stranger, member = made.members[:2]
    one = pallet(made, who=member)
    assert member.get(f"/v1/pallets/{one['id']}").status_code == 200
    assert [each["id"] for each in member.get("/v1/pallets").json["items"]] == [one["id"]]
    assert stranger.get("/v1/pallets").json["items"] == []
    assert_refused(stranger.get(f"/v1/pallets/{one['id']}"), 404, "pallet_not_found")
    theirs = packed(made, cooperative=0)
    refused = member.post(f"/v1/pallets/{one['id']}/parcels", json={"parcel_ids": ids(theirs)})
    assert {each["code"] for each in refused.json["errors"]} == {"parcel_not_found"}, "as what is missing"
    url = f"/v1/cooperatives/{made.market.cooperative_ids[1]}/pallets"
    where = {"cold_store_id": str(made.market.cold_store_id)}
    assert_refused(stranger.post(url, json=where), 404, "cooperative_not_found")
    nowhere = {"cold_store_id": str(uuid.uuid4())}
    assert_refused(member.post(url, json=nowhere), 404, "cold_store_not_found")


def test_lists_are_narrowed(made: Sending) -> None:
    one = closed(made, packed(made))
    pallet(made, cooperative=0)
    shown = made.operator.get("/v1/pallets?state=closed").json["items"]
    assert [(each["id"], each["parcel_ids"]) for each in shown] == [(one["id"], one["parcel_ids"])]


def test_two_who_put_a_parcel_on_two_pallets_put_it_on_one(made: Sending) -> None:
    [first, *_] = packed(made)
    both = [pallet(made), pallet(made)]
    ctx = made.market.acting(made.operator, roles=frozenset({Role.OPERATOR}))

    def put(pallet_id: str) -> Any:
        return lambda session: building.put_on(
            session, ctx, pallet_id=uuid.UUID(pallet_id), parcel_ids=[uuid.UUID(first["id"])]
        )

    outcomes = at_once(made.market.app, [put(each["id"]) for each in both])
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [each.code for each in refused] == ["parcels_unfit"]
    assert sorted(
        len(done(made, each, "removals", parcel_ids=[str(uuid.uuid4())])["parcel_ids"]) for each in both
    ) == [0, 1]
    assert broken(made.market.app) == []


def test_a_parcel_that_is_put_on_and_sent_at_once_does_one_of_them(made: Sending) -> None:
    [first, *_] = packed(made)
    one = pallet(made)
    ctx = made.market.acting(made.operator, roles=frozenset({Role.OPERATOR}))
    parcel_id = uuid.UUID(first["id"])
    outcomes = at_once(
        made.market.app,
        [
            lambda session: building.put_on(
                session, ctx, pallet_id=uuid.UUID(one["id"]), parcel_ids=[parcel_id]
            ),
            lambda session: parcels.ship(
                session, ctx, parcel_id=parcel_id, carrier="SF", tracking_number=None
            ),
        ],
    )
    [refused] = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert isinstance(refused, ParcelOnPallet | building.ParcelsUnfit)
    assert broken(made.market.app) == []


# the way of a box


def test_a_box_on_a_pallet_is_followed_both_ways(market: Market, operator: Caller) -> None:
    scene = scenes.build(market, operator)
    made = scene.sending
    place = market.cooperative_ids.index(scene.parcel.cooperative_id)
    one = closed(made, packed(made, cooperative=place), cooperative=place)
    given(made, cooperative=place, pallet_ids=[one["id"]])
    box = f"https://id.gs1.org/01/{scenes.GTIN}/21/{scene.serial}"
    with database.reading() as session:
        on = walking.walk(session, [box], Direction.FORWARD)
        back = walking.walk(session, [one["link"]], Direction.BACK)
    assert on.depths[one["link"]] == 2, "box, parcel, pallet"
    boxes = {key for key in back.depths if "/21/" in key}
    mine = [each for each in made.parcels() if each["id"] in one["parcel_ids"]]
    assert len(boxes) == sum(each["boxes"] for each in mine)
    assert box in boxes
    assert [each for each in back.events if is_birth(each.body)], "back to the orchard"
    assert broken(market.app) == []


def test_the_resolver_leads_from_a_pallet_s_number_to_what_lies_on_it(
    market: Market, operator: Caller
) -> None:
    scene = scenes.build(market, operator)
    place = market.cooperative_ids.index(scene.parcel.cooperative_id)
    one = closed(scene.sending, packed(scene.sending, cooperative=place), cooperative=place)
    sscc = one["link"].rpartition("/")[2]
    answer = scene.get(f"/00/{sscc}")
    assert (answer.status_code, answer.headers["Location"]) == (307, f"/pallets/{sscc}")
    told = scene.told(f"/pallets/{sscc}")
    assert "ready to leave" in told
    assert scene.serial[:4] in told
    assert "待发" in scene.told(f"/pallets/{sscc}", "zh")
    for unknown in ("195212340000099992", "095212340000099995"):
        assert scene.get(f"/00/{unknown}").status_code in (400, 404)
    assert scene.get(f"/parcels/{sscc}").status_code == 404, "a pallet is no parcel"


def test_a_stranger_s_cooperative_sees_nothing(market: Market, operator: Caller) -> None:
    made = stage.closed(market, operator, orders=(2,))
    made.released()
    one = pallet(made)
    other = house.caller(market.app, Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[0],))
    for step in ("parcels", "removals"):
        answer = other.post(f"/v1/pallets/{one['id']}/{step}", json={"parcel_ids": [str(uuid.uuid4())]})
        assert_refused(answer, 404, "pallet_not_found")
    assert market.stored(Parcel, made.parcels()[0]["id"]).state == "planned"
