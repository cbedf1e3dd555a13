"""A campaign whose balance is closed, with its buyers, members and parcels, and what is to be seen of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from campaigns import advancing
from campaigns.planning import SHELF_DAYS
from marketplace import database
from marketplace.access import Role
from marketplace.context import Context
from orders.models import Order
from tests import house
from tests.addresses.book import AT_HOME, added
from tests.builders import Market, Sale, paid
from tests.campaigns import allotted
from tests.house import Caller


@dataclass(slots=True, kw_only=True)
class Sending:
    """A sale, its buyers with their orders, and a member of each cooperative."""

    market: Market
    sale: Sale
    operator: Caller
    buyers: list[Caller]
    orders: list[dict[str, Any]]
    members: tuple[Caller, ...] = field(default=())

    @property
    def state(self) -> str:
        return str(self.market.campaign(self.sale).state)

    @property
    def states(self) -> list[str]:
        return [str(self.market.stored(Order, order["id"]).state) for order in self.orders]

    def release(self, *, in_days: int = 5, **body: Any) -> TestResponse:
        on = (self.market.today + timedelta(days=in_days)).isoformat()
        return self.operator.post(f"{self.sale.url}/waves", json={"delivered_on": on, **body})

    def released(self, **body: Any) -> dict[str, Any]:
        response = self.release(**body)
        assert response.status_code == 201, response.json
        return dict(response.json)

    def overview(self) -> dict[str, Any]:
        response = self.operator.get(f"{self.sale.url}/fulfilment")
        assert response.status_code == 200, response.json
        return dict(response.json)

    def parcels(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        url = "/v1/parcels?limit=100" + "".join(f"&{name}={value}" for name, value in query.items())
        response = self.operator.get(url)
        assert response.status_code == 200, response.json
        found.extend(response.json["items"])
        return found

    def step(self, parcel: dict[str, Any], step: str, **body: Any) -> TestResponse:
        return self.operator.post(f"/v1/parcels/{parcel['id']}/{step}", json=body or None)

    def all_go(self, *steps: str) -> None:
        for step in steps:
            for parcel in self.parcels():
                body = {"carrier": "SF"} if step == "shipment" else {}
                response = self.step(parcel, step, **body)
                assert response.status_code == 200, response.json

    def all_go_on(self) -> None:
        """Every parcel that is still to be filled is packed and arrives."""
        for state, step in (("planned", "packing"), ("packed", "shipment"), ("shipped", "delivery")):
            for parcel in self.parcels(state=state):
                response = self.step(parcel, step, **({"carrier": "SF"} if step == "shipment" else {}))
                assert response.status_code == 200, response.json

    def choose(self, number: int, address: dict[str, Any] = AT_HOME) -> None:
        buyer, order = self.buyers[number], self.orders[number]
        chosen = buyer.put(
            f"/v1/orders/{order['id']}/address", json={"address_id": added(buyer, address)["id"]}
        )
        assert chosen.status_code == 200, chosen.json

    def advance(self) -> None:
        """What the job of every minute does."""
        advance(self.market, self.sale, replace(self.market.ctx, now=datetime.now(UTC)))


def advance(market: Market, sale: Sale, ctx: Context) -> None:
    def work(session: Session) -> None:
        advancing.advance(session, ctx, campaign_id=str(sale.campaign_id))

    database.transact(work)


def closed(
    market: Market,
    operator: Caller,
    *,
    pledged: Sequence[int] = (20, 20, 20),
    orders: Sequence[int] = (5, 4, 3),
    with_addresses: bool = True,
    variety: str = "Fuji",
    shelf_days: int = SHELF_DAYS,
    grown: Mapping[str, Any] | None = None,
    item: Mapping[str, Any] | None = None,
    terms: Mapping[str, Any] | None = None,
) -> Sending:
    """Paid in full, allocated by these terms and confirmed by all, and nothing of a balance is open."""
    made = allotted.sold(
        market,
        operator,
        pledged=pledged,
        orders=(),
        variety=variety,
        shelf_days=shelf_days,
        grown=grown,
        item=item,
    )
    buyers = [house.caller(market.app, Role.SHOPPER) for _ in orders]
    found = [paid(buyer, operator, made.sale, boxes) for buyer, boxes in zip(buyers, orders, strict=True)]
    sending = Sending(
        market=market,
        sale=made.sale,
        operator=operator,
        buyers=buyers,
        orders=found,
        members=made.members,
    )
    if with_addresses:
        for number in range(len(orders)):
            sending.choose(number)
    made.start(**(terms or {}))
    made.done(*(made.confirm(each.code) for each in made.commitments() if each.boxes))
    for _ in range(3):
        sending.advance()
    assert sending.state == "balance_closed", sending.state
    return sending
