"""The page of the certificates that stand behind a label, by its Digital Link, and nothing of anybody."""

from zoneinfo import ZoneInfo

from sqlalchemy import select

from campaigns.tracing import seen
from campaigns.web.formats import weight
from campaigns.web.reader import Reader
from inventory.labels import serials
from inventory.labels.models import LabelAccount, LabelSerial
from marketplace import database
from tests.campaigns.tracing.scene import Scene
from tests.labels.grove import GTIN


def test_it_says_whose_land_until_when_how_much_it_bore_and_how_many_labels(scene: Scene) -> None:
    link = scene.get(f"/01/{GTIN}/21/{scene.serial}?linkType=gs1:certificationInfo")
    path = f"/boxes/{GTIN}/{scene.serial}/certificate"
    assert (link.status_code, link.headers["Location"]) == (307, path)
    [told_] = scene.get(f"/01/{GTIN}/21/{scene.serial}?linkType=linkset").json["linkset"]
    kinds = next(found for name, found in told_.items() if name.endswith("/certificationInfo"))
    assert [(each["type"], each["href"].rpartition("/")[2]) for each in kinds] == [
        ("text/html", "certificate"),
        ("application/json", "proof"),
    ]
    assert path in scene.page(f"/boxes/{GTIN}/{scene.serial}").links()

    mine = scene.labels[str(scene.parcel.id)]
    place = scene.market.cooperative_ids.index(scene.parcel.cooperative_id)
    scene.grove.plot("South", hectares=2, cooperative=place, certificate="GI-2")
    scene.grove.plot("Far", hectares=5, cooperative=(place + 1) % 3, certificate="GI-3")
    [spoilt] = scene.grove.issued(1, cooperative=place)
    scene.grove.do(serials.void, serials=[spoilt], reason="torn")
    with scene.market.app.app_context(), database.reading() as session:
        label = session.scalars(select(LabelSerial).where(LabelSerial.serial == mine[0])).one()
        account = session.get_one(LabelAccount, label.account_id)
        alive = session.scalars(
            select(LabelSerial.serial).where(
                LabelSerial.account_id == account.id, LabelSerial.state != "void"
            )
        ).all()
        earned = weight(account.eligible_grams, "en")
    assert mine[0] in alive
    assert spoilt not in alive
    told = scene.told(path)
    for word in (
        f"GI-1 · plot North · 1 ha · until 31 December {scene.grove.season}",
        f"GI-2 · plot South · 2 ha · until 31 December {scene.grove.season}",
        "Certified land 3 ha",
        f"Weighed fruit that earned labels {earned}",
        f"Labels {len(alive)}",
        str(scene.grove.season),
    ):
        assert word in told, (word, told)
    assert "GI-3" not in told, "another cooperative's"
    chinese = scene.told(path, "zh")
    assert "认证面积 3 公顷" in chinese
    assert f"有效期至{scene.grove.season}年12月31日" in chinese

    scene.grove.do(serials.void, serials=[mine[0]], reason="torn")
    scene.forget()
    assert scene.get(path).status_code == 410


def test_land_is_told_exactly() -> None:
    reader = Reader(language="en", is_chosen=False, zone=ZoneInfo("UTC"))
    told = [seen.land(square_metres, reader) for square_metres in (10_000, 12_345, 6_667, 12_340_100)]
    assert told == ["1 ha", "1.2345 ha", "0.6667 ha", "1,234.01 ha"]
