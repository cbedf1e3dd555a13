"""Many parcels given to a carrier at once: all of them ship as they would by themselves, or none."""

import csv
import io
import uuid
from typing import Any

import pytest

from inventory.labels import serials
from marketplace import errors
from marketplace.access import Role
from orders.fulfilment.hand_overs import handing
from orders.fulfilment.pallets import building
from tests.builders import Market, assert_refused, broken
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.loading import closed, give, given, ids, packed
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.inbox import told
from tests.campaigns.tracing import scene as scenes
from tests.house import Caller
from tests.inventory.yard import at_once
from tests.orders.settlements.test_pdf import text_of


@pytest.fixture
def made(market: Market, operator: Caller) -> Sending:
    found = stage.closed(market, operator, orders=(5, 4, 3))
    found.released()
    return found


def states(made: Sending) -> dict[str, str]:
    return {each["id"]: each["state"] for each in made.parcels()}


def test_all_leave_at_once_and_their_buyers_are_told(made: Sending) -> None:
    first, second = found = packed(made)
    one = closed(made, [first])
    told_of = [
        {"parcel_id": each["id"], "tracking_number": f"SF-{number}"} for number, each in enumerate(found)
    ]
    hand_over = given(made, parcel_ids=[second["id"]], pallet_ids=[one["id"]], tracking_numbers=told_of)
    assert (hand_over["carrier"], hand_over["reference"]) == ("SF", "TOUR-7")
    assert (hand_over["pallets"], hand_over["parcels"]) == (1, 2)
    assert hand_over["boxes"] == first["boxes"] + second["boxes"]
    assert hand_over["quantity_grams"] == first["quantity_grams"] + second["quantity_grams"]
    now = {each["id"]: each for each in made.parcels(state="shipped")}
    assert {each: (now[each]["carrier"], now[each]["tracking_number"]) for each in now} == {
        first["id"]: ("SF", "SF-0"),
        second["id"]: ("SF", "SF-1"),
    }
    buyers = {order["id"]: buyer for order, buyer in zip(made.orders, made.buyers, strict=True)}
    for each in found:
        assert len(told(buyers[each["order_id"]], "parcel_shipped")) >= 1
    url = f"/v1/hand-overs/{hand_over['id']}"
    assert made.operator.get(url).json == hand_over
    lines = made.operator.get(f"{url}/manifest").json["lines"]
    assert [(each["parcel_id"], each["pallet_id"]) for each in lines] == [
        (first["id"], one["id"]),
        (second["id"], None),
    ]
    assert broken(made.market.app) == []


def test_the_manifest_as_a_table_adds_up_and_names_nobody(made: Sending) -> None:
    found = packed(made)
    hand_over = given(made, pallet_ids=[closed(made, found)["id"]])
    answer = made.operator.get(f"/v1/hand-overs/{hand_over['id']}/manifest.csv")
    assert answer.mimetype == "text/csv"
    text = answer.data.decode("utf-8-sig")
    header, *rows, total = list(csv.reader(io.StringIO(text)))
    assert len(rows) == len(found)
    assert {row[0] for row in rows} == {"SF"}
    assert {row[1] for row in rows} == {"TOUR-7"}
    for column in (6, 7):
        assert sum(int(row[column]) for row in rows) == int(total[column])
    assert (total[2], total[3]) == ("1", str(len(found)))
    assert "boxes 箱数" in header
    assert all(buyer_fact not in text for buyer_fact in ("recipient", "phone"))


