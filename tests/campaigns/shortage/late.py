"""A presale whose fruit lies in lots of a few boxes each, of which some are lost once its harvest is over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from campaigns import advancing, planning
from campaigns.shortage import closing
from campaigns.shortage.models import Shortage, ShortageCut
from inventory.models import Hold, Lot
from inventory.quality import quality
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.payments.models import PartRefund, Payment
from orders.models import DepositTerms, Order
from tests.builders import Market, Sale, broken
from tests.campaigns import presale
from tests.campaigns.presale import now
from tests.campaigns.shortage import stage
from tests.campaigns.shortage.stage import Short
from tests.house import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    market: Market
    sale: Sale
    operator: Caller
    buyers: tuple[Caller, ...]
    orders: tuple[dict[str, Any], ...]
    lots: tuple[Lot, ...]

    @property
    def state(self) -> str:
        return str(self.market.campaign(self.sale).state)

    @property
    def states(self) -> list[str]:
        return [self.market.stored(Order, each["id"]).state for each in self.orders]

    def shortages(self) -> list[Shortage]:
        with database.reading() as session:
            statement = select(Shortage).where(Shortage.campaign_id == self.sale.campaign_id)
            found = list(session.scalars(statement.order_by(Shortage.id)))
            for each in found:
                _ = each.standings, each.offers
            session.expunge_all()
            return found

    def boxes(self) -> list[int]:
        """What each order has."""
        with database.reading() as session:
            return [
                session.get_one(Hold, session.get_one(Order, each["id"]).hold_id).consumed_boxes
                for each in self.orders
            ]

    def terms(self, number: int) -> DepositTerms:
        return self.market.stored(DepositTerms, self.orders[number]["id"])

    def payments(self, number: int) -> list[Payment]:
        with database.reading() as session:
            statement = select(Payment).where(Payment.order_id == self.orders[number]["id"])
            return list(session.scalars(statement.order_by(Payment.id)))

    def owed(self, number: int) -> list[tuple[str, str, int]]:
        ids = [each.id for each in self.payments(number)]
        with database.reading() as session:
            rows = session.scalars(select(PartRefund).where(PartRefund.payment_id.in_(ids)))
            return sorted((each.kind, each.reason, each.amount_minor) for each in rows)

    def cuts(self, shortage: Shortage) -> dict[int, ShortageCut]:
        numbers = {each["id"]: number for number, each in enumerate(self.orders)}
        with database.reading() as session:
            rows = session.scalars(select(ShortageCut).where(ShortageCut.shortage_id == shortage.id))
            return {numbers[str(each.order_id)]: each for each in rows}

    def stop(self, number: int) -> "Late":
        """A lot is recalled; nobody has looked at its campaign yet."""
        return self.recall(self.lots[number])

    def recall(self, lot: Lot) -> "Late":
        ctx = self.market.acting(self.operator, roles=frozenset({Role.OPERATOR}))
        database.transact(lambda session: quality.recall(session, ctx, lot_id=lot.id, reason="rot"))
        self.check()
        return self

    def choose(self, number: int, **body: Any) -> Any:
        return self.buyers[number].post(f"/v1/orders/{self.orders[number]['id']}/election", json=body)

    def minute(self) -> "Late":
        """What happens by itself in a minute."""
        database.transact(lambda session: advancing.call_all(session, now(self.market)))
        jobs.work(self.market.app, once=True)
        self.check()
        return self

    def end_windows(self, hours: int = 49) -> "Late":
        """All windows of its shortages end, and what follows from that is done."""
        stage.let_pass(self.as_short(), hours)
        database.transact(lambda session: closing.advance_due(session, now(self.market)))
        jobs.work(self.market.app, once=True)
        self.check()
        return self

    def as_short(self) -> Short:
        return Short(
            market=self.market, sale=self.sale, buyers=self.buyers, orders=self.orders, lots=self.lots
        )

    def check(self) -> None:
        assert broken(self.market.app) == []

    def open_balance(self) -> "Late":
        presale.let_pass(self.market, self.sale, hours=24)
        self.minute()
        assert self.state == "balance_open"
        return self

    def close_balance(self) -> "Late":
        presale.let_pass(self.market, self.sale, hours=144)
        self.minute()
        assert self.state == "balance_closed"
        return self

    def pay(self, number: int) -> None:
        payment = presale.confirm(
            self.buyers[number], presale.balance(self.buyers[number], self.orders[number])
        )
        assert presale.book(self.operator, payment).status_code == 200


def harvested(
    market: Market,
    as_role: Callable[..., Caller],
    operator: Caller,
    boxes: Sequence[int],
    *,
    lots: Sequence[tuple[int, int]],
    **item: Any,
) -> Late:
    """Sold by deposits to so many buyers, and harvested; `lots`: (boxes, cooperative) of each, all of them there."""
    sold_as = {"ladder": presale.LADDER, "deposit": presale.DEPOSIT, **item}
    balance = presale.BALANCE if sold_as["deposit"] else None
    sale = market.draft(price_minor=6_000, per_buyer=100, item=sold_as, balance=balance)
    pledged = tuple(stage.pledge(market, sale, each, cooperative=cooperative) for each, cooperative in lots)
    database.transact(lambda session: planning.schedule(session, market.ctx, campaign_id=sale.campaign_id))
    buyers = tuple(as_role(Role.SHOPPER) for _ in boxes)
    orders = tuple(
        presale.bought(buyer, operator, sale, each) for buyer, each in zip(buyers, boxes, strict=True)
    )
    presale.harvested(market, sale)
    return Late(market=market, sale=sale, operator=operator, buyers=buyers, orders=orders, lots=pledged)
