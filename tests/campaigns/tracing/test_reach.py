"""How far a lot's fruit has gone, and who is told when it is recalled."""

import uuid
from typing import Any

from inventory.families import parentage
from inventory.models import Lot
from inventory.quality import quality
from marketplace.access import Role
from tests import house
from tests.builders import assert_refused
from tests.campaigns.inbox import told
from tests.campaigns.tracing.scene import Scene
from tests.house import Caller

REASON = {"reason_en": "A cooling line leaked.", "reason_zh": "制冷管路泄漏。"}


def reach(scene: Scene, lot_id: Any, who: Caller | None = None) -> dict[str, Any]:
    answer = (who or scene.sending.operator).get(f"/v1/lots/{lot_id}/reach")
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def recalled(scene: Scene) -> uuid.UUID:
    lot_id = scene.parcel.lot_id
    scene.grove.do(quality.recall, lot_id=lot_id, reason="leak")
    return lot_id


def parcels_of(scene: Scene, lot_id: uuid.UUID) -> list[dict[str, Any]]:
    return [each for each in scene.sending.parcels() if each["lot_id"] == str(lot_id)]


def test_a_lot_reaches_its_boxes_parcels_and_buyers(scene: Scene) -> None:
    scene.sending.all_go("packing", "shipment")
    lot_id = scene.parcel.lot_id
    found = reach(scene, lot_id)
    mine = parcels_of(scene, lot_id)
    assert {each["id"] for each in found["parcels"]} == {each["id"] for each in mine}
    serials = [serial for each in mine for serial in scene.labels[each["id"]]]
    assert found["labels"] == sorted(serials)
    assert found["labels_count"] == len(serials)
    buyers = {str(each.account_id) for each in scene.sending.buyers}
    assert {each["buyer_id"] for each in found["parcels"]} <= buyers
    assert {each["state"] for each in found["parcels"]} == {"shipped"}
    assert not found["is_cut"]


def test_parcels_that_wait_in_the_store_are_reached_too(scene: Scene) -> None:
    found = reach(scene, scene.parcel.lot_id)
    assert {each["state"] for each in found["parcels"]} == {"planned"}


def test_what_came_out_of_a_lot_is_reached(scene: Scene) -> None:
    parent = scene.market.lot(10, variety="Gala", code="P-1")
    part = {"code": "P-2", "quantity_grams": 20_000, "room_id": None}
    scene.grove.do(parentage.split, lot_id=parent.id, parts=[part])
    found = reach(scene, parent.id)
    assert [(each["code"], each["steps"]) for each in found["lots"]] == [("P-1", 0), ("P-2", 1)]
    assert [each["code"] for each in reach(scene, found["lots"][1]["id"])["lots"]] == ["P-2"]


def test_every_buyer_of_a_recalled_lot_is_told_once(scene: Scene) -> None:
    scene.sending.all_go("packing", "shipment")
    lot_id = recalled(scene)
    url = f"/v1/lots/{lot_id}/recall-notices"
    answer = scene.sending.operator.post(url, json=REASON)
    buyers = {each["buyer_id"] for each in reach(scene, lot_id)["parcels"]}
    assert (answer.status_code, answer.json) == (200, {"buyers": len(buyers), "told": len(buyers)})
    for each in scene.sending.buyers:
        mine = told(each, "fruit_recalled")
        assert len(mine) == (str(each.account_id) in buyers)
        assert all("leaked" in str(message) and "泄漏" in str(message) for message in mine)
    again = scene.sending.operator.post(url, json=REASON)
    assert again.json["told"] == 0


def test_boxes_that_have_not_left_are_nobody_s_yet(scene: Scene) -> None:
    lot_id = recalled(scene)
    answer = scene.sending.operator.post(f"/v1/lots/{lot_id}/recall-notices", json=REASON)
    assert answer.json == {"buyers": 0, "told": 0}
    [parcel, *_] = parcels_of(scene, lot_id)
    assert_refused(scene.sending.step(parcel, "packing"), 409, "lot_status_forbids")


def test_of_a_lot_that_is_not_recalled_nobody_is_told(scene: Scene) -> None:
    scene.sending.all_go("packing", "shipment")
    url = f"/v1/lots/{scene.parcel.lot_id}/recall-notices"
    assert_refused(scene.sending.operator.post(url, json=REASON), 409, "lot_status_forbids")
    assert all(not told(each, "fruit_recalled") for each in scene.sending.buyers)


def test_only_staff_sees_who_bought_what(scene: Scene) -> None:
    lot_id = scene.parcel.lot_id
    cooperative_id = scene.market.stored(Lot, str(lot_id)).cooperative_id
    member = house.caller(scene.market.app, Role.COOPERATIVE, cooperative_ids=(cooperative_id,))
    assert member.get(f"/v1/lots/{lot_id}/reach").status_code == 403
    assert scene.sending.operator.get(f"/v1/lots/{uuid.uuid4()}/reach").status_code == 404
