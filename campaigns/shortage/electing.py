"""Buyers choose what they want while there is less than was sold. Who says nothing has no preference."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.shortage import other_grade, waiting
from campaigns.shortage.models import Shortage, ShortageCut, ShortageElection, ShortageWait
from campaigns.shortage.other_grade import OtherItem
from campaigns.shortage.rules import Choice
from campaigns.shortage.states import ShortageState, WaitState
from inventory.models import Hold
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from orders import checkout
from orders.bulk import OrderNotFound
from orders.models import Order
from orders.states import SENT

ALWAYS: Final = (Choice.NO_PREFERENCE, Choice.FEWER, Choice.REFUND)
"""What may be chosen in every shortage; waiting needs a later lot, another grade an item that has some to spare."""


class NoElection(errors.Conflict):
    """Nothing is missing for this order, or neighbours are still asked."""

    title = Text(en="There is nothing to choose for this order.", zh="该订单目前无需选择。")


class ElectionClosed(errors.Gone):
    """The time to choose is over."""

    title = Text(en="The time to choose is over.", zh="选择期限已过。")


class ChoiceNotOffered(errors.Conflict):
    """This shortage does not offer that choice."""

    title = Text(en="This cannot be chosen here.", zh="本次不提供该选项。")


class NotFewer(errors.Invalid):
    """`fewer` needs a number of boxes below the order's, and only `fewer` has one."""

    title = Text(en="Choose fewer boxes than were ordered.", zh="所选箱数须少于订购箱数。")


class OtherItemGone(errors.Conflict):
    """The item that was chosen instead is none of those offered, or has too few boxes by now."""

    title = Text(en="That item cannot be had instead.", zh="无法改为该项目。")


