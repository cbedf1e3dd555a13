"""How a season's money comes and goes: by bank transfers that an operator books, or by cards at a gateway outside.

The same use cases as behind the doors. The gateway is asked between two units of work, its refunds by the jobs.
"""

import uuid
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.demo.season import buying
from campaigns.demo.season.buying import Buyer, NotServed
from marketplace.context import Actor, Context, now_utc
from marketplace.database import transact
from marketplace.payments import at_till as payments_till
from marketplace.payments import gateways, online, payments, repayments
from marketplace.payments.models import Payment, Repayment
from marketplace.payments.states import PaymentState, RepaymentMeans, RepaymentState

CARD: Final = "pm_card_visa"
"""A card of Stripe's own for trying out, which is always good."""


class Purse(Protocol):
    """Whence buyers pay, and whither money goes back."""

    name: str
    jobs: tuple[str, ...]
    """Beginnings of the names of jobs without which its money does not move."""

    def pay(self, buyers: Iterable[Buyer], *, operator: Actor) -> int:
        """Each pays what it has confirmed; how much came. Raises NotServed."""

    def pay_back(self, *, operator: Actor) -> int:
        """What is due goes back to its payers; how many refunds."""


class Transfers:
    """Money comes to a bank account, and goes back from there: an operator books both."""

    name = "offline"
    jobs: tuple[str, ...] = ()

    def pay(self, buyers: Iterable[Buyer], *, operator: Actor) -> int:
        received = 0
        for some in buying.batches(list(buyers)):
            asked = [(buyer, buyer.payment_id) for buyer in some if buyer.payment_id is not None]
            buying.at(payments_till.TILL, asked, "/v1/payments/confirm")
            received += buying.fresh(
                partial(_book, operator=operator, payment_ids=[each for _, each in asked])
            )
        return received

    def pay_back(self, *, operator: Actor) -> int:
        return _pay_back(operator)


class Cards:
    """Money comes by card through the gateway that is configured, and goes back to the card by jobs.

    A compensation is more than was paid by card: it is transferred.
    """

    name = "stripe"
    jobs: tuple[str, ...] = ("payments.",)

    def pay(self, buyers: Iterable[Buyer], *, operator: Actor) -> int:
        del operator  # nobody books what the gateway tells
        return sum(self._pay(buyer) for buyer in buyers if buyer.payment_id is not None)

    def pay_back(self, *, operator: Actor) -> int:
        """The jobs have asked for what was paid there; what is more than that, an operator transfers."""
        _pay_back(operator)
        return buying.fresh(_paid_back)

    def _pay(self, buyer: Buyer) -> int:
        gateway = gateways.remote()
        assert buyer.payment_id is not None
        payment_id: uuid.UUID = buyer.payment_id
        begun = transact(partial(_begin, buyer=buyer, payment_id=payment_id))
        told = online.ask(gateway, begun, [])

        def take(session: Session) -> int:
            done = online.take(session, buyer.ctx, begun, told)
            if not isinstance(done, Payment) or done.state != PaymentState.SUCCEEDED:
                raise NotServed(repr(done))
            return done.received_minor

        return transact(take)


def _begin(session: Session, *, buyer: Buyer, payment_id: uuid.UUID) -> online.Begun:
    return online.begin(session, buyer.ctx, payment_id=payment_id, payment_method=CARD)


def _book(session: Session, *, operator: Actor, payment_ids: Sequence[uuid.UUID]) -> int:
    ctx = Context(actor=operator, now=now_utc())
    received = 0
    for payment_id in payment_ids:
        payment = payments.get(session, ctx, payment_id=payment_id)
        booked = payments.book_receipt(
            session,
            ctx,
            payment_id=payment_id,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            receipt_reference=f"SEASON-{payment_id}",
        )
        received += booked.received_minor
    return received


def _pay_back(operator: Actor) -> int:
    paid = 0
    while some := buying.fresh(partial(_pay_back_some, operator=operator)):
        paid += some
    return paid


def _pay_back_some(session: Session, *, operator: Actor) -> int:
    ctx = Context(actor=operator, now=now_utc())
    due = session.scalars(
        select(Repayment.refund_id)
        .where(Repayment.state == RepaymentState.DUE)
        .order_by(Repayment.refund_id)
        .limit(buying.AT_ONCE)
    ).all()
    for refund_id in due:
        repayments.book(
            session,
            ctx,
            refund_id=refund_id,
            means=RepaymentMeans.BANK_TRANSFER,
            receipt_reference=f"SEASON-{refund_id}",
        )
    return len(due)


def _paid_back(session: Session) -> int:
    states = session.scalars(select(Repayment.state)).all()
    left = [state for state in states if state != RepaymentState.PAID]
    if left:
        raise NotServed(f"{len(left)} refunds are not paid: {sorted(set(left))}")
    return len(states)


PURSES: Final[dict[str, type[Purse]]] = {each.name: each for each in (Transfers, Cards)}
