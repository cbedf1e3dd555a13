"""The page of a box as a phone shows it: in a real browser, where there is one.

`BOX_PICTURE=docs/pictures/box.png` keeps the screenshot of the English page.
"""

import os
import re
import shutil
import struct
import subprocess
import zlib
from datetime import timedelta
from pathlib import Path

import pytest

from inventory.provenance import numbering
from marketplace import database
from marketplace.embedded.databases import DatabaseUrls
from marketplace.settings import PROJECT_ROOT
from tests import web_server
from tests.campaigns.tracing.scene import Scene, record
from tests.labels.grove import GTIN

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTH, HEIGHT = 412, 1_600
KEEP = os.environ.get("BOX_PICTURE")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no browser")


def browse(address: str, folder: Path, *wanted: str) -> str:
    """What the browser says; it goes nowhere but to this machine."""
    command = [
        str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={folder / 'profile'}", f"--window-size={WIDTH},{HEIGHT}", *wanted, address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_phone_shows_where_a_box_comes_from(
    scene: Scene, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    warm_and_cold(scene)
    scene.sending.all_go("packing", "shipment", "delivery")
    with web_server.started(database_urls, tmp_path) as server:
        for language in ("en", "zh"):
            picture = tmp_path / f"{language}.png"
            address = f"http://127.0.0.1:{server.port}/01/{GTIN}/21/{scene.serial}?lang={language}"
            browse(address, tmp_path, f"--screenshot={picture}")
            size, colours = seen_in(picture.read_bytes())
            assert size == (WIDTH, HEIGHT)
            assert colours > 20, "more than an empty page"
        drawn = browse(address, tmp_path, "--dump-dom")
    assert "标签真实，果箱已送达" in re.sub(r"\s+", " ", drawn)
    if KEEP:
        shutil.copy(tmp_path / "en.png", PROJECT_ROOT / KEEP)


def warm_and_cold(scene: Scene) -> None:
    with scene.market.app.app_context():
        place = database.transact(lambda session: numbering.store(session, scene.market.cold_store_id))
    for hours, celsius in ((0, 0.4), (1, 0.9), (2, 0.6)):
        at = scene.ctx.now + timedelta(milliseconds=hours)
        event = {
            "type": "ObjectEvent",
            "eventTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "eventTimeZoneOffset": "+08:00",
            "action": "OBSERVE",
            "bizStep": "sensor_reporting",
            "bizLocation": {"id": place},
            "sensorElementList": [
                {"sensorReport": [{"type": "Temperature", "uom": "CEL", "value": celsius}]}
            ],
        }
        record(scene, event)


def seen_in(png: bytes) -> tuple[tuple[int, int], int]:
    """Its size, and how many different bytes its pixels have."""
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    return (width, height), len(set(zlib.decompress(data)))
