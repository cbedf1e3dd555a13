"""Doors of a wave's pick lists."""

import uuid
from typing import Any

from flask import Response

from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.files import attached
from orders.fulfilment import picking, schemas
from orders.fulfilment.picking import PickList, WaveNotFound

blueprint = Blueprint("pick_lists", __name__, url_prefix="/waves", description="Pick lists 拣货单")


@blueprint.get("/<uuid:wave_id>/pick-lists")
@blueprint.problems(WaveNotFound)
@blueprint.response(200, schemas.PickLists)
def list_picks(wave_id: uuid.UUID) -> dict[str, Any]:
    """Which lots to fetch for a wave, store by store 拣货单"""
    with reading() as session:
        return {"items": picking.of_wave(session, context.current(), wave_id=wave_id)}


@blueprint.get("/<uuid:wave_id>/pick-lists.csv")
@blueprint.problems(WaveNotFound)
@blueprint.response(200, content_type="text/csv")
def download_picks(wave_id: uuid.UUID) -> Response:
    """The same as a table 拣货单（CSV）"""
    with reading() as session:
        lists: list[PickList] = picking.of_wave(session, context.current(), wave_id=wave_id)
        data = picking.csv_of(lists)
    return attached(data, "text/csv; charset=utf-8", f"picks-{wave_id}.csv")
