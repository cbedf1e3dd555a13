"""What is told of a box beside its way: reserved, on the road, arrived damaged, past its best-before day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select, text

from inventory.provenance import keys
from inventory.quality import expiring
from inventory.traces.models import TraceEvent
from marketplace import database
from tests.builders import broken
from tests.campaigns.tracing.scene import Scene
from tests.labels.grove import GTIN

NUMBER = "SF-SECRET-7"


def told(scene: Scene, disposition: str) -> list[dict[str, Any]]:
    with scene.market.app.app_context(), database.reading() as session:
        statement = select(TraceEvent.body).where(TraceEvent.disposition == disposition)
        return [orjson.loads(body) for body in session.scalars(statement.order_by(TraceEvent.number))]


def boxes(serials: list[str]) -> list[str]:
    return sorted(keys.box(GTIN, each) for each in serials)


def test_from_its_order_to_its_claim(scene: Scene) -> None:
    sending, parcel = scene.sending, scene.parcel
    mine = scene.labels[str(parcel.id)]
    sending.all_go("packing")
    reserved = told(scene, "reserved")
    assert len(reserved) == len(scene.labels), "one for each parcel"
    [own] = [each for each in reserved if sorted(each["epcList"]) == boxes(mine)]
    assert (own["bizStep"], own["action"]) == ("reserving", "OBSERVE")
    assert [each["bizTransaction"] for each in own["bizTransactionList"]] == [sending.sale.campaign_id.urn]

    for each in sending.parcels():
        assert sending.step(each, "shipment", carrier="SF", tracking_number=NUMBER).status_code == 200
    assert "On the road" not in scene.box_told()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    report = f"parcel,status,at,tracking_number\r\n{parcel.id},in_transit,{at.isoformat()},{NUMBER}"
    for _ in range(2):
        answer = sending.operator.post("/v1/carrier-reports", data=report.encode(), content_type="text/csv")
        assert answer.status_code == 200, answer.json
    [moving] = [each for each in told(scene, "in_transit") if each["bizStep"] == "transporting"]
    assert datetime.fromisoformat(moving["eventTime"]) < at, "not by a clock that goes ahead"
    assert NUMBER not in orjson.dumps(moving).decode()
    assert "readPoint" not in moving
    assert "bizLocation" not in moving
    assert "On the road, as its carrier last said" in scene.box_told()
    assert "运输途中" in scene.box_told("zh")

    sending.all_go("delivery")
    assert told(scene, "damaged") == []
    large = max(sending.parcels(), key=lambda each: each["boxes"])
    for count, remedy in ((1, "reject"), (1, "refund"), (large["boxes"] - 1, "refund")):
        _claim(scene, large, count, remedy)
    some = told(scene, "damaged")
    assert [each["quantityList"][0]["quantity"] for each in some] == [5, 5 * (large["boxes"] - 1)]
    assert all("epcList" not in each for each in some), "which of them it was is not known"
    assert "damaged" not in scene.box_told()
    assert broken(scene.market.app) == []


def test_when_all_boxes_are_damaged_it_is_known_which(scene: Scene) -> None:
    scene.sending.all_go("packing", "shipment", "delivery")
    one, other, *_ = scene.sending.parcels()
    _claim(scene, one, one["boxes"], "refund", kind="quality")
    assert told(scene, "damaged") == []
    _claim(scene, other, other["boxes"], "refund")
    [damaged] = told(scene, "damaged")
    assert sorted(damaged["epcList"]) == boxes(scene.labels[other["id"]])
    assert (damaged["bizStep"], damaged["action"]) == ("inspecting", "OBSERVE")
    scene.forget()
    [serial, *_] = scene.labels[other["id"]]
    assert "Arrived damaged" in scene.told(f"/boxes/{GTIN}/{serial}")
    [serial, *_] = scene.labels[one["id"]]
    assert "Arrived damaged" not in scene.told(f"/boxes/{GTIN}/{serial}")


def test_what_lay_too_long_is_told_of_until_it_has_left(scene: Scene) -> None:
    sent = next(each for each in scene.sending.parcels() if each["id"] != str(scene.parcel.id))
    for step, body in (("packing", {}), ("shipment", {"carrier": "SF"})):
        assert scene.sending.step(sent, step, **body).status_code == 200
    with scene.market.app.app_context():
        ctx = replace(scene.ctx, now=datetime.now(UTC))
        late = text("UPDATE lot SET best_before_on = :day")
        day = scene.ctx.today - timedelta(days=1)
        database.transact(lambda session: session.execute(late, {"day": day}))
        database.transact(lambda session: expiring.tell_expired(session, ctx))
    assert "Past its best-before day in the store" in scene.box_told()
    assert "在库超过最佳食用期" in scene.box_told("zh")
    scene.forget()
    [serial, *_] = scene.labels[sent["id"]]
    assert "Past its" not in scene.told(f"/boxes/{GTIN}/{serial}")


def _claim(scene: Scene, parcel: dict[str, Any], count: int, remedy: str, *, kind: str = "damage") -> None:
    orders = [each["id"] for each in scene.sending.orders]
    buyer = scene.sending.buyers[orders.index(parcel["order_id"])]
    asked = {"parcel_id": parcel["id"], "kind": kind, "boxes": count, "words": "bruised"}
    made = buyer.post(f"/v1/orders/{parcel['order_id']}/claims", json=asked)
    assert made.status_code == 201, made.json
    decision: dict[str, Any] = {"remedy": remedy, "words": "as agreed"}
    if remedy != "reject":
        decision |= {"amount_minor": 1, "borne_by": "cooperative"}
    decided = scene.sending.operator.post(f"/v1/claims/{made.json['id']}/decision", json=decision)
    assert decided.status_code == 200, decided.json
