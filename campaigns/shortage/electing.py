"""Buyers choose what they want while there is less than was sold. Who says nothing has no preference."""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.shortage.models import Shortage, ShortageCut, ShortageElection
from campaigns.shortage.rules import Choice
from campaigns.shortage.states import ShortageState
from inventory.models import Hold
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from orders import checkout
from orders.bulk import OrderNotFound
from orders.models import Order

OFFERED: Final = (Choice.NO_PREFERENCE, Choice.FEWER, Choice.REFUND)
"""What may be chosen: a later lot and another grade are not sold here yet."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Election:
    """An order in its latest shortage: what is chosen so far, and in the end what came of it."""

    order_id: uuid.UUID
    boxes: int
    shortage: Shortage
    choice: str
    wanted_boxes: int | None
    cut: ShortageCut | None
    choices: tuple[str, ...]


def get(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Election:
    """For the buyer and staff. Raises OrderNotFound, NoElection."""
    order = checkout.get(session, ctx, order_id=order_id)
    shortage, boxes = _shortage_of(session, order)
    return _told(session, order, shortage, boxes)


def elect(
    session: Session, ctx: Context, *, order_id: uuid.UUID, choice: str, wanted_boxes: int | None = None
) -> Election:
    """The buyer's choice for an order; choosing again replaces it.

    Raises OrderNotFound, NoElection, ElectionClosed, ChoiceNotOffered, NotFewer.
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
    if Choice(choice) not in OFFERED:
        raise ChoiceNotOffered(choices=[str(each) for each in OFFERED])
    if (choice == Choice.FEWER) != (wanted_boxes is not None) or (
        wanted_boxes is not None and wanted_boxes >= boxes
    ):
        raise NotFewer
    row = {"choice": choice, "wanted_boxes": wanted_boxes, "at": ctx.now}
    statement = insert(ShortageElection).values(shortage_id=shortage.id, order_id=order.id, version=1, **row)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["shortage_id", "order_id"],
            set_={**row, "version": ShortageElection.version + 1},
        )
    )
    after = {"shortage_id": str(shortage.id), "choice": choice, "wanted_boxes": wanted_boxes}
    audit.record(session, ctx, "shortage.choose", subject=("order", order.id), after=after)
    return _told(session, order, shortage, boxes)


def _check_open(ctx: Context, shortage: Shortage) -> None:
    if shortage.state == ShortageState.OFFERING:
        raise NoElection
    due_at = shortage.elections_due_at
    if shortage.state != ShortageState.ELECTING or due_at is None or ctx.now >= due_at:
        raise ElectionClosed(elections_due_at=due_at)


def _shortage_of(session: Session, order: Order) -> tuple[Shortage, int]:
    """The latest shortage of the order's item, and the boxes that the order has. Raises NoElection."""
    row = session.execute(
        select(Shortage, Hold.consumed_boxes)
        .join(Hold, (Hold.purpose_kind == "campaign_item") & (Hold.purpose_id == Shortage.item_id))
        .where(Hold.id == order.hold_id)
        .order_by(Shortage.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NoElection
    shortage, boxes = row
    is_concerned = boxes > 0 if shortage.state != ShortageState.SETTLED else _cut_of(session, shortage, order)
    if not is_concerned:
        raise NoElection
    return shortage, boxes


def _cut_of(session: Session, shortage: Shortage, order: Order) -> ShortageCut | None:
    statement = select(ShortageCut).where(
        ShortageCut.shortage_id == shortage.id, ShortageCut.order_id == order.id
    )
    return session.scalar(statement)


def _told(session: Session, order: Order, shortage: Shortage, boxes: int) -> Election:
    chosen = session.get(ShortageElection, (shortage.id, order.id), populate_existing=True)
    cut = _cut_of(session, shortage, order)
    is_open = shortage.state == ShortageState.ELECTING
    return Election(
        order_id=order.id,
        boxes=cut.boxes_before if cut else boxes,
        shortage=shortage,
        choice=Choice.NO_PREFERENCE if chosen is None else chosen.choice,
        wanted_boxes=None if chosen is None else chosen.wanted_boxes,
        cut=cut,
        choices=tuple(str(each) for each in OFFERED) if is_open else (),
    )
