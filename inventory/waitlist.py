"""The line for boxes of a pool that is sold out: joined, left, and served when boxes come free.

What is promised: boxes that come free are offered to the one who has waited longest among those whose number fits;
nobody else takes them before. An offer is a hold in the cart for some minutes; let it go by, and the next in line is
asked. Whose number does not fit keeps the place, and others may pass. The line is served by a job put in when boxes
come free, and before anybody else is granted anything of the pool, whichever comes first: so a dead worker neither
lets passers-by overtake nor keeps boxes that nobody in line can take. When the sale is over the wait is, too, by
the database's clock; the same job writes it down.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from inventory import bell, room, sweeping
from inventory.models import Hold, Pool, WaitlistEntry
from inventory.refusals import (
    AlreadyWaiting,
    BoxesThere,
    HoldLimit,
    NotWaiting,
    PlaceNotFound,
    PoolNotSelling,
)
from inventory.states import HoldKind, HoldState, WaitState, state_at, wait_state_at
from marketplace import audit, database, errors, events, jobs
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.values import new_id

OFFER_LASTS: Final = timedelta(minutes=15)
BATCH: Final = 50
"""So many are offered boxes in one unit of work."""
BATCH_ENDED: Final = 500
"""For so many the end of the sale is written down in one unit of work."""

_SETTLE: Final = text(
    """
    UPDATE waitlist_entry w SET version = w.version + 1, resolved_at = clock_timestamp(),
        state = CASE WHEN h.state IN ('converting', 'consumed') THEN 'taken' ELSE 'passed' END
    FROM hold h WHERE h.id = w.hold_id AND w.pool_id = :pool_id AND w.state = 'offered'
    AND (h.state <> 'active' OR h.expires_at <= clock_timestamp()) RETURNING w.id
    """
)
_END: Final = text(
    """
    WITH over AS MATERIALIZED (
        SELECT id FROM waitlist_entry WHERE pool_id = :pool_id AND state = 'waiting' ORDER BY number LIMIT :batch
    )
    UPDATE waitlist_entry w SET version = w.version + 1, resolved_at = clock_timestamp(), state = 'ended'
    FROM over WHERE w.id = over.id RETURNING w.id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxesOffered:
    """Somebody who waited has boxes in the cart; whoever sends notices listens."""

    entry_id: uuid.UUID
    owner_id: uuid.UUID
    hold_id: uuid.UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An entry as its owner sees it."""

    entry: WaitlistEntry
    state: WaitState
    ahead: int | None
    """How many wait in front; None when nobody waits here any more."""
    offer_expires_at: datetime | None


def join(session: Session, ctx: Context, *, pool_id: uuid.UUID, boxes: int) -> WaitlistEntry:
    """Take the last place in the line for so many boxes, which are not there now.

    Raises PoolNotFound, PoolNotSelling, BoxesThere, HoldLimit, AlreadyWaiting.
    """
    if ctx.actor.id is None:
        raise errors.Forbidden
    pool, now = room.locked(session, pool_id)
    if not _sells(pool, now):
        raise PoolNotSelling
    offer(session, ctx, pool_id=pool_id)
    if (free := room.found(session, ctx, pool_id=pool_id, boxes=boxes)) is not None:
        raise BoxesThere(available_boxes=free.available_boxes)
    if room.over_limit(session, pool, owner_id=ctx.actor.id, boxes=boxes):
        raise HoldLimit(requested_boxes=boxes, boxes_max=pool.boxes_per_buyer_max)
    last = session.scalar(
        select(func.coalesce(func.max(WaitlistEntry.number), 0)).where(WaitlistEntry.pool_id == pool_id)
    )
    entry = WaitlistEntry(
        id=new_id(),
        pool_id=pool_id,
        owner_id=ctx.actor.id,
        boxes=boxes,
        number=(last or 0) + 1,
        state=WaitState.WAITING,
        created_at=now,
        version=1,
    )
    session.add(entry)
    with database.refusing({"uq_waitlist_entry_open": AlreadyWaiting()}):
        session.flush()
    audit.record(session, ctx, "waitlist.join", subject=("waitlist_entry", entry.id), after={"boxes": boxes})
    return entry


def leave(session: Session, ctx: Context, *, entry_id: uuid.UUID) -> WaitlistEntry:
    """Give the place up. Raises PlaceNotFound, NotWaiting."""
    pool, now = room.locked(session, _own(session, ctx, entry_id).pool_id)
    entry = session.get(WaitlistEntry, entry_id, populate_existing=True)
    assert entry is not None
    if (seen := wait_state_at(entry.state, pool.sells_until, now)) != WaitState.WAITING:
        raise NotWaiting(state=str(seen))
    entry.state = WaitState.LEFT
    entry.version += 1
    entry.resolved_at = ctx.now
    audit.record(session, ctx, "waitlist.leave", subject=("waitlist_entry", entry.id))
    return entry


def offer(session: Session, ctx: Context, *, pool_id: uuid.UUID, batch: int = BATCH) -> int:
    """Offer the boxes that are free to those who have waited longest and want no more than that; how many got them.

    Raises PoolNotFound.
    """
    pool, now = room.locked(session, pool_id)
    database.changed_behind(session, WaitlistEntry, session.scalars(_SETTLE, {"pool_id": pool_id}).all())
    if not _sells(pool, now):
        _end_or_wait(session, ctx, pool, now)
        return 0
    line = session.scalars(
        select(WaitlistEntry)
        .where(
            WaitlistEntry.pool_id == pool_id,
            WaitlistEntry.state == WaitState.WAITING,
            WaitlistEntry.boxes <= pool.available_boxes,
        )
        .order_by(WaitlistEntry.number)
        .limit(batch)
        .execution_options(populate_existing=True)
    ).all()
    offered = 0
    for entry in line:
        if entry.boxes <= pool.available_boxes:
            offered += _offer_one(session, ctx, pool, entry, now)
    if offered:
        _look_again(session, pool_id, at=None if len(line) == batch else now + OFFER_LASTS)
    return offered


def serve(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> int:
    """The job: what has lapsed comes free, and the line is offered what is free; or it ends with the sale."""
    sweeping.expire_of(session, ctx, pool_id)
    return offer(session, ctx, pool_id=pool_id)


def place_of(session: Session, ctx: Context, entry: WaitlistEntry) -> Place:
    """What has become of an entry, as of now, whether or not somebody has written it down."""
    if entry.state == WaitState.WAITING:
        pool = session.get(Pool, entry.pool_id)
        assert pool is not None
        if wait_state_at(entry.state, pool.sells_until, ctx.now) == WaitState.ENDED:
            return Place(entry=entry, state=WaitState.ENDED, ahead=None, offer_expires_at=None)
        ahead = session.scalar(
            select(func.count())
            .select_from(WaitlistEntry)
            .where(
                WaitlistEntry.pool_id == entry.pool_id,
                WaitlistEntry.state == WaitState.WAITING,
                WaitlistEntry.number < entry.number,
            )
        )
        return Place(entry=entry, state=WaitState.WAITING, ahead=ahead or 0, offer_expires_at=None)
    hold = session.get(Hold, entry.hold_id) if entry.state == WaitState.OFFERED else None
    if hold is None:
        return Place(entry=entry, state=WaitState(entry.state), ahead=None, offer_expires_at=None)
    seen = state_at(hold.state, hold.expires_at, ctx.now)
    if seen == HoldState.ACTIVE:
        return Place(entry=entry, state=WaitState.OFFERED, ahead=None, offer_expires_at=hold.expires_at)
    taken = seen in (HoldState.CONVERTING, HoldState.CONSUMED)
    state = WaitState.TAKEN if taken else WaitState.PASSED
    return Place(entry=entry, state=state, ahead=None, offer_expires_at=None)


def shown(place: Place) -> dict[str, Any]:
    """The form of `schemas.WaitlistPlace`."""
    entry = place.entry
    return {
        "id": entry.id,
        "pool_id": entry.pool_id,
        "boxes": entry.boxes,
        "state": place.state,
        "ahead": place.ahead,
        "hold_id": entry.hold_id,
        "offer_expires_at": place.offer_expires_at,
        "created_at": entry.created_at,
        "version": entry.version,
    }


def get(session: Session, ctx: Context, *, entry_id: uuid.UUID) -> WaitlistEntry:
    """One's own place, or anybody's for staff; raises PlaceNotFound."""
    entry = session.get(WaitlistEntry, entry_id)
    if entry is None or (entry.owner_id != ctx.actor.id and not ctx.actor.has(*STAFF)):
        raise PlaceNotFound
    return entry


def visible(ctx: Context) -> Select[Any]:
    """One's own places, or everybody's for staff."""
    if ctx.actor.has(*STAFF):
        return select(WaitlistEntry)
    return select(WaitlistEntry).where(WaitlistEntry.owner_id == ctx.actor.id)


def _own(session: Session, ctx: Context, entry_id: uuid.UUID) -> WaitlistEntry:
    entry = session.get(WaitlistEntry, entry_id)
    if entry is None or entry.owner_id != ctx.actor.id:
        raise PlaceNotFound
    return entry


def _offer_one(session: Session, ctx: Context, pool: Pool, entry: WaitlistEntry, now: datetime) -> bool:
    """Whether the boxes are offered: who may not have so many by now is passed."""
    entry.version += 1
    if room.over_limit(session, pool, owner_id=entry.owner_id, boxes=entry.boxes):
        entry.state, entry.resolved_at = WaitState.PASSED, now
        session.flush()
        return False
    end = now + OFFER_LASTS
    hold = room.put(
        session,
        ctx,
        pool,
        kind=HoldKind.CART,
        owner_id=entry.owner_id,
        boxes=entry.boxes,
        ends=(end, end),
        now=now,
        reason="offered to the line",
    )
    entry.state, entry.hold_id, entry.offered_at = WaitState.OFFERED, hold.id, now
    session.flush()
    audit.record(
        session, ctx, "waitlist.offer", subject=("waitlist_entry", entry.id), after={"hold_id": str(hold.id)}
    )
    events.publish(
        session,
        ctx,
        BoxesOffered(entry_id=entry.id, owner_id=entry.owner_id, hold_id=hold.id, expires_at=end),
    )
    return True


def _end_or_wait(session: Session, ctx: Context, pool: Pool, now: datetime) -> None:
    """A locked pool does not sell: its line ends if that is for good; if not, somebody looks when it will be."""
    if pool.sells_until is None:
        return
    if pool.sells_until <= now:
        _end(session, ctx, pool.id)
    elif bell.anybody(session, pool.id):
        _look_again(session, pool.id, at=pool.sells_until)


def _end(session: Session, ctx: Context, pool_id: uuid.UUID) -> None:
    """The sale of a locked pool is over: nobody waits for its boxes any more."""
    told = session.scalars(_END, {"pool_id": pool_id, "batch": BATCH_ENDED}).all()
    database.changed_behind(session, WaitlistEntry, told)
    for entry_id in told:
        audit.record(session, ctx, "waitlist.end", subject=("waitlist_entry", entry_id))
    if len(told) == BATCH_ENDED:
        _look_again(session, pool_id, at=None)


def _look_again(session: Session, pool_id: uuid.UUID, *, at: datetime | None) -> None:
    jobs.enqueue(
        session,
        bell.OFFER_FREED,
        arguments={"pool_id": str(pool_id)},
        key=f"{bell.OFFER_FREED}:{pool_id}",
        at=at,
    )


def _sells(pool: Pool, now: datetime) -> bool:
    return (
        pool.sells_from is not None
        and pool.sells_until is not None
        and pool.sells_from <= now < pool.sells_until
    )
