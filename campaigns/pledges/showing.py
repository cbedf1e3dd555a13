"""What a campaign's cooperatives have put up, item by item: pledged, sold, free."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.allotting.models import Commitment
from campaigns.models import Campaign
from campaigns.pledges import rules
from campaigns.pledges.models import Pledge, PledgeMove
from campaigns.pledges.pledging import get
from campaigns.pledges.rules import Standing
from campaigns.pledges.states import PledgeState
from inventory.models import Hold, Pool
from inventory.states import HoldKind
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Context

Seller = tuple[uuid.UUID, uuid.UUID]
"""An item and a cooperative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one cooperative has put up for an item."""

    cooperative_id: uuid.UUID
    code: str
    pledged_boxes: int
    forecast_boxes: int
    sold_boxes: int | None
    free_boxes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRows:
    """An item's pool, and the cooperatives in it that the reader may see."""

    item_id: uuid.UUID
    pool: Pool
    forecast_boxes: int
    cooperatives: list[Row]


def of_campaign(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> list[ItemRows]:
    """All items; members see their own cooperative's row, staff everybody's. Raises CampaignNotFound."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    pledged, forecast = _pledged(session, campaign), _forecast(session, campaign)
    committed = _committed(session, campaign)
    codes = {each.id: each.code for each in cooperatives.of_county(session, county_id=campaign.county_id)}
    sees_all = ctx.actor.has(*STAFF, Role.SYSTEM)
    told = []
    for item in campaign.items:
        pool = session.get_one(Pool, item.pool_id)
        rows = [
            _row(campaign, pool, seller, codes[seller[1]], boxes, forecast, committed)
            for seller, boxes in pledged.items()
            if seller[0] == item.id and (sees_all or seller[1] in ctx.actor.cooperative_ids)
        ]
        told.append(
            ItemRows(
                item_id=item.id,
                pool=pool,
                forecast_boxes=sum(boxes for seller, boxes in forecast.items() if seller[0] == item.id),
                cooperatives=sorted(rows, key=lambda row: row.code),
            )
        )
    return told


def moves_of(session: Session, ctx: Context, *, pledge_id: uuid.UUID) -> list[PledgeMove]:
    """Raises PledgeNotFound."""
    pledge = get(session, ctx, pledge_id=pledge_id)
    statement = select(PledgeMove).where(PledgeMove.pledge_id == pledge.id).order_by(PledgeMove.number)
    return list(session.scalars(statement))


def _row(
    campaign: Campaign,
    pool: Pool,
    seller: Seller,
    code: str,
    boxes: int,
    forecast: Mapping[Seller, int],
    committed: Mapping[Seller, int] | None,
) -> Row:
    sold = None if committed is None else committed.get(seller, 0)
    standing = Standing(boxes=boxes, own=boxes, free=pool.available_boxes, committed=sold or 0)
    return Row(
        cooperative_id=seller[1],
        code=code,
        pledged_boxes=boxes,
        forecast_boxes=forecast.get(seller, 0),
        sold_boxes=sold,
        free_boxes=standing.withdrawable if campaign.state in rules.LOWERABLE else 0,
    )


def _pledged(session: Session, campaign: Campaign) -> dict[Seller, int]:
    rows = session.execute(
        select(Pledge.item_id, Pledge.cooperative_id, func.sum(Pledge.boxes))
        .where(Pledge.campaign_id == campaign.id, Pledge.state == PledgeState.ACCEPTED)
        .group_by(Pledge.item_id, Pledge.cooperative_id)
    )
    return {(item_id, cooperative_id): int(boxes) for item_id, cooperative_id, boxes in rows}


def _forecast(session: Session, campaign: Campaign) -> dict[Seller, int]:
    items = {item.pool_id: item.id for item in campaign.items}
    rows = session.execute(
        select(Hold.pool_id, Hold.cooperative_id, func.sum(Hold.boxes - Hold.released_boxes))
        .where(Hold.pool_id.in_(items), Hold.kind == HoldKind.FORECAST)
        .group_by(Hold.pool_id, Hold.cooperative_id)
    )
    return {
        (items[pool_id], cooperative_id): int(boxes)
        for pool_id, cooperative_id, boxes in rows
        if pool_id is not None and cooperative_id is not None
    }


def _committed(session: Session, campaign: Campaign) -> dict[Seller, int] | None:
    """None until the sold boxes have been split: before that they are nobody's in particular."""
    rows = session.execute(
        select(
            Commitment.item_id,
            Commitment.cooperative_id,
            func.sum(Commitment.boxes - Commitment.boxes_given_back),
        )
        .where(Commitment.campaign_id == campaign.id)
        .group_by(Commitment.item_id, Commitment.cooperative_id)
    ).all()
    return {(item_id, seller): int(boxes) for item_id, seller, boxes in rows} if rows else None
