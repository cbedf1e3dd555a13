"""The end of a sponsor's pool: what nobody has drawn is donated, returned or carried on, as the sponsor chose; then
what is promised is still delivered, and with the last box the sponsorship is closed.
"""

import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import holds, pools
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from orders import giving_up
from orders.models import Order
from orders.sponsoring import drawing, escrow, rules, sponsorships, tranching
from orders.sponsoring.models import SponsorDraw, Sponsorship
from orders.sponsoring.states import (
    DrawKind,
    DrawState,
    EndPolicy,
    SponsorshipEvent,
    SponsorshipState,
    SponsorshipStateForbids,
    after,
)
from orders.states import OrderState, OrderStateForbids


class DrawsNotOver(errors.Conflict):
    """The pool may be drawn on until `draws_until`."""

    title = Text(en="Boxes may still be drawn.", zh="提取期限未到。")


class NotAllDelivered(errors.Conflict):
    """So many confirmed boxes are not delivered yet."""

    title = Text(en="Not all boxes are delivered.", zh="尚有未交付的箱数。")


def end(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID) -> Sponsorship:
    """The time to draw is over: open draws lapse, and what is free goes where the sponsor chose; or time goes on once.

    Raises SponsorshipNotFound, SponsorshipStateForbids, DrawsNotOver, OrderStateForbids.
    """
    sponsorship, order = _locked(session, ctx, sponsorship_id)
    after(sponsorship.state, SponsorshipEvent.END)
    if sponsorship.draws_until > ctx.now:
        raise DrawsNotOver(draws_until=sponsorship.draws_until)
    if order.state != OrderState.COMMITTED:
        raise OrderStateForbids(state=order.state)
    if sponsorship.end_policy == EndPolicy.CARRIED_ON and not sponsorship.is_carried:
        assert sponsorship.carry_days is not None
        sponsorship.draws_until = ctx.now + timedelta(days=sponsorship.carry_days)
        sponsorship.is_carried = True
        sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.CARRY)
        return sponsorship
    _lapse(session, ctx, sponsorship)
    session.flush()
    assert sponsorship.pool_id is not None
    session.expire_all()
    free = pools.get(session, pool_id=sponsorship.pool_id).available_boxes
    sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.END)
    if free and sponsorship.end_policy == EndPolicy.RETURNED:
        _return(session, ctx, sponsorship, order, free)
    elif free:
        _donate(session, ctx, sponsorship, free)
    return sponsorship


def close(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID) -> Sponsorship:
    """All is delivered: what is not due to cooperatives goes back, and nothing is left in escrow.

    Raises SponsorshipNotFound, SponsorshipStateForbids, NotAllDelivered.
    """
    sponsorship, _ = _locked(session, ctx, sponsorship_id)
    after(sponsorship.state, SponsorshipEvent.CLOSE)
    left = sum(each.boxes - each.boxes_delivered for each in tranching.shares_of(session, sponsorship.id))
    if left:
        raise NotAllDelivered(boxes_left=left)
    escrow.stop_payments(session, ctx, sponsorship)
    price = escrow.price_minor(session, sponsorship)
    escrow.return_surplus(session, ctx, sponsorship, price_minor=price, reason="closed")
    assert not sponsorship.escrow_minor, "what is delivered was released, the rest is returned"
    sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.CLOSE)
    return sponsorship


def _lapse(session: Session, ctx: Context, sponsorship: Sponsorship) -> None:
    """Draws that are open are over; those that are ordered are not."""
    still_open = session.scalars(
        select(SponsorDraw)
        .where(SponsorDraw.sponsorship_id == sponsorship.id, SponsorDraw.state == DrawState.OPEN)
        .order_by(SponsorDraw.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for draw in still_open:
        drawing.end(session, ctx, draw, DrawState.EXPIRED)


def _donate(session: Session, ctx: Context, sponsorship: Sponsorship, boxes: int) -> None:
    """The sponsor's own, to be given away: they leave the pool like boxes that were redeemed."""
    donation = drawing.place(
        session,
        ctx,
        sponsorship,
        kind=DrawKind.DONATION,
        holder_id=sponsorship.account_id,
        boxes=boxes,
        until=ctx.now + timedelta(days=1),
    )
    holds.consume(session, ctx, hold_id=donation.hold_id)
    drawing.move(session, ctx, donation, DrawState.REDEEMED)


def _return(session: Session, ctx: Context, sponsorship: Sponsorship, order: Order, free: int) -> None:
    """Fruit that nobody drew is its cooperatives' again, in proportion, and its price the sponsor's."""
    shares = tranching.shares_of(session, sponsorship.id)
    undelivered = [each.boxes - each.boxes_delivered for each in shares]
    boxes = min(free, sum(undelivered))
    parts = rules.parted(boxes, undelivered)
    given_up = dict(zip([each.share_id for each in shares], parts, strict=True))
    giving_up.give_up(session, ctx, order_id=order.id, boxes=given_up, reason="not drawn")
    price = escrow.price_minor(session, sponsorship)
    back = escrow.return_surplus(session, ctx, sponsorship, price_minor=price, reason="not_drawn")
    audit.record(
        session,
        ctx,
        "sponsorship.return",
        subject=("sponsorship", sponsorship.id),
        after={"boxes": boxes, "returned_minor": back},
    )


def _locked(session: Session, ctx: Context, sponsorship_id: uuid.UUID) -> tuple[Sponsorship, Order]:
    """The sponsorship and its bulk order, the order first. Raises SponsorshipNotFound, SponsorshipStateForbids."""
    seen = sponsorships.get(session, ctx, sponsorship_id=sponsorship_id)
    if seen.order_id is None or seen.state in (SponsorshipState.FUNDED, SponsorshipState.CANCELLED):
        raise SponsorshipStateForbids(state=seen.state)
    order = session.get_one(Order, seen.order_id, with_for_update=True, populate_existing=True)
    return sponsorships.locked(session, ctx, sponsorship_id=sponsorship_id), order
