"""Price terms at the doors: drafted by operators, shown on the page, asked for by anybody; every refusal."""

from typing import Any

import pytest
from sqlalchemy import text

from marketplace import database
from marketplace.access import Role
from tests.builders import PRICE_MINOR, Market, assert_refused, ordered
from tests.campaigns import presale
from tests.house import Caller

URL = "/v1/campaigns"
PARTS: dict[str, int] = {
    "orchard_minor": 3_600,
    "cold_store_minor": 300,
    "packing_minor": 500,
    "freight_minor": 1_360,
    "commission_minor": 240,
}
LOWER = {**PARTS, "orchard_minor": 3_200}
DEPOSIT = {"type": "earnest", "per_box_minor": 1_000, "counts_minor": 1_500, "funder": "platform"}


def body(market: Market, *, balance: Any = "usual", **item: Any) -> dict[str, Any]:
    """What drafts a sale of one item with all that terms can say; `item` says what is different."""
    usual = {
        "opens_at": market.later(days=12).now.isoformat(),
        "closes_at": market.later(days=17).now.isoformat(),
        "free_withdrawal_hours": 24,
    }
    return {
        "code": "autumn",
        "county_id": str(market.county_id),
        "title_en": "Autumn",
        "title_zh": "秋季",
        "opens_at": market.later(days=1).now.isoformat(),
        "closes_at": market.later(days=11).now.isoformat(),
        "balance": usual if balance == "usual" else balance,
        "items": [
            {
                "pack_id": str(market.pack_id),
                "unit_price_minor": 6_000,
                "waterfall": PARTS,
                "ladder": [{"from_boxes": 20_000, "unit_price_minor": 5_600, "waterfall": LOWER}],
                "deposit": DEPOSIT,
                **item,
            }
        ],
    }


def test_the_terms_of_a_draft_are_on_its_page(market: Market, operator: Caller) -> None:
    made = operator.post(URL, json=body(market))
    assert made.status_code == 201, made.json
    page = operator.get(f"{URL}/{made.json['id']}").json
    [offer] = page["offers"]
    assert offer["ladder"] == [
        {"from_boxes": 0, "unit_price_minor": 6_000, "waterfall": PARTS},
        {"from_boxes": 20_000, "unit_price_minor": 5_600, "waterfall": LOWER},
    ]
    told = {name: value for name, value in DEPOSIT.items() if name != "free_withdrawal_hours"}
    assert offer["deposit"] == {**told, "free_withdrawal_hours": 24}
    assert offer["final_unit_price_minor"] is None
    assert page["balance"].keys() == {"opens_at", "closes_at", "grace_hours", "due_at"}
    assert (page["balance"]["grace_hours"], page["balance"]["due_at"]) == (24, None)


def test_a_plain_draft_has_one_price_and_all_is_due_at_once(market: Market, operator: Caller) -> None:
    plain = {"ladder": None, "waterfall": None, "deposit": None}
    made = operator.post(URL, json=body(market, balance=None, **plain))
    page = operator.get(f"{URL}/{made.json['id']}").json
    [offer] = page["offers"]
    assert (page["balance"], offer["ladder"], offer["deposit"]) == (None, [], None)
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM campaign_step")).scalar_one() == 0


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"deposit": {**DEPOSIT, "per_box_minor": 1_121}}, "/items/0"),
        ({"deposit": {**DEPOSIT, "counts_minor": 900, "funder": None}}, "/items/0"),
        ({"deposit": {**DEPOSIT, "counts_minor": 5_601}}, "/items/0"),
        ({"deposit": {**DEPOSIT, "funder": None}}, "/items/0"),
        ({"ladder": [{"from_boxes": 5, "unit_price_minor": 6_000, "waterfall": PARTS}]}, "/items/0"),
        ({"ladder": [{"from_boxes": 5, "unit_price_minor": 5_600}]}, "/items/0"),
        ({"waterfall": LOWER}, "/items/0"),
        ({"deposit": None}, "/balance"),
        ({"balance": None}, "/balance"),
    ],
)
def test_terms_that_contradict_themselves_are_refused_with_the_place(
    market: Market, operator: Caller, changes: dict[str, Any], pointer: str
) -> None:
    with market.unchanged():
        response = operator.post(URL, json=body(market, **changes))
        told = assert_refused(response, 422, "terms_not_allowed")
    assert [each["pointer"] for each in told["errors"]] == [pointer]
    assert told["errors"][0]["detail"].endswith(".")


