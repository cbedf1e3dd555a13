"""The two statements that change stock: one for a lot's buckets and status, one for a pool's counters.

Each is one conditional UPDATE: it changes the row if and only if the result is possible, whatever happens at
once, and writes the journal's lines. (Grants to many buyers at once write pools, too: `granting`.) Rows are taken
in the order hold, pool, lots by id, and nobody who has a pool waits for a hold: so nobody waits in a circle.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, update
from sqlalchemy.orm import Session

from inventory import bell
from inventory.events import FruitLost
from inventory.gate import keeping
from inventory.models import Lot, Movement, Pool, PoolMovement
from inventory.states import GATES, LOSSES, MovementKind, PoolMovementKind
from marketplace import events
from marketplace.context import Context
from marketplace.values import new_id


class CountersBroken(Exception):
    """Counters that do not fit their holds: a broken promise of our code, never of the caller."""


def move_lot(
    session: Session,
    ctx: Context,
    lot_id: uuid.UUID,
    kind: MovementKind,
    *,
    on_hand_grams: int = 0,
    held_grams: int = 0,
    committed_grams: int = 0,
    packed_grams: int = 0,
    reason: str | None = None,
    hold_id: uuid.UUID | None = None,
) -> Lot | None:
    """Change the buckets by these deltas, the status as the kind says, and write the journal's next line.

    None if there is not enough, or if the lot's status does not let it happen. Which deltas belong to a kind is
    the journal's CHECK.
    """
    gate = GATES.get(kind)
    conditions = [] if gate is None else [Lot.status.in_(sorted(gate.before))]
    turned = {} if gate is None or gate.after is None else {"status": gate.after}
    on_hand, held = Lot.on_hand_grams + on_hand_grams, Lot.held_grams + held_grams
    committed, packed = Lot.committed_grams + committed_grams, Lot.packed_grams + packed_grams
    lot = session.scalar(
        update(Lot)
        .where(
            Lot.id == lot_id,
            held >= 0,
            packed >= 0,
            packed <= committed,
            held + committed <= on_hand,
            *conditions,
        )
        .values(
            on_hand_grams=on_hand,
            held_grams=held,
            committed_grams=committed,
            packed_grams=packed,
            version=Lot.version + 1,
            **turned,
        )
        .returning(Lot),
        execution_options={"synchronize_session": False, "populate_existing": True},
    )
    if lot is not None:
        write_line(
            session,
            ctx,
            lot,
            kind,
            on_hand_delta_grams=on_hand_grams,
            held_delta_grams=held_grams,
            committed_delta_grams=committed_grams,
            packed_delta_grams=packed_grams,
            reason=reason,
            hold_id=hold_id,
        )
        if on_hand_grams < 0 and kind in LOSSES:
            events.publish(session, ctx, FruitLost(lot=lot, kind=kind, grams=-on_hand_grams))
    return lot


def write_line(
    session: Session,
    ctx: Context,
    lot: Lot,
    kind: MovementKind,
    *,
    on_hand_delta_grams: int,
    held_delta_grams: int = 0,
    committed_delta_grams: int = 0,
    packed_delta_grams: int = 0,
    reason: str | None = None,
    hold_id: uuid.UUID | None = None,
) -> None:
    """The journal's line for what the lot's buckets have just become; its number is the lot's version."""
    session.add(
        Movement(
            id=new_id(),
            lot_id=lot.id,
            number=lot.version,
            kind=kind,
            on_hand_delta_grams=on_hand_delta_grams,
            held_delta_grams=held_delta_grams,
            committed_delta_grams=committed_delta_grams,
            packed_delta_grams=packed_delta_grams,
            on_hand_grams=lot.on_hand_grams,
            held_grams=lot.held_grams,
            committed_grams=lot.committed_grams,
            packed_grams=lot.packed_grams,
            reason=reason,
            hold_id=hold_id,
            actor=ctx.actor.label,
            at=ctx.now,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStep:
    """One line of a pool's journal: what a hold changes in the counters, in boxes."""

    kind: PoolMovementKind
    hold_id: uuid.UUID
    pledged: int = 0
    held: int = 0
    sold: int = 0


def move_pool(
    session: Session, ctx: Context, pool_id: uuid.UUID, *steps: PoolStep
) -> tuple[Pool, datetime] | None:
    """Change the counters by these steps and write a line for each; None, and nothing is changed, if impossible.

    Answers the pool and the database's clock under its lock. Steps are possible together: in between them the
    counters may not be, so their order is that of boxes coming before boxes going.
    """
    pledged, held, sold = (sum(getattr(step, name) for step in steps) for name in ("pledged", "held", "sold"))
    row = session.execute(
        update(Pool)
        .where(
            Pool.id == pool_id,
            Pool.boxes_held + held >= 0,
            Pool.boxes_sold + sold >= 0,
            Pool.boxes_held + held + Pool.boxes_sold + sold <= Pool.boxes_pledged + pledged,
        )
        .values(
            boxes_pledged=Pool.boxes_pledged + pledged,
            boxes_held=Pool.boxes_held + held,
            boxes_sold=Pool.boxes_sold + sold,
            version=Pool.version + len(steps),
        )
        .returning(Pool, func.clock_timestamp()),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one_or_none()
    if row is None:
        return None
    if pledged - held - sold > 0:
        keeping.forget([pool_id])
    pool, now = row[0], row[1]
    session.execute(insert(PoolMovement), list(_pool_lines(ctx, pool, now, steps)))
    if pledged > held + sold:
        bell.ring(session, pool_id)
    return pool, now


def state_pool(session: Session, ctx: Context, pool: Pool, kind: PoolMovementKind) -> None:
    """A line that moves nothing and states the pool's counters as they are; its number is the pool's version."""
    session.add(
        PoolMovement(
            pool_id=pool.id,
            number=pool.version,
            kind=kind,
            pledged_delta=0,
            held_delta=0,
            sold_delta=0,
            boxes_pledged=pool.boxes_pledged,
            boxes_held=pool.boxes_held,
            boxes_sold=pool.boxes_sold,
            actor=ctx.actor.label,
            at=ctx.now,
        )
    )


def _pool_lines(
    ctx: Context, pool: Pool, now: datetime, steps: Sequence[PoolStep]
) -> Iterator[dict[str, Any]]:
    """Each line with the counters after it, told backwards from those after all."""
    pledged, held, sold = pool.boxes_pledged, pool.boxes_held, pool.boxes_sold
    for number, step in zip(range(pool.version, pool.version - len(steps), -1), reversed(steps), strict=True):
        yield {
            "pool_id": pool.id,
            "number": number,
            "kind": step.kind,
            "pledged_delta": step.pledged,
            "held_delta": step.held,
            "sold_delta": step.sold,
            "boxes_pledged": pledged,
            "boxes_held": held,
            "boxes_sold": sold,
            "hold_id": step.hold_id,
            "actor": ctx.actor.label,
            "at": now,
        }
        pledged, held, sold = pledged - step.pledged, held - step.held, sold - step.sold
