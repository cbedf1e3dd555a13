"""Kept cards: noted when a payment by one was made, listed to their owner, removed for good."""

import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import calls
from marketplace.payments.gateways.interface import CardSeen, Saving, Seen
from marketplace.payments.models import GatewayCall, Payment
from marketplace.payments.saved import consents
from marketplace.payments.saved.models import GatewayCustomer, SavedCard
from marketplace.payments.saved.rules import Ended
from marketplace.payments.states import CallKind, PaymentState
from marketplace.values import new_id

KIND: Final = "saved_card"


class SavedCardNotFound(errors.NotFound):
    title = Text(en="There is no such saved card.", zh="没有该已保存的银行卡。")


def saving_for(session: Session, account_id: uuid.UUID) -> Saving:
    """Whose card a gateway is to keep."""
    known = session.get(GatewayCustomer, account_id)
    return Saving(account_id=account_id, customer=None if known is None else known.provider_id)


def meet(session: Session, ctx: Context, payment: Payment, seen: Seen) -> None:
    """After a locked payment was brought to what was seen: its card is kept if its owner's consent waits for it.

    A card that the gateway keeps without one is forgotten there: of a payment that came late or to nothing, or whose
    payer has thought better of it.
    """
    if seen.customer is not None:
        _note_customer(session, ctx, payment, seen.customer)
    if seen.state not in (PaymentState.SUCCEEDED, PaymentState.CANCELED):
        return
    consent = consents.waiting_for(session, payment_id=payment.id)
    is_paid = payment.state == PaymentState.SUCCEEDED
    if seen.card is None or consent is None or not is_paid:
        if consent is not None:
            consents.end(session, ctx, consent, Ended.NOT_SAVED)
        if seen.card is not None:
            _forget(session, ctx, payment.id, seen.card.method)
        return
    card = _keep(session, ctx, payment, seen.card)
    consents.begin_to_stand(session, ctx, consent, card)


def of_owner(session: Session, account_id: uuid.UUID | None) -> Sequence[SavedCard]:
    """Those that are not removed, the newest first."""
    return session.scalars(
        select(SavedCard)
        .where(SavedCard.account_id == account_id, SavedCard.removed_at.is_(None))
        .order_by(SavedCard.id.desc())
    ).all()


def get_locked(session: Session, ctx: Context, *, card_id: uuid.UUID) -> SavedCard:
    """The actor's own, not removed. Raises SavedCardNotFound."""
    found = session.get(SavedCard, card_id, with_for_update=True, populate_existing=True)
    if found is None or found.account_id != ctx.actor.id or found.removed_at is not None:
        raise SavedCardNotFound
    return found


def remove(session: Session, ctx: Context, *, card_id: uuid.UUID) -> None:
    """Nobody is charged by it from now on: consents end at once, and a job has the gateway forget it.

    Raises SavedCardNotFound.
    """
    card = get_locked(session, ctx, card_id=card_id)
    ends = [card.saved_at, ctx.now]
    for consent in consents.standing_on(session, card_id=card.id):
        consents.end(session, ctx, consent, Ended.CARD_REMOVED)
        ends += [] if consent.ended_at is None else [consent.ended_at]
    card.removed_at = max(ends)
    audit.record(session, ctx, "saved_card.remove", subject=(KIND, card.id))
    session.flush()
    _forget(session, ctx, card.payment_id, card.method)


def _keep(session: Session, ctx: Context, payment: Payment, seen: CardSeen) -> SavedCard:
    card = SavedCard(
        id=new_id(),
        account_id=payment.payer_id,
        payment_id=payment.id,
        customer=seen.customer,
        method=seen.method,
        brand=seen.brand[:20],
        last4=seen.last4,
        exp_month=seen.exp_month,
        exp_year=seen.exp_year,
        saved_at=ctx.now,
    )
    session.add(card)
    session.flush()
    audit.record(
        session, ctx, "saved_card.keep", subject=(KIND, card.id), after={"payment_id": str(payment.id)}
    )
    return card


def _note_customer(session: Session, ctx: Context, payment: Payment, provider_id: str) -> None:
    known = {"account_id": payment.payer_id, "provider_id": provider_id, "created_at": ctx.now}
    session.execute(insert(GatewayCustomer).values(**known).on_conflict_do_nothing())


def _forget(session: Session, ctx: Context, payment_id: uuid.UUID, method: str) -> None:
    """Once for each payment whose card the gateway has kept, unless the card is kept here, too."""
    asked = select(GatewayCall.id).where(
        GatewayCall.payment_id == payment_id, GatewayCall.kind == CallKind.FORGET
    )
    kept = select(SavedCard.id).where(SavedCard.method == method, SavedCard.removed_at.is_(None))
    if session.scalar(asked.limit(1)) is None and session.scalar(kept) is None:
        calls.ask_later(
            session, ctx, payment_id=payment_id, kind=CallKind.FORGET, arguments={"payment_method": method}
        )
