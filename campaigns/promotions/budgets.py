"""Budgets of promotions: reserved for a hold, consumed when it is paid, given back exactly once.

The promotion's row is locked before its uses are looked at; its counters move with a line of its journal.
"""

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models import Item
from campaigns.promotions import baskets, promoting
from campaigns.promotions.models import (
    PromotionMovement,
    PromotionQuote,
    PromotionTerms,
    PromotionUse,
)
from campaigns.promotions.rules import (
    Basket,
    Discount,
    Funder,
    Promotion,
    PromotionKind,
    Quoted,
    Unmet,
    boxes_taken,
    hindrance,
    quote,
)
from campaigns.promotions.states import EFFECTS, PromotionState, UseMove, UseState, giving_back
from inventory import holds
from inventory.models import Hold
from inventory.refusals import HoldExpired, HoldNotActive, HoldNotFound
from inventory.states import HoldState
from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id

LIVE: Final = (UseState.RESERVED, UseState.CONSUMED)
USED_UP: Final = frozenset({Unmet.NO_USES_LEFT, Unmet.BUDGET_SPENT, Unmet.BOXES_SPENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A promotion that somebody may have, and the single-use code, if any, that it would take."""

    promotion_id: uuid.UUID
    code_id: uuid.UUID | None = None


def live_hold(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The actor's live hold of priced boxes, locked. Raises HoldNotFound, HoldExpired, HoldNotActive."""
    hold = session.get(Hold, hold_id, with_for_update=True, populate_existing=True)
    if (
        hold is None
        or hold.owner_id is None
        or hold.owner_id != ctx.actor.id
        or hold.unit_price_minor is None
    ):
        raise HoldNotFound
    if hold.state == HoldState.EXPIRED or (
        hold.state == HoldState.ACTIVE and holds.time_is_over(session, hold)
    ):
        raise HoldExpired(expired_at=hold.expires_at)
    if hold.state != HoldState.ACTIVE:
        raise HoldNotActive(state=hold.state)
    return hold


def reserve(
    session: Session, ctx: Context, *, hold: Hold, offered: Iterable[Offered]
) -> tuple[Quoted, list[PromotionUse]]:
    """Quote a locked, live hold with these promotions and reserve what they take off, as long as it lasts.

    What was reserved for the hold before is given back first: the newest quote counts. Promotions that are not
    active or not of what is held, and codes that have a use already, are passed over. Raises TooManyPromotions.
    """
    assert hold.owner_id is not None
    assert hold.unit_price_minor is not None
    codes = {each.promotion_id: each.code_id for each in offered}
    before = select(PromotionUse.promotion_id).where(
        PromotionUse.hold_id == hold.id,
        PromotionUse.state == UseState.RESERVED,
        PromotionUse.group_id.is_(None),
    )
    item, basket = baskets.of_hold(session, hold, now=ctx.now)
    own = set(session.scalars(before))
    spent = _spent(session, codes.keys() - own, basket)
    known = locked(session, {*codes, *own} - spent.keys()) | spent
    for use in _reserved_of(session, hold.id):
        move_use(session, ctx, known[use.promotion_id], use, UseMove.RELEASED)
    rows = [
        row
        for each in codes
        if (row := known.get(each)) and row.state == PromotionState.ACTIVE and sells(row, hold, item)
    ]
    for row in rows:
        if row.id not in spent:
            _release_lapsed(session, ctx, row)
    session.flush()
    rows = [row for row in rows if not _is_used(session, codes[row.id])]
    told = quote(basket, [facts(session, row, hold.owner_id) for row in rows])
    uses = [
        _reserve(session, ctx, known[line.promotion_id], hold, line, codes[line.promotion_id])
        for line in told.discounts
    ]
    hold.quoted_boxes, hold.discount_minor = hold.boxes, told.discount_minor
    hold.discounts = [shown(known[line.promotion_id], line) for line in told.discounts]
    hold.version += 1
    session.flush()
    return told, uses


def shown(row: PromotionTerms, line: Discount) -> dict[str, Any]:
    """One line of what is taken off, as an order keeps it."""
    return line_of(row, amount_minor=line.amount_minor, left_minor=line.left_minor)


def line_of(row: PromotionTerms, *, amount_minor: int, left_minor: int) -> dict[str, Any]:
    """In the form of `orders.schemas.OrderDiscount`."""
    return {
        "promotion_id": str(row.id),
        "kind": str(row.kind),
        "funder": str(row.funder),
        "title_en": row.title_en,
        "title_zh": row.title_zh,
        "amount_minor": amount_minor,
        "left_minor": left_minor,
    }


def consume(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> int:
    """The hold is paid: what was reserved for it is spent. Answers how many uses that were."""
    return sum(
        _each(session, ctx, [hold_id], lambda state: UseMove.CONSUMED if state == UseState.RESERVED else None)
    )


def newest_quote(session: Session, hold_id: uuid.UUID) -> PromotionQuote | None:
    """The one that counts."""
    return session.scalar(
        select(PromotionQuote)
        .where(PromotionQuote.hold_id == hold_id)
        .order_by(PromotionQuote.id.desc())
        .limit(1)
    )


def give_back(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> int:
    """The hold ended or its order was undone: its uses are there for others. Done twice, it changes nothing.

    If the hold lives on, because only its payment failed, what it was quoted is not true any more.
    """
    hold = session.get(Hold, hold_id, with_for_update=True, populate_existing=True)
    given = sum(_each(session, ctx, [hold_id], giving_back))
    if given and hold is not None and hold.state == HoldState.ACTIVE:
        before = newest_quote(session, hold_id)
        hold.quoted_boxes, hold.discount_minor, hold.discounts = (
            (None, None, None) if before is not None and not before.is_asked else (0, 0, [])
        )
        hold.version += 1
        session.flush()
    return given


def give_back_all(session: Session, ctx: Context, *, hold_ids: Collection[uuid.UUID]) -> int:
    """The orders of these holds were undone at once; their promotions are locked together, by id. How many uses."""
    return sum(_each(session, ctx, hold_ids, giving_back))


def carry_over(session: Session, *, hold_id: uuid.UUID, to_hold_id: uuid.UUID) -> None:
    """An order, locked by the caller, has its boxes by another hold now: what was taken off it goes along."""
    session.execute(
        update(PromotionUse)
        .where(PromotionUse.hold_id == hold_id, PromotionUse.state != UseState.GIVEN_BACK)
        .values(hold_id=to_hold_id)
    )


def give_back_lapsed(session: Session, ctx: Context) -> int:
    """Give back what is reserved for holds that are over; the job of every minute. Answers how many uses."""
    waiting = session.scalars(
        select(PromotionUse.promotion_id)
        .where(PromotionUse.state == UseState.RESERVED, PromotionUse.group_id.is_(None))
        .distinct()
    )
    return sum(_release_lapsed(session, ctx, row) for row in locked(session, set(waiting)).values())


def _each(
    session: Session,
    ctx: Context,
    hold_ids: Collection[uuid.UUID],
    move_of: Callable[[UseState], UseMove | None],
) -> Iterable[bool]:
    """Move the holds' live uses, their promotions locked by id; whether each was moved."""
    of_hold = (
        PromotionUse.hold_id.in_(hold_ids),
        PromotionUse.state.in_(LIVE),
        PromotionUse.group_id.is_(None),
    )
    known = locked(session, set(session.scalars(select(PromotionUse.promotion_id).where(*of_hold))))
    uses = session.scalars(
        select(PromotionUse)
        .where(*of_hold, PromotionUse.promotion_id.in_(known))
        .order_by(PromotionUse.id)
        .execution_options(populate_existing=True)
    ).all()
    for use in uses:
        if move := move_of(UseState(use.state)):
            move_use(session, ctx, known[use.promotion_id], use, move)
            yield True


def locked(session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, PromotionTerms]:
    rows = session.scalars(
        select(PromotionTerms)
        .where(PromotionTerms.id.in_(list(ids)))
        .order_by(PromotionTerms.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


def _spent(session: Session, ids: Iterable[uuid.UUID], basket: Basket) -> dict[uuid.UUID, PromotionTerms]:
    """Those that are used up as they are seen, with nothing to be given back: nobody waits for their locks in vain."""
    seen = session.scalars(
        select(PromotionTerms)
        .where(PromotionTerms.id.in_(list(ids)))
        .execution_options(populate_existing=True)
    ).all()
    return {
        row.id: row
        for row in seen
        if hindrance(basket, facts(session, row, None)) in USED_UP
        and session.scalar(_lapsed(row).with_only_columns(PromotionUse.id).limit(1)) is None
    }


def item_of(session: Session, hold: Hold) -> Item | None:
    """What the hold is of, if a campaign sells it."""
    return session.scalar(select(Item).where(Item.pool_id == hold.pool_id))


def sells(row: PromotionTerms, hold: Hold, item: Item | None) -> bool:
    """Whether the hold is of an item that the promotion is for, in its currency."""
    return (
        item is not None
        and item.campaign_id == row.campaign_id
        and row.currency == hold.currency
        and promoting.is_for(row, item.id)
    )


def _is_used(session: Session, code_id: uuid.UUID | None) -> bool:
    """Whether a single-use code has its use; asked under the lock of its promotion."""
    if code_id is None:
        return False
    used = select(PromotionUse.id).where(PromotionUse.code_id == code_id, PromotionUse.state.in_(LIVE))
    return session.scalar(used) is not None


def _reserved_of(session: Session, hold_id: uuid.UUID) -> list[PromotionUse]:
    """To be asked under the locks of the hold and of the promotions."""
    return list(
        session.scalars(
            select(PromotionUse)
            .where(
                PromotionUse.hold_id == hold_id,
                PromotionUse.state == UseState.RESERVED,
                PromotionUse.group_id.is_(None),
            )
            .order_by(PromotionUse.id)
            .execution_options(populate_existing=True)
        )
    )


def _release_lapsed(session: Session, ctx: Context, row: PromotionTerms) -> int:
    """Give back what was reserved for holds that are over. A hold that somebody has locked is left alone."""
    lapsed = session.scalars(
        _lapsed(row)
        .order_by(PromotionUse.id)
        .with_for_update(of=Hold, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for use in lapsed:
        move_use(session, ctx, row, use, UseMove.RELEASED)
    return len(lapsed)


def _lapsed(row: PromotionTerms) -> Select[PromotionUse]:
    """Its uses that are reserved for holds that are over."""
    return (
        select(PromotionUse)
        .join(Hold, Hold.id == PromotionUse.hold_id)
        .where(
            PromotionUse.promotion_id == row.id,
            PromotionUse.state == UseState.RESERVED,
            PromotionUse.group_id.is_(None),
            hold_is_over(),
        )
    )


def hold_is_over() -> ColumnElement[bool]:
    """Of a hold that is joined: its boxes are neither waited for nor paid, by the database's clock."""
    return or_(
        Hold.state.not_in((HoldState.ACTIVE, HoldState.CONVERTING, HoldState.CONSUMED)),
        and_(Hold.state == HoldState.ACTIVE, Hold.expires_at <= func.clock_timestamp()),
    )


def facts(session: Session, row: PromotionTerms, person_id: uuid.UUID | None) -> Promotion:
    """The promotion as the rule is told of it, for one person; or for nobody that is known."""
    left_of_person = None
    if row.uses_per_person_max is not None and person_id is not None:
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
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        uses_left=None if row.uses_max is None else row.uses_max - row.uses_reserved - row.uses_consumed,
        uses_left_of_person=left_of_person,
        boxes_left=None if row.boxes_max is None else row.boxes_max - row.boxes_reserved - row.boxes_consumed,
    )


def _reserve(
    session: Session,
    ctx: Context,
    row: PromotionTerms,
    hold: Hold,
    line: Discount,
    code_id: uuid.UUID | None,
) -> PromotionUse:
    left = None if row.boxes_max is None else row.boxes_max - row.boxes_reserved - row.boxes_consumed
    return keep(
        session,
        ctx,
        row,
        hold=hold,
        minor=line.amount_minor,
        boxes=boxes_taken(hold.boxes, left),
        code_id=code_id,
    )


def keep(
    session: Session,
    ctx: Context,
    row: PromotionTerms,
    *,
    hold: Hold,
    minor: int,
    boxes: int,
    code_id: uuid.UUID | None = None,
    group_id: uuid.UUID | None = None,
) -> PromotionUse:
    """Reserve so much of a locked promotion for the hold; its CHECKs keep it within its limits."""
    use = PromotionUse(
        id=new_id(),
        promotion_id=row.id,
        person_id=hold.owner_id,
        hold_id=hold.id,
        state=UseState.RESERVED,
        minor=minor,
        boxes=boxes,
        code_id=code_id,
        group_id=group_id,
        created_at=ctx.now,
    )
    session.add(use)
    session.flush()
    move_use(session, ctx, row, use, UseMove.RESERVED)
    return use


def move_use(session: Session, ctx: Context, row: PromotionTerms, use: PromotionUse, move: UseMove) -> None:
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
