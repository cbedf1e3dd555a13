"""Doors of labels: a season from the certified plot to the box, and each refusal as its problem."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from marketplace.access import Role
from tests.builders import Market, assert_refused
from tests.house import Caller
from tests.labels.grove import PDF, Grove

SEASON = {
    "ceiling_per_hectare": {"value": 30, "unit": "t"},
    "overfill_permille": 10,
    "shrink_permille": 20,
    "grades": ["A"],
}


@pytest.fixture
def member(as_role: Callable[..., Caller], market: Market) -> Caller:
    return as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])


def made(response: Any, status: int = 201) -> Any:
    assert response.status_code == status, response.json
    return response.json


def test_a_season_from_the_certified_plot_to_the_labelled_box(
    market: Market, operator: Caller, member: Caller, anyone: Caller
) -> None:
    """Certified, weighed, graded, printed, handed out, bound, shipped out of reach: each step through its door."""
    harvested_on = market.today - timedelta(days=market.today.weekday())
    year = harvested_on.year
    mine = str(market.cooperative_ids[0])
    area = made(
        operator.post(
            "/v1/label-areas",
            json={
                "county_id": str(market.county_id),
                "code": "YJ-APPLE",
                "name_en": "Yijun Apples",
                "name_zh": "宜君苹果",
            },
        )
    )
    made(operator.put(f"/v1/label-areas/{area['id']}/seasons/{year}", json=SEASON), 200)
    design = made(
        operator.post(
            f"/v1/label-areas/{area['id']}/designs",
            query_string={"season": year, "name": "box"},
            data=PDF,
            content_type="application/pdf",
        )
    )
    made(
        operator.post(
            "/v1/label-plots",
            json={
                "cooperative_id": mine,
                "area_id": area["id"],
                "code": "North",
                "square_metres": 10_000,
                "valid_from": f"{year}-01-01",
                "valid_until": f"{year}-12-31",
                "certificate": "GI-1",
            },
        )
    )
    pack = operator.get(f"/v1/packs/{market.pack_id}")
    made(
        operator.put(
            f"/v1/packs/{market.pack_id}",
            json={
                "list_price_minor": pack.json["list_price_minor"],
                "currency": "CNY",
                "gtin": "09521234000013",
            },
            headers={"If-Match": pack.headers["ETag"]},
        ),
        200,
    )
    capacity = market.capacity(2_000_000, grade="field")
    weighed = made(
        member.post(
            f"/v1/capacities/{capacity.id}/weighings",
            json={
                "id": str(uuid.uuid4()),
                "cold_store_id": str(market.cold_store_id),
                "code": "W-1",
                "gross": 1_100_000,
                "tare": 100_000,
                "harvested_on": harvested_on.isoformat(),
                "best_before_on": (harvested_on + timedelta(days=200)).isoformat(),
                "plot": "North",
            },
        )
    )
    family = made(
        member.post(
            f"/v1/lots/{weighed['lot_id']}/gradings",
            json={
                "parts": [
                    {"code": "A-1", "grade": "A", "quantity": 820_000},
                    {"code": "B-1", "grade": "B", "quantity": 130_000},
                ],
                "culled": 35_000,
                "input": 1_000_000,
                "lost": 12_000,
                "reason": "sorted",
            },
        )
    )
    lot = family["children"][0]
    [carried] = made(member.get(f"/v1/lots/{lot['id']}/label-credit"), 200)["items"]
    assert (carried["certified_grams"], carried["earned_grams"]) == (820_000, 820_000)

    [credit] = made(member.get("/v1/label-credits"), 200)["items"]
    assert credit["balance_grams"] == 803_600
    kinds = [each["kind"] for each in member.get(f"/v1/label-credits/{credit['id']}/lines").json["items"]]
    assert kinds == ["harvest_eligible", "shrink"]
    [borne] = member.get(f"/v1/label-credits/{credit['id']}/labels").json["items"]
    assert borne["labels"] == 803_600 // 5_050 == 159

    order = {
        "account_id": credit["id"],
        "pack_id": str(market.pack_id),
        "design_id": design["id"],
        "labels": 160,
    }
    short = assert_refused(member.post("/v1/label-batches", json=order), 409, "label_credit_short")
    assert (short["requested_labels"], short["available_labels"]) == (160, 159)
    key = str(uuid.uuid4())
    batch, again = (
        made(member.post("/v1/label-batches", json={**order, "labels": 2}, key=key)) for _ in range(2)
    )
    assert batch == again
    assert batch["consumed_grams"] == 10_100
    labels = member.get(f"/v1/label-batches/{batch['id']}/labels").json["items"]
    serials = [each["serial"] for each in labels]
    assert len(serials) == 2

    assert_refused(
        member.post(f"/v1/lots/{lot['id']}/labels", json={"serials": serials}), 409, "label_state_forbids"
    )
    made(operator.post(f"/v1/label-batches/{batch['id']}/issue"), 200)
    assert_refused(operator.post(f"/v1/label-batches/{batch['id']}/issue"), 409, "label_batch_issued")
    bound = made(member.post(f"/v1/lots/{lot['id']}/labels", json={"serials": serials}), 200)
    assert {each["state"] for each in bound["items"]} == {"bound"}
    poor = family["children"][1]
    assert_refused(
        member.post(f"/v1/lots/{poor['id']}/labels", json={"serials": serials}), 409, "label_does_not_fit"
    )

    early = made(
        anyone.post(
            "/v1/label-scans",
            json={
                "gtin": "09521234000013",
                "serial": serials[0],
                "channel": "app",
                "north_tenths": 343,
                "east_tenths": 1_089,
            },
        ),
        200,
    )
    assert (early["verdict"], early["area"]) == ("suspicious", None)
    assert made(member.get(f"/v1/labels/{serials[0]}"), 200)["state"] == "flagged"
    [seen] = operator.get(f"/v1/labels/{serials[0]}/scans").json["items"]
    assert seen["findings"] == ["not_shipped"]
    void = {"serials": [serials[0]], "reason": "a copy", "proof": "burnt", "witness": "Li Hua"}
    assert_refused(member.post("/v1/labels/void", json=void), 403, "forbidden")
    made(operator.post("/v1/labels/void", json=void), 200)
    assert operator.get(f"/v1/label-credits/{credit['id']}").json["balance_grams"] == 803_600 - 5_050


def test_edits_say_what_they_are_based_on(grove: Grove, operator: Caller) -> None:
    area = f"/v1/label-areas/{grove.area_id}"
    names = {"name_en": "Apples of Yijun", "name_zh": "宜君苹果"}
    assert_refused(operator.put(area, json=names), 428, "precondition_required")
    tag = operator.get(area).headers["ETag"]
    made(operator.put(area, json=names, headers={"If-Match": tag}), 200)
    assert_refused(operator.put(area, json=names, headers={"If-Match": tag}), 412, "version")

    season = f"{area}/seasons/{grove.season}"
    assert_refused(operator.put(season, json=SEASON), 428, "precondition_required")
    tag = operator.get(season).headers["ETag"]
    assert made(operator.put(season, json=SEASON, headers={"If-Match": tag}), 200)["version"] == 2
    assert_refused(operator.put(f"{area}/seasons/1999", json=SEASON), 422, "season_unreadable")
    assert_refused(operator.get(f"{area}/seasons/2098"), 404, "label_season_not_found")
    assert [each["season"] for each in operator.get(f"{area}/seasons").json["items"]] == [grove.season]

    plot = f"/v1/label-plots/{grove.plot().id}"
    tag = operator.get(plot).headers["ETag"]
    last = {"valid_until": f"{grove.season}-11-30"}
    assert_refused(operator.put(plot, json=last), 428, "precondition_required")
    assert (
        made(operator.put(plot, json=last, headers={"If-Match": tag}), 200)["valid_until"]
        == last["valid_until"]
    )
    earlier = {"valid_until": f"{grove.season - 1}-11-30"}
    assert_refused(
        operator.put(plot, json=earlier, headers={"If-Match": '"2"'}), 422, "plot_days_out_of_order"
    )


def test_a_design_comes_and_goes_as_a_file(grove: Grove, operator: Caller, member: Caller) -> None:
    path = f"/v1/label-areas/{grove.area_id}/designs"
    asked = {"query_string": {"season": grove.season, "name": "gift"}}
    refused = operator.post(path, data=b"<p>", content_type="text/html", **asked)
    assert_refused(refused, 415, "unsupported_media_type")
    refused = operator.post(path, data=b"%PDF-", content_type="image/png", **asked)
    assert_refused(refused, 400, "design_unreadable")
    refused = operator.post(path, data=PDF + b" " * 2_000_000, content_type="application/pdf", **asked)
    assert_refused(refused, 422, "design_too_large")
    made(operator.post(path, data=PDF, content_type="application/pdf", **asked))
    assert_refused(operator.post(path, data=PDF, content_type="application/pdf", **asked), 409, "same_design")
    found = [each for each in member.get(path).json["items"] if each["name"] == "gift"]
    assert [each["number"] for each in found] == [1]
    file = member.get(f"/v1/label-designs/{found[0]['id']}")
    assert (file.data, file.mimetype) == (PDF, "application/pdf")
    assert file.headers["X-Content-Type-Options"] == "nosniff"


def test_two_operators_change_a_credit(
    grove: Grove, operator: Caller, member: Caller, as_role: Callable[..., Caller]
) -> None:
    grove.plot()
    grove.apples(100_000)
    path = f"/v1/label-credits/{grove.account().id}"
    nothing = operator.post(f"{path}/adjustments", json={"grams": 0, "reason": "none"})
    assert nothing.status_code == 422
    proposed = made(operator.post(f"{path}/adjustments", json={"grams": -8_000, "reason": "counted"}))
    change = f"/v1/label-changes/{proposed['id']}"
    assert_refused(operator.post(f"{change}/approval"), 409, "second_person_needed")
    assert made(as_role(Role.OPERATOR).post(f"{change}/approval"), 200)["state"] == "approved"
    assert_refused(operator.post(f"{change}/rejection"), 409, "label_change_answered")
    assert member.get(path).json["balance_grams"] == 90_000
    apart = made(operator.post(f"{path}/adjustments", json={"grams": 1, "reason": "counted"}))
    assert made(operator.post(f"/v1/label-changes/{apart['id']}/rejection"), 200)["state"] == "rejected"


def test_the_provisional_credit_is_granted_once_and_ended(grove: Grove, operator: Caller) -> None:
    grove.plot()
    monday = grove.harvested_on - timedelta(days=grove.harvested_on.weekday())
    grove.market.capacity(1_000_000, week_on=monday)
    asked = {
        "cooperative_id": str(grove.market.cooperative_ids[0]),
        "area_id": str(grove.area_id),
        "season": grove.season,
    }
    granted = made(operator.post("/v1/label-credits/provisional", json=asked))
    assert granted["provisional_grams"] == 300_000
    assert_refused(operator.post("/v1/label-credits/provisional", json=asked), 409, "provisional_granted")
    end = f"/v1/label-credits/{granted['id']}/provisional/end"
    assert made(operator.post(end), 200)["balance_grams"] == 0
    assert_refused(operator.post(end), 409, "nothing_provisional")


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "A" * 21},
        {"serial": "名"},
        {"serial": ""},
        {"gtin": "1"},
        {"channel": "a b"},
        {"north_tenths": 901, "east_tenths": 0},
        {"north_tenths": 1},
        {"name": "Li Hua"},
    ],
)
def test_a_scan_that_is_no_scan_is_refused(grove: Grove, anyone: Caller, change: dict[str, Any]) -> None:
    facts = {"gtin": "09521234000013", "serial": "K7Q2M9XW4TPA", "channel": "app", **change}
    assert anyone.post("/v1/label-scans", json=facts).status_code == 422


def test_anybody_may_ask_about_a_label_and_hears_nothing_of_unknown_ones(
    grove: Grove, anyone: Caller
) -> None:
    facts = {"gtin": "09521234000013", "serial": "K7Q2M9XW4TPA", "channel": "app", "city": "XIAN"}
    told = made(anyone.post("/v1/label-scans", json=facts, key=None), 200)
    assert (told["verdict"], told["cooperative"], told["season"]) == ("unknown", None, None)
    assert grove.cases("label_serial") == []
