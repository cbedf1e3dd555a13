"""Books what happens to orders, in the unit of work in which it happens; many at once where many happen at once.

The facts are looked up here, what they mean for accounts is the table of `postings`. Each is booked once: to be told
again changes nothing.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace.context import Context
from marketplace.ledger import ledger
from marketplace.ledger.chart import OwnerKind, Side
from marketplace.ledger.models import LedgerAccount, LedgerEntry, LedgerTransfer
from marketplace.ledger.rules import Fact, Owner
from marketplace.payments.models import OnlinePayment, PartRefund, Payment, Repayment
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import LateMoney, PaymentSucceeded
from marketplace.payments.provider_events import PaymentDisputed
from marketplace.payments.repayments import RefundFailed, RefundPaid
from marketplace.payments.states import PartRefundKind, PaymentPurpose
from orders import discount_rules
from orders.books import postings
from orders.books.postings import Held, Kind, Purse
from orders.events import OrderMoved, OrdersCut, OrdersMoved
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


def on_refund_paid(session: Session, ctx: Context, event: RefundPaid) -> None:
    """What was owed back is paid, for the first time or again."""
    session.flush()
    number = len(_times(session, Kind.REFUND_PAID, event.refund_id))
    ledger.post_many(session, ctx, facts=[_repayment(session, event.refund_id, number, event.means)])


def on_refund_failed(session: Session, ctx: Context, event: RefundFailed) -> None:
    """What was thought to be paid came back. What only could not be paid was never booked."""
    paid = _times(session, Kind.REFUND_PAID, event.refund_id)
    number = len(_times(session, Kind.REFUND_RETURNED, event.refund_id))
    if len(paid) == number:
        return
    fact = postings.refund_returned(
        source_id=postings.time_id(event.refund_id, number),
        paid=_repayment(session, event.refund_id, number, paid[number]).lines,
        reason=event.problem or "",
    )
    ledger.post_many(session, ctx, facts=[fact])


def on_payment_disputed(session: Session, ctx: Context, event: PaymentDisputed) -> None:
    """All that the dispute has moved; what is booked by now answers as it is."""
    found = [
        postings.dispute_moved(
            source_id=postings.dispute_id(event.payment_id, each.provider_id),
            amount_minor=each.amount_minor,
            fee_minor=each.fee_minor,
            currency=each.currency,
            reason=event.dispute_id,
        )
        for each in event.entries
    ]
    ledger.post_many(session, ctx, facts=[fact for fact in found if fact is not None])


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


def on_orders_cut(session: Session, ctx: Context, event: OrdersCut) -> None:
    """A shortage left them fewer boxes, or none."""
    book_over(session, ctx, order_ids=[each.order_id for each in event.cuts if not each.boxes_after])
    book_fewer(
        session, ctx, boxes={each.order_id: each.boxes_after for each in event.cuts if each.boxes_after}
    )


def book_received(session: Session, ctx: Context, *, payment_ids: Collection[uuid.UUID]) -> None:
    """Payments that have come, in time or too late. A sponsor's stands in the escrow's journal as well."""
    session.flush()
    payments = session.execute(
        select(Payment, OnlinePayment)
        .outerjoin(OnlinePayment, OnlinePayment.payment_id == Payment.id)
        .where(Payment.id.in_(payment_ids))
        .order_by(Payment.id)
    ).all()
    known = _known(session, {each.order_id for each, _ in payments if each.purpose != PaymentPurpose.ESCROW})
    facts = []
    for each, online in payments:
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
        if online is not None and online.fee_minor and online.fee_currency:
            facts.append(
                postings.provider_fee(
                    payment_id=each.id, fee_minor=online.fee_minor, currency=online.fee_currency
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


def book_repaid(session: Session, ctx: Context, *, refund_ids: Collection[uuid.UUID]) -> None:
    """Refunds that are paid, as far as it is known now: what a bank has sent back before is not told any more."""
    rows = session.execute(
        select(Repayment.refund_id, Repayment.means).where(Repayment.refund_id.in_(refund_ids))
    )
    facts = [_repayment(session, row.refund_id, 0, row.means or "") for row in rows]
    ledger.post_many(session, ctx, facts=facts)


def book_applied(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """Orders whose price is paid: what is kept of their deposits is a part of it, with what funders add, and what is
    taken off it is its funders' to pay.
    """
    session.flush()
    known = _known(session, order_ids)
    deposits = _deposits(session, order_ids)
    facts: list[Fact] = []
    for order_id, each in known.items():
        if each.terms is None or each.is_applied:
            continue
        applied = postings.deposit_applied(
            each.purse,
            order_id=order_id,
            deposit_minor=deposits.get(order_id, 0),
            bonus_minor=each.terms.bonus_minor or 0,
            funder=each.terms.funder,
        )
        if applied is not None:
            facts.append(applied)
        if each.terms.discount_minor:
            parts = _taken_off(each.order, each.terms)
            facts.append(postings.discount_applied(each.purse, order_id=order_id, parts=parts))
    ledger.post_many(session, ctx, facts=facts)


def book_discounts(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """Orders that are bought and paid in full: what is taken off their prices is their funders' to pay."""
    session.flush()
    facts = [
        postings.discount_applied(each.purse, order_id=order_id, parts=_parts(each.order))
        for order_id, each in _known(session, order_ids).items()
        if each.order.discount_minor and each.terms is None
    ]
    ledger.post_many(session, ctx, facts=facts)


