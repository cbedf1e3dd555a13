"""What is drawn on a sponsor's pool: boxes held for a player or a gift, ordered for a token amount, or let go again.

A draw never finds more than the pool has: its hold is placed under the pool's lock like any other.
"""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from inventory import holds, placing
from inventory.models import Hold
from inventory.states import HoldKind, HoldState
from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.context import Context
from marketplace.identity import accounts
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.states import PaymentPurpose
from marketplace.values import new_id
from orders import addressing, moving
from orders.events import OrderMoved
from orders.models import Order
from orders.sponsoring import sponsorships
from orders.sponsoring.models import SponsorDraw, Sponsorship
from orders.sponsoring.states import (
    DrawKind,
    DrawState,
    DrawStateForbids,
    SponsorshipState,
    SponsorshipStateForbids,
    check_draw_move,
)
from orders.states import OrderKind, OrderState

DRAW_DAYS = 14
"""For so long a drawn box waits for its player, unless told."""
PAYING_DAYS = 365
"""While an order is there its boxes do not lapse: the order's own time ends it."""
BATCH = 200


class DrawNotFound(errors.NotFound):
    title = Text(en="There is no such draw.", zh="没有该提取。")


class DrawExpired(errors.Gone):
    """Its time is over: the boxes are in the pool again."""

    title = Text(en="The time to take these boxes is over.", zh="领取期限已过。")


class DrawsOver(errors.Gone):
    """The sponsor's pool is not drawn on any more."""

    title = Text(en="Nothing is drawn from this pool any more.", zh="该赞助货源已停止提取。")


class DrawTooLong(errors.Conflict):
    """It would last longer than the pool may be drawn on (`draws_until`), or is over already."""

    title = Text(en="The time of the draw must lie before the pool's end.", zh="提取期限须早于货源截止时间。")


def reserve(
    session: Session,
    ctx: Context,
    *,
    sponsorship_id: uuid.UUID,
    holder_id: uuid.UUID,
    boxes: int,
    expires_at: datetime | None = None,
) -> SponsorDraw:
    """Hold boxes of a sponsor's pool for a player, who redeems them in time.

    Raises SponsorshipNotFound, AccountNotFound, SponsorshipStateForbids, DrawsOver, DrawTooLong, SoldOut.
    """
    sponsorship = open_pool(session, ctx, sponsorship_id)
    if Role.SHOPPER not in accounts.get(session, account_id=holder_id).roles:
        raise accounts.AccountNotFound
    until = end_of(ctx, sponsorship, expires_at)
    return place(session, ctx, sponsorship, kind=DrawKind.GAME, holder_id=holder_id, boxes=boxes, until=until)


def redeem(session: Session, ctx: Context, *, draw_id: uuid.UUID, address_id: uuid.UUID) -> SponsorDraw:
    """The holder orders the boxes to an address: for nothing they are the holder's at once, else when it is paid.

    Raises DrawNotFound, DrawStateForbids, DrawExpired, AddressNotFound.
    """
    sponsorship, draw = _locked(session, ctx, draw_id)
    if draw.holder_id is None or draw.holder_id != ctx.actor.id:
        raise DrawNotFound
    return order(session, ctx, sponsorship, draw, address_id=address_id)


def release(session: Session, ctx: Context, *, draw_id: uuid.UUID) -> SponsorDraw:
    """The holder, the sponsor of a gift that nobody claimed, or an operator gives the boxes back to the pool.

    Raises DrawNotFound, DrawStateForbids.
    """
    _, draw = _locked(session, ctx, draw_id)
    is_own = draw.holder_id is None or draw.holder_id == ctx.actor.id
    if not (is_own or ctx.actor.has(Role.OPERATOR)):
        raise DrawNotFound
    end(session, ctx, draw, DrawState.RELEASED)
    return draw