def test_a_refusal_of_terms_is_told_in_chinese_too(market: Market, operator: Caller) -> None:
    response = operator.post(URL, json=body(market, balance=None), headers={"Accept-Language": "zh"})
    assert response.json["errors"][0]["detail"] == "尾款时段与定金须同时设置。"


@pytest.mark.parametrize(
    "changes",
    [
        {"deposit": {**DEPOSIT, "type": "gift"}},
        {"deposit": {**DEPOSIT, "per_box_minor": 0}},
        {"deposit": {**DEPOSIT, "per_box_minor": 10.5}},
        {"deposit": {**DEPOSIT, "funder": "cooperative"}},
        {"ladder": []},
        {"ladder": [{"from_boxes": 0, "unit_price_minor": 1}]},
        {"waterfall": {**PARTS, "orchard_minor": -1}},
        {"waterfall": {"orchard_minor": 6_000}},
        {"balance": {"opens_at": "tomorrow", "closes_at": "later"}},
    ],
)
def test_what_is_not_of_its_form_is_refused(
    market: Market, operator: Caller, changes: dict[str, Any]
) -> None:
    with market.unchanged():
        assert_refused(operator.post(URL, json=body(market, **changes)), 422, "invalid")


def test_the_price_of_two_boxes_now_later_and_at_each_step(
    market: Market, anyone: Caller, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    presale.bought(shopper, operator, sale, 4)
    url = f"{URL}/{sale.campaign_id}/items/{sale.item_id}/price"
    told = anyone.get(f"{url}?boxes=2").json
    assert {name: told[name] for name in ("boxes", "sold_boxes", "now_minor", "later_minor", "total_minor")} == {
        "boxes": 2, "sold_boxes": 4, "now_minor": 2_000, "later_minor": 9_000, "total_minor": 12_000,
    }  # fmt: skip
    assert [
        (
            step["from_boxes"],
            step["total_minor"],
            step["later_minor"],
            step["bonus_minor"],
            step["is_reached"],
        )
        for step in told["steps"]
    ] == [(0, 12_000, 9_000, 1_000, False), (4, 11_200, 8_200, 1_000, True), (6, 10_400, 7_400, 1_000, False)]
    assert anyone.get(url).json["boxes"] == 1
    presale.opened(market, sale)
    assert anyone.get(url).json["final_unit_price_minor"] == 5_600


def test_the_waterfall_of_three_boxes_adds_up(market: Market, operator: Caller) -> None:
    made = operator.post(URL, json=body(market)).json
    item_id = operator.get(f"{URL}/{made['id']}").json["offers"][0]["id"]
    steps = operator.get(f"{URL}/{made['id']}/items/{item_id}/price?boxes=3").json["steps"]
    assert [sum(step["waterfall"].values()) for step in steps] == [18_000, 16_800]
    assert steps[0]["waterfall"]["orchard_minor"] == 10_800


def test_of_a_plain_item_all_is_due_at_once(market: Market, anyone: Caller) -> None:
    sale = market.on_sale()
    told = anyone.get(f"{URL}/{sale.campaign_id}/items/{sale.item_id}/price?boxes=2").json
    assert (told["now_minor"], told["later_minor"], len(told["steps"])) == (2 * PRICE_MINOR, 0, 1)
    assert told["steps"][0]["waterfall"] is None


def test_prices_of_drafts_and_foreign_items_are_not_told(market: Market, anyone: Caller) -> None:
    draft, sale = market.draft(), market.on_sale()
    for url, code in (
        (f"{URL}/{draft.campaign_id}/items/{draft.item_id}/price", "campaign_not_found"),
        (f"{URL}/{sale.campaign_id}/items/{draft.item_id}/price", "item_not_found"),
    ):
        assert_refused(anyone.get(url), 404, code)
    for boxes in ("0", "1001", "two"):
        url = f"{URL}/{sale.campaign_id}/items/{sale.item_id}/price?boxes={boxes}"
        assert_refused(anyone.get(url), 422, "invalid")


def test_on_the_fast_path_a_deposit_is_ordered_as_by_the_view(
    market: Market, shopper: Caller, as_role
) -> None:
    sale = presale.on_sale(market)
    fast = ordered(shopper, sale, 2)
    other = as_role(Role.SHOPPER)
    hold = other.post(f"{URL}/{sale.campaign_id}/holds", json={"item_id": str(sale.item_id), "boxes": 2}).json
    slow = other.post("/v1/orders", json={"hold_id": hold["hold_id"].upper()}).json
    own = ("id", "buyer_id", "payment_id", "created_at")
    assert {name: value for name, value in fast.items() if name not in own} == {
        name: value for name, value in slow.items() if name not in own
    }
