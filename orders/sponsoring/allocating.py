"""From escrow to fruit: a funded sponsorship becomes a bulk order, and what cooperatives confirm fills its pool.

The bulk order lives its own life (`orders.answers`); here it is only listened to.
"""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import pools
from marketplace.catalogue import products
from marketplace.context import Context
from orders import bulk
from orders.events import OrderMoved
from orders.models import AllocationRun, Order, Share
from orders.sponsoring import escrow, sponsorships
from orders.sponsoring.models import Sponsorship
from orders.sponsoring.states import SponsorshipEvent, SponsorshipState, after
from orders.states import OrderKind, OrderState, ShareState

PURPOSE = "sponsorship"
"""What a sponsor's pool is for."""


def allocate(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID) -> Sponsorship:
    """Split what is funded over the cooperatives: its bulk order waits for approval.

    Raises SponsorshipNotFound, SponsorshipStateForbids, and what `bulk.quote` raises.
    """
    sponsorship = sponsorships.locked(session, ctx, sponsorship_id=sponsorship_id)
    after(sponsorship.state, SponsorshipEvent.ALLOCATE)
    wanted = bulk.Wanted(
        county_id=sponsorship.county_id,
        pack_id=sponsorship.pack_id,
        quantity_grams=sponsorship.boxes * sponsorship.pack_grams,
        season_name=sponsorship.season,
        delivered_on=sponsorship.delivered_on,
        rule=bulk.rule_named(sponsorship.rule),
        unit_price_minor=sponsorship.unit_price_minor,
    )
    terms = bulk.Terms(answer_hours=sponsorship.answer_hours)
    order, _ = bulk.place(session, ctx, wanted, terms=terms, buyer_id=sponsorship.account_id)
    if sponsorship.pool_id is None:
        pack = products.get_pack(session, pack_id=sponsorship.pack_id)
        pool = pools.open_pool(
            session,
            ctx,
            pack_id=pack.id,
            pack_grams=pack.net_grams,
            variety=pack.variety,
            grade=pack.grade,
            purpose=(PURPOSE, sponsorship.id),
        )
        sponsorship.pool_id = pool.id
    sponsorship.order_id = order.id
    sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.ALLOCATE)
    return sponsorship


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    """A sponsor's bulk order is committed: its fruit may be drawn on, and what nobody had is paid back. Or given up."""
    order = session.get_one(Order, event.order_id)
    if order.kind != OrderKind.SPONSOR_BULK or event.after not in (
        OrderState.COMMITTED,
        OrderState.CANCELLED,
    ):
        return
    sponsorship = sponsorships.of_order(session, order.id)
    if sponsorship is None:
        return
    if event.after == OrderState.CANCELLED:
        if sponsorship.state != SponsorshipState.DELIVERING:
            sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.FAIL)
        return
    if sponsorship.state == SponsorshipState.ALLOCATING:
        sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.CONFIRM)
    if sponsorship.state == SponsorshipState.DRAWING:
        fill(session, ctx, sponsorship)
    session.flush()
    escrow.return_surplus(session, ctx, sponsorship, price_minor=order.total_minor, reason="short")


def fill(session: Session, ctx: Context, sponsorship: Sponsorship) -> int:
    """What cooperatives have confirmed and is not in the pool yet goes there; how many boxes."""
    assert sponsorship.pool_id is not None, "it has a bulk order"
    confirmed = session.scalars(
        select(Share.id)
        .join(AllocationRun, AllocationRun.id == Share.run_id)
        .where(AllocationRun.order_id == sponsorship.order_id, Share.state == ShareState.CONFIRMED)
    )
    purposes = [("share", share_id) for share_id in confirmed]
    return pools.take_over(session, ctx, pool_id=sponsorship.pool_id, purposes=purposes)
