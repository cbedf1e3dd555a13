"""A sponsorship in tests: steps at the doors, and what is to be seen after them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from marketplace.access import Role
from tests import house
from tests.addresses import book
from tests.builders import PACK_GRAMS, PRICE_MINOR, SEASON, Market, broken
from tests.house import Caller
from tests.orders import life
from tests.orders.life import Life

URL = "/v1/sponsorships"
WHY = {"reason": "another year"}


def asked(market: Market, boxes: int = 20, **changes: Any) -> dict[str, Any]:
    """The body that drafts a sponsorship of so many boxes."""
    return {
        "sponsor": {"kind": "company", "name_en": "Great Wall Foods", "name_zh": "长城食品"},
        "county_id": str(market.county_id),
        "pack_id": str(market.pack_id),
        "quantity": boxes * PACK_GRAMS,
        "season": SEASON,
        "draws_until": (market.ctx.now + timedelta(days=60)).isoformat(),
        **changes,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Fund:
    """One sponsorship, its sponsor, an operator, and one member of each cooperative."""

    market: Market
    sponsor: Caller
    operator: Caller
    members: tuple[Caller, ...]
    id: str

    @property
    def url(self) -> str:
        return f"{URL}/{self.id}"

    def seen(self) -> dict[str, Any]:
        response = self.sponsor.get(self.url)
        assert response.status_code == 200, response.json
        return response.json

    @property
    def state(self) -> str:
        return str(self.seen()["state"])

    def told(self) -> dict[str, Any]:
        """The statement."""
        response = self.sponsor.get(f"{self.url}/statement")
        assert response.status_code == 200, response.json
        return response.json

    def figures(self) -> dict[str, int]:
        return {each["name"]: each["boxes"] for each in self.told()["figures"]}

    def tranches(self) -> dict[str, int]:
        return {each["tranche"]: each["payable_minor"] for each in self.told()["tranches"]}

    def lines(self) -> list[tuple[str, int]]:
        items = self.sponsor.get(f"{self.url}/escrow-lines").json["items"]
        return [(each["kind"], each["amount_minor"]) for each in items]

    def step(self, who: Caller, word: str, body: Any = None) -> Any:
        return who.post(f"{self.url}/{word}", json=body)

    def done(self, response: Any, status: int = 200) -> "Fund":
        assert response.status_code == status, response.json
        return self

    def committed(self) -> "Fund":
        self.done(self.step(self.sponsor, "signature"))
        return self.done(self.step(self.operator, "acceptance"))

    def payment(self, minor: int) -> dict[str, Any]:
        """A payment that the sponsor has confirmed."""
        opened = self.step(self.sponsor, "payments", {"amount_minor": minor})
        assert opened.status_code == 201, opened.json
        confirmed = self.sponsor.post(f"/v1/payments/{opened.json['id']}/confirm")
        assert confirmed.status_code == 200, confirmed.json
        return dict(opened.json)

    def receive(self, payment: dict[str, Any]) -> Any:
        body = {
            "amount_minor": payment["amount_minor"],
            "currency": payment["currency"],
            "receipt_reference": f"bank-{payment['id']}",
        }
        return self.operator.post(f"/v1/payments/{payment['id']}/receipts", json=body)

    def paid(self, minor: int) -> "Fund":
        return self.done(self.receive(self.payment(minor)))

    def funded(self) -> "Fund":
        return self.committed().paid(self.seen()["total_minor"])

    @property
    def order(self) -> Life:
        """Its bulk order."""
        return Life(
            market=self.market,
            buyer=self.sponsor,
            operator=self.operator,
            members=self.members,
            order_id=str(self.seen()["order_id"]),
        )

    def allocated(self) -> "Fund":
        return self.done(self.step(self.operator, "allocation"))

    def drawing(self) -> "Fund":
        """All cooperatives confirm."""
        self.funded().allocated()
        self.order.committed()
        assert self.state == "drawing"
        return self

    def shares(self) -> dict[str, dict[str, Any]]:
        return {each["code"]: each for each in self.told()["shares"]}

    def move(self, word: str, code: str, boxes: int) -> Any:
        """`intakes` or `deliveries` of a cooperative's share."""
        share_id = self.shares()[code]["share_id"]
        return self.operator.post(f"/v1/sponsored-shares/{share_id}/{word}", json={"boxes": boxes})

    def delivered(self) -> "Fund":
        """All that is confirmed is taken in and delivered."""
        for code, share in self.shares().items():
            if taken := share["boxes"] - share["boxes_taken_in"]:
                self.done(self.move("intakes", code, taken))
            if brought := share["boxes"] - share["boxes_delivered"]:
                self.done(self.move("deliveries", code, brought))
        return self

    def draw(self, shopper: Caller, boxes: int = 1, **changes: Any) -> Any:
        body = {"account_id": str(shopper.account_id), "boxes": boxes, **changes}
        return self.step(self.operator, "draws", body)

    def drawn(self, shopper: Caller, boxes: int = 1, **changes: Any) -> dict[str, Any]:
        response = self.draw(shopper, boxes, **changes)
        assert response.status_code == 201, response.json
        return dict(response.json)

    def given(self, boxes: int = 1, **changes: Any) -> dict[str, Any]:
        response = self.step(self.sponsor, "gifts", {"boxes": boxes, **changes})
        assert response.status_code == 201, response.json
        return dict(response.json)

    def over(self) -> "Fund":
        """The time to draw has passed, and with it that of what is drawn."""
        life.as_owner(
            self.market,
            "UPDATE sponsorship SET draws_until = now() - interval '1 minute' WHERE id = :id",
            id=self.id,
        )
        return self

    def keeps_every_promise(self) -> "Fund":
        assert broken(self.market.app) == []
        return self


def drafted(market: Market, sponsor: Caller, operator: Caller, boxes: int = 20, **changes: Any) -> Fund:
    response = sponsor.post(URL, json=asked(market, boxes, **changes))
    assert response.status_code == 201, response.json
    return Fund(
        market=market,
        sponsor=sponsor,
        operator=operator,
        members=life.members_of(market),
        id=response.json["id"],
    )


def stocked(market: Market, *boxes: int) -> Market:
    """So many boxes of each cooperative (100, 200, 300 households)."""
    for cooperative, count in enumerate(boxes or (20, 20, 20)):
        if count:
            market.lot(count, cooperative=cooperative)
    return market


def address_of(shopper: Caller) -> dict[str, str]:
    return {"address_id": str(book.added(shopper)["id"])}


def redeem(shopper: Caller, draw: dict[str, Any]) -> Any:
    return shopper.post(f"/v1/draws/{draw['id']}/redemption", json=address_of(shopper))


def pay_token(shopper: Caller, operator: Caller, ordered: dict[str, Any], currency: str = "CNY") -> Any:
    """The token amount of a redeemed draw is confirmed and received."""
    payment_id = ordered["payment_id"]
    assert shopper.post(f"/v1/payments/{payment_id}/confirm").status_code == 200
    body = {
        "amount_minor": ordered["total_minor"],
        "currency": currency,
        "receipt_reference": f"bank-{payment_id}",
    }
    return operator.post(f"/v1/payments/{payment_id}/receipts", json=body)


def player(market: Market) -> Caller:
    return house.caller(market.app, Role.SHOPPER)


TOTAL = 20 * PRICE_MINOR
