"""Claimed boxes are sent once more: other boxes of the same pool, which nobody has bought and nobody pays for.

Whoever calls has locked the order, the claimed parcel and the claim. Then come the claim's replacement parcels,
pledges, the pool, lots, and last the wave.
"""

from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import binding, holds, owing
from inventory.binding_rules import Bound, Wish
from inventory.lots import NotEnoughInStore
from inventory.models import Hold, Pool
from inventory.on_lots import Purpose
from inventory.states import HoldKind
from marketplace import errors
from marketplace.context import Context
from marketplace.language import Text
from orders.claims import claiming, rules, telling
from orders.claims.models import Claim
from orders.claims.states import BorneBy, ClaimKind, ClaimState
from orders.events import ReplacementDelivered
from orders.fulfilment import parcels, waves
from orders.fulfilment.models import Parcel, Wave
from orders.fulfilment.states import HERE, ParcelState
from orders.models import Order


class NothingToReplaceWith(errors.Conflict):
    """Only `free_boxes` are bought by nobody and good until `good_until`: the claim may be refunded instead."""

    title = Text(en="There are not so many free boxes to send.", zh="可补发的箱数不足，可改为退款。")


def send(
    session: Session,
    ctx: Context,
    claim: Claim,
    order: Order,
    parcel: Parcel,
    *,
    borne_by: BorneBy,
    delivered_on: date,
) -> None:
    """Parcels are planned for all boxes of the claim, for this day.

    First come boxes of the order's pool that nobody has bought: of them those of the claim's cooperative, if it bears
    the claim, then whoever's keep for the shortest time. The rest is fruit of the claim's cooperative that is promised
    to nobody. Raises NotReplaceable, ReplacedTooOften, NothingToReplaceWith, DeliveryInThePast, WaveRunning.
    """
    rules.check_replaceable(ClaimKind(claim.kind), times_before=_times_before(session, parcel))
    waves.check_day(ctx, delivered_on)
    pool = _pool(session, order)
    wish = Wish(
        id=claim.id,
        boxes=claim.boxes,
        suppliers={claim.cooperative_id: claim.boxes} if borne_by == BorneBy.COOPERATIVE else {},
        shelf_days=parcel.shelf_days,
    )
    bound = binding.give_free(
        session,
        ctx,
        pool_id=pool.id,
        owner_id=order.buyer_id,
        wish=wish,
        delivered_on=delivered_on,
        purpose=_purpose(claim),
    )
    boxes = sum(each.boxes for each in bound)
    if boxes < claim.boxes:
        good_until = delivered_on + timedelta(days=parcel.shelf_days)
        own = _own_fruit(session, ctx, claim, pool, boxes=claim.boxes - boxes, good_until=good_until)
        bound = [*bound, *own]
    campaign_id = session.get_one(Wave, parcel.wave_id).campaign_id
    wave = waves.replacing(session, ctx, campaign_id=campaign_id, delivered_on=delivered_on)
    waves.pack_replacement(session, wave, parcel, claim_id=claim.id, bound=bound)


def _own_fruit(
    session: Session, ctx: Context, claim: Claim, pool: Pool, *, boxes: int, good_until: date
) -> list[Bound]:
    """Fruit of the claim's cooperative that is promised to nobody is owed for it. Raises NothingToReplaceWith."""
    try:
        placed = holds.place_on_lots(
            session,
            ctx,
            kind=HoldKind.ALLOCATION,
            cooperative_id=claim.cooperative_id,
            boxes=boxes,
            pack_grams=pool.pack_grams,
            variety=pool.variety,
            grade=pool.grade,
            purpose=_purpose(claim),
            delivered_on=good_until,
        )
    except NotEnoughInStore as short:
        free_boxes = claim.boxes - boxes + short.facts["available_boxes"]
        raise NothingToReplaceWith(free_boxes=free_boxes, good_until=good_until) from short
    for each in placed:
        owing.commit(session, ctx, hold_id=each.id)
    return [
        Bound(hold_id=each.id, lot_id=each.lot_id, cooperative_id=claim.cooperative_id, boxes=each.boxes)
        for each in placed
        if each.lot_id is not None
    ]


def give_up(session: Session, ctx: Context, claim: Claim, order: Order) -> int:
    """What has not arrived of a claim's replacement does not come any more; how many boxes.

    What is still in its store is free again; what has left is lost, if it has been on its way for long enough.
    Raises ClaimTooEarly, ParcelOnPallet, ParcelLabelsDiffer.
    """
    statement = select(Parcel).where(Parcel.claim_id == claim.id).order_by(Parcel.id).with_for_update()
    found = session.scalars(statement.execution_options(populate_existing=True)).all()
    here = [each for each in found if each.state in HERE]
    gone = [each for each in found if each.state == ParcelState.SHIPPED]
    for each in gone:
        rules.check_given_up(shipped_at=each.shipped_at, now=ctx.now)
    binding.lock_given(
        session,
        owner_id=order.buyer_id,
        purpose=_purpose(claim),
        hold_ids=[each.hold_id for each in here],
    )
    for each in here:
        _take_back(session, ctx, claim, order, each)
    for each in gone:
        parcels.lose(session, ctx, order, each)
    return sum(each.boxes for each in (*here, *gone))


def _take_back(session: Session, ctx: Context, claim: Claim, order: Order, parcel: Parcel) -> None:
    """A locked parcel is not sent: its boxes are the pool's again, or free fruit where no pool gave them."""
    packed = parcel.boxes if parcel.state == ParcelState.PACKED else 0
    parcels.cancel(session, ctx, order, parcel)
    hold = session.get_one(Hold, parcel.hold_id)
    if hold.pool_id is None:
        holds.release(session, ctx, hold_id=hold.id, reason="the replacement is given up")
        return
    binding.take_free_back(
        session,
        ctx,
        owner_id=order.buyer_id,
        purpose=_purpose(claim),
        pledge=hold,
        boxes=parcel.boxes,
        packed=packed,
    )


def boxes_open(session: Session, claim: Claim) -> int:
    """The boxes of a claim for which nothing has arrived: what may be refunded."""
    arrived = session.scalar(
        select(func.sum(Parcel.boxes)).where(
            Parcel.claim_id == claim.id, Parcel.state == ParcelState.DELIVERED
        )
    )
    return claim.boxes - int(arrived or 0)


def on_replacement_delivered(session: Session, ctx: Context, event: ReplacementDelivered) -> None:
    """With the last of its parcels the claim is over."""
    claim = claiming.locked(session, event.claim_id)
    if claim.state != ClaimState.REPLACING or boxes_open(session, claim):
        return
    claiming.move(session, ctx, claim, ClaimState.REPLACED, action="claim.replaced")
    telling.decided(session, ctx, claim)


def _times_before(session: Session, parcel: Parcel) -> int:
    """How often the boxes of this parcel came in place of others."""
    times = 0
    while parcel.replaces_id is not None:
        parcel = session.get_one(Parcel, parcel.replaces_id)
        times += 1
    return times


def _pool(session: Session, order: Order) -> Pool:
    assert order.hold_id is not None, "what was sent was held before"
    return session.get_one(Pool, session.get_one(Hold, order.hold_id).pool_id)


def _purpose(claim: Claim) -> Purpose:
    return "claim", claim.id
