"""A sold campaign whose boxes may be advanced, who asks and decides, and the payout of an advance on its way."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from marketplace import database
from marketplace.access import Role
from marketplace.context import Actor, Context
from marketplace.ledger import ledger
from marketplace.payouts import batching, destinations, payouts, sending
from marketplace.payouts.models import Payout
from orders.settlements import advances_kept
from orders.settlements.account import Account, Taken
from orders.settlements.advance_models import Advance, AdvanceLine, AdvanceStanding
from tests.builders import Market, Sale
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.stage import Sending
from tests.house import Caller
from tests.ledger import money
from tests.payouts.desk import Desk


@dataclass(frozen=True, kw_only=True)
class Lending:
    """Boxes were sold, paid in full and confirmed; `desk` pays cooperatives."""

    sending: Sending
    desk: Desk

    @property
    def market(self) -> Market:
        return self.sending.market

    @property
    def sale(self) -> Sale:
        return self.sending.sale

    @property
    def operator(self) -> Caller:
        return self.desk.drafter

    @property
    def members(self) -> tuple[Caller, ...]:
        return self.sending.members

    def coop(self, number: int = 0) -> uuid.UUID:
        return self.market.cooperative_ids[number]

    def offers(self, who: Caller | None = None) -> list[dict[str, Any]]:
        response = (who or self.operator).get(f"{self.sale.url}/advance-offers")
        assert response.status_code == 200, response.json
        found: list[dict[str, Any]] = response.json["items"]
        return found

    def offer(self, number: int = 0) -> dict[str, Any]:
        [found] = self.offers(self.members[number])
        return found

    def ask(
        self, minor: int, *, number: int = 0, by: Caller | None = None, currency: str = "CNY"
    ) -> TestResponse:
        body = {"cooperative_id": str(self.coop(number)), "currency": currency, "amount_minor": minor}
        return (by or self.members[number]).post(f"{self.sale.url}/advances", json=body)

    def asked(self, minor: int, *, number: int = 0) -> dict[str, Any]:
        response = self.ask(minor, number=number)
        assert response.status_code == 201, response.json
        return dict(response.json)

    def step(
        self, advance: dict[str, Any], step: str, *, by: Caller | None = None, **body: Any
    ) -> TestResponse:
        sent = None if step == "cancellation" else body
        return (by or self.operator).post(f"/v1/advances/{advance['id']}/{step}", json=sent)

    def granted(self, minor: int, *, number: int = 0) -> dict[str, Any]:
        response = self.step(self.asked(minor, number=number), "grant")
        assert response.status_code == 200, response.json
        return dict(response.json)

    def paid(self, minor: int, *, number: int = 0) -> dict[str, Any]:
        return self.pay(self.granted(minor, number=number), number=number)

    def pay(self, advance: dict[str, Any], *, number: int = 0) -> dict[str, Any]:
        """Its payout is approved by a second operator, sent to the bank and paid."""
        payout = self.sent(advance, number=number)
        ctx = self.desk.person(self.desk.drafter)
        database.transact(
            lambda session: sending.mark_paid(
                session, ctx, payout_id=payout.id, receipt_reference=f"R-{payout.id}"
            )
        )
        return self.seen(advance)

    def sent(self, advance: dict[str, Any], *, number: int = 0) -> Payout:
        with database.reading() as session:
            known = destinations.standing(session, [self.coop(number)])
        if not known:
            self.desk.name(cooperative=number)
        payout = self.desk.approve(self.payout(advance))
        ctx = self.desk.person(self.desk.drafter)
        database.transact(
            lambda session: batching.make(
                session, ctx, currency="CNY", file_format="csv", payout_ids=[payout.id]
            )
        )
        return payout

    def come_back(self, payout_id: uuid.UUID | str) -> None:
        database.transact(self.coming_back(self.desk.person(self.desk.drafter), payout_id))

    def coming_back(self, ctx: Context, payout_id: uuid.UUID | str) -> Callable[[Session], Payout]:
        """The bank sends it back."""
        return lambda session: sending.mark_returned(
            session, ctx, payout_id=uuid.UUID(str(payout_id)), reason="account closed"
        )

    def give_up(self, advance: dict[str, Any]) -> None:
        ctx = self.desk.person(self.desk.drafter)
        payout_id = self.payout(advance).id
        database.transact(lambda session: payouts.cancel(session, ctx, payout_id=payout_id))

    def payout(self, advance: dict[str, Any]) -> Payout:
        with database.reading() as session:
            return (
                session.scalars(
                    select(Payout)
                    .where(Payout.purpose_id == uuid.UUID(advance["id"]))
                    .order_by(Payout.id.desc())
                ).first()
                or _missing()
            )

    def seen(self, advance: dict[str, Any]) -> dict[str, Any]:
        response = self.operator.get(f"/v1/advances/{advance['id']}")
        assert response.status_code == 200, response.json
        return dict(response.json)

    def lines(self, advance: dict[str, Any]) -> list[tuple[str, int, int]]:
        response = self.operator.get(f"/v1/advances/{advance['id']}/lines")
        return [
            (each["kind"], each["amount_minor"], each["outstanding_minor"]) for each in response.json["items"]
        ]

    def standing(self, number: int = 0) -> tuple[int, int]:
        """Promised, outstanding."""
        with database.reading() as session:
            found = session.get(AdvanceStanding, (self.coop(number), "CNY"))
            return (0, 0) if found is None else (found.promised_minor, found.outstanding_minor)

    def person(self, caller: Caller, *roles: Role) -> Context:
        """As `house` logs somebody in: for calls that do not go through a door."""
        actor = Actor(kind="account", id=caller.account_id, roles=frozenset(roles or {Role.OPERATOR}))
        return replace(self.market.ctx, actor=actor)


def netted(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    available_minor: int,
    settlement_id: uuid.UUID,
) -> tuple[Taken, ...]:
    """What a final settlement does: the oldest advances are repaid, in the journal and in the books."""
    found = advances_kept.outstanding(session, cooperative_ids=[cooperative_id], currency="CNY")
    taken, _ = Account(currency="CNY", advances=found[cooperative_id]).repaid(available_minor)
    advances_kept.repay(session, ctx, settlement_id=settlement_id, taken={cooperative_id: taken})
    minor = sum(each.amount_minor for each in taken)
    if minor:
        lines = money.lines(money.payable(cooperative_id), money.prepaid(cooperative_id), minor)
        ledger.post(session, ctx, kind="netted_in_a_test", source_id=settlement_id, lines=lines)
    return taken


def lending(market: Market, desk: Desk, operator: Caller, **sold: Any) -> Lending:
    """Twelve boxes are sold at 52.00; by their households two, four and six of them fall to three cooperatives."""
    return Lending(sending=stage.closed(market, operator, **sold), desk=desk)


def advances() -> list[Advance]:
    with database.reading() as session:
        return list(session.scalars(select(Advance).order_by(Advance.id)))


def every_line() -> list[AdvanceLine]:
    with database.reading() as session:
        return list(session.scalars(select(AdvanceLine)))


def change(sql: str, **values: object) -> None:
    """As the owner of the tables might: what a test cannot bring about by doors."""
    database.transact(lambda session: session.execute(text(sql), values))


def _missing() -> Payout:
    raise AssertionError("the advance has no payout")
