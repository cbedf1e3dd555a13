"""The resolver's doors: where each key leads, up from what is not known, and what it refuses."""

from urllib.parse import quote

import pytest

from inventory.models import ColdStore, Lot
from inventory.provenance import numbering
from marketplace import database
from marketplace.catalogue.models import Cooperative
from tests.campaigns.tracing.scene import Scene
from tests.labels.grove import GTIN

UNKNOWN = "ABCDEFGHJKLM"


def lot_link(scene: Scene) -> str:
    """Of the fruit in the first parcel's boxes, below the resolver."""
    lot_id = scene.parcel.lot_id
    with scene.market.app.app_context():
        link = database.transact(lambda session: numbering.lot_class(session, session.get_one(Lot, lot_id)))
    return link.removeprefix("https://id.gs1.org")


def test_a_box_leads_to_its_page(scene: Scene) -> None:
    answer = scene.get(f"/01/{GTIN}/21/{scene.serial}")
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"/boxes/{GTIN}/{scene.serial}"
    assert 'rel="linkset"' in answer.headers["Link"]
    assert scene.get(answer.headers["Location"]).status_code == 200


def test_the_printed_code_with_lot_and_dates_leads_to_the_same(scene: Scene) -> None:
    answer = scene.get(f"/01/{GTIN}/10/ANY/21/{scene.serial}?15=270131&lang=zh")
    assert answer.headers["Location"] == f"/boxes/{GTIN}/{scene.serial}?lang=zh"


def test_a_gtin_of_thirteen_digits_is_the_same_product(scene: Scene) -> None:
    answer = scene.get(f"/01/{GTIN[1:]}/21/{scene.serial}")
    assert answer.headers["Location"] == f"/boxes/{GTIN}/{scene.serial}"


def test_one_kind_of_link_and_all_of_them(scene: Scene) -> None:
    path = f"/01/{GTIN}/21/{scene.serial}"
    events = scene.get(f"{path}?linkType=gs1:epcis")
    epc = quote(f"https://id.gs1.org{path}", safe="")
    assert events.status_code == 307
    assert events.headers["Location"].endswith(f"/epcis/epcs/{epc}/events")
    for answer in (
        scene.get(f"{path}?linkType=linkset"),
        scene.get(path, Accept="application/linkset+json"),
    ):
        assert answer.status_code == 200
        assert answer.mimetype == "application/linkset+json"
        [told] = answer.json["linkset"]
        assert {name.rpartition("/")[2] for name in told} == {
            "anchor",
            "defaultLink",
            "traceability",
            "pip",
            "epcis",
            "certificationInfo",
        }
    refused = scene.get(f"{path}?linkType=gs1:recipeInfo")
    assert (refused.status_code, refused.json["code"]) == (404, "link_type_unknown")
    assert "epcis" in refused.json["link_types"]


def test_a_forged_serial_leads_up_to_the_product_and_says_so(scene: Scene) -> None:
    answer = scene.get(f"/01/{GTIN}/21/{UNKNOWN}")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/01/{GTIN}?unknown=21"
    further = scene.get(answer.headers["Location"])
    assert (further.status_code, further.headers["Location"]) == (307, f"/products/{GTIN}?unknown=21")
    assert "not genuine" in scene.told(further.headers["Location"])
    assert "不是真品" in scene.told(further.headers["Location"], "zh")
    assert "not genuine" not in scene.told(f"/products/{GTIN}")


def test_a_forged_serial_of_a_known_lot_leads_up_to_the_lot(scene: Scene) -> None:
    path = lot_link(scene)
    answer = scene.get(f"{path}/21/{UNKNOWN}")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{path}?unknown=21"
    unknown_lot = scene.get(f"{path.rpartition('/')[0]}/NOWHERE/21/{UNKNOWN}")
    assert unknown_lot.headers["Location"] == f"{path.split('/10/')[0]}?unknown=21"


