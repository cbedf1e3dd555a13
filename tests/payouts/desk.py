"""Two operators, a member, and cooperatives with money that is payable to them: what payouts are tested with."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import context, database
from marketplace.access import Role
from marketplace.context import Actor, Context
from marketplace.identity.models import LoginSession
from marketplace.ledger import ledger
from marketplace.payouts import destinations, payouts
from marketplace.payouts.models import Payout, PayoutDestination
from marketplace.payouts.states import PayoutPurpose
from tests import house
from tests.builders import Market
from tests.house import Caller
from tests.ledger import money

BANK: dict[str, str] = {
    "holder": "第一苹果专业合作社",
    "bank": "中国工商银行宜君支行",
    "number": "6222 0200 0000 1234",
    "cnaps": "102791000018",
}
OTHER: dict[str, str] = {**BANK, "number": "6222 0200 0000 9876"}


@dataclass(frozen=True)
class Desk:
    market: Market
    drafter: Caller
    approver: Caller
    member: Caller
    """Of the first cooperative."""

    def person(self, caller: Caller, *roles: Role, **moved: float) -> Context:
        """Somebody at a time that has passed or is to come: `person(member, days=-3)`."""
        actor = Actor(
            kind="account",
            id=caller.account_id,
            roles=frozenset(roles or {Role.OPERATOR}),
            session_id=session_of(caller),
        )
        now = context.now_utc() + timedelta(**moved)
        return replace(self.market.ctx, actor=actor, now=now)

    def coop(self, number: int = 0) -> uuid.UUID:
        return self.market.cooperative_ids[number]

    def fund(self, minor: int = 100_000, *, cooperative: int = 0, currency: str = "CNY") -> None:
        """So much is payable to it, as if fruit had been sold."""
        payable = money.payable(self.coop(cooperative), currency)
        money.post(money.clearing(currency), payable, minor, kind="fruit_sold")

    def name(
        self, *, cooperative: int = 0, bank: dict[str, str] = BANK, by: Caller | None = None, **moved: float
    ) -> PayoutDestination:
        """It is paid there since three days ago, or whenever is told; named by a third operator."""
        by = by or house.caller(self.market.app, Role.OPERATOR)
        ctx = self.person(by, **(moved or {"days": -3}))
        return database.transact(
            lambda session: destinations.name(
                session, ctx, cooperative_id=self.coop(cooperative), kind="bank", bank_account=dict(bank)
            )
        )

    def draft(self, minor: int = 5_000, *, by: Caller | None = None, **changes: Any) -> Payout:
        ctx = self.person(by or self.drafter)
        cooperative = changes.pop("cooperative", 0)
        facts: dict[str, Any] = {
            "purpose": PayoutPurpose.SETTLEMENT,
            "purpose_id": uuid.uuid4(),
            "cooperative_id": self.coop(cooperative),
            "amount_minor": minor,
            "currency": "CNY",
            "memo": "苹果货款",
            **changes,
        }
        return database.transact(lambda session: payouts.draft(session, ctx, **facts))

    def approve(self, payout: Payout, *, by: Caller | None = None, **moved: float) -> Payout:
        ctx = self.person(by or self.approver, **moved)

        def work(session: Session) -> Payout:
            now_is = destinations.standing(session, [payout.cooperative_id])[payout.cooperative_id]
            return payouts.approve(session, ctx, payout_id=payout.id, destination_id=now_is.id)

        return database.transact(work)

    def approved(self, minor: int = 5_000, **changes: Any) -> Payout:
        return self.approve(self.draft(minor, **changes))

    def stored(self, payout: Payout) -> Payout:
        return self.market.stored(Payout, str(payout.id))

    def payable(self, cooperative: int = 0, currency: str = "CNY") -> int:
        """What may still be paid to it: reserved money is not there."""
        with database.reading() as session:
            return ledger.available_minor(session, money.payable(self.coop(cooperative), currency))

    def stands(self, cooperative: int = 0, currency: str = "CNY") -> tuple[int, int]:
        """What is owed to it, and what has left the bank for all."""
        return money.balance(money.payable(self.coop(cooperative), currency)), -money.balance(
            money.bank(currency)
        )


def session_of(caller: Caller) -> uuid.UUID:
    with database.reading() as session:
        found = session.scalars(
            select(LoginSession.id).where(LoginSession.account_id == caller.account_id)
        ).first()
        assert found is not None
        return found
