"""Doors of short picks: somebody stood in the store and found fewer boxes than a wave's list says."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from campaigns.fulfilment import short_picking
from campaigns.states import CampaignStateForbids
from inventory.lots import LotNotFound, LotStatusForbids
from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from orders.fulfilment import shorts
from orders.fulfilment.models import ShortPick
from orders.fulfilment.picking import WaveNotFound
from orders.fulfilment.schemas import ReportShortPick, ShortPicks
from orders.fulfilment.schemas import ShortPick as ShortPickShape
from orders.fulfilment.shorts import PacksDiffer, Pick, PickNotShort

blueprint = Blueprint("short_picks", __name__, url_prefix="/waves", description="Short picks 拣货短缺")


@blueprint.post("/<uuid:wave_id>/short-picks")
@blueprint.arguments(ReportShortPick)
@blueprint.problems(
    WaveNotFound, LotNotFound, CampaignStateForbids, PickNotShort, PacksDiffer, LotStatusForbids
)
@blueprint.writes(201, ShortPickShape)
def report(session: Session, body: dict[str, Any], wave_id: uuid.UUID) -> ShortPick:
    """Fewer boxes of a lot are there than the wave's list says 报告拣货短缺"""
    return short_picking.report(session, context.current(), wave_id=wave_id, pick=Pick(**body))


@blueprint.get("/<uuid:wave_id>/short-picks")
@blueprint.problems(WaveNotFound)
@blueprint.response(200, ShortPicks)
def list_picks(wave_id: uuid.UUID) -> dict[str, Any]:
    """The picks of a wave that were short, and what became of their parcels 拣货短缺列表"""
    with reading() as session:
        return {"items": shorts.of_wave(session, context.current(), wave_id=wave_id)}
