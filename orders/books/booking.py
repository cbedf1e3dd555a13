"""Books what happens to orders, in the unit of work in which it happens; many at once where many happen at once.

The facts are looked up here, what they mean for accounts is the table of `postings`. Each is booked once: to be told
again changes nothing.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace.context import Context
from marketplace.ledger import ledger
from marketplace.ledger.chart import OwnerKind
from marketplace.ledger.models import LedgerTransfer
from marketplace.ledger.rules import Fact, Owner
from marketplace.payments.models import PartRefund, Payment
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import LateMoney, PaymentSucceeded
from marketplace.payments.states import PartRefundKind, PaymentPurpose
from orders.books import postings
from orders.books.postings import Held, Kind, Purse
from orders.events import OrderMoved, OrdersMoved
from orders.models import DepositTerms, Forfeit, Order, Share
from orders.sponsoring.models import EscrowLine
from orders.states import OrderState

OVER: Final = frozenset(
    {
        OrderState.WITHDRAWN,
        OrderState.EXPIRED,
        OrderState.PAYMENT_FAILED,
        OrderState.RELEASED,
        OrderState.CANCELLED,
        OrderState.CUT,
    }
)
"""States in which nobody pays anything of an order's price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What must be known of an order to book its money."""

    order: Order
    terms: DepositTerms | None
    purse: Purse
    is_applied: bool
    """Its deposit is a part of its paid price."""

    def held(self, payment: Payment) -> Held:
        """Where the money of one of its payments is."""
        is_deposit = payment.purpose == PaymentPurpose.ORDER and self.terms is not None
        return Held.DEPOSIT if is_deposit and not self.is_applied else Held.ORDER


def on_payment_succeeded(session: Session, ctx: Context, event: PaymentSucceeded) -> None:
    book_received(session, ctx, payment_ids=[event.payment_id])


def on_late_money(session: Session, ctx: Context, event: LateMoney) -> None:
    """What was accepted has succeeded, and is booked with that."""
    if event.refund_due_minor:
        book_received(session, ctx, payment_ids=[event.payment_id])


def on_refunds_owed(session: Session, ctx: Context, event: RefundsOwed) -> None:
    book_refunds(session, ctx, refund_ids=[each for owed in event.refunds for each in owed.refund_ids])


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    if event.after == OrderState.BALANCE_PAID:
        book_applied(session, ctx, order_ids=[event.order_id])
        return
    order = session.get_one(Order, event.order_id)
    if event.after == OrderState.COMMITTED and order.discount_minor:
        book_discounts(session, ctx, order_ids=[order.id])
    elif event.after in OVER and (order.discount_minor or event.before == OrderState.BALANCE_PAID):
        book_over(session, ctx, order_ids=[order.id])


def on_orders_moved(session: Session, ctx: Context, event: OrdersMoved) -> None:
    if event.after == OrderState.BALANCE_PAID:
        book_applied(session, ctx, order_ids=event.order_ids)


def book_received(session: Session, ctx: Context, *, payment_ids: Collection[uuid.UUID]) -> None:
    """Payments that have come, in time or too late. A sponsor's stands in the escrow's journal as well."""
    session.flush()
    payments = session.scalars(select(Payment).where(Payment.id.in_(payment_ids)).order_by(Payment.id)).all()
    known = _known(session, {each.order_id for each in payments if each.purpose != PaymentPurpose.ESCROW})
    facts = []
    for each in payments:
        purse, held = _kept(each, known)
        if each.received_minor:
            facts.append(
                postings.received(purse, payment_id=each.id, held=held, amount_minor=each.received_minor)
            )
        elif each.refund_due_minor:
            facts.append(
                postings.received_late(
                    purse,
                    payment_id=each.id,
                    held=held,
                    amount_minor=each.refund_due_minor,
                    reason=each.refund_reason or "",
                )
            )
    ledger.post_many(session, ctx, facts=facts)


def book_refunds(session: Session, ctx: Context, *, refund_ids: Collection[uuid.UUID]) -> None:
    """What must go back of money that was kept, and what is owed on top of it."""
    session.flush()
    found = session.execute(
        select(PartRefund, Payment)
        .join(Payment, Payment.id == PartRefund.payment_id)
        .where(PartRefund.id.in_(refund_ids))
        .order_by(PartRefund.id)
    ).all()
    known = _known(
        session, {payment.order_id for _, payment in found if payment.purpose != PaymentPurpose.ESCROW}
    )
    ledger.post_many(session, ctx, facts=[_refund(refund, payment, known) for refund, payment in found])


