"""Balances charged to saved cards: planned when they open, told to their buyers, charged by a job of each its own.

The consents and the calls are the payments' (`marketplace.payments.saved`); whose order has a balance, and until when,
is known here. A job comes back until its order has moved on, so that nothing hangs on one that was lost. Rows are taken
in the order payment, order, card, consent.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, jobs
from marketplace.context import Context
from marketplace.identity import accounts
from marketplace.identity.models import AccountStatus
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, notify, notify_all
from marketplace.notifications.kinds import BalanceChargeDeclined, BalanceChargePlanned
from marketplace.payments import payments
from marketplace.payments.saved import cards, charging, consents, rules
from marketplace.payments.saved.events import ChargeDeclined, NoBalanceAhead, SavingAsked
from marketplace.payments.saved.models import BalanceConsent, SavedCard
from marketplace.payments.saved.rules import Ended
from marketplace.settings import Settings
from marketplace.values import Money
from orders import balance_rules, checkout, moving
from orders.bulk import OrderNotFound
from orders.events import OrdersMoved
from orders.models import DepositTerms, Order
from orders.states import OrderState

CHARGE_DUE: Final = "orders.charge_balances"
CHARGE: Final = "orders.charge_balance"
TELL: Final = "orders.tell_charges"
TOLD_TOGETHER: Final = 200
AGAIN: Final = timedelta(hours=1)
"""A payer who is at it is left alone for so long; then it is looked whether the order has moved on."""
SOON: Final = timedelta(minutes=1)
"""The payment has to be known at the gateway first."""


# -- consent


def on_saving_asked(session: Session, _ctx: Context, event: SavingAsked) -> None:
    """A payer, whose payment is locked, wants a card kept for the balance. Raises NoBalanceAhead."""
    found = session.execute(
        select(Order, DepositTerms).join(DepositTerms).where(Order.id == event.order_id)
    ).one_or_none()
    if found is None or not _is_ahead(found[0], found[1]):
        raise NoBalanceAhead


def switch(
    session: Session,
    ctx: Context,
    *,
    order_id: uuid.UUID,
    is_given: bool,
    saved_card_id: uuid.UUID | None = None,
) -> dict[str, Any]:
    """The buyer gives or takes back the consent to have the balance of an order charged to a saved card.

    Raises OrderNotFound, NoBalanceAhead, SavedCardNotFound.
    """
    order, terms = moving.locked_with_terms(session, order_id)
    if order.buyer_id != ctx.actor.id:
        raise OrderNotFound
    told = {"is_given": is_given}
    audit.record(session, ctx, "order.switch_balance_consent", subject=("order", order.id), after=told)
    if not is_given:
        stood = consents.standing_for(session, order_id=order_id, locked=True)
        if stood is not None:
            consents.end(session, ctx, stood, Ended.REVOKED)
        return shown(session, ctx, order_id=order_id)
    if terms is None or not _is_ahead(order, terms):
        raise NoBalanceAhead
    card = _chosen(session, ctx, saved_card_id)
    stood = consents.standing_for(session, order_id=order_id, locked=True)
    if stood is None or stood.card_id != card.id or stood.declines:
        consents.give(session, ctx, order_id=order_id, account_id=order.buyer_id, card=card)
        if order.state == OrderState.BALANCE_DUE:
            _plan(session, ctx, [(order, terms)])
    return shown(session, ctx, order_id=order_id)


def shown(session: Session, ctx: Context, *, order_id: uuid.UUID) -> dict[str, Any]:
    """How the consent stands, for the order's buyer; it may never have been given. Raises OrderNotFound."""
    order = checkout.get(session, ctx, order_id=order_id)
    if order.buyer_id != ctx.actor.id:
        raise OrderNotFound
    found = consents.last_of(session, order_id=order_id)
    version = rules.WORDS_VERSION if found is None or found.ended_at is not None else found.words_version
    words = rules.WORDS[version]
    card = None if found is None or found.card_id is None else session.get_one(SavedCard, found.card_id)
    of_consent = {name: None if found is None else getattr(found, name) for name in _SHOWN}
    return {
        **of_consent,
        "charge_at": of_consent["charge_at"] if order.state == OrderState.BALANCE_DUE else None,
        "order_id": order_id,
        "is_given": found is not None and found.ended_at is None,
        "words": {"version": version, "en": words.en, "zh": words.zh},
        "card": card,
    }


_SHOWN: Final = ("given_at", "ended_at", "ended_reason", "charge_at", "problem")


def _chosen(session: Session, ctx: Context, card_id: uuid.UUID | None) -> SavedCard:
    """Locked. Raises SavedCardNotFound."""
    if card_id is None:
        card_id = next((each.id for each in cards.of_owner(session, ctx.actor.id)), None)
    if card_id is None:
        raise cards.SavedCardNotFound
    return cards.get_locked(session, ctx, card_id=card_id)


def _is_ahead(order: Order, terms: DepositTerms) -> bool:
    return balance_rules.is_ahead(state=order.state, balance_minor=terms.balance_minor)


# -- planned and told


def on_orders_moved(session: Session, ctx: Context, event: OrdersMoved) -> None:
    """Their balances have opened: what is charged to a card, and when, is told before."""
    if event.after != OrderState.BALANCE_DUE or event.is_passing:
        return
    rows = session.execute(
        select(Order, DepositTerms)
        .join(DepositTerms)
        .join(BalanceConsent, BalanceConsent.order_id == Order.id)
        .where(Order.id.in_(event.order_ids), BalanceConsent.ended_at.is_(None))
        .execution_options(populate_existing=True)
    )
    _plan(session, ctx, [(order, terms) for order, terms in rows])


