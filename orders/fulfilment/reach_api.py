"""Doors of how far a lot's fruit has gone: looked at, and told to its buyers when it is recalled."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory.lots import LotNotFound, LotStatusForbids
from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text
from orders.fulfilment import reaching, schemas
from orders.fulfilment.reaching import Noticed, Reach

blueprint = Blueprint("lot_reach", __name__, url_prefix="/lots", description="Where fruit went 批次去向")


@blueprint.get("/<uuid:lot_id>/reach")
@blueprint.problems(LotNotFound)
@blueprint.response(200, schemas.Reach)
def show(lot_id: uuid.UUID) -> Reach:
    """The lots, boxes, parcels and orders that a lot's fruit has come to 批次去向"""
    with reading() as session:
        return reaching.reach(session, context.current(), lot_id=lot_id)


@blueprint.post("/<uuid:lot_id>/recall-notices")
@blueprint.arguments(schemas.TellRecall)
@blueprint.problems(LotNotFound, LotStatusForbids)
@blueprint.writes(200, schemas.RecallNoticed)
def tell(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Noticed:
    """Tell who has boxes of a recalled lot; each is told once 召回通知"""
    reason = Text(en=body["reason_en"], zh=body["reason_zh"])
    return reaching.notice(session, context.current(), lot_id=lot_id, reason=reason)
