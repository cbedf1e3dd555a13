"""Shapes of a campaign that ends before its boxes go out: how far it is, and which advances are out."""

from marshmallow import Schema, fields

from campaigns.schemas import Campaign


class AdvanceOut(Schema):
    """Granted or paid on boxes of the campaign, and not repaid: it is netted out of what else its cooperative earns."""

    id = fields.UUID()
    cooperative_id = fields.UUID()
    currency = fields.String()
    state = fields.String()
    amount_minor = fields.Integer(allow_none=True)
    outstanding_minor = fields.Integer()


class Ending(Schema):
    """How far the money of a failed or cancelled campaign is on its way back, in orders.

    `advances`: those that are out, now or if it ended now.
    """

    state = fields.String()
    released_orders = fields.Integer()
    left_orders = fields.Integer()
    advances = fields.List(fields.Nested(AdvanceOut))


class CancelledCampaign(Campaign):
    """The campaign, and the advances on its boxes that are out."""

    advances = fields.List(fields.Nested(AdvanceOut))