def expire_due(session: Session, ctx: Context) -> int:
    """End the draws whose time is over, a batch of them; how many. Their boxes are in the pool again."""
    due = session.scalars(
        select(SponsorDraw)
        .where(SponsorDraw.state == DrawState.OPEN, SponsorDraw.expires_at <= ctx.now)
        .order_by(SponsorDraw.expires_at, SponsorDraw.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for draw in due:
        end(session, ctx, draw, DrawState.EXPIRED)
    return len(due)


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    """The order of a draw is paid, or is over without: then the boxes wait for their holder as before."""
    ordered = session.get_one(Order, event.order_id)
    if ordered.kind != OrderKind.GAME_REDEMPTION:
        return
    draw_id, sponsorship_id = session.execute(
        select(SponsorDraw.id, SponsorDraw.sponsorship_id).where(SponsorDraw.order_id == ordered.id)
    ).one()
    sponsorship = sponsorships.kept(session, sponsorship_id)
    draw = session.get_one(SponsorDraw, draw_id, with_for_update=True, populate_existing=True)
    if event.after == OrderState.COMMITTED:
        move(session, ctx, draw, DrawState.REDEEMED)
    elif draw.expires_at <= ctx.now or sponsorship.state != SponsorshipState.DRAWING:
        move(session, ctx, draw, DrawState.EXPIRED)
    else:
        _wait_again(session, ctx, sponsorship, draw, ordered.buyer_id)


def visible(ctx: Context) -> Select[SponsorDraw]:
    """One's own draws, those of one's sponsorships, or everybody's for staff."""
    if ctx.actor.has(*STAFF):
        return select(SponsorDraw)
    of_sponsor = select(Sponsorship.id).where(Sponsorship.account_id == ctx.actor.id)
    return select(SponsorDraw).where(
        or_(SponsorDraw.holder_id == ctx.actor.id, SponsorDraw.sponsorship_id.in_(of_sponsor))
    )


def get(session: Session, ctx: Context, *, draw_id: uuid.UUID) -> SponsorDraw:
    """Raises DrawNotFound."""
    found: SponsorDraw | None = session.scalar(visible(ctx).where(SponsorDraw.id == draw_id))
    if found is None:
        raise DrawNotFound
    return found


def open_pool(session: Session, ctx: Context, sponsorship_id: uuid.UUID) -> Sponsorship:
    """A sponsorship whose pool is drawn on, until the commit. Raises SponsorshipNotFound, SponsorshipStateForbids,
    DrawsOver.
    """
    sponsorship = sponsorships.kept(session, sponsorship_id)
    if sponsorship.state != SponsorshipState.DRAWING:
        raise SponsorshipStateForbids(state=sponsorship.state)
    if sponsorship.draws_until <= ctx.now:
        raise DrawsOver
    return sponsorship


def end_of(ctx: Context, sponsorship: Sponsorship, expires_at: datetime | None) -> datetime:
    """When a draw ends: as told, or after some days, and never after the pool. Raises DrawTooLong."""
    if expires_at is None:
        return min(ctx.now + timedelta(days=DRAW_DAYS), sponsorship.draws_until)
    if not ctx.now < expires_at <= sponsorship.draws_until:
        raise DrawTooLong(draws_until=sponsorship.draws_until)
    return expires_at


def place(
    session: Session,
    ctx: Context,
    sponsorship: Sponsorship,
    *,
    kind: DrawKind,
    holder_id: uuid.UUID | None,
    boxes: int,
    until: datetime,
    code_digest: bytes | None = None,
    words: str | None = None,
) -> SponsorDraw:
    """Boxes that nobody has drawn yet are held: for the holder, or by the sponsor for whoever comes. Raises SoldOut."""
    assert sponsorship.pool_id is not None, "it has a bulk order"
    hold = placing.place_for(
        session,
        ctx,
        kind=HoldKind.GAME_CLAIM,
        pool_id=sponsorship.pool_id,
        owner_id=holder_id or sponsorship.account_id,
        boxes=boxes,
        until=until,
    )
    draw = SponsorDraw(
        id=new_id(),
        sponsorship_id=sponsorship.id,
        kind=kind,
        state=DrawState.OPEN,
        boxes=boxes,
        hold_id=hold.id,
        holder_id=holder_id,
        code_digest=code_digest,
        words=words,
        expires_at=until,
        created_at=ctx.now,
        version=1,
    )
    session.add(draw)
    session.flush()
    audit.record(
        session,
        ctx,
        "draw.place",
        subject=("draw", draw.id),
        after={"kind": str(kind), "boxes": boxes, "sponsorship_id": str(sponsorship.id)},
    )
    return draw


def order(
    session: Session, ctx: Context, sponsorship: Sponsorship, draw: SponsorDraw, *, address_id: uuid.UUID
) -> SponsorDraw:
    """The order of a locked open draw, sent to an address of its holder's; the boxes of a gift that its sponsor has
    held become its finder's in the same step. Raises what `redeem` raises.
    """
    if draw.state != DrawState.OPEN:
        raise DrawStateForbids(state=draw.state)
    if draw.expires_at <= ctx.now or holds.locked(session, draw.hold_id).state != HoldState.ACTIVE:
        raise DrawExpired(expired_at=draw.expires_at)
    hold = placing.supersede(
        session,
        ctx,
        hold_id=draw.hold_id,
        kind=HoldKind.GAME_CLAIM,
        owner_id=draw.holder_id,
        until=ctx.now + timedelta(days=PAYING_DAYS),
    )
    placed = _placed(session, ctx, sponsorship, hold)
    draw.hold_id, draw.order_id = hold.id, placed.id
    move(session, ctx, draw, DrawState.ORDERED)
    addressing.choose(session, ctx, order_id=placed.id, address_id=address_id)
    if placed.total_minor:
        payments.open_payment(
            session,
            ctx,
            purpose=PaymentPurpose.ORDER,
            order_id=placed.id,
            payer_id=placed.buyer_id,
            amount_minor=placed.total_minor,
            currency=placed.currency,
        )
    else:
        holds.consume(session, ctx, hold_id=hold.id)
        session.flush()
        moving.move(session, ctx, placed, OrderState.COMMITTED)
    return draw


def end(session: Session, ctx: Context, draw: SponsorDraw, after: DrawState) -> None:
    """A locked draw is over and its boxes are in the pool. Raises DrawStateForbids."""
    if draw.state != DrawState.OPEN:
        raise DrawStateForbids(state=draw.state)
    check_draw_move(draw.state, after)
    hold = holds.locked(session, draw.hold_id)
    if hold.state == HoldState.ACTIVE:
        holds.release(session, ctx, hold_id=hold.id, reason=str(after))
    move(session, ctx, draw, after)


def _placed(session: Session, ctx: Context, sponsorship: Sponsorship, hold: Hold) -> Order:
    assert hold.owner_id is not None
    placed = Order(
        id=new_id(),
        kind=OrderKind.GAME_REDEMPTION,
        state=OrderState.DEPOSIT_DUE,
        buyer_id=hold.owner_id,
        pack_id=sponsorship.pack_id,
        hold_id=hold.id,
        boxes=hold.boxes,
        pack_grams=hold.pack_grams,
        unit_price_minor=sponsorship.shopper_pays_minor,
        total_minor=hold.boxes * sponsorship.shopper_pays_minor,
        currency=sponsorship.currency,
        created_at=ctx.now,
        version=1,
    )
    session.add(placed)
    session.flush()
    audit.record(session, ctx, "order.place", subject=("order", placed.id), after={"boxes": placed.boxes})
    return placed


def _wait_again(
    session: Session, ctx: Context, sponsorship: Sponsorship, draw: SponsorDraw, holder_id: uuid.UUID
) -> None:
    """The order let the boxes go a moment ago, under the pool's lock: nobody else had them in between."""
    session.flush()
    assert sponsorship.pool_id is not None
    hold = placing.place_for(
        session,
        ctx,
        kind=HoldKind.GAME_CLAIM,
        pool_id=sponsorship.pool_id,
        owner_id=holder_id,
        boxes=draw.boxes,
        until=draw.expires_at,
    )
    draw.hold_id = hold.id
    draw.order_id = None
    move(session, ctx, draw, DrawState.OPEN)


def move(session: Session, ctx: Context, draw: SponsorDraw, after: DrawState) -> None:
    check_draw_move(draw.state, after)
    before = draw.state
    draw.state = after
    draw.version += 1
    if after in (DrawState.REDEEMED, DrawState.EXPIRED, DrawState.RELEASED):
        draw.resolved_at = ctx.now
    session.flush()
    audit.record(
        session,
        ctx,
        f"draw.{after}",
        subject=("draw", draw.id),
        before={"state": before},
        after={"state": str(after)},
    )


def _locked(session: Session, ctx: Context, draw_id: uuid.UUID) -> tuple[Sponsorship, SponsorDraw]:
    """The draw, locked after its sponsorship; raises DrawNotFound."""
    seen = get(session, ctx, draw_id=draw_id)
    sponsorship = sponsorships.kept(session, seen.sponsorship_id)
    return sponsorship, session.get_one(SponsorDraw, draw_id, with_for_update=True, populate_existing=True)
