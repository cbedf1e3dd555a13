"""Consents: given with a payment or for a kept card, ended by whoever gave them, looked up by who charges."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, events
from marketplace.context import Context
from marketplace.payments.models import Payment
from marketplace.payments.saved import rules
from marketplace.payments.saved.events import NoBalanceAhead, SavingAsked
from marketplace.payments.saved.models import BalanceConsent, SavedCard
from marketplace.payments.saved.rules import Ended
from marketplace.payments.states import PaymentPurpose
from marketplace.values import new_id

KIND: Final = "balance_consent"
DUE_MAX: Final = 500


def ask(session: Session, ctx: Context, payment: Payment, *, is_given: bool) -> None:
    """What the payer of a locked payment, about to pay it, says of the balance of its order: silence is no consent.

    Raises NoBalanceAhead.
    """
    waits = waiting_for(session, payment_id=payment.id)
    if is_given:
        if payment.purpose != PaymentPurpose.ORDER:
            raise NoBalanceAhead
        events.publish(session, ctx, SavingAsked(payment_id=payment.id, order_id=payment.order_id))
        if waits is None:
            give(session, ctx, order_id=payment.order_id, account_id=payment.payer_id, payment_id=payment.id)
    elif waits is not None:
        end(session, ctx, waits, Ended.NOT_ASKED_AGAIN)


def give(
    session: Session,
    ctx: Context,
    *,
    order_id: uuid.UUID,
    account_id: uuid.UUID,
    payment_id: uuid.UUID | None = None,
    card: SavedCard | None = None,
) -> BalanceConsent:
    """For a locked order, or the locked payment of it; one that stood before is ended."""
    before = standing_for(session, order_id=order_id, locked=True)
    if before is not None:
        end(session, ctx, before, Ended.REPLACED)
    consent = BalanceConsent(
        id=new_id(),
        order_id=order_id,
        account_id=account_id,
        payment_id=payment_id,
        card_id=None if card is None else card.id,
        words_version=rules.WORDS_VERSION,
        given_at=ctx.now,
        declines=0,
    )
    session.add(consent)
    session.flush()
    told = {"order_id": str(order_id), "words_version": consent.words_version}
    audit.record(session, ctx, "balance_consent.give", subject=(KIND, consent.id), after=told)
    return consent


def begin_to_stand(session: Session, ctx: Context, consent: BalanceConsent, card: SavedCard) -> None:
    """The card that it waited for is known."""
    consent.card_id = card.id
    session.flush()
    audit.record(
        session, ctx, "balance_consent.stand", subject=(KIND, consent.id), after={"card_id": str(card.id)}
    )


def end(session: Session, ctx: Context, consent: BalanceConsent, reason: Ended) -> None:
    """From now on it is as if it had never been given, but what was charged stays charged.

    Whoever charges has the same lock: it ends after what was asked before, whatever the clocks of two machines say.
    """
    consent.ended_at = max(ctx.now, consent.given_at, consent.asked_at or ctx.now)
    consent.ended_reason, consent.charge_at = reason, None
    session.flush()
    audit.record(
        session, ctx, "balance_consent.end", subject=(KIND, consent.id), after={"reason": str(reason)}
    )


def waiting_for(session: Session, *, payment_id: uuid.UUID) -> BalanceConsent | None:
    """Given with this payment, whose card is not known yet; locked."""
    return session.scalar(
        select(BalanceConsent)
        .where(
            BalanceConsent.payment_id == payment_id,
            BalanceConsent.ended_at.is_(None),
            BalanceConsent.card_id.is_(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def standing_for(session: Session, *, order_id: uuid.UUID, locked: bool = False) -> BalanceConsent | None:
    """The one that is not ended."""
    statement = select(BalanceConsent).where(
        BalanceConsent.order_id == order_id, BalanceConsent.ended_at.is_(None)
    )
    if locked:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def last_of(session: Session, *, order_id: uuid.UUID) -> BalanceConsent | None:
    """The newest of an order, ended or not."""
    return session.scalar(
        select(BalanceConsent)
        .where(BalanceConsent.order_id == order_id)
        .order_by(BalanceConsent.id.desc())
        .limit(1)
    )


def standing_on(session: Session, *, card_id: uuid.UUID) -> Sequence[BalanceConsent]:
    """Locked, by id."""
    return session.scalars(
        select(BalanceConsent)
        .where(BalanceConsent.card_id == card_id, BalanceConsent.ended_at.is_(None))
        .order_by(BalanceConsent.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def locked(session: Session, consent_id: uuid.UUID) -> BalanceConsent:
    return session.get_one(BalanceConsent, consent_id, with_for_update=True, populate_existing=True)


def plan(
    session: Session, ctx: Context, due: Mapping[uuid.UUID, datetime], *, after: timedelta
) -> list[BalanceConsent]:
    """The balances of these locked orders have opened, each due until then: those whose buyers have a card charged for
    it are planned, and answered, so that they are told.
    """
    rows = session.scalars(
        select(BalanceConsent)
        .where(
            BalanceConsent.order_id.in_(list(due)),
            BalanceConsent.ended_at.is_(None),
            BalanceConsent.card_id.is_not(None),
        )
        .order_by(BalanceConsent.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for each in rows:
        each.charge_at = rules.charge_at(opened_at=ctx.now, due_at=due[each.order_id], after=after)
    session.flush()
    return list(rows)


def due_ids(session: Session, now: datetime, *, at_most: int = DUE_MAX) -> Sequence[uuid.UUID]:
    """Consents whose time to charge has come."""
    return session.scalars(
        select(BalanceConsent.id)
        .where(BalanceConsent.charge_at <= now)
        .order_by(BalanceConsent.charge_at, BalanceConsent.id)
        .limit(at_most)
    ).all()


def of_cards(session: Session, card_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Card → the orders whose balances may be charged to it."""
    rows = session.execute(
        select(BalanceConsent.card_id, BalanceConsent.order_id)
        .where(BalanceConsent.card_id.in_(card_ids), BalanceConsent.ended_at.is_(None))
        .order_by(BalanceConsent.id)
    )
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    for card_id, order_id in rows:
        assert card_id is not None, "they were asked for by their cards"
        found.setdefault(card_id, []).append(order_id)
    return found