def book_over(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """Orders that are over: funders pay nothing of them. What was paid goes back by refunds of its own."""
    if not order_ids:
        return
    session.flush()
    known = _known(session, order_ids)
    discounted = _booked(session, Kind.DISCOUNT_APPLIED, order_ids)
    lowered = {order_id for order_id, sources in _lowerings(session, order_ids).items() if sources}
    facts = _lowered(session, {order_id: (known[order_id], 0) for order_id in sorted(lowered)})
    for order_id, each in known.items():
        if order_id in lowered:
            continue
        if order_id in discounted:
            parts = _parts(each.order) if each.terms is None else _taken_off(each.order, each.terms)
            facts.append(postings.discount_withdrawn(each.purse, order_id=order_id, parts=parts))
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


def book_fewer(session: Session, ctx: Context, *, boxes: Mapping[uuid.UUID, int]) -> None:
    """Orders that have so many boxes left: of what is a part of their price already funders pay for these alone."""
    session.flush()
    funded = {
        order_id: (each, boxes[order_id])
        for order_id, each in _known(session, boxes).items()
        if each.is_applied or (each.terms is None and each.order.discount_minor)
    }
    ledger.post_many(session, ctx, facts=_lowered(session, funded))


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
            code=line.debit if line.kind == "taken_back" else line.credit,
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


def _taken_off(order: Order, terms: DepositTerms) -> Sequence[tuple[str, int]]:
    """By funder, what is taken off the balance of an order: of its boxes, as far as there was room for it."""
    assert terms.balance_boxes is not None, "what is applied has its balance"
    promised = discount_rules.kept(
        [line["amount_minor"] for line in order.discounts], boxes=terms.balance_boxes, of_boxes=order.boxes
    )
    taken = discount_rules.fitted(promised, room_minor=terms.discount_minor or 0)
    return [(line["funder"], minor) for line, minor in zip(order.discounts, taken, strict=True) if minor]


def _lowered(session: Session, orders: Mapping[uuid.UUID, tuple[_Known, int]]) -> list[Fact]:
    """What funders pay of each order by the books, and do not for the boxes that are left of it."""
    if not orders:
        return []
    lowerings = _lowerings(session, orders)
    funded = _funded(session, lowerings)
    facts = []
    for order_id, (known, boxes) in orders.items():
        due: dict[str, int] = {}
        for funder, minor in _due(known, boxes) if boxes else ():
            code = postings.FUNDERS[funder]
            due[code] = due.get(code, 0) + minor
        less = {
            code: minor - due.get(code, 0)
            for code, minor in funded.get(order_id, {}).items()
            if minor > due.get(code, 0)
        }
        if less:
            source_id = postings.time_id(order_id, len(lowerings[order_id]))
            facts.append(postings.funding_lowered(known.purse, source_id=source_id, by_code=less))
    return facts


def _due(known: _Known, boxes: int) -> Sequence[tuple[str, int]]:
    """By funder, what is paid of an order with so many boxes, discounts and bonus."""
    order, terms = known.order, known.terms
    if terms is None:
        amounts = [line["amount_minor"] for line in order.discounts]
        left = discount_rules.kept(amounts, boxes=boxes, of_boxes=order.boxes)
        return [(line["funder"], minor) for line, minor in zip(order.discounts, left, strict=True)]
    parts = list(_taken_off(order, terms))
    if terms.bonus_minor and terms.funder:
        parts.append((terms.funder, terms.bonus_minor))
    return parts


def _lowerings(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """By order, the sources under which it is booked that funders pay less of it, in their order."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {order_id: [] for order_id in order_ids}
    left = set(found)
    while left:
        sources = {postings.time_id(order_id, len(found[order_id])): order_id for order_id in left}
        booked = _booked(session, Kind.FUNDING_LOWERED, sources)
        left = {sources[source_id] for source_id in booked}
        for source_id in booked:
            found[sources[source_id]].append(source_id)
    return found


def _funded(
    session: Session, lowerings: Mapping[uuid.UUID, Collection[uuid.UUID]]
) -> dict[uuid.UUID, dict[str, int]]:
    """By order and account, what funders pay of it by the books."""
    order_of = {
        source_id: order_id for order_id, lowered in lowerings.items() for source_id in (order_id, *lowered)
    }
    signed = case((LedgerEntry.side == Side.DEBIT, LedgerEntry.amount_minor), else_=-LedgerEntry.amount_minor)
    rows = session.execute(
        select(LedgerTransfer.source_id, LedgerAccount.code, func.sum(signed))
        .select_from(LedgerTransfer)
        .join(LedgerEntry, LedgerEntry.transfer_id == LedgerTransfer.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            LedgerTransfer.source_id.in_(order_of),
            LedgerTransfer.kind.in_((Kind.DEPOSIT_APPLIED, Kind.DISCOUNT_APPLIED, Kind.FUNDING_LOWERED)),
            LedgerAccount.code.in_(sorted(postings.FUNDERS.values())),
        )
        .group_by(LedgerTransfer.source_id, LedgerAccount.code)
    )
    found: dict[uuid.UUID, dict[str, int]] = {}
    for source_id, code, minor in rows:
        of = found.setdefault(order_of[source_id], {})
        of[code] = of.get(code, 0) + int(minor)
    return found


def _times(session: Session, kind: Kind, refund_id: uuid.UUID) -> list[str]:
    """How often it is booked that a refund was paid, or came back; by which means, or why, each time."""
    found: list[str] = []
    while True:
        reason = session.scalar(
            select(LedgerTransfer.reason).where(
                LedgerTransfer.kind == kind,
                LedgerTransfer.source_id == postings.time_id(refund_id, len(found)),
            )
        )
        if reason is None:
            return found
        found.append(reason)


def _repayment(session: Session, refund_id: uuid.UUID, number: int, means: str) -> Fact:
    refund = session.get_one(PartRefund, refund_id)
    payment = session.get_one(Payment, refund.payment_id)
    known = _known(session, [] if payment.purpose == PaymentPurpose.ESCROW else [payment.order_id])
    purse, held = _kept(payment, known)
    return postings.refund_paid(
        purse,
        source_id=postings.time_id(refund_id, number),
        held=held,
        amount_minor=refund.amount_minor,
        means=means,
    )


def _parts(order: Order) -> Sequence[tuple[str, int]]:
    return [(line["funder"], line["amount_minor"]) for line in order.discounts]
