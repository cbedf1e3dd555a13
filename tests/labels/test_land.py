"""Where plots lie: in their area, as large as was said, and certified to one cooperative at a time."""

import uuid
from typing import Any

import pytest

from tests.builders import Market, assert_refused, at_once
from tests.house import Caller
from tests.labels.grove import Grove

Ring = list[list[Any]]


def box(west: int, south: int, width: int, height: int) -> dict[str, Any]:
    """In thousandths of a degree from 109° E, 35° N: 91 by 111 metres each."""
    corners = ((0, 0), (width, 0), (width, height), (0, height), (0, 0))
    points = [[109 + (west + x) / 1_000, 35 + (south + y) / 1_000] for x, y in corners]
    return {"type": "Polygon", "coordinates": [points]}


@pytest.fixture
def area(grove: Grove, operator: Caller) -> str:
    """Of ten by ten squares."""
    url = f"/v1/label-areas/{grove.area_id}"
    shown = operator.get(url)
    assert shown.json["boundary"] is None
    given = {"boundary": box(0, 0, 10, 10)}
    assert_refused(operator.put(f"{url}/boundary", json=given), 428, "precondition_required")
    made = operator.put(f"{url}/boundary", json=given, headers={"If-Match": shown.headers["ETag"]})
    assert made.status_code == 200, made.json
    assert made.json["boundary"] == operator.get(url).json["boundary"] == given["boundary"]
    return url


def asked(grove: Grove, code: str, boundary: Any, cooperative: int = 0, **facts: Any) -> dict[str, Any]:
    return {
        "cooperative_id": str(grove.market.cooperative_ids[cooperative]),
        "area_id": str(grove.area_id),
        "code": code,
        "square_metres": 40_000,
        "valid_from": f"{grove.season}-01-01",
        "valid_until": f"{grove.season}-12-31",
        "certificate": "GI-7",
        "boundary": boundary,
        **facts,
    }


def test_land_is_certified_where_it_lies_and_once(area: str, grove: Grove, operator: Caller) -> None:
    def certify(*words: Any, **facts: Any) -> Any:
        return operator.post("/v1/label-plots", json=asked(grove, *words, **facts))

    first = certify("North", box(1, 1, 2, 2))
    assert first.status_code == 201, first.json
    url = f"/v1/label-plots/{first.json['id']}"
    assert operator.get(url).json["boundary"] == box(1, 1, 2, 2)

    assert_refused(certify("Bare", None), 409, "boundary_missing")
    assert_refused(certify("Abroad", box(9, 9, 2, 2)), 409, "plot_outside_area")
    small = certify("Small", box(5, 5, 2, 2), square_metres=60_000)
    assert_refused(small, 409, "plot_too_small")
    assert 40_000 < small.json["measured_square_metres"] < 41_000
    twice = certify("Mine", box(2, 2, 2, 2), 1)
    assert_refused(twice, 409, "land_certified_twice")
    assert twice.json["plot_id"] == first.json["id"]
    assert certify("Beside", box(3, 1, 2, 2), 1).status_code == 201, "neighbours share a line, and no land"
    later = certify(
        "Mine", box(2, 2, 1, 2), 1, square_metres=20_000,
        valid_from=f"{grove.season + 1}-01-01", valid_until=f"{grove.season + 1}-12-31",
    )  # fmt: skip
    assert later.status_code == 201, "the next year it may be another's"

    longer = operator.put(
        url,
        json={"valid_until": f"{grove.season + 1}-06-30"},
        headers={"If-Match": operator.get(url).headers["ETag"]},
    )
    assert_refused(longer, 409, "land_certified_twice")

    tag = {"If-Match": operator.get(area).headers["ETag"]}
    narrow = operator.put(f"{area}/boundary", json={"boundary": box(0, 0, 4, 10)}, headers=tag)
    assert_refused(narrow, 409, "plots_outside")
    assert narrow.json["plots"] == ["Beside"]
    wide = operator.put(f"{area}/boundary", json={"boundary": box(-1, -1, 12, 12)}, headers=tag)
    assert wide.status_code == 200


def test_two_that_certify_one_piece_of_land_at_once(area: str, grove: Grove, operator: Caller) -> None:
    def certifies(cooperative: int) -> int:
        body = asked(grove, f"P{cooperative}", box(2 + cooperative, 2, 3, 3), cooperative)
        return int(operator.post("/v1/label-plots", json=body).status_code)

    found = at_once(grove.market.app, [lambda each=each: certifies(each) for each in range(3)])
    assert sorted(found) in ([201, 409, 409], [201, 201, 409])
    assert found.count(201) == 1, "each shares land with each of the others"


@pytest.mark.parametrize(
    ("boundary", "pointer"),
    [
        ({"type": "Point", "coordinates": [[[109, 35]]]}, "/boundary/type"),
        ({"type": "Polygon", "coordinates": [[[109, 35], [110, 35], [109, 35]]]}, "/boundary/coordinates/0"),
        ({"type": "Polygon", "coordinates": []}, "/boundary/coordinates"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, "/boundary/coordinates"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1e308, 1], [1, 0], [0, 0]]]}, "/boundary/coordinates/0/1/0"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 91], [1, 0], [0, 0]]]}, "/boundary/coordinates"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, "x"], [1, 0], [0, 0]]]}, "/boundary/coordinates/0/1/1"),
        ({"type": "Polygon", "coordinates": [[[0, 0]] * 501]}, "/boundary/coordinates/0"),
        ({"type": "Polygon", "coordinates": [[[0, 0, 5]] * 4]}, "/boundary/coordinates/0/0"),
    ],
)  # fmt: skip
def test_what_is_no_boundary_is_pointed_at(
    market: Market, operator: Caller, boundary: Any, pointer: str
) -> None:
    url = f"/v1/label-areas/{uuid.uuid4()}/boundary"
    refused = operator.put(url, json={"boundary": boundary}, headers={"If-Match": '"1"'})
    assert refused.status_code == 422, refused.json
    assert pointer in [each["pointer"] for each in refused.json["errors"]]
