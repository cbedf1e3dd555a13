"""A payout is sent by a transfer at a provider outside, and taken back from there; what a bank did is told by a person.

The move is committed with the question to the provider; a job asks it after that (`calls`).
"""

import uuid

from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import gateways
from marketplace.payouts import calls, destinations, ending, moving, payouts
from marketplace.payouts.models import Payout
from marketplace.payouts.states import (
    CallKind,
    Method,
    PayoutState,
    PayoutStateForbids,
    check_destination,
    check_payout_move,
)
from marketplace.points import Point, passed


class SentInBatch(errors.Conflict):
    """The payout goes to a bank account: it is sent in a batch, and what the bank did is told by a person."""

    title = Text(en="This payout goes by bank, in a batch.", zh="该付款单须通过银行批次支付。")


class SentByProvider(errors.Conflict):
    """What became of a transfer at a provider, the provider says; it may be taken back there."""

    title = Text(en="The provider says what became of this payout.", zh="该付款单的结果由支付机构告知。")


class ProviderAsked(errors.Conflict):
    """The provider is being asked about this payout already."""

    title = Text(en="The provider is being asked already.", zh="已向支付机构提出请求。")


def send(session: Session, ctx: Context, *, payout_id: uuid.UUID) -> Payout:
    """To the account at the provider that was approved, if it still stands.

    Raises PayoutNotFound, PayoutStateForbids, SentInBatch, DestinationMissing, DestinationChanged, DestinationTooNew,
    GatewayNotOffered.
    """
    person = payouts.operator(ctx)
    payout = payouts.locked(session, payout_id)
    check_payout_move(payout.state, PayoutState.SENT)
    if payout.method == Method.BANK:
        raise SentInBatch
    now_is = payouts.standing_still(session, payout.cooperative_id)
    check_destination(str(payout.destination_id), destinations.plain(now_is), now=ctx.now)
    gateways.connect()
    payout.sent_by, payout.sent_at = person, ctx.now
    moving.move(session, ctx, payout, PayoutState.SENT)
    passed(Point.PAYOUT_SENT)
    calls.ask(session, ctx, payout, CallKind.TRANSFER)
    return payout


def take_back(session: Session, ctx: Context, *, payout_id: uuid.UUID) -> Payout:
    """All of a transfer that was made is asked back; it is returned when the provider has done so.

    Raises PayoutNotFound, PayoutStateForbids, SentInBatch, ProviderAsked, GatewayNotOffered.
    """
    payouts.operator(ctx)
    payout = payouts.locked(session, payout_id)
    if payout.state != PayoutState.PAID:
        raise PayoutStateForbids(state=payout.state)
    if payout.method == Method.BANK:
        raise SentInBatch
    if calls.open_of(session, payout.id) is not None:
        raise ProviderAsked
    gateways.connect()
    calls.ask(session, ctx, payout, CallKind.REVERSE)
    return payout


def mark_paid(session: Session, ctx: Context, *, payout_id: uuid.UUID, receipt_reference: str) -> Payout:
    """The bank has paid it. Raises PayoutNotFound, PayoutStateForbids, SentByProvider, PayoutReceiptBooked."""
    payout = of_bank(session, ctx, payout_id)
    ending.pay(session, ctx, payout, receipt_reference=receipt_reference)
    return payout


def mark_returned(session: Session, ctx: Context, *, payout_id: uuid.UUID, reason: str) -> Payout:
    """The bank did not pay it, or got it back. Raises PayoutNotFound, PayoutStateForbids, SentByProvider."""
    payout = of_bank(session, ctx, payout_id)
    ending.bring_back(session, ctx, payout, reason=reason)
    return payout


def of_bank(session: Session, ctx: Context, payout_id: uuid.UUID) -> Payout:
    payouts.operator(ctx)
    payout = payouts.locked(session, payout_id)
    if payout.method != Method.BANK:
        raise SentByProvider
    return payout
