"""Two operators, a member, and cooperatives with money that is payable to them: what payouts are tested with."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from marketplace import context, database
from marketplace.access import Role
from marketplace.context import Actor, Context
from marketplace.identity.models import LoginSession
from marketplace.jobs.models import StoredJob
from marketplace.ledger import ledger
from marketplace.payouts import destinations, payouts
from marketplace.payouts.models import ConnectAccount, Payout, PayoutDestination
from marketplace.payouts.states import PayoutPurpose
from marketplace.values import new_id
from tests import house
from tests.builders import Market
from tests.house import Caller
from tests.ledger import money
from tests.payments.online import there

BANK: dict[str, str] = {
    "holder": "第一苹果专业合作社",
    "bank": "中国工商银行宜君支行",
    "number": "6222 0200 0000 1234",
    "cnaps": "102791000018",
}
PAYER = {
    "payout_account_name": "宜君县果业平台",
    "payout_account_number": "6100123456789",
    "payout_account_cnaps": "102791000018",
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

    def make(self, **changes: Any) -> dict[str, Any]:
        """A batch at the door."""
        answer = self.drafter.post("/v1/payout-batches", json={"currency": "CNY", "format": "csv", **changes})
        assert answer.status_code == 201, answer.json
        return answer.json  # type: ignore[no-any-return]

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

    def work(self) -> int:
        """Run the jobs of payouts and payments that wait, and those that they put in; how many."""
        ctx, done = replace(self.market.ctx, now=context.now_utc() + timedelta(seconds=1)), 0
        while (taken := _take()) is not None:
            run = self.market.app.extensions["jobs"][taken.name].run
            database.transact(lambda session, run=run, taken=taken: run(session, ctx, **taken.arguments))
            done += 1
            assert done < 200, "jobs that never end"
        return done


def _take() -> StoredJob | None:
    def work(session: Session) -> StoredJob | None:
        wanted = select(StoredJob).where(
            StoredJob.state == "waiting",
            StoredJob.name.like("pay%"),
            StoredJob.due_at <= context.now_utc() + timedelta(seconds=2),
        )
        found = session.scalars(wanted.order_by(StoredJob.id).limit(1)).first()
        if found is not None:
            session.execute(text("DELETE FROM job WHERE id = :id"), {"id": found.id})
            session.expunge(found)
        return found

    return database.transact(work)


def session_of(caller: Caller) -> uuid.UUID:
    with database.reading() as session:
        found = session.scalars(
            select(LoginSession.id).where(LoginSession.account_id == caller.account_id)
        ).first()
        assert found is not None
        return found


@contextmanager
def with_payer(app: Flask) -> Iterator[None]:
    """An account to pay from is configured."""
    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(before, **PAYER)
    yield
    app.config["SETTINGS"] = before


@contextmanager
def with_gateway(app: Flask) -> Iterator[None]:
    """A provider outside is configured, and nobody is there."""
    before = app.extensions["remote_gateway"]
    app.extensions["remote_gateway"] = there.gateway_at("http://127.0.0.1:9")
    yield
    app.extensions["remote_gateway"] = before


def at_stripe(desk: Desk, *, cooperative: int, provider_id: str = "acct_1") -> None:
    """The cooperative has an account at the provider, and is paid there since three days ago."""
    at = context.now_utc() - timedelta(days=3)
    account = ConnectAccount(
        id=new_id(),
        cooperative_id=desk.coop(cooperative),
        country="DE",
        provider_id=provider_id,
        is_ready=True,
        opened_by=desk.member.account_id,
        opened_at=at,
        looked_at=at,
    )
    database.transact(lambda session: session.add(account))
    point_at(desk, account.id, cooperative=cooperative)


def point_at(desk: Desk, account_id: uuid.UUID, *, cooperative: int = 0) -> None:
    """It is paid there since three days ago."""
    where = PayoutDestination(
        id=new_id(),
        cooperative_id=desk.coop(cooperative),
        number=1,
        kind="stripe",
        connect_account_id=account_id,
        named_by=desk.member.account_id,
        named_at=context.now_utc() - timedelta(days=3),
    )
    database.transact(lambda session: session.add(where))
