"""Quarantine and recall: a lot's status stops new promises and shipping at once. What is promised stays promised."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import buckets, lots
from inventory.models import Hold, Lot
from inventory.states import OPEN, MovementKind, lets
from marketplace import audit, errors
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


def quarantine(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: str) -> Turned:
    """Stop a lot until it is cleared. Raises LotNotFound, LotStatusForbids."""
    return _turn(session, ctx, lot_id, MovementKind.QUARANTINED, "lot.quarantine", reason=reason)


def clear(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: str) -> Turned:
    """End a lot's quarantine; not for its cooperative. Raises LotNotFound, LotStatusForbids, Forbidden."""
    _check_is_staff(ctx)
    return _turn(session, ctx, lot_id, MovementKind.CLEARED, "lot.clear", reason=reason)


def recall(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: str) -> Turned:
    """Stop a lot for good; not for its cooperative. Raises LotNotFound, LotStatusForbids, Forbidden."""
    _check_is_staff(ctx)
    return _turn(session, ctx, lot_id, MovementKind.RECALLED, "lot.recall", reason=reason)


def _turn(
    session: Session, ctx: Context, lot_id: uuid.UUID, kind: MovementKind, action: str, *, reason: str
) -> Turned:
    seen = session.scalar(
        lots.visible(ctx.actor)
        .where(Lot.id == lot_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if seen is None or not lots.may_work_on(ctx.actor, seen.cooperative_id):
        raise lots.LotNotFound
    before = str(seen.status)
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
        after={"status": str(lot.status), "reason": reason, "held_grams": lot.held_grams},
    )
    is_open = (Hold.lot_id == lot.id, Hold.state.in_(sorted(OPEN)))
    return Turned(
        lot=lot,
        holds_count=session.execute(select(func.count()).select_from(Hold).where(*is_open)).scalar_one(),
        holds=session.scalars(select(Hold).where(*is_open).order_by(Hold.id).limit(HOLDS_SHOWN_MAX)).all(),
    )


def _check_is_staff(ctx: Context) -> None:
    if not ctx.actor.has(Role.OPERATOR, Role.SYSTEM):
        raise errors.Forbidden
