"""The market of a run: accounts by SQL, everything else through the doors, as an operator would set it up."""

import hashlib
import random
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from bench.chaos.plan import Item, Shopper
from bench.chaos.wire import Answer, Line

PACK_GRAMS: Final = 5_000
PRICE_MINOR: Final = 5_200
WEIGHTS: Final = (6, 2, 1, 1)
"""One item is asked for by more than half of all."""
COOPERATIVES: Final = 2


class CannotSeed(RuntimeError):
    """A door refused what the market needs."""


def add_people(
    connection: psycopg.Connection[Any], *, role: str, count: int, name: str = "Chaos"
) -> list[Shopper]:
    """Accounts with a session each, and the tokens in clear."""
    now = datetime.now(UTC)
    people = [Shopper(account_id=str(uuid.uuid4()), token=secrets.token_urlsafe(32)) for _ in range(count)]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO account (id, name, status, created_at, version) VALUES (%s, %s, 'active', %s, 1)",
            [(each.account_id, f"{name} {number}", now) for number, each in enumerate(people, start=1)],
        )
        cursor.executemany(
            "INSERT INTO account_role (account_id, role) VALUES (%s, %s)",
            [(each.account_id, role) for each in people],
        )
        cursor.executemany(
            "INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id)"
            " VALUES (%s, %s, 'system', 'account.create', 'account', %s, 'chaos')",
            [(uuid.uuid4(), now, each.account_id) for each in people],
        )
        cursor.executemany(
            "INSERT INTO login_session (id, account_id, token_digest, created_at, expires_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [
                (
                    uuid.uuid4(),
                    each.account_id,
                    hashlib.sha256(each.token.encode()).digest(),
                    now,
                    now + timedelta(days=1),
                )
                for each in people
            ],
        )
    return people


class Seller:
    """An operator at the doors."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._line, self._token = Line(host, port), token

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._line.post(
            path,
            token=self._token,
            key=str(uuid.uuid4()),
            address=f"10.255.0.{random.randrange(256)}",
            body=body,
        )
        return _good(path, answer)

    def get(self, path: str) -> dict[str, Any]:
        return _good(path, self._line.get(path, token=self._token, address="10.255.1.1"))

    def close(self) -> None:
        self._line.close()


def _good(path: str, answer: Answer) -> dict[str, Any]:
    if answer.status not in (200, 201) or answer.body is None:
        raise CannotSeed(f"{path}: {answer.status} {answer.body or answer.error}")
    return answer.body


def open_market(seller: Seller, *, boxes: int) -> list[Item]:
    """A campaign that is open, with one item for each of WEIGHTS and so many boxes of each, from two cooperatives."""
    county = seller.post(
        "/v1/counties", {"code": "CHAOS", "name_en": "Chaos", "name_zh": "混沌", "is_demo": True}
    )["id"]
    store = seller.post(
        "/v1/cold-stores", {"code": "COLD", "name_en": "Cold", "name_zh": "冷库", "county_id": county}
    )["id"]
    product = seller.post(
        "/v1/products",
        {"code": "FUJI", "variety": "Fuji", "grade": "A", "name_en": "Fuji", "name_zh": "富士"},
    )["id"]
    packs = [_pack(seller, product, number) for number in range(len(WEIGHTS))]
    cooperatives = [_cooperative(seller, county, number) for number in range(COOPERATIVES)]
    shares = [boxes // COOPERATIVES] * (COOPERATIVES - 1)
    shares.append(boxes - sum(shares))
    for cooperative, share in zip(cooperatives, shares, strict=True):
        for number in range(2):
            _lot(seller, cooperative, store, number, share * len(WEIGHTS) // 2 + 1)
    return _campaign(seller, county, packs, list(zip(cooperatives, shares, strict=True)))


def _pack(seller: Seller, product: str, number: int) -> str:
    body = {
        "product_id": product,
        "code": f"FUJI-{number}",
        "net_grams": PACK_GRAMS,
        "list_price_minor": PRICE_MINOR,
        "currency": "CNY",
    }
    return str(seller.post("/v1/packs", body)["id"])


def _cooperative(seller: Seller, county: str, number: int) -> str:
    body = {
        "county_id": county,
        "code": f"C{number}",
        "name_en": f"Cooperative {number}",
        "name_zh": f"第{number}合作社",
        "township_en": "Yiyang",
        "township_zh": "宜阳",
        "member_households": 100,
        "members": 200,
    }
    return str(seller.post("/v1/cooperatives", body)["id"])


def _lot(seller: Seller, cooperative: str, store: str, number: int, boxes: int) -> None:
    today = datetime.now(UTC).date()
    body = {
        "cooperative_id": cooperative,
        "cold_store_id": store,
        "code": f"LOT-{number}",
        "variety": "Fuji",
        "grade": "A",
        "harvested_on": (today - timedelta(days=30)).isoformat(),
        "best_before_on": (today + timedelta(days=150)).isoformat(),
        "quantity": boxes * PACK_GRAMS,
    }
    seller.post("/v1/lots", body)


def _campaign(seller: Seller, county: str, packs: list[str], pledges: list[tuple[str, int]]) -> list[Item]:
    now = datetime.now(UTC)
    drafted = seller.post(
        "/v1/campaigns",
        {
            "code": "CHAOS-SALE",
            "county_id": county,
            "title_en": "Sale",
            "title_zh": "特卖",
            "opens_at": (now - timedelta(minutes=1)).isoformat(),
            "closes_at": (now + timedelta(days=1)).isoformat(),
            "items": [{"pack_id": pack, "unit_price_minor": PRICE_MINOR} for pack in packs],
        },
    )
    campaign = f"/v1/campaigns/{drafted['id']}"
    offers = {offer["pack_id"]: str(offer["id"]) for offer in seller.get(campaign)["offers"]}
    items = [offers[pack] for pack in packs]
    for item in items:
        for cooperative, boxes in pledges:
            body = {"item_id": item, "cooperative_id": cooperative, "boxes": boxes}
            seller.post(f"{campaign}/pledges", body)
    seller.post(f"{campaign}/scheduling")
    return [
        Item(campaign_id=drafted["id"], item_id=item, weight=weight)
        for item, weight in zip(items, WEIGHTS, strict=True)
    ]
