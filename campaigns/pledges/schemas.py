"""Shapes of pledges in and out."""

from marshmallow import Schema, fields, validate

from campaigns.pledges.states import PledgeEvent, PledgeState
from marketplace import paging
from marketplace.fields import Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX

_STATE = validate.OneOf([each.value for each in PledgeState])


class PledgeQuery(paging.Query):
    campaign_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=_STATE)


class InvitePledge(Schema):
    item_id = Id(required=True)
    cooperative_id = Id(required=True)
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)
    answer_due_at = Instant(required=True)


class OfferPledge(Schema):
    item_id = Id(required=True)
    cooperative_id = Id(required=True)
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)
    capacity_id = Id(
        load_default=None,
        allow_none=True,
        metadata={"description": "The forecast that it is of; left out, the cooperative's lots."},
    )


class AcceptPledge(Schema):
    boxes = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=QUANTITY_MAX,
        metadata={"description": "Fewer than asked for or offered; left out, all."},
    )
    capacity_id = Id(
        load_default=None,
        allow_none=True,
        metadata={"description": "The forecast that an invited cooperative gives; left out, its lots."},
    )


class DeclinePledge(Schema):
    reason = Line(required=True)


class RaisePledge(Schema):
    boxes = Whole(
        required=True, low=1, high=QUANTITY_MAX, metadata={"description": "So many more than before."}
    )


class WithdrawPledge(Schema):
    boxes = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=QUANTITY_MAX,
        metadata={"description": "So many fewer than before; left out, all."},
    )
    reason = Line(required=True)


class Pledge(Schema):
    id = fields.UUID()
    campaign_id = fields.UUID()
    item_id = fields.UUID()
    cooperative_id = fields.UUID()
    capacity_id = fields.UUID(allow_none=True, metadata={"description": "The forecast it is of; null: lots."})
    state = fields.String(validate=_STATE)
    wanted_boxes = fields.Integer(metadata={"description": "Asked for, offered, or put up at first."})
    boxes = fields.Integer(metadata={"description": "Stand in the item's pool now."})
    answer_due_at = Instant(allow_none=True)
    created_at = Instant()
    version = fields.Integer()


PledgePage = paging.page_of(Pledge)


class PledgeMove(Schema):
    number = fields.Integer()
    event = fields.String(validate=validate.OneOf([each.value for each in PledgeEvent]))
    before = fields.String(allow_none=True)
    after = fields.String()
    boxes_before = fields.Integer()
    boxes_after = fields.Integer()
    reason = fields.String(allow_none=True)
    actor = fields.String()
    request_id = fields.String()
    at = Instant()


class PledgeMoves(Schema):
    items = fields.List(fields.Nested(PledgeMove))


class PledgingCooperative(Schema):
    cooperative_id = fields.UUID()
    code = fields.String()
    pledged_boxes = fields.Integer()
    forecast_boxes = fields.Integer(metadata={"description": "The part of them that is not weighed yet."})
    sold_boxes = fields.Integer(
        allow_none=True,
        metadata={"description": "Supplied by this cooperative; null until sold boxes are split."},
    )
    free_boxes = fields.Integer(metadata={"description": "May be taken back now."})


class PledgedItem(Schema):
    item_id = fields.UUID()
    pledged_boxes = fields.Integer(attribute="pool.boxes_pledged")
    forecast_boxes = fields.Integer(metadata={"description": "The part of them that is not weighed yet."})
    held_boxes = fields.Integer(attribute="pool.boxes_held")
    sold_boxes = fields.Integer(attribute="pool.boxes_sold")
    free_boxes = fields.Integer(attribute="pool.available_boxes")
    version = fields.Integer(attribute="pool.version", metadata={"description": "of the pool"})
    cooperatives = fields.List(fields.Nested(PledgingCooperative))


class CampaignPledges(Schema):
    items = fields.List(fields.Nested(PledgedItem))