def _plan(session: Session, ctx: Context, opened: Iterable[tuple[Order, DepositTerms]]) -> None:
    settings: Settings = current_app.config["SETTINGS"]
    after = timedelta(hours=settings.balance_charged_after_hours)
    due = {order.id: terms.balance_due_at for order, terms in opened if terms.balance_due_at is not None}
    planned = [str(each.id) for each in consents.plan(session, ctx, due, after=after)]
    for first in range(0, len(planned), TOLD_TOGETHER):
        jobs.enqueue(session, TELL, arguments={"consent_ids": planned[first : first + TOLD_TOGETHER]})


def tell_planned(session: Session, ctx: Context, *, consent_ids: Sequence[str]) -> int:
    """Tell buyers what will be charged, to which card and when, unless that is over by now; how many."""
    rows = session.execute(
        select(BalanceConsent, SavedCard, Order, DepositTerms)
        .join(SavedCard, SavedCard.id == BalanceConsent.card_id)
        .join(Order, Order.id == BalanceConsent.order_id)
        .join(DepositTerms, DepositTerms.order_id == Order.id)
        .where(
            BalanceConsent.id.in_(map(uuid.UUID, consent_ids)),
            BalanceConsent.charge_at.is_not(None),
            Order.state == OrderState.BALANCE_DUE,
        )
        .order_by(BalanceConsent.id)
    )
    messages = []
    for consent, card, order, terms in rows:
        assert consent.charge_at is not None
        about = BalanceChargePlanned(
            order_id=order.id,
            amount=Money(terms.balance_minor or 0, order.currency),
            card=f"{card.brand} {card.last4}",
            charge_at=consent.charge_at,
        )
        messages.append(
            Message(account_id=order.buyer_id, cause=f"balance_consent:{consent.id}", about=about)
        )
    return notify_all(session, ctx, messages)


# -- charged


def charge_due(session: Session, ctx: Context) -> int:
    """The job of every minute: a job for each balance whose time has come."""
    due = consents.due_ids(session, ctx.now)
    for consent_id in due:
        arguments = {"consent_id": str(consent_id)}
        jobs.enqueue(session, CHARGE, arguments=arguments, key=f"{CHARGE}:{consent_id}")
    return len(due)


def charge(session: Session, ctx: Context, *, consent_id: str) -> None:
    """One balance: charged if its order still waits for it, its buyer still agrees and is not paying it just now."""
    found = session.get(BalanceConsent, uuid.UUID(consent_id))
    if found is None:
        return
    opened = {each.id: each for each in payments.balances_of(session, [found.order_id], locked=True)}
    order, terms = moving.locked_with_terms(session, found.order_id)
    consent = consents.locked(session, found.id)
    if consent.charge_at is None or consent.charge_at > ctx.now:
        return
    is_due = terms is not None and order.state == OrderState.BALANCE_DUE and bool(terms.balance_minor)
    if terms is None or terms.balance_due_at is None or not is_due or terms.balance_due_at <= ctx.now:
        consent.charge_at = None
        return
    if any(each.id not in opened for each in payments.balances_of(session, [order.id])):
        consent.charge_at = ctx.now + SOON  # its payer has just opened it: its lock comes before the order's
        return
    payment = payments.open_balance(
        session,
        ctx,
        order_id=order.id,
        payer_id=order.buyer_id,
        amount_minor=terms.balance_minor or 0,
        currency=order.currency,
    )
    if accounts.get(session, account_id=order.buyer_id).status != AccountStatus.ACTIVE:
        consent.charge_at = ctx.now + AGAIN  # who cannot come in cannot take it back either
        return
    step = charging.begin(session, ctx, payment, consent, until=terms.balance_due_at)
    consent.charge_at = ctx.now + (SOON if step == charging.Begun.OPENED else AGAIN)


def on_charge_declined(session: Session, ctx: Context, event: ChargeDeclined) -> None:
    """The payment, which is locked, waits for its payer by hand; after a soft decline it is tried once more."""
    order, terms = moving.locked_with_terms(session, event.order_id)
    consent = consents.locked(session, event.consent_id)
    if order.state != OrderState.BALANCE_DUE or terms is None or terms.balance_due_at is None:
        return
    consent.declines = min(consent.declines + 1, rules.DECLINES_MAX)
    consent.problem = event.problem
    again = rules.next_charge(
        event.problem, declines=consent.declines, now=ctx.now, due_at=terms.balance_due_at
    )
    consent.charge_at = None if consent.ended_at is not None else again
    session.flush()
    about = BalanceChargeDeclined(
        order_id=order.id,
        amount=Money(terms.balance_minor or 0, order.currency),
        reason=rules.why(event.problem),
        next_step=BY_HAND if consent.charge_at is None else ONCE_MORE,
        due_at=terms.balance_due_at,
    )
    cause = f"balance_consent:{consent.id}:{consent.declines}"
    notify(session, ctx, Message(account_id=order.buyer_id, cause=cause, about=about))


BY_HAND: Final = Text(en="It is not tried again by itself.", zh="系统不会再自动扣款。")
ONCE_MORE: Final = Text(en="It is tried once more in a day.", zh="系统将在一天后再试一次。")

JOBS: Final = (
    Job(name=CHARGE_DUE, run=charge_due, cron="* * * * *"),
    Job(name=CHARGE, run=charge),
    Job(name=TELL, run=tell_planned),
)
