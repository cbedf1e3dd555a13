"""A pick of a wave was short: its parcels first (`orders.fulfilment.shorts`), then the campaign's shortage, at once.

What nobody else has is missing to orders that are in no wave: a shortage of its item opens, or one that is open grows.
Rows are taken in the order campaign, shortage, wave, forecast, payment, order, parcel, pledge, pool, lot.
"""

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.fulfilment import sending
from campaigns.shortage import cases, opening
from campaigns.states import CampaignState, CampaignStateForbids
from inventory.capacity import pledging
from marketplace.context import Context
from orders.fulfilment import shorts
from orders.fulfilment.models import ShortPick
from orders.fulfilment.shorts import Pick


def report(session: Session, ctx: Context, *, wave_id: uuid.UUID, pick: Pick) -> ShortPick:
    """What was found in a lot of the actor's cooperatives, any for operators, and all that follows from it.

    Raises WaveNotFound, LotNotFound, CampaignStateForbids, PickNotShort, PacksDiffer, LotStatusForbids.
    """
    wave = shorts.seen(session, ctx, wave_id=wave_id, lot_id=pick.lot_id)
    campaign = planning.locked(session, wave.campaign_id)
    if campaign.state != CampaignState.FULFILLING:
        raise CampaignStateForbids(state=campaign.state)
    cases.open_of(session, campaign_id=campaign.id, locked=True)
    session.refresh(wave, with_for_update=True)
    pledging.lock(session, pool_ids=[item.pool_id for item in campaign.items])

    def shelf_days(order_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, int]:
        return sending.shelf_days(session, order_ids)

    made = shorts.report(session, ctx, wave, pick, shelf_days=shelf_days)
    opening.open_if_short(session, ctx, campaign)
    return made
