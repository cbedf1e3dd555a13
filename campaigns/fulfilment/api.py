"""Doors of a campaign's waves."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from campaigns.fulfilment import schemas, sending
from campaigns.planning import CampaignNotFound
from campaigns.states import CampaignStateForbids, ShortageOpen
from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from orders.bulk import DeliveryInThePast
from orders.fulfilment.models import Wave
from orders.fulfilment.schemas import Wave as WaveShape
from orders.fulfilment.waves import WaveRunning

blueprint = Blueprint(
    "waves", __name__, url_prefix="/campaigns", description="A campaign's waves 活动发货批次"
)


@blueprint.post("/<uuid:campaign_id>/waves")
@blueprint.arguments(schemas.ReleaseWave)
@blueprint.problems(
    CampaignNotFound,
    CampaignStateForbids,
    ShortageOpen,
    DeliveryInThePast,
    WaveRunning,
    sending.NothingToSend,
)
@blueprint.writes(201, WaveShape)
def release(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Wave:
    """Send out what is ready: its lots are chosen, first expired first out 释放发货批次"""
    return sending.release(session, context.current(), campaign_id=campaign_id, **body)


@blueprint.get("/<uuid:campaign_id>/fulfilment")
@blueprint.problems(CampaignNotFound)
@blueprint.response(200, schemas.Fulfilment)
def overview(campaign_id: uuid.UUID) -> dict[str, Any]:
    """What is ready, what waits, and how far the parcels are 履约进度"""
    with reading() as session:
        return sending.overview(session, context.current(), campaign_id=campaign_id)
