"""A campaign whose boxes are delivered and whose days for claims are over, and its settlements by the doors."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from marketplace import context, database
from marketplace.access import Role
from marketplace.payments import part_refunds
from marketplace.payments.models import PartRefund, Payment
from marketplace.payments.states import PartRefundKind, PaymentState
from orders.settlements import settling
from orders.states import AFTER_SALE
from tests import house
from tests.builders import Market, Sale
from tests.campaigns import presale
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.shortage import stage as shortages
from tests.house import Caller

TERMS: Final[dict[str, Any]] = {"commission_bps": 400}


@dataclass(slots=True, kw_only=True)
class Settling:
    """What is to be seen of it, and who looks."""

    sending: Sending
    members: tuple[Caller, ...]

    @property
    def market(self) -> Market:
        return self.sending.market

    @property
    def operator(self) -> Caller:
        return self.sending.operator

    @property
    def url(self) -> str:
        return f"{self.sending.sale.url}/settlements"

    def draft(self, **terms: Any) -> TestResponse:
        return self.operator.post(self.url, json={**TERMS, **terms})

    def drafted(self, **terms: Any) -> "Settling":
        done(self.draft(**terms))
        return self

    def proposed(self, **terms: Any) -> "Settling":
        self.drafted(**terms)
        done(self.operator.post(f"{self.url}/proposal"))
        return self

    def of(self, cooperative: int, currency: str = "CNY") -> dict[str, Any]:
        """As operators see it."""
        wanted = (
            f"campaign_id={self.sending.sale.campaign_id}&currency={currency}"
            f"&cooperative_id={self.market.cooperative_ids[cooperative]}"
        )
        [found] = done(self.operator.get(f"/v1/settlements?{wanted}"))["items"]
        return dict(found)

    def count(self) -> int:
        found = done(
            self.operator.get(f"/v1/settlements?limit=100&campaign_id={self.sending.sale.campaign_id}")
        )
        return len(found["items"])

    def lines(self, cooperative: int, currency: str = "CNY") -> list[tuple[str, int]]:
        told = done(self.operator.get(f"/v1/settlements/{self.of(cooperative, currency)['id']}/statement"))
        return [(line["kind"], line["amount_minor"]) for line in told["lines"]]

    def step(self, cooperative: int, step: str, *, by: Caller | None = None, **body: Any) -> TestResponse:
        url = f"/v1/settlements/{self.of(cooperative)['id']}/{step}"
        return (by or self.operator).post(url, json=body or None)

    def accept(self, cooperative: int, currency: str = "CNY") -> dict[str, Any]:
        found = self.of(cooperative, currency)
        url = f"/v1/settlements/{found['id']}/acceptance"
        return done(self.members[cooperative].post(url, json={"digest": found["digest"]}))

    def object_to(self, cooperative: int, reason: str = "too few boxes") -> TestResponse:
        body = {"digest": self.of(cooperative)["digest"], "reason": reason}
        return self.step(cooperative, "objection", by=self.members[cooperative], **body)


def done(response: TestResponse) -> dict[str, Any]:
    assert response.status_code in (200, 201), response.json
    return dict(response.json)


def presold(
    market: Market,
    operator: Caller,
    *,
    pledged: Sequence[int] = (1, 1),
    orders: Sequence[int] = (2,),
    defaulting: Sequence[int] = (),
    claims: bool = False,
    **item: Any,
) -> Settling:
    """Deposits at 10 yuan a box that count as 15; the last buyers do not pay the rest; all else is delivered."""
    first, *others = pledged
    ladder = [{"from_boxes": 2, "unit_price_minor": 5_200}]
    sale = presale.on_sale(market, first, **{"ladder": ladder, **item})
    for number, boxes in enumerate(others, start=1):
        if boxes:
            shortages.pledge(market, sale, boxes, cooperative=number)
    buyers = [house.caller(market.app, Role.SHOPPER) for _ in (*orders, *defaulting)]
    wanted = zip(buyers, (*orders, *defaulting), strict=True)
    bought = [(buyer, presale.bought(buyer, operator, sale, boxes)) for buyer, boxes in wanted]
    return paid_for(market, operator, sale, bought[: len(orders)], claims=claims)


def paid_for(
    market: Market,
    operator: Caller,
    sale: Sale,
    paying: Sequence[tuple[Caller, dict[str, Any]]],
    *,
    claims: bool = False,
) -> Settling:
    """The balance is opened, these pay, it is closed; then all that is paid is delivered."""
    presale.opened(market, sale)
    for buyer, order in paying:
        done(presale.book(operator, presale.confirm(buyer, presale.balance(buyer, order))))
    presale.closed(market, sale)
    sending = Sending(
        market=market,
        sale=sale,
        operator=operator,
        buyers=[buyer for buyer, _ in paying],
        orders=[order for _, order in paying],
    )
    return delivered(sending, claims=claims)


def delivered(sending: Sending, *, claims: bool = False) -> Settling:
    """Addresses are chosen, a wave is sent out, all arrives; and nobody claims anything unless `claims` are open."""
    for number, (buyer, order) in enumerate(zip(sending.buyers, sending.orders, strict=True)):
        if buyer.get(f"/v1/orders/{order['id']}/address").status_code == 404:
            sending.choose(number)
    sending.released()
    orders = {order["id"] for order in sending.orders}
    for step, body in (("packing", {}), ("shipment", {"carrier": "SF"}), ("delivery", {})):
        for parcel in sending.parcels():
            if parcel["order_id"] in orders:
                assert sending.step(parcel, step, **body).status_code == 200
    sending.advance()
    assert sending.state == "completed"
    made = Settling(sending=sending, members=members(sending.market))
    if not claims:
        let_claims_pass(made)
    return made


def let_claims_pass(made: Settling) -> None:
    past = text("UPDATE parcel SET delivered_at = delivered_at - interval '91 days'")
    database.transact(lambda session: session.execute(past))
    made.sending.advance()
    assert set(made.sending.states) == {"closed"}


def members(market: Market) -> tuple[Caller, ...]:
    return tuple(
        house.caller(market.app, Role.COOPERATIVE, cooperative_ids=(each,)) for each in market.cooperative_ids
    )


def refunded(order: dict[str, Any], minor: int, kind: PartRefundKind = PartRefundKind.REFUND) -> str:
    """So much of the order goes back after the sale, of its largest payment; the refund."""
    order_id, source_id = uuid.UUID(order["id"]), uuid.uuid4()

    def work(session: Session) -> uuid.UUID:
        payment = session.scalars(
            select(Payment)
            .where(Payment.order_id == order_id, Payment.state == PaymentState.SUCCEEDED)
            .order_by(Payment.amount_minor.desc())
            .limit(1)
            .with_for_update()
        ).one()
        part_refunds.owe_parts(
            session, context.system(), [(payment, kind, minor)], reason=AFTER_SALE, source_id=source_id
        )
        return session.scalars(select(PartRefund.id).where(PartRefund.source_id == source_id)).one()

    return str(database.transact(work))


def let_pass(**past: float) -> None:
    """So much time has passed since settlements were proposed."""
    sql = text("UPDATE settlement SET objections_until = objections_until - :past")
    database.transact(lambda session: session.execute(sql, {"past": timedelta(**past)}))


def lapse(market: Market) -> int:
    """What the job of every minute does: how many are final by that."""
    return database.transact(lambda session: settling.lapse(session, presale.now(market)))
