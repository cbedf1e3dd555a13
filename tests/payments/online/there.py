"""What happens between us and the stand-in: payers pay, events arrive, jobs run, time passes."""

import random
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from werkzeug.test import TestResponse

from inventory.cases.models import Case
from inventory.models import Hold
from marketplace import context, database
from marketplace.context import Context
from marketplace.jobs.models import StoredJob
from marketplace.ledger import reading
from marketplace.payments import looking, part_refunds, payments
from marketplace.payments.gateways.stripe_gateway import StripeGateway
from marketplace.payments.models import (
    GatewayCall,
    OnlinePayment,
    PartRefund,
    Payment,
    ProviderEvent,
    Repayment,
)
from marketplace.payments.states import PartRefundKind
from orders.models import Order
from tests.builders import Market
from tests.house import Caller
from tests.stripe_stand_in import StandIn
from tests.stripe_stand_in.server import SECRET_KEY, WEBHOOK_SECRET

AGED = (
    "UPDATE gateway_call SET leased_until = leased_until - :by WHERE state = 'asked'",
    "UPDATE online_payment SET looks_at = looks_at - :by, created_at = created_at - :by",
    "UPDATE repayment SET looks_at = looks_at - :by WHERE looks_at IS NOT NULL",
    "UPDATE provider_event SET due_at = due_at - :by WHERE handled_at IS NULL",
    "UPDATE key_in_progress SET started_at = started_at - :by",
    "UPDATE job SET due_at = due_at - :by WHERE state = 'waiting' AND name LIKE 'payments.%'",
)
METHODS = ("card", "alipay", "wechat_pay")
EVENTS_URL = "/v1/webhooks/stripe"


def gateway_at(
    url: str,
    *,
    secret_key: str = SECRET_KEY,
    webhook_secret: str = WEBHOOK_SECRET,
    captures_later: bool = False,
) -> StripeGateway:
    return StripeGateway(
        secret_key=secret_key,
        webhook_secret=webhook_secret,
        api_base=url,
        methods=METHODS,
        return_url="https://shop.test/back",
        captures_later=captures_later,
    )


def pay(caller: Caller, order: dict[str, Any], method: str | None = None, **options: Any) -> TestResponse:
    body = {} if method is None else {"payment_method": method}
    return caller.post(f"/v1/payments/{order['payment_id']}/online", json=body, **options)


def refresh(caller: Caller, order: dict[str, Any], **options: Any) -> TestResponse:
    return caller.post(f"/v1/payments/{order['payment_id']}/refresh", **options)


def books() -> dict[str, int]:
    """The balance of each code, on its own side; what stands at nothing is left out."""
    with database.reading() as session:
        found = reading.trial_balance(session)
    return {line.code: line.balance_minor for line in found if line.balance_minor}


