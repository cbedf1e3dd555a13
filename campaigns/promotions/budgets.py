"""Budgets of promotions: reserved for a hold, consumed when it is paid, given back exactly once.

The promotion's row is locked before its uses are looked at; its counters move with a line of its journal.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from campaigns.models import Item
from campaigns.promotions.models import PromotionMovement, PromotionTerms, PromotionUse
from campaigns.promotions.rules import (
    Basket,
    Discount,
    Funder,
    Promotion,
    PromotionKind,
    Quoted,
    boxes_taken,
    quote,
)
from campaigns.promotions.states import EFFECTS, PromotionState, UseMove, UseState, giving_back
from inventory.holds import HoldNotFound
from inventory.models import Hold
from inventory.refusals import HoldExpired
from inventory.states import HoldState
from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id

LIVE: Final = (UseState.RESERVED, UseState.CONSUMED)


def reserve(
    session: Session, ctx: Context, *, hold_id: uuid.UUID, promotion_ids: Sequence[uuid.UUID]
) -> tuple[Quoted, list[PromotionUse]]:
    """Quote the actor's live hold with these promotions and reserve what they take off, as long as it lasts.

    What was reserved for the hold before is given back first: the newest quote counts. Promotions that are not
    active or not of the hold's campaign are passed over. Raises HoldNotFound, HoldExpired.
    """
    hold = session.get(Hold, hold_id, with_for_update=True)
    if (
        hold is None
        or hold.owner_id is None
        or hold.owner_id != ctx.actor.id
        or hold.unit_price_minor is None
    ):
        raise HoldNotFound
    if hold.state != HoldState.ACTIVE or hold.expires_at is None or hold.expires_at <= ctx.now:
        raise HoldExpired
    before = select(PromotionUse.promotion_id).where(
        PromotionUse.hold_id == hold_id, PromotionUse.state == UseState.RESERVED
    )
    known = _locked(session, {*promotion_ids, *session.scalars(before)})
    for use in _reserved_of(session, hold_id):
        _move(session, ctx, known[use.promotion_id], use, UseMove.RELEASED)
    offered = [
        row
        for each in dict.fromkeys(promotion_ids)
        if (row := known.get(each)) and row.state == PromotionState.ACTIVE and _sells(session, row, hold)
    ]
    for row in offered:
        _release_lapsed(session, ctx, row)
    session.flush()
    basket = Basket(boxes=hold.boxes, unit_price_minor=hold.unit_price_minor, freight_minor=0, now=ctx.now)
    told = quote(basket, [_facts(session, row, hold.owner_id) for row in offered])
    return told, [_reserve(session, ctx, known[line.promotion_id], hold, line) for line in told.discounts]


def consume(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> int:
    """The hold is paid: what was reserved for it is spent. Answers how many uses that were."""
    return sum(
        _each(session, ctx, hold_id, lambda state: UseMove.CONSUMED if state == UseState.RESERVED else None)
    )


def give_back(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> int:
    """The hold ended or its order was undone: its uses are there for others. Done twice, it changes nothing."""
    return sum(_each(session, ctx, hold_id, giving_back))


def give_back_lapsed(session: Session, ctx: Context) -> int:
    """Give back what is reserved for holds that are over; the job of every minute. Answers how many uses."""
    waiting = session.scalars(
        select(PromotionUse.promotion_id).where(PromotionUse.state == UseState.RESERVED).distinct()
    )
    return sum(_release_lapsed(session, ctx, row) for row in _locked(session, set(waiting)).values())


def _each(
    session: Session, ctx: Context, hold_id: uuid.UUID, move_of: Callable[[UseState], UseMove | None]
) -> Iterable[bool]:
    """Move the hold's live uses, their promotions locked by id; whether each was moved."""
    of_hold = (PromotionUse.hold_id == hold_id, PromotionUse.state.in_(LIVE))
    known = _locked(session, set(session.scalars(select(PromotionUse.promotion_id).where(*of_hold))))
    uses = session.scalars(
        select(PromotionUse)
        .where(*of_hold, PromotionUse.promotion_id.in_(known))
        .order_by(PromotionUse.id)
        .execution_options(populate_existing=True)
    ).all()
    for use in uses:
        if move := move_of(UseState(use.state)):
            _move(session, ctx, known[use.promotion_id], use, move)
            yield True


