"""What people do with pledges: invite, offer, put up, answer, raise, take back.

The campaign is locked first; then forecasts, pledges' holds by lot, the pool, and lots.
"""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.allotting.models import Commitment
from campaigns.models import Campaign, Item
from campaigns.pledges import moves, rules
from campaigns.pledges.models import Pledge
from campaigns.pledges.rules import Standing
from campaigns.pledges.states import PledgeEvent, PledgeState, PledgeStateForbids, after
from campaigns.states import PLEDGEABLE, CampaignStateForbids
from inventory import lots, pools
from inventory.capacity import forecasts
from inventory.capacity.models import Capacity
from inventory.models import Hold
from marketplace import database, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id


class PledgeNotFound(errors.NotFound):
    title = Text(en="There is no such pledge.", zh="没有该承诺货源。")


class ForeignPledge(errors.Conflict):
    """The cooperative does not belong to the campaign's county."""

    title = Text(en="That cooperative is of another county.", zh="该合作社属于其他县。")


class PledgeOpen(errors.Conflict):
    """The cooperative is asked for this item, or has offered for it, and nobody has answered yet."""

    title = Text(en="A pledge of this waits for its answer.", zh="已有待答复的承诺货源。")


class PledgeTooLate(errors.Gone):
    """The time to answer is over."""

    title = Text(en="The time to answer this is over.", zh="已过答复期限。")


class MoreThanWanted(errors.Conflict):
    """More boxes than were asked for, or offered."""

    title = Text(en="That is more than was asked for or offered.", zh="超过所邀请或所提供的箱数。")


class AnswerDueInThePast(errors.Invalid):
    """There must be time to answer."""

    title = Text(en="The time to answer must lie ahead.", zh="答复期限须在将来。")


class HarvestUnplanned(errors.Conflict):
    """Only a campaign that says when its harvest ends sells forecast fruit, and only of weeks before that."""

    title = Text(
        en="The campaign's harvest ends before that week, or it has none.",
        zh="活动未设采收截止日或该周在其之后。",
    )


def put_up(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    item_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    boxes: int,
) -> tuple[Pledge, list[Hold]]:
    """Stored fruit for an item, at once: its lots are held, the item's pool grows.

    Raises CampaignNotFound, ItemNotFound, CooperativeNotFound, ForeignPledge, CampaignStateForbids and
    whatever the pool refuses (not enough in store).
    """
    if not lots.may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    campaign, item = _pledgeable(session, ctx, campaign_id, item_id)
    _check_county(session, campaign, cooperative_id)
    pledge = _new(ctx, item, cooperative_id, wanted_boxes=boxes)
    placed = _fill(session, ctx, campaign, item, pledge, boxes=boxes)
    moves.write(session, ctx, pledge, PledgeEvent.PUT_UP, boxes=boxes)
    return pledge, placed


def cover(
    session: Session, ctx: Context, *, item: Item, cooperative_id: uuid.UUID, boxes: int, reason: str
) -> Pledge:
    """Stored fruit of a neighbour for a sale that is over, agreed on elsewhere.

    Raises ForeignPledge and whatever the pool refuses.
    """
    campaign = planning.locked(session, item.campaign_id)
    _check_county(session, campaign, cooperative_id)
    pledge = _new(ctx, item, cooperative_id, wanted_boxes=boxes)
    _fill(session, ctx, campaign, item, pledge, boxes=boxes)
    moves.write(session, ctx, pledge, PledgeEvent.PUT_UP, boxes=boxes, reason=reason)
    return pledge


def invite(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    item_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    boxes: int,
    answer_due_at: datetime,
) -> Pledge:
    """An operator asks a cooperative for so many boxes until then.

    Raises CampaignNotFound, ItemNotFound, CooperativeNotFound, ForeignPledge, CampaignStateForbids, PledgeOpen,
    AnswerDueInThePast.
    """
    if answer_due_at <= ctx.now:
        raise AnswerDueInThePast(errors=[{"pointer": "/answer_due_at", "detail": AnswerDueInThePast.title}])
    campaign, item = _pledgeable(session, ctx, campaign_id, item_id)
    _check_county(session, campaign, cooperative_id)
    pledge = _new(ctx, item, cooperative_id, wanted_boxes=boxes)
    pledge.answer_due_at = answer_due_at
    _open(session, ctx, pledge, PledgeEvent.INVITE)
    return pledge


def offer(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    item_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    boxes: int,
    capacity_id: uuid.UUID | None = None,
) -> Pledge:
    """A cooperative offers boxes, of its lots or of a forecast; nothing is held before an operator accepts.

    Raises CampaignNotFound, ItemNotFound, CooperativeNotFound, ForeignPledge, CampaignStateForbids, PledgeOpen,
    CapacityNotFound, HarvestUnplanned.
    """
    if not lots.may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    campaign, item = _pledgeable(session, ctx, campaign_id, item_id)
    _check_county(session, campaign, cooperative_id)
    pledge = _new(ctx, item, cooperative_id, wanted_boxes=boxes)
    pledge.capacity_id = capacity_id
    _check_capacity(session, campaign, pledge)
    _open(session, ctx, pledge, PledgeEvent.OFFER)
    return pledge