@dataclass(frozen=True)
class There:
    market: Market
    stand_in: StandIn

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        """An event arrives at our door."""
        return self.answer(body, headers).status_code

    def answer(self, body: bytes, headers: dict[str, str]) -> TestResponse:
        client = self.market.app.test_client()
        return client.post(EVENTS_URL, data=body, headers=headers)

    def deliver(self, *, copies: int = 1, seed: int | None = None) -> list[int]:
        shuffled = None if seed is None else random.Random(seed)
        return self.stand_in.deliver(self.post, copies=copies, shuffled=shuffled)

    def wait(self, **passed: float) -> Context:
        """So much time passes: what is due some day is due so much sooner. Answers the system's context of now.

        Jobs know the database's clock, which is a little ahead of a request's.
        """
        if passed:
            by = {"by": timedelta(**passed)}
            database.transact(lambda session: [session.execute(text(each), by) for each in AGED])
        return replace(self.market.ctx, now=context.now_utc() + timedelta(seconds=1))

    def work(self, **passed: float) -> int:
        """After so much time, run the payments' jobs that wait, and those that they put in; how many."""
        ctx, done = self.wait(**passed), 0
        while (taken := self._take(ctx)) is not None:
            job = self.market.app.extensions["jobs"][taken.name]
            database.transact(lambda session, job=job, taken=taken: job.run(session, ctx, **taken.arguments))
            done += 1
            assert done < 500, "jobs that never end"
        return done

    def _take(self, ctx: Context) -> StoredJob | None:
        def work(session: Any) -> StoredJob | None:
            found = session.scalars(
                select(StoredJob)
                .where(
                    StoredJob.state == "waiting",
                    StoredJob.name.like("payments.%"),
                    StoredJob.due_at <= ctx.now,
                )
                .order_by(StoredJob.id)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if found is not None:
                session.execute(text("DELETE FROM job WHERE id = :id"), {"id": found.id})
                session.expunge(found)
            return found

        return database.transact(work)

    def sweep(self, **passed: float) -> int:
        """After so much time, the job of every minute, and all that it puts in."""
        ctx = self.wait(**passed)
        found = database.transact(lambda session: looking.sweep(session, ctx))
        self.work()
        return found

    def lose_jobs(self) -> None:
        """As if a worker had been lost together with the rows of its jobs."""
        statement = text("DELETE FROM job WHERE name LIKE 'payments.%'")
        database.transact(lambda session: session.execute(statement))

    def settle(self) -> None:
        """Everything that is on its way arrives."""
        self.deliver()
        self.work(minutes=1)
        self.deliver()
        for minutes in (5, 15, 60, 24 * 60):
            self.sweep(minutes=minutes)
        self.deliver()
        self.work()

    def owe(self, order: dict[str, Any], minor: int, kind: PartRefundKind = PartRefundKind.REFUND) -> None:
        """A part goes back, as a package above would decide it."""
        order_id = uuid.UUID(order["id"])

        def work(session: Any) -> None:
            [payment] = payments.lock_of_orders(session, [order_id])[order_id]
            parts = [(payment, kind, minor)]
            part_refunds.owe_parts(session, self.market.ctx, parts, reason="shortage", source_id=uuid.uuid4())

        database.transact(work)

    # -- looks

    def payment(self, order: dict[str, Any]) -> Payment:
        return self.market.stored(Payment, order["payment_id"])

    def known(self, order: dict[str, Any]) -> OnlinePayment:
        return self.market.stored(OnlinePayment, order["payment_id"])

    def intent(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.stand_in.intent_of(order["payment_id"])

    def state(self, order: dict[str, Any]) -> tuple[str, str, str]:
        """Of the order, of its payment here, and there."""
        return (
            self.market.stored(Order, order["id"]).state,
            self.payment(order).state,
            self.intent(order)["status"],
        )

    def hold(self, order: dict[str, Any]) -> Hold:
        return self.market.stored(Hold, str(self.market.stored(Order, order["id"]).hold_id))

    def rows(self, kind: type, *conditions: Any) -> list[Any]:
        with database.reading() as session:
            found = list(session.scalars(select(kind).where(*conditions)))
            session.expunge_all()
            return found

    def calls(self, order: dict[str, Any]) -> list[tuple[str, str]]:
        found = self.rows(GatewayCall, GatewayCall.payment_id == uuid.UUID(order["payment_id"]))
        return [(each.kind, each.state) for each in sorted(found, key=lambda each: each.id)]

    def repayments(self, order: dict[str, Any]) -> list[Repayment]:
        return self.rows(Repayment, Repayment.payment_id == uuid.UUID(order["payment_id"]))

    def refunds(self, order: dict[str, Any]) -> list[PartRefund]:
        return self.rows(PartRefund, PartRefund.payment_id == uuid.UUID(order["payment_id"]))

    def events(self) -> list[ProviderEvent]:
        return self.rows(ProviderEvent)

    def open_cases(self) -> list[Case]:
        return self.rows(Case, Case.state == "open")