def _locked(session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, PromotionTerms]:
    rows = session.scalars(
        select(PromotionTerms)
        .where(PromotionTerms.id.in_(list(ids)))
        .order_by(PromotionTerms.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


def _sells(session: Session, row: PromotionTerms, hold: Hold) -> bool:
    """Whether the hold is of an item of the promotion's campaign."""
    found = select(Item.id).where(Item.campaign_id == row.campaign_id, Item.pool_id == hold.pool_id)
    return session.scalar(found) is not None


def _reserved_of(session: Session, hold_id: uuid.UUID) -> list[PromotionUse]:
    """To be asked under the locks of the hold and of the promotions."""
    return list(
        session.scalars(
            select(PromotionUse)
            .where(PromotionUse.hold_id == hold_id, PromotionUse.state == UseState.RESERVED)
            .order_by(PromotionUse.id)
            .execution_options(populate_existing=True)
        )
    )


def _release_lapsed(session: Session, ctx: Context, row: PromotionTerms) -> int:
    """Give back what was reserved for holds that are over. A hold that somebody has locked is left alone."""
    over = or_(
        Hold.state.not_in((HoldState.ACTIVE, HoldState.CONVERTING, HoldState.CONSUMED)),
        and_(Hold.state == HoldState.ACTIVE, Hold.expires_at <= func.clock_timestamp()),
    )
    lapsed = session.scalars(
        select(PromotionUse)
        .join(Hold, Hold.id == PromotionUse.hold_id)
        .where(PromotionUse.promotion_id == row.id, PromotionUse.state == UseState.RESERVED, over)
        .order_by(PromotionUse.id)
        .with_for_update(of=Hold, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for use in lapsed:
        _move(session, ctx, row, use, UseMove.RELEASED)
    return len(lapsed)


def _facts(session: Session, row: PromotionTerms, person_id: uuid.UUID) -> Promotion:
    """The promotion as the rule is told of it, for one person."""
    left_of_person = None
    if row.uses_per_person_max is not None:
        used = session.scalar(
            select(func.count()).where(
                PromotionUse.promotion_id == row.id,
                PromotionUse.person_id == person_id,
                PromotionUse.state.in_(LIVE),
            )
        )
        left_of_person = row.uses_per_person_max - (used or 0)
    return Promotion(
        id=row.id,
        kind=PromotionKind(row.kind),
        funder=Funder(row.funder),
        budget_left_minor=row.budget_minor - row.minor_reserved - row.minor_consumed,
        amount_minor=row.amount_minor,
        permille=row.permille,
        stacks_with=frozenset(PromotionKind(each) for each in row.stacks_with),
        boxes_min=row.boxes_min,
        ends_at=row.ends_at,
        uses_left=None if row.uses_max is None else row.uses_max - row.uses_reserved - row.uses_consumed,
        uses_left_of_person=left_of_person,
        boxes_left=None if row.boxes_max is None else row.boxes_max - row.boxes_reserved - row.boxes_consumed,
    )


def _reserve(session: Session, ctx: Context, row: PromotionTerms, hold: Hold, line: Discount) -> PromotionUse:
    left = None if row.boxes_max is None else row.boxes_max - row.boxes_reserved - row.boxes_consumed
    use = PromotionUse(
        id=new_id(),
        promotion_id=row.id,
        person_id=hold.owner_id,
        hold_id=hold.id,
        state=UseState.RESERVED,
        minor=line.amount_minor,
        boxes=boxes_taken(hold.boxes, left),
        created_at=ctx.now,
    )
    session.add(use)
    session.flush()
    _move(session, ctx, row, use, UseMove.RESERVED)
    return use


def _move(session: Session, ctx: Context, row: PromotionTerms, use: PromotionUse, move: UseMove) -> None:
    """Move a use and the counters, with a line of the journal and an audit row; the promotion is locked."""
    _, effect = EFFECTS[move]
    use.state = effect.after
    row.uses_reserved += effect.reserved
    row.uses_consumed += effect.consumed
    row.minor_reserved += effect.reserved * use.minor
    row.minor_consumed += effect.consumed * use.minor
    row.boxes_reserved += effect.reserved * use.boxes
    row.boxes_consumed += effect.consumed * use.boxes
    row.version += 1
    session.add(
        PromotionMovement(
            promotion_id=row.id,
            number=row.version,
            use_id=use.id,
            kind=move,
            minor=use.minor,
            boxes=use.boxes,
            actor=ctx.actor.label,
            at=ctx.now,
        )
    )
    after = {"promotion_id": str(row.id), "minor": use.minor, "boxes": use.boxes}
    audit.record(session, ctx, f"promotion_use.{move}", subject=("promotion_use", use.id), after=after)
    session.flush()