def test_the_manifest_as_a_paper_can_be_read_and_signed_and_says_what_stayed_here(made: Sending) -> None:
    first, second = packed(made)
    pallet = closed(made, [first])
    numbers = [
        {"parcel_id": each["id"], "tracking_number": f"SF-{n}"} for n, each in enumerate((first, second))
    ]
    told_ = {"parcel_ids": [second["id"]], "pallet_ids": [pallet["id"]], "tracking_numbers": numbers}
    url = f"/v1/hand-overs/{given(made, **told_)['id']}/manifest"
    answer = made.operator.get(f"{url}.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert made.operator.get(f"{url}.pdf").data == answer.data
    text = "\n".join(text_of(answer.data))
    lines = made.operator.get(url).json["lines"]
    on = next(each for each in lines if each["pallet_id"])
    for word in (
        "交接清单 Hand-over manifest",
        "SF",
        "TOUR-7",
        on["pallet_link"].rpartition("/")[2],
        *(each["link"].rpartition("/")[2] for each in lines),
        *(each["lot_code"] for each in lines),
        "SF-0",
        "SF-1",
        "2 个包裹",
        "交付人签字 Handed over by",
        "承运人签字 Taken over by",
    ):
        assert word in text, word
    assert str(5 * (first["boxes"] + second["boxes"])) in text
    void = made.operator.post(f"/v1/parcels/{second['id']}/shipment-void", json={"reason": "left behind"})
    assert void.status_code == 200, void.json
    text = "\n".join(text_of(made.operator.get(f"{url}.pdf").data))
    assert "已撤销，未发出" in text
    assert "SF-1" not in text
    buyer = made.buyers[0].get("/v1/addresses").json["items"][0]
    assert buyer["recipient"] not in text
    assert broken(made.market.app) == []


def test_one_that_cannot_leave_keeps_all_here_and_each_is_named(made: Sending) -> None:
    first, second = packed(made)
    [planned, *_] = made.parcels(state="planned")
    stopped = made.operator.post(f"/v1/lots/{second['lot_id']}/quarantine", json={"reason": "mould"})
    assert stopped.status_code == 200
    missing, before = str(uuid.uuid4()), states(made)
    wanted = [first["id"], second["id"], planned["id"], missing]
    refused = give(made, parcel_ids=wanted)
    assert_refused(refused, 409, "hand_over_refused")
    reasons = {each["parcel_id"]: each["code"] for each in refused.json["errors"]}
    assert reasons[second["id"]] == "lot_status_forbids"
    assert reasons[planned["id"]] == "parcel_not_found", "another cooperative's"
    assert reasons[missing] == "parcel_not_found"
    assert refused.json["refused"] == len(reasons)
    assert states(made) == before
    assert made.operator.get("/v1/hand-overs").json["items"] == []
    assert broken(made.market.app) == []


def test_what_lies_on_a_pallet_leaves_with_it_alone(made: Sending) -> None:
    first, second = packed(made)
    one = closed(made, [first])
    refused = give(made, parcel_ids=[first["id"], second["id"]])
    assert_refused(refused, 409, "hand_over_refused")
    assert [(each["parcel_id"], each["code"]) for each in refused.json["errors"]] == [
        (first["id"], "parcel_on_pallet")
    ]
    both = given(made, parcel_ids=[first["id"], second["id"]], pallet_ids=[one["id"], one["id"]])
    assert (both["parcels"], both["pallets"]) == (2, 1), "what is named twice leaves once"


def test_a_lot_that_is_stopped_keeps_its_closed_pallet_here(made: Sending) -> None:
    [first, *_] = found = packed(made)
    one = closed(made, found)
    lot = f"/v1/lots/{first['lot_id']}"
    assert made.operator.post(f"{lot}/quarantine", json={"reason": "mould"}).status_code == 200
    assert_refused(give(made, pallet_ids=[one["id"]]), 409, "hand_over_refused")
    assert made.operator.get(f"/v1/pallets/{one['id']}").json["state"] == "closed"
    cleared = made.operator.post(f"{lot}/release-from-quarantine", json={"reason": "clean"})
    assert cleared.status_code == 200
    given(made, pallet_ids=[one["id"]])
    assert broken(made.market.app) == []


def test_a_flagged_label_keeps_its_parcel_here(market: Market, operator: Caller) -> None:
    scene = scenes.build(market, operator)
    place = market.cooperative_ids.index(scene.parcel.cooperative_id)
    found = packed(scene.sending, cooperative=place)
    scene.grove.do(serials.flag, serials=[scene.serial], reason="seen in another county")
    refused = give(scene.sending, cooperative=place, parcel_ids=ids(found))
    assert [each["code"] for each in refused.json["errors"]] == ["label_state_forbids"]


def test_nothing_too_much_and_foreign_things_are_refused(
    made: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = packed(made)
    assert_refused(give(made), 422, "nothing_to_hand_over")
    assert_refused(give(made, pallet_ids=[str(uuid.uuid4())]), 404, "pallet_not_found")
    theirs = closed(made, packed(made, cooperative=0), cooperative=0)
    assert_refused(give(made, pallet_ids=[theirs["id"]]), 404, "pallet_not_found")
    stranger, member = made.members[:2]
    assert_refused(give(made, who=stranger, parcel_ids=ids(found)), 404, "cooperative_not_found")
    monkeypatch.setattr(handing, "PARCELS_MAX", 1)
    refused = give(made, parcel_ids=ids(found))
    assert_refused(refused, 409, "hand_over_too_large")
    assert (refused.json["parcels"], refused.json["parcels_max"]) == (2, 1)
    monkeypatch.undo()
    mine = give(made, who=member, parcel_ids=ids(found)).json
    assert [each["id"] for each in member.get("/v1/hand-overs").json["items"]] == [mine["id"]]
    assert stranger.get("/v1/hand-overs").json["items"] == []
    for door in ("", "/manifest", "/manifest.csv", "/manifest.pdf"):
        assert stranger.get(f"/v1/hand-overs/{mine['id']}{door}").status_code == 404
        assert member.get(f"/v1/hand-overs/{mine['id']}{door}").status_code == 200


def test_a_tracking_number_of_a_parcel_that_stays_here_is_a_mistake(made: Sending) -> None:
    first, second = packed(made)
    numbers = [{"parcel_id": second["id"], "tracking_number": "SF-1"}]
    refused = give(made, parcel_ids=[first["id"]], tracking_numbers=numbers)
    assert [(each["parcel_id"], each["code"]) for each in refused.json["errors"]] == [
        (second["id"], "parcel_not_found")
    ]


def test_two_who_hand_over_the_same_in_other_orders_do_it_once(made: Sending) -> None:
    found = ids(packed(made))
    ctx = made.market.acting(made.operator, roles=frozenset({Role.OPERATOR}))

    def hand(which: list[str]) -> Any:
        return lambda session: handing.hand_over(
            session,
            ctx,
            cooperative_id=made.market.cooperative_ids[1],
            carrier="SF",
            reference="TOUR-7",
            parcel_ids=[uuid.UUID(each) for each in which],
            pallet_ids=[],
            tracking_numbers={},
        )

    outcomes = at_once(made.market.app, [hand(found), hand(found[::-1])])
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [each.code for each in refused] == ["hand_over_refused"]
    [row] = made.operator.get("/v1/hand-overs").json["items"]
    assert row["parcels"] == len(found)
    assert broken(made.market.app) == []


def test_a_pallet_that_is_broken_and_handed_over_at_once_does_one_of_them(made: Sending) -> None:
    one = closed(made, packed(made))
    ctx = made.market.acting(made.operator, roles=frozenset({Role.OPERATOR}))
    pallet_id = uuid.UUID(one["id"])
    outcomes = at_once(
        made.market.app,
        [
            lambda session: building.break_up(session, ctx, pallet_id=pallet_id),
            lambda session: handing.hand_over(
                session,
                ctx,
                cooperative_id=made.market.cooperative_ids[1],
                carrier="SF",
                reference="TOUR-7",
                parcel_ids=[],
                pallet_ids=[pallet_id],
                tracking_numbers={},
            ),
        ],
    )
    refused = [each for each in outcomes if isinstance(each, errors.Refusal)]
    assert [each.code for each in refused] == ["pallet_state"]
    assert broken(made.market.app) == []


def test_a_refusal_of_shipping_is_a_refusal_here(made: Sending) -> None:
    """What one parcel is refused for is told in the words of its own door."""
    [first, *_] = packed(made)
    assert made.step(first, "shipment", carrier="SF").status_code == 200
    refused = give(made, parcel_ids=[first["id"]])
    alone = made.step(first, "shipment", carrier="SF")
    [reason] = refused.json["errors"]
    assert (reason["code"], reason["detail"]) == (alone.json["code"], alone.json["detail"])
    assert reason["code"] == "parcel_state"
