"""The public page of a box: its way, its label, its price and its proof, and nothing of who bought it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.tracing import facts
from inventory.epcis.identifiers import Key
from inventory.labels import serials
from inventory.models import Lot
from inventory.provenance import numbering, story
from inventory.provenance.climate import summary, tenths
from inventory.traces import checkpointing, keys, notes
from inventory.traces.merkle import is_included, leaf_hash
from marketplace import context, database
from marketplace.pages import STRICT_POLICY
from tests.addresses.book import AT_HOME
from tests.campaigns.tracing.scene import Scene, record
from tests.labels.grove import GTIN


def test_the_way_from_the_orchard_to_the_door(scene: Scene) -> None:
    told = scene.box_told()
    assert "still in the cold store" in told
    assert "plot North" in told
    assert f"harvested on {scene.grove.harvested_on.day} October {scene.grove.season}" in told
    assert "Cold store ·" in told
    assert "Sent" not in told
    scene.sending.all_go("packing", "shipment")
    assert "on its way" in scene.box_told()
    scene.sending.all_go("delivery")
    told = scene.box_told()
    assert "This box was delivered" in told
    for word in ("Packed and labelled", "Sent", "Delivered", "Yijun Apples", "GI-1"):
        assert word in told


def test_every_delivered_box_is_traceable_to_its_plots(scene: Scene) -> None:
    scene.sending.all_go("packing", "shipment", "delivery")
    every = [serial for found in scene.labels.values() for serial in found]
    assert len(every) == sum(each["boxes"] for each in scene.sending.parcels()) == 5
    with scene.market.app.app_context(), database.reading() as session:
        for serial in every:
            told = story.of(session, Key((("01", GTIN), ("21", serial))), until=None)
            assert [each.plot for each in told.origins] == ["North"]
            assert story.certificates(session, told.origins) == ["GI-1"]
            assert not told.is_cut


def test_both_languages_say_the_same(scene: Scene) -> None:
    scene.sending.all_go("packing", "shipment", "delivery")
    told = scene.box_told("zh")
    for word in ("标签真实，果箱已送达", "宜君苹果", "10月2日采收", "装箱贴标", "送达", "冷库"):
        assert word in told, word
    english, chinese = (scene.page(f"/boxes/{GTIN}/{scene.serial}", each) for each in ("en", "zh"))
    assert [each.tag for each in english.elements] == [each.tag for each in chinese.elements]
    assert chinese.one("html").attributes["lang"] == "zh-Hans"


def test_who_got_what_of_the_price(scene: Scene) -> None:
    page = scene.page(f"/boxes/{GTIN}/{scene.serial}")
    rows = [each.text for each in page.every("tr")]
    assert any("¥32.00" in each for each in rows), rows
    assert "¥52.00" in scene.told(f"/boxes/{GTIN}/{scene.serial}")


def test_nothing_of_a_buyer_is_told(scene: Scene) -> None:
    scene.sending.all_go("packing", "shipment", "delivery")
    scene.forget()
    pages = [f"/boxes/{GTIN}/{scene.serial}"]
    texts = [scene.get(each, Accept="text/html").text for each in pages]
    for buyer, order in zip(scene.sending.buyers, scene.sending.orders, strict=True):
        for text in texts:
            assert order["id"] not in text
            assert str(buyer.account_id) not in text
            assert AT_HOME["recipient"] not in text
            assert AT_HOME["phone"] not in text


def test_a_flagged_label_is_told_of_at_the_top(scene: Scene) -> None:
    scene.grove.do(serials.flag, serials=[scene.serial], reason="seen in two cities")
    scene.forget()
    page = scene.page(f"/boxes/{GTIN}/{scene.serial}")
    assert "is-bad" in page.one("p", role="status").attributes["class"]
    assert "not right" in page.one("p", role="status").text
    assert "two cities" not in page.one("main").text


def test_a_label_on_no_box_has_no_way(scene: Scene) -> None:
    [serial] = scene.grove.issued(1)
    told = scene.told(f"/boxes/{GTIN}/{serial}")
    assert "on no box yet" in told
    assert "Orchard" not in told
    assert scene.get(f"/boxes/{GTIN}/{serial}/proof").status_code == 404


def test_temperatures_are_what_loggers_told_of_the_place(scene: Scene) -> None:
    assert "Nobody has told temperatures" in scene.box_told()
    with scene.market.app.app_context():
        place = database.transact(lambda session: numbering.store(session, scene.market.cold_store_id))
    at = scene.ctx.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def reading(**report: object) -> dict[str, object]:
        return {
            "type": "ObjectEvent",
            "eventTime": at,
            "eventTimeZoneOffset": "+08:00",
            "action": "OBSERVE",
            "bizStep": "sensor_reporting",
            "readPoint": {"id": place},
            "bizLocation": {"id": place},
            "sensorElementList": [{"sensorReport": [{"type": "Temperature", "uom": "CEL", **report}]}],
        }

    scene.sending.all_go("packing", "shipment")
    record(scene, reading(value=-0.4), reading(minValue=0.1, maxValue=1.25), reading(value=30, uom="FAH"))
    assert "−0.4 to 1.2 °C (2 readings)" in scene.box_told()


def test_the_range_leaves_out_what_is_no_temperature() -> None:
    reports = [{"type": "Temperature", "uom": "CEL", "value": each} for each in (1, 999, "x", None, 2.05)]
    told = summary(iter([{"sensorElementList": [{"sensorReport": reports}]}]))
    assert told is not None
    assert (told.reports, told.least_tenths, told.greatest_tenths) == (2, 10, 20)
    assert summary(iter([{}])) is None
    assert [tenths(each) for each in ("NaN", "Infinity", "1e400", "-1.26")] == [None, None, None, -13]


def test_the_proof_can_be_checked_by_anybody(scene: Scene) -> None:
    path = f"/boxes/{GTIN}/{scene.serial}/proof"
    refused = scene.get(path)
    assert (refused.status_code, refused.json["code"]) == (404, "not_signed_yet")
    with scene.market.app.app_context():
        database.transact(lambda session: checkpointing.sign_all(session, context.system()))
        known = keys.verifiers()
    proof = scene.get(path).json
    checkpoint = notes.read(proof["checkpoint"], known)
    entry = proof["event"] + (f"\n{proof['context']}" if proof["context"] else "")
    leaf = leaf_hash(entry.encode())
    assert leaf.hex() == proof["leaf_hash"]
    assert scene.serial in json.loads(proof["event"])["outputEPCList"][0] + proof["event"]
    path_of_hashes = [bytes.fromhex(each) for each in proof["inclusion_path"]]
    assert is_included(leaf, proof["leaf_index"], proof["tree_size"], path_of_hashes, checkpoint.root)
    forged = leaf_hash(entry.replace(scene.serial, "ABCDEFGHJKLM").encode())
    assert not is_included(forged, proof["leaf_index"], proof["tree_size"], path_of_hashes, checkpoint.root)


@pytest.mark.parametrize(
    "ilmd",
    [
        {"cbvmda:harvestStartDate": "yesterday", "cbvmda:lotNumber": "X"},
        {"cbvmda:harvestStartDate": "2026-10-02", "cbvmda:lotNumber": {"a": 1}},
        {"cbvmda:harvestStartDate": "2026-10-02", "cbvmda:lotNumber": "X", "vo:plot": {"a": 1}},
        {"cbvmda:harvestStartDate": "2026-10-02", "cbvmda:lotNumber": "X", "vo:plot": "a\u0001b"},
        {"cbvmda:harvestStartDate": "2026-10-02", "cbvmda:lotNumber": "X", "vo:cooperative": "nobody"},
    ],
)
def test_what_partners_write_breaks_no_page(scene: Scene, ilmd: dict[str, Any]) -> None:
    """Captured events may say anything that EPCIS allows of the fruit that a box is made of."""
    lot_id = scene.parcel.lot_id
    with scene.market.app.app_context():
        class_ = database.transact(lambda session: numbering.lot_class(session, session.get_one(Lot, lot_id)))
    told = {
        "type": "ObjectEvent",
        "eventTime": "2026-10-01T08:00:00Z",
        "eventTimeZoneOffset": "+08:00",
        "action": "ADD",
        "bizStep": "commissioning",
        "bizLocation": {"id": "https://example.org/orchard"},
        "quantityList": [{"epcClass": class_}],
        "ilmd": ilmd,
    }
    record(scene, told)
    assert "plot North" in scene.box_told()


def test_a_page_is_drawn_once_for_all_who_ask_at_the_same_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    read = facts.box

    def slowly(session: Session, **asked: Any) -> facts.BoxFacts:
        drawn.append(asked["serial"])
        time.sleep(0.2)
        return read(session, **asked)

    monkeypatch.setattr(facts, "box", slowly)
    scene.forget()
    paths = [f"/boxes/{GTIN}/{scene.serial}"] * 6 + [f"/boxes/{GTIN}/ABCDEFGHJKLM"] * 2
    with ThreadPoolExecutor(max_workers=len(paths)) as threads:
        answers = list(threads.map(scene.get, paths))
    assert [each.status_code for each in answers] == [200] * 6 + [404] * 2
    assert drawn.count(scene.serial) == 1
    assert len({each.text for each in answers[:6]}) == 1


def test_who_has_the_page_is_not_sent_it_again(scene: Scene) -> None:
    path = f"/boxes/{GTIN}/{scene.serial}"
    first = scene.get(path)
    assert first.headers["Content-Security-Policy"] == STRICT_POLICY
    again = scene.get(path, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/boxes/{gtin}/{serial}", "/products/{gtin}"])
def test_pages_load_nothing_from_elsewhere(scene: Scene, path: str) -> None:
    page = scene.page(path.format(gtin=GTIN, serial=scene.serial))
    assert all(link.startswith(("/", "#", "?")) for link in page.links())
