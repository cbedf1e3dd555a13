"""Shapes of allocations in and out."""

from typing import Any

from marshmallow import Schema, fields

from marketplace import paging
from marketplace.fields import Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX


class CommitmentQuery(paging.Query):
    campaign_id = Id(load_default=None)


class ConfirmCommitment(Schema):
    boxes = Whole(load_default=None, allow_none=True, low=1, high=QUANTITY_MAX)


class DeclineCommitment(Schema):
    reason = Line(required=True)


class Commitment(Schema):
    id = fields.UUID()
    campaign_id = fields.UUID()
    item_id = fields.UUID()
    run_id = fields.UUID()
    cooperative_id = fields.UUID()
    code = fields.String()
    boxes = fields.Integer()
    boxes_given_back = fields.Integer()
    boxes_kept = fields.Integer()
    pack_grams = fields.Integer()
    limited_by = fields.String()
    state = fields.String()
    answer_due_at = Instant(allow_none=True)
    answered_at = Instant(allow_none=True)
    reason = fields.String(allow_none=True)
    version = fields.Integer()


CommitmentPage = paging.page_of(Commitment)


class AllotmentRun(Schema):
    id = fields.UUID()
    campaign_id = fields.UUID()
    item_id = fields.UUID()
    number = fields.Integer()
    is_demo = fields.Boolean(metadata={"description": "The roster is made up. 名册为虚构。"})
    digest = fields.String()
    policy_digest = fields.String(metadata={"description": "Of the policy by which it was split."})
    created_at = Instant()
    commitments = fields.List(fields.Nested(Commitment))
    problem: Any = fields.Dict()
    result: Any = fields.Dict(metadata={"description": "With the certificate that proves it."})


class AllottedItem(Schema):
    item_id = fields.UUID()
    boxes = fields.Integer(metadata={"description": "Sold, and to be supplied."})
    boxes_offered = fields.Integer()
    boxes_confirmed = fields.Integer()
    boxes_open = fields.Integer(metadata={"description": "Nobody's yet."})
    run_ids = fields.List(fields.UUID())


class CampaignAllocation(Schema):
    campaign_id = fields.UUID()
    state = fields.String(metadata={"description": "of the campaign"})
    season = fields.String()
    rule = fields.String()
    strict = fields.Boolean()
    minimum_boxes = fields.Integer()
    weight = fields.String()
    silence = fields.String()
    answer_hours = fields.Integer()
    seed = fields.String()
    policy_digest = fields.String(
        metadata={"description": "Of the campaign's policy, which says all of these."}
    )
    created_at = Instant()
    items = fields.List(fields.Nested(AllottedItem))


class Supply(Schema):
    order_id = fields.UUID()
    cooperative_id = fields.UUID()
    item_id = fields.UUID()
    boxes = fields.Integer()


class SupplyPage(Schema):
    items = fields.List(fields.Nested(Supply))
    next_cursor = fields.UUID(allow_none=True)
