"""A season through the doors alone: planned, filled, sold, paid, bought in bulk; everybody sees the right things."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from tests.builders import broken, receipt
from tests.house import Caller

COUNTY = {"code": "YJ", "name_en": "Yijun", "name_zh": "宜君", "is_demo": True}
COOPERATIVE = {
    "name_en": "Wuli Orchard",
    "name_zh": "五里果业",
    "township_en": "Wuli",
    "township_zh": "五里镇",
    "members": 262,
}
PRODUCT = {"code": "fuji-a", "variety": "Fuji", "grade": "A", "name_en": "Fuji A", "name_zh": "富士 A 级"}
PACK = {"code": "fuji-a-5", "net_grams": 5_000, "list_price_minor": 4_800, "currency": "CNY"}


class Doors:
    """Answers, and what each of them left in the audit trail."""

    def __init__(self) -> None:
        self.trail: list[tuple[str, str, set[str]]] = []

    def write(self, caller: Caller, path: str, body: Any = None, *, status: int) -> Any:
        response = caller.post(path, json=body)
        assert response.status_code == status, response.json
        self.trail.append((path, f"account:{caller.account_id}", actions(response)))
        return response.json


def actions(response: TestResponse) -> set[str]:
    with database.reading() as session:
        rows = session.scalars(
            select(AuditEntry.action).where(AuditEntry.request_id == response.headers["X-Request-Id"])
        )
        return set(rows)


def seen(caller: Caller, path: str) -> Any:
    response = caller.get(path)
    assert response.status_code == 200, response.json
    return response.json


def hidden(caller: Caller, path: str) -> None:
    assert caller.get(path).status_code == 404


@pytest.fixture
def doors() -> Doors:
    return Doors()


def found(doors: Doors, operator: Caller) -> dict[str, Any]:
    """The operator writes down who there is and what they grow."""
    county = doors.write(operator, "/v1/counties", COUNTY, status=201)
    cooperatives = [
        doors.write(
            operator,
            "/v1/cooperatives",
            {**COOPERATIVE, "county_id": county["id"], "code": code, "member_households": households},
            status=201,
        )
        for code, households in (("YJ01", 100), ("YJ02", 50))
    ]
    product = doors.write(operator, "/v1/products", PRODUCT, status=201)
    pack = doors.write(operator, "/v1/packs", {**PACK, "product_id": product["id"]}, status=201)
    cold_store = doors.write(
        operator,
        "/v1/cold-stores",
        {"code": "COLD-1", "name_en": "Cold store", "name_zh": "冷库", "county_id": county["id"]},
        status=201,
    )
    return {"county": county, "cooperatives": cooperatives, "pack": pack, "cold_store": cold_store}


def bring_in(doors: Doors, members: list[Caller], ground: dict[str, Any]) -> list[dict[str, Any]]:
    """Each cooperative brings in a lot of 600 jin."""
    day = context.now_utc().date()
    return [
        doors.write(
            member,
            "/v1/lots",
            {
                "cooperative_id": cooperative["id"],
                "cold_store_id": ground["cold_store"]["id"],
                "code": "L1",
                "variety": "Fuji",
                "grade": "A",
                "harvested_on": str(day - timedelta(days=20)),
                "best_before_on": str(day + timedelta(days=90)),
                "quantity": {"value": 600, "unit": "jin"},
            },
            status=201,
        )
        for member, cooperative in zip(members, ground["cooperatives"], strict=True)
    ]


def written_down(app: Flask, doors: Doors) -> None:
    """Every step left its rows, under the name of who took it, and every promise holds."""
    assert broken(app) == []
    for path, _, left in doors.trail:
        assert left, f"{path} left nothing in the audit trail"
    done = set().union(*(each for _, _, each in doors.trail))
    assert {
        "lot.receive",
        "campaign.draft",
        "pledge.put_up",
        "campaign.scheduled",
        "campaign.deposit_open",
        "campaign.deposit_closed",
        "hold.place",
        "hold.consume",
        "hold.release",
        "order.place",
        "order.committed",
        "order.withdrawn",
        "payment.open",
        "payment.processing",
        "payment.succeeded",
        "payment.canceled",
        "bulk_order.place",
        "bulk_order.approved",
        "bulk_order.short",
        "bulk_order.accept_short",
        "bulk_order.committed",
        "share.confirmed",
        "share.declined",
        "share.give_back",
    } <= done
    with database.reading() as session:
        actors = set(session.scalars(select(AuditEntry.actor)))
    assert {actor for _, actor, _ in doors.trail} <= actors


def answered(doors: Doors, operator: Caller, buyer: Caller, members: list[Caller], order_id: str) -> None:
    """An operator approves; one cooperative confirms, the other refuses; the buyer does without the rest."""
    bulk_url = f"/v1/bulk-orders/{order_id}"
    assert doors.write(operator, f"{bulk_url}/approval", status=200)["order"]["state"] == "approved"
    mine, theirs = (seen(member, "/v1/shares")["items"] for member in members)
    assert [share["code"] for share in (*mine, *theirs)] == ["YJ01", "YJ02"]
    doors.write(members[0], f"/v1/shares/{mine[0]['id']}/confirmation", {}, status=200)
    hidden_from = members[1].post(f"/v1/shares/{mine[0]['id']}/refusal", json={"reason": "not mine"})
    assert hidden_from.status_code == 404
    doors.write(members[1], f"/v1/shares/{theirs[0]['id']}/refusal", {"reason": "sold elsewhere"}, status=200)
    short = seen(buyer, bulk_url)
    assert (short["order"]["state"], short["terms"]["boxes_short"]) == ("short", 40)
    taken = doors.write(buyer, f"{bulk_url}/shortfall-acceptance", status=200)["order"]
    assert (taken["state"], taken["boxes"]) == ("committed", 50)
    assert [lot["available_grams"] for lot in seen(members[1], "/v1/lots")["items"]] == [300_000]


def test_a_season_through_the_doors(
    app: Flask, doors: Doors, anyone: Caller, as_role: Callable[..., Caller]
) -> None:
    operator, shopper, other, buyer = (
        as_role(role) for role in (Role.OPERATOR, Role.SHOPPER, Role.SHOPPER, Role.BUYER)
    )
    now = context.now_utc()

    ground = found(doors, operator)
    county, wuli, pack = ground["county"], ground["cooperatives"][0], ground["pack"]
    members = [
        as_role(Role.COOPERATIVE, cooperative_ids=(uuid.UUID(each["id"]),)) for each in ground["cooperatives"]
    ]
    lots = bring_in(doors, members, ground)
    assert [lot["available_grams"] for lot in lots] == [300_000, 300_000]
    hidden(members[1], f"/v1/lots/{lots[0]['id']}")

    # A presale: drafted, filled by a cooperative, scheduled, on sale.
    campaign = doors.write(
        operator,
        "/v1/campaigns",
        {
            "code": "spring",
            "county_id": county["id"],
            "title_en": "Spring presale",
            "title_zh": "春季预售",
            "opens_at": now.isoformat(),
            "closes_at": (now + timedelta(days=7)).isoformat(),
            "items": [{"pack_id": pack["id"], "unit_price_minor": 5_200, "boxes_per_buyer_max": 3}],
        },
        status=201,
    )
    url = f"/v1/campaigns/{campaign['id']}"
    hidden(anyone, url)
    [offer] = seen(members[0], url)["offers"]
    pledged = doors.write(
        members[0],
        f"{url}/pledges",
        {"item_id": offer["id"], "cooperative_id": wuli["id"], "boxes": 10},
        status=201,
    )
    assert pledged["available"] == 10
    assert doors.write(operator, f"{url}/scheduling", status=200)["state"] == "deposit_open"
    assert seen(anyone, url)["offers"][0]["available"] == 10
    assert seen(members[0], f"/v1/lots/{lots[0]['id']}")["available_grams"] == 250_000

    # A shopper holds, orders, confirms; the operator books the money.
    held = doors.write(shopper, f"{url}/holds", {"item_id": offer["id"], "boxes": 2}, status=201)
    assert (held["available"], seen(anyone, url)["offers"][0]["available"]) == (8, 8)
    hidden(other, f"/v1/holds/{held['hold_id']}")
    order = doors.write(shopper, "/v1/orders", {"hold_id": held["hold_id"]}, status=201)
    payment = f"/v1/payments/{order['payment_id']}"
    told = doors.write(shopper, f"{payment}/confirm", status=200)
    assert told["payment"]["reference"] in told["instructions"]
    hidden(other, payment)
    hidden(other, f"/v1/orders/{order['id']}")
    doors.write(operator, f"{payment}/receipts", receipt(order), status=200)
    assert seen(shopper, f"/v1/orders/{order['id']}")["state"] == "committed"
    assert seen(shopper, payment)["state"] == "succeeded"
    assert seen(shopper, f"/v1/holds/{held['hold_id']}")["state"] == "consumed"
    pool = seen(anyone, f"/v1/pools/{offer['pool_id']}")
    assert (pool["boxes_sold"], pool["boxes_held"], pool["available_boxes"]) == (2, 0, 8)

    # Somebody else orders and thinks again.
    again = doors.write(other, f"{url}/holds", {"item_id": offer["id"], "boxes": 3}, status=201)
    dropped = doors.write(other, "/v1/orders", {"hold_id": again["hold_id"]}, status=201)
    assert doors.write(other, f"/v1/orders/{dropped['id']}/withdrawal", status=200)["state"] == "withdrawn"

    # A buyer takes the rest in bulk; the cooperatives see why each got what it got.
    bulk = doors.write(
        buyer,
        "/v1/bulk-orders",
        {
            "county_id": county["id"],
            "pack_id": pack["id"],
            "quantity": {"value": 450, "unit": "kg"},
            "season": "2026-27",
        },
        status=201,
    )
    [run] = bulk["runs"]
    assert {share["code"]: share["boxes"] for share in run["shares"]} == {"YJ01": 50, "YJ02": 40}
    run_url = f"/v1/allocation-runs/{run['id']}"
    for caller in (buyer, operator, *members):
        assert seen(caller, run_url)["digest"] == run["digest"]
    assert seen(members[1], f"{run_url}/explanations/YJ02")["sentences_zh"]
    hidden(as_role(Role.BUYER), run_url)
    assert [
        seen(m, f"/v1/lots/{lot['id']}")["available_grams"] for m, lot in zip(members, lots, strict=True)
    ] == [
        0,
        100_000,
    ]

    answered(doors, operator, buyer, members, bulk["order"]["id"])

    # The sale ends early; nothing is held any more; everything that was done is written down.
    assert (
        doors.write(operator, f"{url}/closing", {"reason": "sold enough"}, status=200)["state"]
        == "deposit_closed"
    )
    late = shopper.post(f"{url}/holds", json={"item_id": offer["id"], "boxes": 1})
    assert (late.status_code, late.json["code"]) == (409, "not_on_sale")
    moves = seen(operator, f"{url}/transitions")["items"]
    assert [each["after"] for each in moves] == ["draft", "scheduled", "deposit_open", "deposit_closed"]
    written_down(app, doors)
