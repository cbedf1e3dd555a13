"""Holds live longer: a shopper's by being active, others by the use case that placed them. Bounded by `hold_policy`."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import hold_policy, holds
from inventory.hold_policy import POLICIES, Renewer
from inventory.models import Hold, Pool
from inventory.refusals import HoldNotActive, HoldNotExtendable
from inventory.states import HoldKind, HoldState
from marketplace import audit
from marketplace.context import Context


def extend(
    session: Session, ctx: Context, *, hold_id: uuid.UUID, minutes: int, minutes_guest: int | None = None
) -> Hold:
    """The owner is still there: the hold in the cart lives for its minutes from now, up to its end of ends.

    Raises HoldNotFound, HoldExpired, HoldNotActive, HoldNotExtendable.
    """
    hold = holds.own(session, ctx, hold_id)
    holds.check_lives(session, hold)
    if hold.state != HoldState.ACTIVE:
        raise HoldNotActive(state=hold.state)
    if POLICIES[HoldKind(hold.kind)].renewer != Renewer.OWNER:
        raise HoldNotExtendable(kind=hold.kind)
    pool = session.get(Pool, hold.pool_id, populate_existing=True)
    assert pool is not None
    assert hold.expires_at is not None
    bought = select(Hold.id).where(
        Hold.owner_id == hold.owner_id, Hold.lot_id.is_(None), Hold.state == HoldState.CONSUMED
    )
    more = hold_policy.cart_minutes(
        member=minutes,
        guest=minutes_guest,
        is_member=session.scalar(bought.limit(1)) is not None,
        available=pool.available_boxes,
        pledged=pool.boxes_pledged,
    )
    return prolong(session, ctx, hold, until=holds.clock(session) + timedelta(minutes=more))


def prolong(session: Session, ctx: Context, hold: Hold, *, until: datetime) -> Hold:
    """Let a locked live hold end at `until`, as far as its kind's policy and its end of ends let it."""
    assert hold.expires_at is not None
    before = hold.expires_at
    hold.expires_at = hold_policy.renewed(
        HoldKind(hold.kind), expires_at=before, expires_at_max=hold.expires_at_max, until=until
    )
    hold.version += hold.expires_at > before
    audit.record(
        session,
        ctx,
        "hold.extend",
        subject=("hold", hold.id),
        before={"expires_at": before.isoformat()},
        after={"expires_at": hold.expires_at.isoformat()},
    )
    return hold


def renew(session: Session, ctx: Context, *, hold_id: uuid.UUID, until: datetime | None = None) -> Hold:
    """Let a hold live on, by its kind's own time from now or until then, never past its end of ends.

    Raises HoldNotFound, HoldNotExtendable, HoldExpired, HoldNotActive.
    """
    hold = holds.locked(session, hold_id)
    policy = POLICIES[HoldKind(hold.kind)]
    if policy.renewer != Renewer.USE_CASE:
        raise HoldNotExtendable(kind=hold.kind)
    holds.check_lives(session, hold)
    if hold.state != HoldState.ACTIVE:
        raise HoldNotActive(state=hold.state)
    end, _ = hold_policy.end_of(HoldKind(hold.kind), now=holds.clock(session), until=until)
    assert end is not None
    return prolong(session, ctx, hold, until=end)
