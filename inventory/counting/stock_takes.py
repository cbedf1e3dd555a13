"""Stock takes: a lot is counted, its book set right, and the loss compared with what was to be expected."""

import uuid
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.counting import shrink_rules
from inventory.events import StockDeviates
from inventory.models import Lot, Movement, StockTake
from inventory.states import MovementKind, Storage
from inventory.stores import rooms
from inventory.stores.gram_day_rules import Level, day_of, gram_days, levels
from marketplace import audit, events
from marketplace.context import Context
from marketplace.values import new_id


def take(session: Session, ctx: Context, *, lot_id: uuid.UUID, counted_grams: int, reason: str) -> StockTake:
    """Less than the book says has shrunk, more is adjusted; too far from the expected loss publishes StockDeviates.

    Raises LotNotFound, FruitPromised (less is there than is promised), NoSpace, LotTooLarge.
    """
    rooms.lock(session, [lots.get(session, ctx, lot_id=lot_id).cold_store_id])
    lot = lots.locked(session, ctx, lot_ids=[lot_id])[lot_id]
    book_grams = lot.on_hand_grams
    last = session.scalar(of_lot(lot_id).order_by(StockTake.id.desc()).limit(1))
    found = journal_levels(session, lot_id)
    since_on = found[0].day if last is None else last.taken_on
    judged = shrink_rules.judge(
        gram_days=gram_days(found, since_on, ctx.today),
        storage=Storage(lot.storage),
        written_off_grams=_written_off(session, lot, None if last is None else last.at),
        book_grams=book_grams,
        counted_grams=counted_grams,
    )
    if counted_grams < book_grams:
        lots.lose(session, ctx, lot_id=lot_id, quantity_grams=book_grams - counted_grams, reason=reason)
    elif counted_grams > book_grams:
        lots.correct(session, ctx, lot_id=lot_id, delta_grams=counted_grams - book_grams, reason=reason)
    taken = StockTake(
        id=new_id(),
        lot_id=lot_id,
        since_on=since_on,
        taken_on=max(ctx.today, since_on),
        book_grams=book_grams,
        counted_grams=counted_grams,
        expected_grams=judged.expected_grams,
        found_grams=judged.found_grams,
        tolerated_grams=judged.tolerated_grams,
        number=None if counted_grams == book_grams else lot.version,
        reason=reason,
        actor=ctx.actor.label,
        at=ctx.now,
    )
    session.add(taken)
    session.flush()
    facts = {
        "counted_grams": counted_grams,
        "expected_grams": judged.expected_grams,
        "found_grams": judged.found_grams,
        "deviation_grams": judged.deviation_grams,
        "tolerated_grams": judged.tolerated_grams,
    }
    audit.record(session, ctx, "lot.count", subject=("lot", lot_id), after=facts)
    if judged.is_too_far:
        deviation = StockDeviates(
            kind="shrink_deviates",
            subject=("lot", lot_id),
            cooperative_id=lot.cooperative_id,
            facts=facts,
        )
        events.publish(session, ctx, deviation)
    return taken


def of_lot(lot_id: uuid.UUID) -> Select[StockTake]:
    """The lot's counts."""
    return select(StockTake).where(StockTake.lot_id == lot_id)


def journal_levels(session: Session, lot_id: uuid.UUID) -> list[Level]:
    """What was on hand at the end of each day on which it changed."""
    rows = session.execute(
        select(Movement.at, Movement.on_hand_grams)
        .where(Movement.lot_id == lot_id, Movement.on_hand_delta_grams != 0)
        .order_by(Movement.number)
    )
    return levels((day_of(at), grams) for at, grams in rows)


def _written_off(session: Session, lot: Lot, since: datetime | None) -> int:
    """What shrank on the book since the last count, its own line not counted again."""
    statement = select(func.coalesce(-func.sum(Movement.on_hand_delta_grams), 0)).where(
        Movement.lot_id == lot.id, Movement.kind == MovementKind.SHRUNK
    )
    if since is not None:
        statement = statement.where(Movement.at > since)
    return int(session.execute(statement).scalar_one())