class OtherItemMissing(errors.Invalid):
    """`other_grade` says of which item, and only `other_grade` does."""

    title = Text(en="Say which item you choose instead.", zh="请指明改选的项目。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Election:
    """An order in its latest shortage: what is chosen so far, and in the end what came of it."""

    order_id: uuid.UUID
    boxes: int
    shortage: Shortage
    choice: str
    wanted_boxes: int | None
    other_item_id: uuid.UUID | None
    cut: ShortageCut | None
    wait: ShortageWait | None
    choices: tuple[str, ...]
    other_items: tuple[OtherItem, ...]


def get(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Election:
    """For the buyer and staff. Raises OrderNotFound, NoElection."""
    order = checkout.get(session, ctx, order_id=order_id)
    shortage, boxes = _shortage_of(session, order)
    is_open = shortage.state == ShortageState.ELECTING
    others = other_grade.offered(session, shortage, order, boxes=boxes) if is_open else []
    return _told(session, order, shortage, boxes, others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """What a buyer says: `wanted_boxes` with `fewer`, `item_id` with `other_grade`."""

    choice: str
    wanted_boxes: int | None = None
    item_id: uuid.UUID | None = None


def elect(session: Session, ctx: Context, *, order_id: uuid.UUID, choosing: Choosing) -> Election:
    """The buyer's choice for an order; choosing again replaces it.

    Raises OrderNotFound, NoElection, ElectionClosed, ChoiceNotOffered, NotFewer, OtherItemMissing, OtherItemGone.
    """
    order = checkout.get(session, ctx, order_id=order_id)
    if order.buyer_id != ctx.actor.id:
        raise OrderNotFound
    found, _ = _shortage_of(session, order)
    # Many may choose at once; the closing waits for all of them and lets none in after it.
    shortage = session.get_one(
        Shortage, found.id, with_for_update={"read": True, "of": Shortage}, populate_existing=True
    )
    _, boxes = _shortage_of(session, order)
    _check_open(ctx, shortage)
    others = other_grade.offered(session, shortage, order, boxes=boxes)
    _check_choice(shortage, choosing, others, boxes=boxes)
    row = {
        "choice": choosing.choice,
        "wanted_boxes": choosing.wanted_boxes,
        "other_item_id": choosing.item_id,
        "at": ctx.now,
    }
    statement = insert(ShortageElection).values(shortage_id=shortage.id, order_id=order.id, version=1, **row)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["shortage_id", "order_id"],
            set_={**row, "version": ShortageElection.version + 1},
        )
    )
    after = {
        "shortage_id": str(shortage.id),
        "choice": choosing.choice,
        "wanted_boxes": choosing.wanted_boxes,
        "other_item_id": None if choosing.item_id is None else str(choosing.item_id),
    }
    audit.record(session, ctx, "shortage.choose", subject=("order", order.id), after=after)
    return _told(session, order, shortage, boxes, others)


def _check_choice(shortage: Shortage, choosing: Choosing, others: Sequence[OtherItem], *, boxes: int) -> None:
    choice = Choice(choosing.choice)
    if choice not in _choices(shortage, others):
        raise ChoiceNotOffered(choices=[str(each) for each in _choices(shortage, others)])
    wanted = choosing.wanted_boxes
    if (choice == Choice.FEWER) != (wanted is not None) or (wanted is not None and wanted >= boxes):
        raise NotFewer
    if (choice == Choice.OTHER_GRADE) != (choosing.item_id is not None):
        raise OtherItemMissing
    if choosing.item_id is not None and choosing.item_id not in {each.item_id for each in others}:
        raise OtherItemGone


def _choices(shortage: Shortage, others: Sequence[OtherItem]) -> tuple[Choice, ...]:
    wait = () if shortage.later_lot_on is None else (Choice.WAIT,)
    return (*ALWAYS, *wait, *((Choice.OTHER_GRADE,) if others else ()))


def _check_open(ctx: Context, shortage: Shortage) -> None:
    if shortage.state == ShortageState.OFFERING:
        raise NoElection
    due_at = shortage.elections_due_at
    if shortage.state != ShortageState.ELECTING or due_at is None or ctx.now >= due_at:
        raise ElectionClosed(elections_due_at=due_at)


def _shortage_of(session: Session, order: Order) -> tuple[Shortage, int]:
    """The open shortage of the order's item, or the last one that said what becomes of it; and the boxes that it has.

    Who waits for a later lot has chosen, and is out of what opens after that; so is an order that a wave has taken up.
    Raises NoElection.
    """
    boxes = session.scalar(select(Hold.consumed_boxes).where(Hold.id == order.hold_id)) or 0
    waits = select(ShortageWait.id).where(
        ShortageWait.order_id == order.id,
        ShortageWait.state == WaitState.WAITING,
        ShortageWait.shortage_id != Shortage.id,
    )
    of_item = (
        select(Shortage)
        .join(Hold, (Hold.purpose_kind == "campaign_item") & (Hold.purpose_id == Shortage.item_id))
        .where(Hold.id == order.hold_id, Shortage.state != ShortageState.SETTLED, ~waits.exists())
    )
    told = (
        select(Shortage)
        .join(ShortageCut, ShortageCut.shortage_id == Shortage.id)
        .where(ShortageCut.order_id == order.id)
    )
    is_out = not boxes or order.state in SENT
    shortage = None if is_out else session.scalar(of_item.limit(1))
    if shortage is None:
        shortage = session.scalar(told.order_by(Shortage.id.desc()).limit(1))
    if shortage is None:
        raise NoElection
    return shortage, boxes


def _cut_of(session: Session, shortage: Shortage, order: Order) -> ShortageCut | None:
    statement = select(ShortageCut).where(
        ShortageCut.shortage_id == shortage.id, ShortageCut.order_id == order.id
    )
    return session.scalar(statement)


def _told(
    session: Session, order: Order, shortage: Shortage, boxes: int, others: Sequence[OtherItem]
) -> Election:
    chosen = session.get(ShortageElection, (shortage.id, order.id), populate_existing=True)
    cut = _cut_of(session, shortage, order)
    is_open = shortage.state == ShortageState.ELECTING
    return Election(
        order_id=order.id,
        boxes=cut.boxes_before if cut else boxes,
        shortage=shortage,
        choice=Choice.NO_PREFERENCE if chosen is None else chosen.choice,
        wanted_boxes=None if chosen is None else chosen.wanted_boxes,
        other_item_id=None if chosen is None else chosen.other_item_id,
        cut=cut,
        wait=waiting.of_order(session, shortage_id=shortage.id, order_id=order.id),
        choices=tuple(str(each) for each in _choices(shortage, others)) if is_open else (),
        other_items=tuple(others),
    )
