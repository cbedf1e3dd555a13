"""What all steps of a shortage share: finding and locking it, what is there and what is sold, and its refusals.

A step locks the campaign first, then the shortage, then forecasts, orders, payments, holds, the pool and lots.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign, Item
from campaigns.pledges import moves
from campaigns.shortage import rules
from campaigns.shortage.models import Shortage, ShortageCut, ShortageOffer, ShortageStanding, ShortageWait
from campaigns.shortage.rules import Cause, Outcome
from campaigns.shortage.states import DECIDED, ShortageState, WaitState
from campaigns.states import ENDED, CampaignStateForbids
from inventory import shortages
from inventory.capacity import pledging
from inventory.models import Pool
from marketplace import errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.payments.part_refunds import Part
from marketplace.payments.states import PartRefundKind, PaymentPurpose
from marketplace.values import new_id
from orders.cutting import Bought
from orders.models import Order
from orders.states import BOUGHT, OrderKind


class ShortageNotFound(errors.NotFound):
    title = Text(en="There is no such shortage.", zh="没有该缺货处理。")


class OfferNotFound(errors.NotFound):
    title = Text(en="There is no such offer.", zh="没有该补货邀约。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """An item's boxes now: sold ones, and those that are there for them; without those that wait for a later lot, and
    without what is in parcels already.
    """

    sold: int
    supply: int
    pledged: tuple[shortages.Pledged, ...]
    """What each cooperative put up, less what is known to be missing for those who wait."""

    def supply_for(self, boxes: int) -> int:
        """What is there for so many of the sold boxes, when the others must be had as well."""
        return max(0, self.supply - (self.sold - boxes))

    @property
    def spare(self) -> int:
        """There, and nobody's."""
        return max(0, self.supply - self.sold)

    @property
    def gap(self) -> int:
        return rules.gap(committed=self.sold, supply=self.supply)


def stock_of(session: Session, item: Item) -> Stock:
    """Locks the pool. Boxes that are being paid for are no longer there for the others."""
    pool = session.get_one(Pool, item.pool_id, with_for_update={"key_share": True}, populate_existing=True)
    pledged = shortages.standings(session, pool_id=item.pool_id)
    there = sum(each.there for each in pledged)
    waiting = sum(waiting_boxes(session, item_id=item.id).values())
    if waiting:
        pledged = _without_known(session, item, pledged, waiting=waiting)
    bound = shortages.bound_boxes(session, pool_id=item.pool_id)
    return Stock(
        sold=pool.boxes_sold - bound - waiting, supply=max(0, there - pool.boxes_held), pledged=tuple(pledged)
    )