def accept(
    session: Session,
    ctx: Context,
    *,
    pledge_id: uuid.UUID,
    boxes: int | None = None,
    capacity_id: uuid.UUID | None = None,
) -> Pledge:
    """All of it or fewer boxes stand in the pool from now on: the cooperative's answer to an invitation, naming its
    forecast unless it gives lots; an operator's to an offer.

    Raises PledgeNotFound, Forbidden, PledgeStateForbids, CampaignStateForbids, PledgeTooLate, MoreThanWanted,
    HarvestUnplanned and whatever the pool or the forecast refuses.
    """
    pledge, campaign, item = _answering(session, ctx, pledge_id, PledgeEvent.ACCEPT)
    given = pledge.wanted_boxes if boxes is None else boxes
    if given > pledge.wanted_boxes:
        raise MoreThanWanted(wanted_boxes=pledge.wanted_boxes, requested_boxes=given)
    if capacity_id is not None:
        if pledge.state == PledgeState.OFFERED and capacity_id != pledge.capacity_id:
            raise forecasts.CapacityNotFound
        pledge.capacity_id = capacity_id
    _fill(session, ctx, campaign, item, pledge, boxes=given)
    moves.write(session, ctx, pledge, PledgeEvent.ACCEPT, boxes=given)
    return pledge


def decline(session: Session, ctx: Context, *, pledge_id: uuid.UUID, reason: str) -> Pledge:
    """A no: the cooperative's to an invitation, an operator's to an offer.

    Raises PledgeNotFound, Forbidden, PledgeStateForbids, PledgeTooLate, CampaignStateForbids.
    """
    pledge, _, _ = _answering(session, ctx, pledge_id, PledgeEvent.DECLINE)
    moves.write(session, ctx, pledge, PledgeEvent.DECLINE, reason=reason)
    return pledge


def add(session: Session, ctx: Context, *, pledge_id: uuid.UUID, boxes: int) -> Pledge:
    """So many boxes more, of the same lots or forecast.

    Raises PledgeNotFound, PledgeStateForbids, CampaignStateForbids and whatever the pool or the forecast refuses.
    """
    pledge, campaign = _working(session, ctx, pledge_id, PledgeEvent.RAISE)
    _check_pledgeable(campaign)
    item = planning.item_of(campaign, pledge.item_id)
    _fill(session, ctx, campaign, item, pledge, boxes=boxes)
    moves.write(session, ctx, pledge, PledgeEvent.RAISE, boxes=pledge.boxes + boxes)
    return pledge


def withdraw(
    session: Session, ctx: Context, *, pledge_id: uuid.UUID, reason: str, boxes: int | None = None
) -> Pledge:
    """Take all of it back, or so many boxes, as far as nobody holds, bought or was promised them.

    What is not answered yet is taken back by whoever asked; who is invited declines. Raises PledgeNotFound,
    PledgeStateForbids, CampaignStateForbids, PledgeBoxesNeeded.
    """
    pledge, campaign = _working(session, ctx, pledge_id, PledgeEvent.WITHDRAW)
    if pledge.state != PledgeState.ACCEPTED:
        if pledge.state == PledgeState.INVITED and not _is_operator(ctx.actor):
            raise PledgeStateForbids(state=pledge.state, asked=str(PledgeEvent.WITHDRAW))
        moves.write(session, ctx, pledge, PledgeEvent.WITHDRAW, reason=reason)
        return pledge
    if campaign.state not in rules.LOWERABLE:
        raise CampaignStateForbids(state=campaign.state)
    item = planning.item_of(campaign, pledge.item_id)
    held, standing = locked_standing(session, item, pledge)
    going = rules.check_withdrawal(boxes, standing)
    pools.give_back(session, ctx, held, boxes=going, reason=reason)
    left = pledge.boxes - going
    event = PledgeEvent.LOWER if left else PledgeEvent.WITHDRAW
    moves.write(session, ctx, pledge, event, boxes=left, reason=reason)
    return pledge


def locked_standing(session: Session, item: Item, pledge: Pledge) -> tuple[Sequence[Hold], Standing]:
    """The holds of an accepted pledge, and what decides how much of it may go back; all of it locked."""
    pool, held = pools.locked_pledges(session, pool_id=item.pool_id, purpose=(moves.PURPOSE, pledge.id))
    return held, Standing(
        boxes=pledge.boxes,
        free=pool.available_boxes,
        own=pools.kept_by(session, pool_id=pool.id).get(pledge.cooperative_id, 0),
        committed=_committed(session, pledge),
    )


def visible(actor: Actor) -> Select[Pledge]:
    """The pledges that the actor may see: its cooperatives', or everybody's for staff."""
    if actor.has(*STAFF, Role.SYSTEM):
        return select(Pledge)
    return select(Pledge).where(Pledge.cooperative_id.in_(sorted(actor.cooperative_ids)))


