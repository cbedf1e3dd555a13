"""Books what happened before there was a ledger, batch by batch: whatever is not booked yet, once.

The same facts as they are booked when they happen, found by looking for what the ledger does not tell of. The order is
that of a life: money comes, its deposit becomes a part of the price or is forfeited, something of it must go back.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.ledger.models import LedgerTransfer
from marketplace.payments.models import PartRefund, Payment, Repayment
from marketplace.payments.states import PaymentState, RepaymentState
from orders.books import booking, postings
from orders.books.postings import Kind
from orders.models import DepositTerms, Forfeit, Order
from orders.sponsoring.models import EscrowLine
from orders.states import BOUGHT, SENT, OrderState

BATCH: Final = 500


def catch_up(session: Session, ctx: Context, *, batch: int = BATCH) -> int:
    """One batch of what is not booked yet; how many facts, and 0 when the ledger tells of all of them."""
    for wanted, book in _STEPS:
        ids = session.scalars(wanted().limit(batch)).all()
        if ids:
            book(session, ctx, ids)
            return len(ids)
    return _catch_up_escrow(session, ctx, batch)


def _unbooked(kind: Kind, source: Any) -> Any:
    return ~exists().where(LedgerTransfer.kind == kind, LedgerTransfer.source_id == source)


def _received() -> Select[Any]:
    came = or_(Payment.received_minor > 0, Payment.refund_due_minor > 0)
    return select(Payment.id).where(came, _unbooked(Kind.PAYMENT_RECEIVED, Payment.id)).order_by(Payment.id)


def _refunds() -> Select[Any]:
    return (
        select(PartRefund.id)
        .join(Payment, Payment.id == PartRefund.payment_id)
        .where(Payment.state == PaymentState.SUCCEEDED, _unbooked(Kind.REFUND_OWED, PartRefund.id))
        .order_by(PartRefund.id)
    )


def _repaid() -> Select[Any]:
    return (
        select(Repayment.refund_id)
        .where(Repayment.state == RepaymentState.PAID, _unbooked(Kind.REFUND_PAID, Repayment.refund_id))
        .order_by(Repayment.refund_id)
    )


def _discounts() -> Select[Any]:
    """Of orders that are paid in full; with a deposit it is booked when the price is paid."""
    bought = and_(Order.discount_minor > 0, Order.state.in_(BOUGHT))
    in_full = ~exists().where(DepositTerms.order_id == Order.id)
    return (
        select(Order.id).where(bought, in_full, _unbooked(Kind.DISCOUNT_APPLIED, Order.id)).order_by(Order.id)
    )


def _applied() -> Select[Any]:
    """Orders whose deposit is part of a paid price; nothing to book where neither money nor a bonus is left."""
    kept = exists().where(
        Payment.order_id == Order.id,
        Payment.purpose == "order",
        Payment.received_minor > Payment.refund_due_minor,
    )
    return (
        select(Order.id)
        .join(DepositTerms)
        .where(
            Order.state.in_(SENT | {OrderState.BALANCE_PAID}),
            or_(DepositTerms.bonus_minor > 0, kept),
            _unbooked(Kind.DEPOSIT_APPLIED, Order.id),
        )
        .order_by(Order.id)
    )


def _forfeited() -> Select[Any]:
    return (
        select(Forfeit.order_id)
        .where(_unbooked(Kind.DEPOSIT_FORFEITED, Forfeit.order_id))
        .group_by(Forfeit.order_id)
        .order_by(Forfeit.order_id)
    )


def _catch_up_escrow(session: Session, ctx: Context, batch: int) -> int:
    """Lines have no id of their own, and sponsors are few: they are looked at one by one."""
    lines = session.scalars(
        select(EscrowLine)
        .where(EscrowLine.share_id.is_not(None))
        .order_by(EscrowLine.sponsorship_id, EscrowLine.number)
    ).all()
    sources = {postings.line_id(line.sponsorship_id, line.number): line for line in lines}
    booked = set(
        session.scalars(select(LedgerTransfer.source_id).where(LedgerTransfer.source_id.in_(sources)))
    )
    left = [line for source_id, line in sources.items() if source_id not in booked][:batch]
    booking.book_escrow(session, ctx, lines=left)
    return len(left)


Ids = Sequence[uuid.UUID]
_STEPS: Final[tuple[tuple[Callable[[], Select[Any]], Callable[[Session, Context, Ids], None]], ...]] = (
    (_received, lambda session, ctx, ids: booking.book_received(session, ctx, payment_ids=ids)),
    (_refunds, lambda session, ctx, ids: booking.book_refunds(session, ctx, refund_ids=ids)),
    (_repaid, lambda session, ctx, ids: booking.book_repaid(session, ctx, refund_ids=ids)),
    (_discounts, lambda session, ctx, ids: booking.book_discounts(session, ctx, order_ids=ids)),
    (_applied, lambda session, ctx, ids: booking.book_applied(session, ctx, order_ids=ids)),
    (_forfeited, lambda session, ctx, ids: booking.book_forfeits(session, ctx, order_ids=ids)),
)
