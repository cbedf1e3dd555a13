"""Shapes of advances in and out."""

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Id, Instant, Line, Whole
from marketplace.values import MINOR_DIGITS, TOTAL_MINOR_MAX
from orders.settlements.advance_states import AdvanceLineKind, AdvanceState
from orders.settlements.advances import Bound
from orders.sponsoring.rules import Tranche

_STATE = validate.OneOf([each.value for each in AdvanceState])
_CURRENCY = validate.OneOf(sorted(MINOR_DIGITS))
_BOUND = validate.OneOf([each.value for each in Bound])


class OfferQuery(Schema):
    cooperative_id = Id(load_default=None)


class AdvanceQuery(paging.Query):
    cooperative_id = Id(load_default=None)
    campaign_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=_STATE)


class AskAdvance(Schema):
    cooperative_id = Id(required=True)
    currency = fields.String(required=True, validate=_CURRENCY)
    amount_minor = Whole(required=True, low=1, high=TOTAL_MINOR_MAX)


class GrantAdvance(Schema):
    amount_minor = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=TOTAL_MINOR_MAX,
        metadata={"description": "Less than was asked for; left out, all of it."},
    )


class RefuseAdvance(Schema):
    reason_en = Line(required=True)
    reason_zh = Line(required=True)


class SetAdvanceTerms(Schema):
    confirmation_permille = Whole(required=True, high=1_000)
    intake_permille = Whole(required=True, high=1_000)
    delivery_permille = Whole(required=True, high=1_000)
    factor_permille = Whole(required=True, high=1_000)
    clearing_days = Whole(required=True, high=180)


class AdvanceTerms(Schema):
    confirmation_permille = fields.Integer(attribute="advance.confirmation")
    intake_permille = fields.Integer(attribute="advance.intake")
    delivery_permille = fields.Integer(attribute="advance.delivery")
    factor_permille = fields.Integer(attribute="advance.factor")
    clearing_days = fields.Integer(
        metadata={"description": "So long after an online payment its money is not cleared."}
    )
    version = fields.Integer(metadata={"description": "0: the defaults, nobody has set any."})


class AdvanceSum(Schema):
    bound = fields.String(validate=_BOUND)
    label_en = fields.String(attribute="label.en")
    label_zh = fields.String(attribute="label.zh")
    formula = fields.String(metadata={"description": "In whole units, as one types it; parts round down."})
    amount_minor = fields.Integer()


class AdvanceOffer(Schema):
    campaign_id = fields.UUID()
    cooperative_id = fields.UUID()
    currency = fields.String()
    amount_minor = fields.Integer(attribute="offer.amount_minor")
    bound = fields.String(attribute="offer.bound", validate=_BOUND)
    why_en = fields.String(attribute="why.en")
    why_zh = fields.String(attribute="why.zh")
    due_minor = fields.Integer(attribute="offer.due_minor")
    room_minor = fields.Integer(attribute="offer.room_minor")
    funds_minor = fields.Integer(attribute="offer.funds_minor")
    sums = fields.List(fields.Nested(AdvanceSum))


class AdvanceOffers(Schema):
    items = fields.List(fields.Nested(AdvanceOffer))


class Advance(Schema):
    id = fields.UUID()
    campaign_id = fields.UUID(attribute="purpose_id")
    cooperative_id = fields.UUID()
    currency = fields.String()
    tranche = fields.String(validate=validate.OneOf([each.value for each in Tranche]))
    state = fields.String(validate=_STATE)
    asked_minor = fields.Integer()
    amount_minor = fields.Integer(allow_none=True)
    outstanding_minor = fields.Integer()
    asked_by = fields.String()
    asked_at = Instant()
    decided_by = fields.String(allow_none=True)
    decided_at = Instant(allow_none=True)
    reason_en = fields.String(allow_none=True)
    reason_zh = fields.String(allow_none=True)
    payout_id = fields.UUID(allow_none=True)
    paid_at = Instant(allow_none=True)
    version = fields.Integer()


AdvancePage = paging.page_of(Advance)


class AdvanceLine(Schema):
    number = fields.Integer()
    kind = fields.String(validate=validate.OneOf([each.value for each in AdvanceLineKind]))
    amount_minor = fields.Integer()
    outstanding_minor = fields.Integer()
    settlement_id = fields.UUID(allow_none=True)
    payout_id = fields.UUID(allow_none=True)
    at = Instant()


class AdvanceLines(Schema):
    items = fields.List(fields.Nested(AdvanceLine))


class ExposureQuery(paging.Query):
    county_id = Id(load_default=None)


class ExposureStanding(Schema):
    currency = fields.String()
    promised_minor = fields.Integer()
    outstanding_minor = fields.Integer(attribute="exposure.outstanding_minor")
    owed_minor = fields.Integer(attribute="exposure.owed_minor")
    held_minor = fields.Integer(attribute="exposure.held_minor")
    exposed_minor = fields.Integer(attribute="exposure.exposed_minor")
    limit_minor = fields.Integer(attribute="exposure.limit_minor")
    used_permille = fields.Integer(attribute="exposure.used_permille", allow_none=True)
    is_beyond_limit = fields.Boolean(attribute="exposure.is_beyond_limit")


class CooperativeExposure(Schema):
    cooperative_id = fields.UUID(attribute="id")
    code = fields.String()
    name_en = fields.String()
    name_zh = fields.String()
    currencies = fields.List(fields.Nested(ExposureStanding))


ExposurePage = paging.page_of(CooperativeExposure)
