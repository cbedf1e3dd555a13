"""Shapes of a campaign's settlements in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from marketplace.fields import Currency, Day, Line, Whole
from marketplace.values import UNIT_PRICE_MINOR_MAX
from orders.settlements.commission import WHOLE_BPS
from orders.settlements.drafting import FEES_MAX

OBJECTION_DAYS = 7


class SettlementFee(Schema):
    """So much of each box for a service, of boxes that are sold in this currency."""

    name = Line(required=True, high=80)
    beneficiary = Line(required=True, high=120)
    currency = Currency(required=True)
    per_box_minor = Whole(required=True, low=1, high=UNIT_PRICE_MINOR_MAX)


class DraftSettlements(Schema):
    """The terms of all of a campaign's settlements."""

    commission_bps = Whole(required=True, low=0, high=WHOLE_BPS)
    retention_permille = Whole(load_default=0, low=0, high=1_000)
    retained_until = Day(load_default=None, allow_none=True)
    objection_days = Whole(load_default=OBJECTION_DAYS, low=1, high=60)
    fees = fields.List(
        fields.Nested(SettlementFee), load_default=list, validate=validate.Length(max=FEES_MAX)
    )

    @validates_schema
    def check(self, told: dict[str, Any], **_known: Any) -> None:
        if bool(told["retention_permille"]) != (told["retained_until"] is not None):
            raise ValidationError("Retention is kept until a day. 质保金须有释放日。", "retained_until")
        names = [(each["name"], each["currency"]) for each in told["fees"]]
        if len(set(names)) < len(names):
            raise ValidationError("A fee is given more than once. 服务费重复。", "fees")


class DraftedSettlements(Schema):
    """How many settlements the campaign has, and how many of them were computed just now."""

    campaign_id = fields.UUID()
    settlements = fields.Integer()
    drafted = fields.Integer()


class ProposedSettlements(Schema):
    """`waiting`: numbers of settlements whose cooperative has another one that is not final yet."""

    campaign_id = fields.UUID()
    proposed = fields.Integer()
    waiting = fields.List(fields.String())
