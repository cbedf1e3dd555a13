"""Delivered orders of two cooperatives, their buyers, and the doors of claims."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from werkzeug.test import TestResponse

from marketplace import database
from orders.claims.rules import MISSING_AFTER
from tests.builders import Market
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.settling import scene as settling
from tests.campaigns.settling.scene import Settling
from tests.house import Caller
from tests.orders.claims import pictures


@dataclass(slots=True, kw_only=True)
class Claims:
    """Who claims of what, and who answers."""

    sending: Sending
    members: tuple[Caller, ...]

    @property
    def market(self) -> Market:
        return self.sending.market

    @property
    def operator(self) -> Caller:
        return self.sending.operator

    def settling(self) -> Settling:
        return Settling(sending=self.sending, members=self.members)

    def parcel(self, order: int = 0, number: int = 0) -> dict[str, Any]:
        found = self.sending.parcels(order_id=self.sending.orders[order]["id"])
        return sorted(found, key=lambda each: each["id"])[number]

    def cooperative(self, parcel: dict[str, Any]) -> int:
        return self.market.cooperative_ids.index(uuid.UUID(parcel["cooperative_id"]))

    def member(self, parcel: dict[str, Any]) -> Caller:
        return self.members[self.cooperative(parcel)]

    def ask(
        self, boxes: int = 1, kind: str = "damage", *, order: int = 0, number: int = 0, **body: Any
    ) -> TestResponse:
        asked = {
            "parcel_id": self.parcel(order, number)["id"],
            "kind": kind,
            "boxes": boxes,
            "words": "three are bruised",
            **body,
        }
        return self.sending.buyers[order].post(
            f"/v1/orders/{self.sending.orders[order]['id']}/claims", json=asked
        )

    def made(self, boxes: int = 1, kind: str = "damage", **options: Any) -> dict[str, Any]:
        return done(self.ask(boxes, kind, **options))

    def decide(
        self, claim: dict[str, Any], remedy: str = "refund", amount_minor: int | None = None, **body: Any
    ) -> TestResponse:
        asked = {"remedy": remedy, **body}
        if amount_minor is not None:
            asked["amount_minor"] = amount_minor
        return self.operator.post(f"/v1/claims/{claim['id']}/decision", json=asked)

    def shown(self, claim: dict[str, Any]) -> dict[str, Any]:
        return done(self.operator.get(f"/v1/claims/{claim['id']}"))

    def photo(
        self, claim: dict[str, Any], data: bytes, media_type: str = "image/jpeg", *, order: int = 0
    ) -> TestResponse:
        return self.sending.buyers[order].call(
            "POST", f"/v1/claims/{claim['id']}/photos", data=data, content_type=media_type
        )


def done(response: TestResponse) -> dict[str, Any]:
    assert response.status_code in (200, 201), response.json
    return dict(response.json)


def arrived(market: Market, operator: Caller, *, orders: Sequence[int] = (5, 4, 3), **options: Any) -> Claims:
    """Delivered, and the time for claims has begun."""
    sending = stage.closed(market, operator, orders=orders, **options)
    made = settling.delivered(sending, claims=True)
    return Claims(sending=sending, members=made.members)


def with_free_boxes(
    market: Market,
    operator: Caller,
    *,
    pledged: Sequence[int],
    orders: Sequence[int],
    defaulting: Sequence[int],
    **item: Any,
) -> Claims:
    """The same of a presale of which some boxes are nobody's any more: their buyers did not pay the rest."""
    made = settling.presold(
        market, operator, pledged=pledged, orders=orders, defaulting=defaulting, claims=True, **item
    )
    return Claims(sending=made.sending, members=made.members)


def on_the_way(market: Market, operator: Caller, *, orders: Sequence[int] = (5,), **options: Any) -> Claims:
    """All parcels have left, and none has arrived."""
    sending = stage.closed(market, operator, orders=orders, **options)
    sending.released()
    sending.all_go("packing", "shipment")
    return Claims(sending=sending, members=settling.members(market))


def let_pass(past: timedelta = MISSING_AFTER) -> None:
    """So much time has passed since parcels left and arrived."""
    moved = text("""
        UPDATE parcel
        SET shipped_at = shipped_at - :past, delivered_at = delivered_at - :past, lost_at = lost_at - :past
    """)
    database.transact(lambda session: session.execute(moved, {"past": past}))


JPEG = pictures.jpeg(pictures.JFIF, pictures.EXIF)