def test_a_serial_of_another_product_is_not_this_one_s(scene: Scene) -> None:
    path = lot_link(scene).split("/10/")[0]
    answer = scene.get(f"{path}/21/{scene.serial}")
    assert answer.status_code == 303


def test_a_void_label_is_gone(scene: Scene) -> None:
    scene.sending.operator.post("/v1/labels/void", json={"serials": [scene.serial], "reason": "torn"})
    for path in (f"/01/{GTIN}/21/{scene.serial}", f"/boxes/{GTIN}/{scene.serial}"):
        answer = scene.get(path, Accept="text/html")
        assert answer.status_code == 410
        assert "作废" in answer.text or "void" in answer.text


def test_a_lot_a_parcel_a_store_and_a_cooperative_lead_to_their_pages(scene: Scene) -> None:
    scene.sending.all_go("packing")
    parcel = scene.parcel
    with scene.market.app.app_context():
        links = database.transact(
            lambda session: [
                numbering.parcel(session, parcel.id),
                numbering.store(session, scene.market.cold_store_id),
                numbering.party(session, session.get_one(Cooperative, parcel.cooperative_id)),
            ]
        )
    for path in [lot_link(scene), *(each.removeprefix("https://id.gs1.org") for each in links)]:
        answer = scene.get(path)
        assert answer.status_code == 307, path
        told = scene.told(answer.headers["Location"])
        assert told
    sscc = links[0].rpartition("/")[2]
    assert scene.serial[:4] in scene.told(f"/parcels/{sscc}")
    store = scene.market.stored(ColdStore, str(scene.market.cold_store_id))
    gln = links[1].rpartition("/")[2]
    assert store.name_en in scene.told(f"/places/{gln}")
    room = scene.get(f"/414/{gln}/254/R99")
    assert (room.status_code, room.headers["Location"]) == (303, f"/414/{gln}?unknown=254")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/01/09521234000014", 400, "link_unreadable"),
        ("/01/abc", 400, "link_unreadable"),
        ("/01/0952123400001", 400, "link_unreadable"),
        ("/00/1", 400, "link_unreadable"),
        ("/414/9521234001004", 400, "link_unreadable"),
        ("/417/x", 400, "link_unreadable"),
        ("/01/" + "9" * 3_000, 400, "link_unreadable"),
        (f"/01/{GTIN}/21/%E4%B8%AD", 400, "link_unreadable"),
        (f"/01/{GTIN}/21/" + "A" * 40, 400, "link_unreadable"),
        ("/01/04006381333931", 404, "link_unknown"),
        ("/01/04006381333931/21/A", 404, "link_unknown"),
        ("/00/095212340000000013", 404, "link_unknown"),
        ("/414/4006381333931", 404, "link_unknown"),
        ("/417/4006381333931", 404, "link_unknown"),
        (f"/boxes/{GTIN}/{UNKNOWN}", 404, "link_unknown"),
        (f"/boxes/{GTIN}/{UNKNOWN}/proof", 404, "link_unknown"),
        (f"/boxes/{GTIN}/{UNKNOWN}/certificate", 404, "link_unknown"),
        ("/boxes/x/%00", 400, "link_unreadable"),
        ("/lots/x/y", 400, "link_unreadable"),
        ("/lots/99521234000016/NOWHERE", 404, "link_unknown"),
        ("/products/04006381333931?unknown=%00", 404, "link_unknown"),
        ("/products/x", 400, "link_unreadable"),
        ("/places/x", 400, "link_unreadable"),
        ("/cooperatives/%E4%B8%AD", 400, "link_unreadable"),
        ("/parcels/0", 400, "link_unreadable"),
    ],
)
def test_what_is_no_key_or_nobody_s_is_refused(scene: Scene, path: str, status: int, code: str) -> None:
    answer = scene.get(path)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    shown = scene.get(path, Accept="text/html")
    assert shown.status_code == status
    assert shown.mimetype == "text/html"
