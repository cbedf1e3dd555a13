"""A sponsor's escrow: money comes in by payments, goes out to cooperatives or back, and every posting is a line.

The names of the accounts are those of the ledger, in which the same is booked (`orders.books`); what goes back to the
sponsor is owed there until it is paid.
"""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, errors, events
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.payments import MoneyCameLate, PaymentSucceeded
from marketplace.payments.states import AWAITED, PaymentPurpose, PaymentState
from marketplace.values import new_id
from orders.books import booking
from orders.events import EscrowReleased
from orders.models import Order
from orders.sponsoring import rules, sponsorships
from orders.sponsoring.models import EscrowLine, Sponsorship
from orders.sponsoring.states import (
    PAYABLE,
    SponsorshipEvent,
    SponsorshipState,
    SponsorshipStateForbids,
)
from orders.states import OrderState

ACCOUNTS = {
    "escrowed": ("sponsor_clearing", "sponsor_escrow"),
    "released": ("sponsor_escrow", "coop_payable"),
    "taken_back": ("coop_payable", "sponsor_escrow"),
    "returned": ("sponsor_escrow", "sponsor_clearing"),
}
"""Kind of a line → the account that is debited, and the one that is credited."""


class MoreThanOwed(errors.Conflict):
    """The sponsor owes less than that: `room_minor` is neither paid nor asked for yet."""

    title = Text(en="The sponsor does not owe that much.", zh="付款金额超过尚欠金额。")


class EscrowTooLow(errors.Conflict):
    """So much is due to a cooperative, and not so much is in escrow: the sponsor must pay `missing_minor` first."""

    title = Text(en="There is not so much in escrow.", zh="托管资金不足。")


def open_payment(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID, amount_minor: int) -> Payment:
    """A payment into escrow, of all or a part. Raises SponsorshipNotFound, SponsorshipStateForbids, MoreThanOwed."""
    sponsorship = sponsorships.locked(session, ctx, sponsorship_id=sponsorship_id)
    if sponsorship.account_id != ctx.actor.id:
        raise sponsorships.SponsorshipNotFound
    if sponsorship.state not in PAYABLE:
        raise SponsorshipStateForbids(state=sponsorship.state)
    room = room_minor(session, sponsorship)
    if amount_minor > room:
        raise MoreThanOwed(room_minor=room)
    return payments.open_payment(
        session,
        ctx,
        purpose=PaymentPurpose.ESCROW,
        order_id=sponsorship.id,
        payer_id=sponsorship.account_id,
        amount_minor=amount_minor,
        currency=sponsorship.currency,
    )


def room_minor(session: Session, sponsorship: Sponsorship) -> int:
    """What the sponsor owes and no payment is open for."""
    asked = sum(
        each.amount_minor for each in payments.escrows_of(session, sponsorship.id) if each.state in AWAITED
    )
    paid = sponsorship.escrowed_minor - sponsorship.returned_minor
    return max(0, price_minor(session, sponsorship) - paid - asked)


def price_minor(session: Session, sponsorship: Sponsorship) -> int:
    """What is bought costs so much now: what was agreed, less what nobody had."""
    if sponsorship.order_id is None or sponsorship.state == SponsorshipState.FUNDED:
        return sponsorship.total_minor
    order = session.get_one(Order, sponsorship.order_id)
    return 0 if order.state == OrderState.CANCELLED else order.total_minor


def on_payment_succeeded(session: Session, ctx: Context, event: PaymentSucceeded) -> None:
    """Money is in escrow; with the agreed part of it the sponsorship is funded. What is too much goes back."""
    if event.purpose != PaymentPurpose.ESCROW:
        return
    sponsorship = _locked(session, event.order_id)
    payment = session.get_one(Payment, event.payment_id)
    post(session, ctx, sponsorship, "escrowed", payment.received_minor, payment_id=payment.id)
    needed = rules.escrow_needed(sponsorship.total_minor, sponsorship.escrow_permille)
    if sponsorship.state == SponsorshipState.COMMITTED and sponsorship.escrow_minor >= needed:
        sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.FUND)
    price = price_minor(session, sponsorship)
    return_surplus(session, ctx, sponsorship, price_minor=price, reason="too_much")


def on_money_came_late(session: Session, ctx: Context, event: MoneyCameLate) -> None:
    """Money for a payment that was given up: taken if the sponsor still owes so much, or owed back."""
    if event.purpose != PaymentPurpose.ESCROW:
        return
    sponsorship = _locked(session, event.order_id)
    payment = session.get_one(Payment, event.payment_id)
    if sponsorship.state in PAYABLE and payment.amount_minor <= room_minor(session, sponsorship):
        payments.accept_late(session, ctx, payment_id=payment.id)
    else:
        payments.owe_refund(session, ctx, payment_id=payment.id, reason="sponsorship_state")