def book_applied(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """Orders whose price is paid: what is kept of their deposits is a part of it, with what funders add."""
    session.flush()
    known = _known(session, order_ids)
    deposits = _deposits(session, order_ids)
    facts = [
        postings.deposit_applied(
            each.purse,
            order_id=order_id,
            deposit_minor=deposits.get(order_id, 0),
            bonus_minor=each.terms.bonus_minor or 0,
            funder=each.terms.funder,
        )
        for order_id, each in known.items()
        if each.terms is not None and not each.is_applied
    ]
    ledger.post_many(session, ctx, facts=[fact for fact in facts if fact is not None])


def book_discounts(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """Orders that are bought: what is taken off their prices is their funders' to pay."""
    session.flush()
    facts = [
        postings.discount_applied(each.purse, order_id=order_id, parts=_parts(each.order))
        for order_id, each in _known(session, order_ids).items()
        if each.order.discount_minor
    ]
    ledger.post_many(session, ctx, facts=facts)


def book_over(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """Orders that are over: funders pay nothing of them. What was paid goes back by refunds of its own."""
    session.flush()
    known = _known(session, order_ids)
    discounted = _booked(session, Kind.DISCOUNT_APPLIED, order_ids)
    facts: list[Fact] = []
    for order_id, each in known.items():
        if order_id in discounted:
            facts.append(postings.discount_withdrawn(each.purse, order_id=order_id, parts=_parts(each.order)))
        if each.is_applied and each.terms is not None and each.terms.bonus_minor and each.terms.funder:
            facts.append(
                postings.bonus_withdrawn(
                    each.purse,
                    order_id=order_id,
                    bonus_minor=each.terms.bonus_minor,
                    funder=each.terms.funder,
                )
            )
    ledger.post_many(session, ctx, facts=facts)


def book_forfeits(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """Orders whose balance was not paid: their deposits are payable to who kept the fruit."""
    session.flush()
    parts: dict[uuid.UUID, dict[uuid.UUID, int]] = {}
    for row in session.scalars(select(Forfeit).where(Forfeit.order_id.in_(order_ids))):
        parts.setdefault(row.order_id, {})[row.cooperative_id] = row.amount_minor
    facts = [
        postings.deposit_forfeited(each.purse, order_id=order_id, parts=parts[order_id])
        for order_id, each in _known(session, parts).items()
    ]
    ledger.post_many(session, ctx, facts=facts)


def book_escrow(session: Session, ctx: Context, *, lines: Iterable[EscrowLine]) -> None:
    """Tranches that are due, or no longer. What sponsors pay in, and get back, is booked with their payments."""
    wanted = [line for line in lines if line.share_id is not None]
    shares = [line.share_id for line in wanted]
    cooperatives = {
        row.id: row.cooperative_id
        for row in session.execute(select(Share.id, Share.cooperative_id).where(Share.id.in_(shares)))
    }
    facts = [
        postings.escrow_moved(
            _sponsors(line.sponsorship_id, line.currency),
            number=line.number,
            cooperative_id=cooperatives[line.share_id],
            amount_minor=line.amount_minor,
            is_back=line.kind == "taken_back",
        )
        for line in wanted
    ]
    ledger.post_many(session, ctx, facts=facts)


def _refund(refund: PartRefund, payment: Payment, known: Mapping[uuid.UUID, _Known]) -> Fact:
    purse, held = _kept(payment, known)
    if refund.kind == PartRefundKind.COMPENSATION:
        return postings.compensation_owed(
            purse, refund_id=refund.id, amount_minor=refund.amount_minor, reason=refund.reason
        )
    return postings.refund_owed(
        purse, refund_id=refund.id, held=held, amount_minor=refund.amount_minor, reason=refund.reason
    )


def _kept(payment: Payment, known: Mapping[uuid.UUID, _Known]) -> tuple[Purse, Held]:
    """For whom the money of a payment is kept, and where."""
    if payment.purpose == PaymentPurpose.ESCROW:
        return _sponsors(payment.order_id, payment.currency), Held.ESCROW
    found = known[payment.order_id]
    return found.purse, found.held(payment)


def _sponsors(sponsorship_id: uuid.UUID, currency: str) -> Purse:
    return Purse(owner=Owner(kind=OwnerKind.SPONSORSHIP, id=sponsorship_id), currency=currency)


def _known(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, _Known]:
    """Orders of which boxes are held, by id; for what those are held, the money is kept."""
    if not order_ids:
        return {}
    applied = _booked(session, Kind.DEPOSIT_APPLIED, order_ids)
    rows = session.execute(
        select(Order, DepositTerms, Hold.purpose_kind, Hold.purpose_id)
        .join(Hold, Hold.id == Order.hold_id)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(Order.id.in_(order_ids))
        .order_by(Order.id)
        .execution_options(populate_existing=True)  # balances are written by statements of their own
    )
    return {
        order.id: _Known(
            order=order,
            terms=terms,
            purse=Purse(owner=Owner(kind=kind, id=purpose_id), currency=order.currency),
            is_applied=order.id in applied,
        )
        for order, terms, kind, purpose_id in rows
    }


def _booked(session: Session, kind: Kind, source_ids: Collection[uuid.UUID]) -> frozenset[uuid.UUID]:
    wanted = select(LedgerTransfer.source_id).where(
        LedgerTransfer.kind == kind, LedgerTransfer.source_id.in_(source_ids)
    )
    return frozenset(session.scalars(wanted))


def _deposits(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """What is kept of the deposits of these orders."""
    rows = session.execute(
        select(Payment.order_id, Payment.received_minor - Payment.refund_due_minor).where(
            Payment.order_id.in_(order_ids),
            Payment.purpose == PaymentPurpose.ORDER,
            Payment.received_minor > 0,
        )
    )
    return {row[0]: row[1] for row in rows}


def _parts(order: Order) -> Sequence[tuple[str, int]]:
    return [(line["funder"], line["amount_minor"]) for line in order.discounts]
