"""Quarantine and recall: a lot's status stops new promises, packing and shipping at once. Promises stand.

A quarantine is cleared. A recall is closed: what is free is culled, or the lot is cleared of the suspicion. It
reaches all that came out of the lot before; each of these lots is closed by itself, for each may be found otherwise.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import buckets, lots
from inventory.events import LotTurned
from inventory.families import kin
from inventory.families.kin import Member
from inventory.models import Hold, Lot
from inventory.states import OPEN, LotStatus, MovementKind, lets
from marketplace import audit, errors, events
from marketplace.access import Role
from marketplace.context import Context

HOLDS_SHOWN_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """The lot in its new status, and the promises of its fruit that somebody must now look after."""

    lot: Lot
    holds_count: int
    holds: Sequence[Hold]
    """The oldest of them, at most HOLDS_SHOWN_MAX."""

    @property
    def version(self) -> int:
        return self.lot.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled(Turned):
    """The same, with the lot and all that came out of it, by id: what of them went out must be fetched back."""

    family: Sequence[Member]


def quarantine(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: str) -> Turned:
    """Stop a lot until it is cleared. Raises LotNotFound, LotStatusForbids."""
    return _turn(session, ctx, lot_id, MovementKind.QUARANTINED, "lot.quarantine", reason=reason)


def clear(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: str) -> Turned:
    """End a lot's quarantine; not for its cooperative. Raises LotNotFound, LotStatusForbids, Forbidden."""
    _check_is_staff(ctx)
    status = _locked(session, ctx, lot_id).status
    if status != LotStatus.QUARANTINED:
        raise lots.LotStatusForbids(lot_status=str(status))
    return _turn(session, ctx, lot_id, MovementKind.CLEARED, "lot.clear", reason=reason)


def recall(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: str) -> Recalled:
    """Stop a lot, and all that came out of it, until the recall is closed; not for its cooperative.

    A descendant that is recalled already is left as it is. Raises LotNotFound, LotStatusForbids, Forbidden.
    """
    _check_is_staff(ctx)
    family = kin.locked(session, ctx, lot_id=lot_id)
    turned = _turn(session, ctx, lot_id, MovementKind.RECALLED, "lot.recall", reason=reason)
    stopped = [lot.id for lot in family if lot.id != lot_id and lets(lot.status, MovementKind.RECALLED)]
    for each in stopped:
        _turn(session, ctx, each, MovementKind.RECALLED, "lot.recall", reason=reason, recall_of=lot_id)
    return _recalled(session, turned, family, turned_ids={lot_id, *stopped})


def close_recall(session: Session, ctx: Context, *, lot_id: uuid.UUID, outcome: str, reason: str) -> Recalled:
    """`culled`: all that is free is thrown away, and the lot stays stopped; `cleared`: it may be sold again.

    Of this lot alone; what came out of it is answered as it stands. Not for its cooperative. Raises LotNotFound,
    LotStatusForbids, Forbidden.
    """
    _check_is_staff(ctx)
    family = kin.locked(session, ctx, lot_id=lot_id)
    lot = next(each for each in family if each.id == lot_id)
    if lot.status != LotStatus.RECALLED:
        raise lots.LotStatusForbids(lot_status=str(lot.status))
    if outcome == MovementKind.CLEARED:
        turned = _turn(session, ctx, lot_id, MovementKind.CLEARED, "lot.close_recall", reason=reason)
        return _recalled(session, turned, family, turned_ids={lot_id})
    if lot.free_grams:
        lots.lose(
            session,
            ctx,
            lot_id=lot_id,
            quantity_grams=lot.free_grams,
            reason=reason,
            kind=MovementKind.CULLED,
        )
    after = {"outcome": outcome, "reason": reason}
    audit.record(session, ctx, "lot.close_recall", subject=("lot", lot_id), after=after)
    return _recalled(session, _turned(session, lot), family, turned_ids=set())


def _turn(
    session: Session,
    ctx: Context,
    lot_id: uuid.UUID,
    kind: MovementKind,
    action: str,
    *,
    reason: str,
    recall_of: uuid.UUID | None = None,
) -> Turned:
    before = str(_locked(session, ctx, lot_id).status)
    if not lets(before, kind):
        raise lots.LotStatusForbids(lot_status=before)
    lot = buckets.move_lot(session, ctx, lot_id, kind, reason=reason)
    assert lot is not None, "the lot is locked and its status was looked at"
    audit.record(
        session,
        ctx,
        action,
        subject=("lot", lot.id),
        before={"status": before},
        after={
            "status": str(lot.status),
            "reason": reason,
            "held_grams": lot.held_grams,
            **({} if recall_of is None else {"recall_of": str(recall_of)}),
        },
    )
    told = LotTurned(lot_id=lot.id, cooperative_id=lot.cooperative_id, before=before, after=str(lot.status))
    events.publish(session, ctx, told)
    return _turned(session, lot)


def _locked(session: Session, ctx: Context, lot_id: uuid.UUID) -> Lot:
    return lots.locked(session, ctx, lot_ids=[lot_id])[lot_id]


def _turned(session: Session, lot: Lot) -> Turned:
    is_open = (Hold.lot_id == lot.id, Hold.state.in_(sorted(OPEN)))
    return Turned(
        lot=lot,
        holds_count=session.execute(select(func.count()).select_from(Hold).where(*is_open)).scalar_one(),
        holds=session.scalars(select(Hold).where(*is_open).order_by(Hold.id).limit(HOLDS_SHOWN_MAX)).all(),
    )


def _recalled(
    session: Session, turned: Turned, family: Sequence[Lot], *, turned_ids: Collection[uuid.UUID]
) -> Recalled:
    return Recalled(
        lot=turned.lot,
        holds_count=turned.holds_count,
        holds=turned.holds,
        family=kin.members(session, family, turned=turned_ids),
    )


def _check_is_staff(ctx: Context) -> None:
    if not ctx.actor.has(Role.OPERATOR, Role.SYSTEM):
        raise errors.Forbidden