def waiting_boxes(session: Session, *, item_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """The boxes of each order of the item that waits for a later lot: owed, and not looked for among what is there."""
    rows = session.execute(
        select(ShortageWait.order_id, ShortageWait.boxes)
        .join(Shortage, Shortage.id == ShortageWait.shortage_id)
        .join(Order, Order.id == ShortageWait.order_id)
        .where(
            Shortage.item_id == item_id,
            ShortageWait.state == WaitState.WAITING,
            Order.state.in_(sorted(BOUGHT)),
        )
    )
    return {row.order_id: row.boxes for row in rows}


def _without_known(
    session: Session, item: Item, pledged: Sequence[shortages.Pledged], *, waiting: int
) -> list[shortages.Pledged]:
    """Nobody carries the same boxes twice: what earlier shortages found missing stays theirs while somebody waits."""
    lacked = func.sum(ShortageStanding.pledged_boxes - ShortageStanding.there_boxes)
    rows = session.execute(
        select(ShortageStanding.cooperative_id, lacked)
        .join(Shortage, Shortage.id == ShortageStanding.shortage_id)
        .where(Shortage.item_id == item.id, Shortage.state.in_(sorted(DECIDED)))
        .group_by(ShortageStanding.cooperative_id)
    )
    known = rules.known_missing(
        waiting,
        earlier={str(cooperative_id): int(boxes) for cooperative_id, boxes in rows},
        missing={str(each.cooperative_id): each.pledged - each.there for each in pledged},
    )
    return [replace(each, pledged=each.pledged - known.get(str(each.cooperative_id), 0)) for each in pledged]


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


def note_standings(session: Session, shortage: Shortage, stock: Stock) -> bool:
    """Write down what each cooperative has pledged and what of it is there; whether any lacks more than was written.

    A standing that has not become worse stays as it was: fruit that is there again does not unsay what was missing. Who
    gave boxes since it was opened has none, unless some of them are lost.
    """
    campaign = session.get_one(Campaign, shortage.campaign_id)
    codes = {each.id: each.code for each in cooperatives.of_county(session, county_id=campaign.county_id)}
    rows = {each.cooperative_id: each for each in shortage.standings}
    is_opening, is_worse = not rows, False
    for each in stock.pledged:
        row = rows.get(each.cooperative_id)
        known = 0 if row is None else row.pledged_boxes - row.there_boxes
        if not is_opening and each.pledged - each.there <= known:
            continue
        is_worse = True
        if row is None:
            row = ShortageStanding(
                id=new_id(), cooperative_id=each.cooperative_id, code=codes[each.cooperative_id]
            )
            shortage.standings.append(row)
        row.pledged_boxes, row.there_boxes = each.pledged, each.there
    session.flush()
    return is_worse


def item_of(session: Session, shortage: Shortage) -> Item:
    return session.get_one(Item, shortage.item_id)


def earnest_permille_of(shortage: Shortage, order: Order) -> int:
    """What of a full payment is earnest money. An export is paid without any: what its contract says of faults is not
    settled here.
    """
    return 0 if order.kind == OrderKind.EXPORT else shortage.earnest_permille


def parts_back(shortage: Shortage, bought: Bought, outcome: Outcome) -> list[Part]:
    """Of every payment what was paid for boxes that do not come, rounded up for the buyer; after a fault the earnest
    money for those that were cut once more, which is of what was due at first.
    """
    parts: list[Part] = []
    for payment in bought.payments:
        is_first = payment.purpose == PaymentPurpose.ORDER
        due = rules.due(
            outcome,
            paid_minor=payment.kept_minor,
            cause=Cause(shortage.cause) if is_first else Cause.FORCE_MAJEURE,
            earnest_permille=earnest_permille_of(shortage, bought.order),
            deposit=None if bought.terms is None else bought.terms.deposit,
        )
        if due.refund_minor:
            parts.append((payment, PartRefundKind.REFUND, due.refund_minor))
        if due.compensation_minor:
            parts.append((payment, PartRefundKind.COMPENSATION, due.compensation_minor))
    return parts


def batch_of(shortage: Shortage) -> str:
    """What the draw is called: its shortage's id."""
    return str(shortage.id)


def get(session: Session, *, shortage_id: uuid.UUID) -> Shortage:
    """Raises ShortageNotFound."""
    shortage = session.get(Shortage, shortage_id)
    if shortage is None:
        raise ShortageNotFound
    return shortage


def open_of(session: Session, *, campaign_id: uuid.UUID, locked: bool = False) -> list[Shortage]:
    """Those that are not settled, by id; `locked`: nobody chooses in them meanwhile."""
    statement = (
        select(Shortage)
        .where(Shortage.campaign_id == campaign_id, Shortage.state != ShortageState.SETTLED)
        .order_by(Shortage.id)
    )
    if locked:
        statement = statement.with_for_update(of=Shortage).execution_options(populate_existing=True)
    return list(session.scalars(statement))


def is_any_open(session: Session, *, campaign_id: uuid.UUID) -> bool:
    statement = select(Shortage.id).where(
        Shortage.campaign_id == campaign_id, Shortage.state != ShortageState.SETTLED
    )
    return session.scalar(statement.limit(1)) is not None


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
