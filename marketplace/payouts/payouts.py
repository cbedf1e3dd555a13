"""Payouts: drafted by one operator, approved by another, cancelled while nothing was sent.

Whoever is to be paid for something drafts its payout here; the money is reserved at once, so that nothing is promised
twice. What comes after the approval stands in `sending`, `batching` and `confirming`.
"""

import uuid
from collections.abc import Collection
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, database, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.identity import accounts
from marketplace.identity.models import AccountStatus
from marketplace.language import Text
from marketplace.letters import drawn
from marketplace.payouts import destinations, moving
from marketplace.payouts.models import Payout, PayoutDestination, PayoutMove
from marketplace.payouts.states import (
    PAYING,
    DestinationMissing,
    Method,
    NothingToPayOut,
    PayoutNotFound,
    PayoutPurpose,
    PayoutRunning,
    PayoutState,
    SamePerson,
    check_approval,
    check_destination,
    check_payout_move,
)
from marketplace.points import Point, passed
from marketplace.values import MINOR_DIGITS, TOTAL_MINOR_MAX, new_id

_REFERENCE_LENGTH: Final = 10


class DrafterGone(errors.Conflict):
    """Whoever drafted the payout is no operator any more: it is cancelled, and drafted anew by somebody who is."""

    title = Text(en="Whoever drafted this is no operator any more.", zh="制单人已不再是运营人员。")


def draft(
    session: Session,
    ctx: Context,
    *,
    purpose: PayoutPurpose,
    purpose_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    amount_minor: int,
    currency: str,
    memo: str,
) -> Payout:
    """An operator says what is to be paid; its money is reserved. Whoever calls has locked what it is for.

    Raises Forbidden, CooperativeNotFound, NothingToPayOut, PayoutRunning, FloorBroken.
    """
    person = operator(ctx)
    if not 0 < amount_minor <= TOTAL_MINOR_MAX or currency not in MINOR_DIGITS:
        raise NothingToPayOut(amount_minor=amount_minor, currency=currency)
    cooperatives.get(session, cooperative_id=cooperative_id)
    now_is = destinations.standing(session, [cooperative_id]).get(cooperative_id)
    payout = Payout(
        id=new_id(),
        purpose=purpose,
        purpose_id=purpose_id,
        cooperative_id=cooperative_id,
        amount_minor=amount_minor,
        currency=currency,
        memo=memo[:140],
        reference=drawn(_REFERENCE_LENGTH),
        state=PayoutState.DRAFTED,
        version=0,
        method=Method.BANK if now_is is None else Method(now_is.kind),
        drafted_by=person,
        drafted_at=ctx.now,
    )
    session.add(payout)
    with database.refusing({"uq_payout_running": PayoutRunning()}):
        session.flush()
    told = {
        "purpose": str(purpose),
        "purpose_id": str(purpose_id),
        "cooperative_id": str(cooperative_id),
        "amount_minor": amount_minor,
        "currency": currency,
    }
    audit.record(session, ctx, "payout.draft", subject=("payout", payout.id), after=told)
    passed(Point.PAYOUT_KEPT)
    moving.reserve(session, ctx, payout)
    passed(Point.PAYOUT_RESERVED)
    return payout


def approve(session: Session, ctx: Context, *, payout_id: uuid.UUID, destination_id: uuid.UUID) -> Payout:
    """A second operator has seen amount and destination, and lets it go there.

    Raises PayoutNotFound, PayoutStateForbids, SamePerson, DrafterGone, DestinationMissing, DestinationChanged,
    DestinationTooNew.
    """
    person = operator(ctx)
    payout = locked(session, payout_id)
    check_payout_move(payout.state, PayoutState.APPROVED)
    check_approval(drafted_by=payout.drafted_by, approved_by=person)
    _check_drafter(session, payout)
    now_is = standing_still(session, payout.cooperative_id)
    check_destination(str(destination_id), destinations.plain(now_is), now=ctx.now)
    if now_is.named_by == person:
        raise SamePerson
    if payout.method != now_is.kind:
        moving.reserve_anew(session, ctx, payout, Method(now_is.kind))
    payout.approved_by, payout.approved_at = person, ctx.now
    payout.destination_id, payout.destination_since = now_is.id, now_is.named_at
    moving.move(session, ctx, payout, PayoutState.APPROVED)
    return payout


def cancel(session: Session, ctx: Context, *, payout_id: uuid.UUID, reason: str = "not to be paid") -> Payout:
    """Nothing was sent; its money is free again. Raises PayoutNotFound, PayoutStateForbids."""
    payout = locked(session, payout_id)
    check_payout_move(payout.state, PayoutState.CANCELLED)
    payout.closed_at, payout.problem = ctx.now, reason[:200]
    moving.move(session, ctx, payout, PayoutState.CANCELLED, reason=payout.problem)
    return payout


def running_of(
    session: Session, purpose: PayoutPurpose, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, Payout]:
    """By what they are for: the payouts that are under way or paid."""
    wanted = select(Payout).where(
        Payout.purpose == purpose, Payout.purpose_id.in_(ids), Payout.state.in_(sorted(PAYING))
    )
    return {each.purpose_id: each for each in session.scalars(wanted)}


def visible(ctx: Context) -> Select[Payout]:
    """All for staff; for a member those to its cooperatives."""
    statement = select(Payout)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(Payout.cooperative_id.in_(sorted(ctx.actor.cooperative_ids)))


def get(session: Session, ctx: Context, *, payout_id: uuid.UUID) -> Payout:
    """Raises PayoutNotFound, also for a foreign one."""
    found = session.scalar(visible(ctx).where(Payout.id == payout_id))
    if found is None:
        raise PayoutNotFound
    return found


def moves_of(session: Session, payout_id: uuid.UUID) -> list[PayoutMove]:
    wanted = select(PayoutMove).where(PayoutMove.payout_id == payout_id).order_by(PayoutMove.number)
    return list(session.scalars(wanted))


def locked(session: Session, payout_id: uuid.UUID) -> Payout:
    """Raises PayoutNotFound."""
    found = session.get(Payout, payout_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise PayoutNotFound
    return found


def operator(ctx: Context) -> uuid.UUID:
    """Money is let out by people, never by a job or a key. Raises Forbidden."""
    if ctx.actor.kind != "account" or ctx.actor.id is None or not ctx.actor.has(Role.OPERATOR):
        raise errors.Forbidden
    return ctx.actor.id


def standing_still(session: Session, cooperative_id: uuid.UUID) -> PayoutDestination:
    """The cooperative's destination; nobody names another one until the commit. Raises DestinationMissing."""
    found = destinations.standing(session, [cooperative_id], is_held=True).get(cooperative_id)
    if found is None:
        raise DestinationMissing
    return found


def _check_drafter(session: Session, payout: Payout) -> None:
    """Raises DrafterGone."""
    drafter = accounts.get(session, account_id=payout.drafted_by)
    if drafter.status != AccountStatus.ACTIVE or Role.OPERATOR not in drafter.roles:
        raise DrafterGone