def stop_payments(session: Session, ctx: Context, sponsorship: Sponsorship) -> None:
    """Nobody waits for the sponsor's money any more; what comes late goes back."""
    for payment in payments.escrows_of(session, sponsorship.id, locked=True):
        if payment.state in AWAITED:
            payments.cancel(session, ctx, payment)


def return_surplus(
    session: Session, ctx: Context, sponsorship: Sponsorship, *, price_minor: int, reason: str
) -> int:
    """What the sponsor paid and what is bought does not cost goes back, of the newest payments first; how much."""
    left = back = rules.surplus(
        escrowed_minor=sponsorship.escrowed_minor,
        returned_minor=sponsorship.returned_minor,
        price_minor=price_minor,
    )
    if not back:
        return 0
    received = [
        each
        for each in payments.escrows_of(session, sponsorship.id, locked=True)
        if each.state == PaymentState.SUCCEEDED
    ]
    for payment in received:
        if part := min(left, payment.kept_minor):
            payments.owe_back(
                session, ctx, payment_id=payment.id, reason=reason, amount_minor=part, source_id=new_id()
            )  # a return of its own, whatever was returned before for the same reason
            post(session, ctx, sponsorship, "returned", part, payment_id=payment.id)
            left -= part
    assert not left, "what is in escrow was received by its payments"
    return back


def post(
    session: Session,
    ctx: Context,
    sponsorship: Sponsorship,
    kind: str,
    amount_minor: int,
    *,
    payment_id: uuid.UUID | None = None,
    share_id: uuid.UUID | None = None,
    tranche: rules.Tranche | None = None,
    is_owed: bool = False,
) -> None:
    """One line of the journal, and the counters with it. Raises EscrowTooLow.

    `is_owed`: what is taken back was paid, and the cooperative owes it.
    """
    debit, credit = ACCOUNTS[kind]
    if is_owed:
        debit = "coop_receivable"
    if debit == "sponsor_escrow" and amount_minor > sponsorship.escrow_minor:
        raise EscrowTooLow(missing_minor=amount_minor - sponsorship.escrow_minor)
    if kind == "escrowed":
        sponsorship.escrowed_minor += amount_minor
    elif kind == "returned":
        sponsorship.returned_minor += amount_minor
    else:
        sponsorship.released_minor += amount_minor if kind == "released" else -amount_minor
    sponsorship.lines += 1
    sponsorship.version += 1
    session.flush()
    line = EscrowLine(
        sponsorship_id=sponsorship.id,
        number=sponsorship.lines,
        kind=kind,
        debit=debit,
        credit=credit,
        amount_minor=amount_minor,
        currency=sponsorship.currency,
        escrow_minor=sponsorship.escrow_minor,
        payment_id=payment_id,
        share_id=share_id,
        tranche=tranche,
        actor=ctx.actor.label,
        request_id=ctx.request_id,
        at=ctx.now,
    )
    session.add(line)
    audit.record(
        session,
        ctx,
        f"escrow.{kind}",
        subject=("sponsorship", sponsorship.id),
        after={"amount_minor": amount_minor, "escrow_minor": sponsorship.escrow_minor},
    )
    session.flush()
    booking.book_escrow(session, ctx, lines=[line])
    if kind == "released":
        assert share_id is not None, "money is released to a share"
        assert tranche is not None
        released = EscrowReleased(
            sponsorship_id=sponsorship.id,
            line=sponsorship.lines,
            share_id=share_id,
            tranche=str(tranche),
            amount_minor=amount_minor,
            currency=sponsorship.currency,
        )
        events.publish(session, ctx, released)


def take_back(
    session: Session,
    ctx: Context,
    sponsorship: Sponsorship,
    amount_minor: int,
    *,
    owed_minor: int,
    share_id: uuid.UUID,
    tranche: rules.Tranche,
) -> None:
    """What was released is not due any more: so much of what was not paid yet, and so much that was."""
    for minor, is_owed in ((amount_minor, False), (owed_minor, True)):
        if minor:
            post(
                session,
                ctx,
                sponsorship,
                "taken_back",
                minor,
                share_id=share_id,
                tranche=tranche,
                is_owed=is_owed,
            )


def lines_of(session: Session, sponsorship_id: uuid.UUID) -> list[EscrowLine]:
    rows = select(EscrowLine).where(EscrowLine.sponsorship_id == sponsorship_id)
    return list(session.scalars(rows.order_by(EscrowLine.number)))


def _locked(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    return session.get_one(Sponsorship, sponsorship_id, with_for_update=True, populate_existing=True)
