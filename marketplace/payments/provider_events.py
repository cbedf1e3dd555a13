"""Events that a gateway sent: after their rows (`event_intake`) a job looks at what each is about.

The same event comes again, events overtake each other, and what one says is over by the time it is read. So its
contents are not kept, and nothing is done by what it says: it is a reason to look (`looking.handle_event`).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import events
from marketplace.context import Context
from marketplace.payments import gateway_rules, online, repayments
from marketplace.payments.gateways.interface import (
    DisputeEntry,
    DisputeSeen,
    RefundSeen,
    Seen,
)
from marketplace.payments.models import Payment, ProviderEvent


class About(StrEnum):
    """What there is to look at."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    TRANSFER = "transfer"
    """Money to a cooperative: payouts look at it."""
    NOTHING = "nothing"


_KINDS: Final = {
    "payment_intent": About.PAYMENT,
    "charge": About.PAYMENT,
    "refund": About.REFUND,
    "dispute": About.DISPUTE,
    "transfer": About.TRANSFER,
}


_ALONE: Final = frozenset({About.REFUND, About.TRANSFER})
"""What is looked at by its own id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDisputed:
    """The payer's bank wants a payment back: somebody has to answer it, unless it is won already."""

    payment_id: uuid.UUID
    order_id: uuid.UUID
    dispute_id: str
    amount_minor: int
    currency: str
    event: str
    status: str
    is_won: bool
    entries: tuple[DisputeEntry, ...]
    """All money that it has moved by now, told before or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTold:
    """Something happened to a transfer to a cooperative's account, ours or not."""

    transfer_id: str


def about(event: ProviderEvent) -> About:
    """A dispute or charge without its payment is none of ours."""
    found = _KINDS.get(event.object_kind, About.NOTHING)
    return found if found in _ALONE or event.payment_ref is not None else About.NOTHING


def meet(
    session: Session,
    ctx: Context,
    event: ProviderEvent,
    kind: About,
    seen: Seen | RefundSeen | DisputeSeen | str,
) -> str:
    """Write down what was seen; a word for what came of the event."""
    if isinstance(seen, str):
        return "unknown_there"
    if isinstance(seen, RefundSeen):
        if seen.refund_id is None:
            return "not_ours"
        repayments.meet(session, ctx, seen.refund_id, seen)
        return "refund"
    dispute = seen if isinstance(seen, DisputeSeen) else None
    payment = online.meet(session, ctx, seen.payment if isinstance(seen, DisputeSeen) else seen)
    if payment is None:
        return "not_ours"
    if dispute is not None:
        _dispute(session, ctx, event, payment, dispute)
    return str(kind)


def _dispute(
    session: Session, ctx: Context, event: ProviderEvent, payment: Payment, seen: DisputeSeen
) -> None:
    disputed = PaymentDisputed(
        payment_id=payment.id,
        order_id=payment.order_id,
        dispute_id=event.object_id,
        amount_minor=payment.received_minor,
        currency=payment.currency,
        event=event.type,
        status=seen.status,
        is_won=seen.is_won,
        entries=seen.entries,
    )
    events.publish(session, ctx, disputed)


def finish(ctx: Context, event: ProviderEvent, outcome: str) -> None:
    event.handled_at, event.outcome = ctx.now, outcome


def put_off(ctx: Context, event: ProviderEvent) -> None:
    """Nobody answered: the sweeper comes back to it, later each time."""
    event.tries += 1
    event.due_at = ctx.now + gateway_rules.wait_after(event.tries)


def left(session: Session, ctx: Context, *, at_most: int) -> Sequence[uuid.UUID]:
    """Events whose time has come again, put off already for the next one who looks."""
    rows = session.scalars(
        select(ProviderEvent)
        .where(ProviderEvent.handled_at.is_(None), ProviderEvent.due_at <= ctx.now)
        .order_by(ProviderEvent.due_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.due_at = ctx.now + gateway_rules.wait_after(row.tries)
    return [row.id for row in rows]