def get(session: Session, ctx: Context, *, pledge_id: uuid.UUID) -> Pledge:
    """Raises PledgeNotFound."""
    found = session.scalar(visible(ctx.actor).where(Pledge.id == pledge_id))
    if found is None:
        raise PledgeNotFound
    return found


def _is_operator(actor: Actor) -> bool:
    return actor.has(Role.OPERATOR, Role.SYSTEM)


def _pledgeable(
    session: Session, ctx: Context, campaign_id: uuid.UUID, item_id: uuid.UUID
) -> tuple[Campaign, Item]:
    """The locked campaign, where the clock has brought it, and its item."""
    campaign = planning.locked(session, campaign_id)
    planning.follow_clock(session, ctx, campaign)
    _check_pledgeable(campaign)
    return campaign, planning.item_of(campaign, item_id)


def _check_pledgeable(campaign: Campaign) -> None:
    if campaign.state not in PLEDGEABLE:
        raise CampaignStateForbids(state=campaign.state)


def _working(
    session: Session, ctx: Context, pledge_id: uuid.UUID, event: PledgeEvent
) -> tuple[Pledge, Campaign]:
    """A pledge to which this may happen, under its campaign's lock, for its cooperative's members and operators."""
    seen = session.get(Pledge, pledge_id)
    if seen is None or not lots.may_work_on(ctx.actor, seen.cooperative_id):
        raise PledgeNotFound
    campaign = planning.locked(session, seen.campaign_id)
    planning.follow_clock(session, ctx, campaign)
    pledge = session.get_one(Pledge, pledge_id, populate_existing=True)
    after(pledge.state, event)
    return pledge, campaign


def _answering(
    session: Session, ctx: Context, pledge_id: uuid.UUID, event: PledgeEvent
) -> tuple[Pledge, Campaign, Item]:
    pledge, campaign = _working(session, ctx, pledge_id, event)
    if pledge.state == PledgeState.OFFERED and not _is_operator(ctx.actor):
        raise errors.Forbidden
    _check_pledgeable(campaign)
    if rules.is_over(
        pledge.state, answer_due_at=pledge.answer_due_at, campaign_state=campaign.state, now=ctx.now
    ):
        raise PledgeTooLate(answer_due_at=pledge.answer_due_at)
    return pledge, campaign, planning.item_of(campaign, pledge.item_id)


def _check_county(session: Session, campaign: Campaign, cooperative_id: uuid.UUID) -> None:
    if cooperatives.get(session, cooperative_id=cooperative_id).county_id != campaign.county_id:
        raise ForeignPledge


def _new(ctx: Context, item: Item, cooperative_id: uuid.UUID, *, wanted_boxes: int) -> Pledge:
    return Pledge(
        id=new_id(),
        campaign_id=item.campaign_id,
        item_id=item.id,
        cooperative_id=cooperative_id,
        wanted_boxes=wanted_boxes,
        boxes=0,
        created_at=ctx.now,
        version=0,
    )


def _open(session: Session, ctx: Context, pledge: Pledge, event: PledgeEvent) -> None:
    with database.refusing({"uq_pledge_open": PledgeOpen()}):
        moves.write(session, ctx, pledge, event)


def _fill(
    session: Session, ctx: Context, campaign: Campaign, item: Item, pledge: Pledge, *, boxes: int
) -> list[Hold]:
    """So many boxes more of the pledge's lots or forecast stand in the item's pool."""
    purpose = (moves.PURPOSE, pledge.id)
    if pledge.capacity_id is None:
        return pools.pledge(
            session,
            ctx,
            pool_id=item.pool_id,
            cooperative_id=pledge.cooperative_id,
            boxes=boxes,
            purpose=purpose,
            good_until=campaign.good_until(item),
        )
    _check_capacity(session, campaign, pledge)
    hold = pools.pledge_forecast(
        session, ctx, pool_id=item.pool_id, capacity_id=pledge.capacity_id, boxes=boxes, purpose=purpose
    )
    return [hold]


def _check_capacity(session: Session, campaign: Campaign, pledge: Pledge) -> None:
    """Raises CapacityNotFound (also for another cooperative's), HarvestUnplanned."""
    if pledge.capacity_id is None:
        return
    capacity = session.get(Capacity, pledge.capacity_id)
    if capacity is None or capacity.cooperative_id != pledge.cooperative_id:
        raise forecasts.CapacityNotFound
    ends_on: date | None = campaign.harvest_ends_at and campaign.harvest_ends_at.date()
    if ends_on is None or capacity.week_on > ends_on:
        raise HarvestUnplanned(week_on=capacity.week_on, harvest_ends_at=campaign.harvest_ends_at)


def _committed(session: Session, pledge: Pledge) -> int:
    """What the cooperative has been asked for of the item and has not given back."""
    return int(
        session.scalar(
            select(func.coalesce(func.sum(Commitment.boxes - Commitment.boxes_given_back), 0)).where(
                Commitment.item_id == pledge.item_id, Commitment.cooperative_id == pledge.cooperative_id
            )
        )
        or 0
    )
