"""What all steps of a shortage share: finding and locking it, what is there and what is sold, and its refusals.

A step locks the campaign first, then the shortage, then forecasts, orders, payments, holds, the pool and lots.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign, Item
from campaigns.pledges import moves
from campaigns.shortage import rules
from campaigns.shortage.models import Shortage, ShortageCut, ShortageOffer, ShortageStanding, ShortageWait
from campaigns.shortage.states import ShortageState, WaitState
from campaigns.states import ENDED, CampaignStateForbids
from inventory import shortages
from inventory.capacity import pledging
from inventory.models import Pool
from marketplace import errors
from marketplace.access import STAFF, Role
from marketplace.context import Actor, Context
from marketplace.language import Text
from orders.models import Order
from orders.states import OrderKind


class ShortageNotFound(errors.NotFound):
    title = Text(en="There is no such shortage.", zh="没有该缺货处理。")


class OfferNotFound(errors.NotFound):
    title = Text(en="There is no such offer.", zh="没有该补货邀约。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """An item's boxes now: sold ones, and those that are there for them."""

    sold: int
    supply: int
    pledged: tuple[shortages.Pledged, ...]

    def supply_for(self, boxes: int) -> int:
        """What is there for so many of the sold boxes, when the others must be had as well."""
        return max(0, self.supply - (self.sold - boxes))

    @property
    def gap(self) -> int:
        return rules.gap(committed=self.sold, supply=self.supply)


def stock_of(session: Session, item: Item) -> Stock:
    """Locks the pool. Boxes that are being paid for are no longer there for the others."""
    pool = session.get_one(Pool, item.pool_id, with_for_update={"key_share": True}, populate_existing=True)
    pledged = tuple(shortages.standings(session, pool_id=item.pool_id))
    there = sum(each.there for each in pledged)
    return Stock(sold=pool.boxes_sold, supply=max(0, there - pool.boxes_held), pledged=pledged)


def taken_boxes(session: Session, *, item_id: uuid.UUID) -> int:
    """The boxes that were sold of an item and that it has no longer, because of a shortage: cut, given up, moved to
    another item, or waited for in vain; less those that came to it from others.
    """
    went = case((ShortageCut.moved_to_item_id.is_not(None), ShortageCut.boxes_moved), else_=0)
    taken = select(func.sum(ShortageCut.boxes_given_up + ShortageCut.boxes_cut + went))
    came = select(func.sum(ShortageCut.boxes_moved)).where(ShortageCut.moved_to_item_id == item_id)
    in_vain = select(func.sum(ShortageWait.boxes)).where(ShortageWait.state == WaitState.REFUNDED)
    of_item = (
        taken.join(Shortage, Shortage.id == ShortageCut.shortage_id).where(Shortage.item_id == item_id),
        in_vain.join(Shortage, Shortage.id == ShortageWait.shortage_id).where(Shortage.item_id == item_id),
    )
    return sum(int(session.scalar(each) or 0) for each in of_item) - int(session.scalar(came) or 0)


def locked(session: Session, shortage_id: uuid.UUID) -> Shortage:
    """The shortage, its campaign locked before it, the forecasts of its item after it. Raises ShortageNotFound."""
    campaign_id = session.scalar(select(Shortage.campaign_id).where(Shortage.id == shortage_id))
    if campaign_id is None:
        raise ShortageNotFound
    planning.locked(session, campaign_id)
    shortage = session.get_one(
        Shortage, shortage_id, with_for_update={"of": Shortage}, populate_existing=True
    )
    pledging.lock(session, pool_ids=[item_of(session, shortage).pool_id])
    return shortage


def going_on(session: Session, shortage_id: uuid.UUID) -> Shortage:
    """The same, of a campaign that has not failed and is not given up: its orders end and its fruit is free again, so
    nobody decides anything of its shortages any more. Raises ShortageNotFound, CampaignStateForbids.
    """
    shortage = locked(session, shortage_id)
    campaign = session.get_one(Campaign, shortage.campaign_id)
    if campaign.state in ENDED:
        raise CampaignStateForbids(state=campaign.state)
    return shortage


def settle(
    session: Session, ctx: Context, shortage: Shortage, *, cuts: Mapping[uuid.UUID, int], reason: str
) -> None:
    """Take these sold boxes back from their holds; fruit that is not there leaves the pool, and its pledges shrink."""
    item = item_of(session, shortage)
    shortages.settle(session, ctx, pool_id=item.pool_id, cuts=cuts, reason=reason)
    campaign = session.get_one(Campaign, shortage.campaign_id)
    moves.follow_stock(session, ctx, campaign, item_ids=[item.id], reason=reason)
    session.flush()


def item_of(session: Session, shortage: Shortage) -> Item:
    return session.get_one(Item, shortage.item_id)


def earnest_permille_of(shortage: Shortage, order: Order) -> int:
    """What of a full payment is earnest money. An export is paid without any: what its contract says of faults is not
    settled here.
    """
    return 0 if order.kind == OrderKind.EXPORT else shortage.earnest_permille


def batch_of(shortage: Shortage) -> str:
    """What the draw is called: its shortage's id."""
    return str(shortage.id)


def get(session: Session, *, shortage_id: uuid.UUID) -> Shortage:
    """Raises ShortageNotFound."""
    shortage = session.get(Shortage, shortage_id)
    if shortage is None:
        raise ShortageNotFound
    return shortage


def open_of(session: Session, *, campaign_id: uuid.UUID) -> list[Shortage]:
    statement = select(Shortage).where(
        Shortage.campaign_id == campaign_id, Shortage.state != ShortageState.SETTLED
    )
    return list(session.scalars(statement.order_by(Shortage.id)))


def visible_offers(actor: Actor) -> Select[ShortageOffer]:
    """All for staff, a member's own cooperatives' for others."""
    if actor.has(*STAFF, Role.SYSTEM):
        return select(ShortageOffer)
    return select(ShortageOffer).where(ShortageOffer.cooperative_id.in_(sorted(actor.cooperative_ids)))


def visible_standings(actor: Actor) -> Select[ShortageStanding]:
    if actor.has(*STAFF, Role.SYSTEM):
        return select(ShortageStanding)
    return select(ShortageStanding).where(ShortageStanding.cooperative_id.in_(sorted(actor.cooperative_ids)))


def offer_of(session: Session, ctx: Context, offer_id: uuid.UUID) -> ShortageOffer:
    """Raises OfferNotFound, also for a foreign one."""
    offer = session.scalar(visible_offers(ctx.actor).where(ShortageOffer.id == offer_id))
    if offer is None:
        raise OfferNotFound
    return offer
