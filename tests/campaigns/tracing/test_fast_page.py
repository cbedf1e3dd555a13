"""The page of a box on the fast path: what its view answers, byte for byte, to browsers and to programs."""

from functools import partial

import pytest
from flask import Flask

from tests.campaigns.tracing.scene import Scene
from tests.house import Caller
from tests.labels.grove import GTIN
from tests.two_ways import both_ways

BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accepted", [BROWSER, "application/json", "*/*", ""])
@pytest.mark.parametrize("language", ["", "zh-CN,zh;q=0.9", "de, en;q=0.5"])
def test_the_page_and_its_refusals_are_the_same(
    app: Flask, ways: list[str], scene: Scene, accepted: str, language: str
) -> None:
    browser = app.test_client()
    headers = {"Accept": accepted, "Accept-Language": language}
    paths = {
        f"/boxes/{GTIN}/{scene.serial}": 200,
        f"/boxes/{GTIN.lstrip('0')}/{scene.serial}": 200,
        f"/boxes/{GTIN}/{scene.serial[:-1]}x": 404,
        f"/boxes/{GTIN[:-1]}0/{scene.serial}": 400,
        "/boxes/1/2": 400,
    }
    for path, status in paths.items():
        found = both_ways(app, ways, partial(browser.get, path, headers=headers))
        assert found.status_code == status, path
        if status == 200:
            assert found.content_type == "text/html; charset=utf-8"
            tag = found.headers["ETag"]
            for seen in (tag, f"W/{tag}", '"other"', "*"):
                again = {**headers, "If-None-Match": seen}
                both_ways(app, ways, partial(browser.get, path, headers=again))


def test_what_is_asked_in_other_words_goes_the_usual_way(
    app: Flask, ways: list[str], scene: Scene, anyone: Caller
) -> None:
    path = f"/boxes/{GTIN}/{scene.serial}"
    ways.clear()
    assert anyone.get(path, query_string={"lang": "zh"}).status_code == 200
    assert anyone.call("HEAD", path).status_code == 200
    assert anyone.get(f"{path}/proof").status_code == 404, "nothing is signed yet"
    assert anyone.get(f"/boxes/{GTIN}/a%2Fb").status_code == 404
    assert not ways
