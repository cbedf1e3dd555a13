"""Doors of a wave's pick lists."""

import uuid
from typing import Any

from flask import Response
from marshmallow import Schema, fields

from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.files import attached
from orders.fulfilment import picking
from orders.fulfilment.picking import PickList, WaveNotFound

blueprint = Blueprint("pick_lists", __name__, url_prefix="/waves", description="Pick lists 拣货单")


class Pick(Schema):
    lot_id = fields.UUID(attribute="lot.id")
    lot_code = fields.String(attribute="lot.code")
    cooperative_id = fields.UUID(attribute="lot.cooperative_id")
    room = fields.String(allow_none=True)
    variety = fields.String(attribute="lot.variety")
    grade = fields.String(attribute="lot.grade")
    best_before_on = fields.Date(attribute="lot.best_before_on")
    boxes = fields.Integer(metadata={"description": "Still to be fetched."})
    boxes_packed = fields.Integer()
    parcels = fields.Integer()


class StorePicks(Schema):
    cold_store_id = fields.UUID(attribute="cold_store.id")
    code = fields.String(attribute="cold_store.code")
    name_en = fields.String(attribute="cold_store.name_en")
    name_zh = fields.String(attribute="cold_store.name_zh")
    boxes = fields.Integer()
    boxes_packed = fields.Integer()
    picks = fields.List(fields.Nested(Pick))


class PickLists(Schema):
    items = fields.List(fields.Nested(StorePicks))


@blueprint.get("/<uuid:wave_id>/pick-lists")
@blueprint.problems(WaveNotFound)
@blueprint.response(200, PickLists)
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
