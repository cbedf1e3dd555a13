"""Shapes of shortages, offers and elections in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from campaigns.shortage import words
from campaigns.shortage.rules import Cause, Choice, Standing
from campaigns.shortage.states import DECIDED, OfferState, ShortageState, WaitState
from marketplace import paging
from marketplace.fields import Day, Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX

_CAUSE = validate.OneOf([each.value for each in Cause])
_CHOICE = validate.OneOf([each.value for each in Choice])
_POLICY = validate.OneOf(["equal_awards", "proportional"])
_STATE = validate.OneOf([each.value for each in ShortageState])
_WAIT_STATE = validate.OneOf([each.value for each in WaitState])
_OFFER_STATE = validate.OneOf([each.value for each in OfferState])


class StartShortage(Schema):
    cause = fields.String(load_default=Cause.FAULT.value, validate=_CAUSE)
    evidence = Line(
        load_default=None,
        allow_none=True,
        metadata={"description": "Needed for force majeure. 不可抗力须附证据。"},
    )
    later_lot_on = Day(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "By then a later lot comes: buyers may wait for it. 后续批次到货日，买家可选择等待。"
        },
    )


class SetCause(Schema):
    cause = fields.String(required=True, validate=_CAUSE)
    evidence = Line(load_default=None, allow_none=True)


class SetLaterLot(Schema):
    on = Day(required=True)


class ServeWaits(Schema):
    """Without a cooperative: a stopped lot was cleared."""

    cooperative_id = Id(load_default=None, allow_none=True)
    boxes = Whole(
        load_default=0,
        low=0,
        high=QUANTITY_MAX,
        metadata={"description": "What the cooperative has; only what somebody gets is taken of it."},
    )

    @validates_schema
    def _check_both(self, body: dict[str, Any], **_: Any) -> None:
        if (body["cooperative_id"] is None) != (body["boxes"] == 0):
            raise ValidationError("A cooperative and its boxes go together.", "boxes")


class AcceptOffer(Schema):
    boxes = Whole(load_default=None, allow_none=True, low=1, high=QUANTITY_MAX)


class ChooseElection(Schema):
    choice = fields.String(required=True, validate=_CHOICE)
    wanted_boxes = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=QUANTITY_MAX,
        metadata={"description": "With `fewer`: so many are enough."},
    )
    item_id = Id(
        load_default=None, allow_none=True, metadata={"description": "With `other_grade`: of which item."}
    )


class ShortageQuery(paging.Query):
    state = fields.String(load_default=None, validate=_STATE)
    campaign_id = Id(load_default=None)


class OfferQuery(paging.Query):
    state = fields.String(load_default=None, validate=_OFFER_STATE)


class ShortageReason(Schema):
    en = fields.String()
    zh = fields.String()


class ShortageStanding(Schema):
    id = fields.UUID()
    shortage_id = fields.UUID()
    cooperative_id = fields.UUID()
    code = fields.String()
    pledged_boxes = fields.Integer()
    there_boxes = fields.Integer()
    carried_boxes = fields.Integer(allow_none=True, metadata={"description": "null until it is settled."})
    carried_minor = fields.Integer(allow_none=True)


class ToldStanding(ShortageStanding):
    reason = fields.Nested(ShortageReason, allow_none=True)


class ShortageOffer(Schema):
    id = fields.UUID()
    shortage_id = fields.UUID()
    cooperative_id = fields.UUID()
    round = fields.Integer()
    boxes = fields.Integer()
    accepted_boxes = fields.Integer()
    state = fields.String(validate=_OFFER_STATE)
    reason_en = fields.String()
    reason_zh = fields.String()
    answer_due_at = Instant()
    answered_at = Instant(allow_none=True)
    answered_by = fields.String(allow_none=True)
    version = fields.Integer()


class Shortage(Schema):
    id = fields.UUID()
    campaign_id = fields.UUID()
    item_id = fields.UUID()
    state = fields.String(validate=_STATE)
    cause = fields.String(validate=_CAUSE)
    evidence = fields.String(allow_none=True)
    policy = fields.String(validate=_POLICY)
    policy_digest = fields.String(metadata={"description": "Of the campaign's policy."})
    earnest_permille = fields.Integer()
    committed_boxes = fields.Integer()
    supply_boxes = fields.Integer()
    covered_boxes = fields.Integer()
    answers_due_at = Instant()
    elections_due_at = Instant(allow_none=True)
    later_lot_on = Day(allow_none=True)
    seed_hash = fields.String()
    seed = fields.Method(
        "_seed_told",
        metadata={"type": ["string", "null"], "description": "null until the cut."},
    )
    digest = fields.String(allow_none=True)
    settled_at = Instant(allow_none=True)
    version = fields.Integer()
    created_at = Instant()

    def _seed_told(self, shortage: Any) -> str | None:
        return shortage.seed if shortage.state in DECIDED else None


class ShortageRun(Schema):
    problem = fields.Dict(keys=fields.String(), allow_none=True)
    result = fields.Dict(keys=fields.String(), allow_none=True)


class ShownShortage(Schema):
    shortage = fields.Nested(Shortage)
    standings = fields.List(fields.Nested(ToldStanding))
    offers = fields.List(fields.Nested(ShortageOffer))
    run = fields.Nested(ShortageRun)


class Shortages(Schema):
    items = fields.List(fields.Nested(Shortage))


class ShortageCut(Schema):
    id = fields.UUID()
    order_id = fields.UUID()
    boxes_before = fields.Integer()
    boxes_after = fields.Integer()
    boxes_given_up = fields.Integer()
    boxes_cut = fields.Integer()
    boxes_moved = fields.Integer(
        metadata={"description": "Of those after: owed from a later lot, or of another grade."}
    )
    moved_to_item_id = fields.UUID(allow_none=True)
    paid_minor = fields.Integer()
    refund_minor = fields.Integer()
    compensation_minor = fields.Integer()
    bonus_minor = fields.Integer(
        metadata={"description": "What the funder of a deposit's bonus no longer pays."}
    )
    discount_minor = fields.Integer(
        metadata={"description": "What those who fund the order's discounts no longer pay."}
    )
    currency = fields.String()
    reason_en = fields.String()
    reason_zh = fields.String()


class ShortageWait(Schema):
    id = fields.UUID()
    shortage_id = fields.UUID()
    order_id = fields.UUID()
    boxes = fields.Integer()
    place = fields.Integer(metadata={"description": "In the line, as the seed has drawn it."})
    promised_on = Day()
    state = fields.String(validate=_WAIT_STATE)
    resolved_at = Instant(allow_none=True)
    refund_minor = fields.Integer(allow_none=True)
    compensation_minor = fields.Integer(allow_none=True)
    reason_en = fields.String(allow_none=True)
    reason_zh = fields.String(allow_none=True)


class ShortageWaits(Schema):
    items = fields.List(fields.Nested(ShortageWait))


class OtherItem(Schema):
    item_id = fields.UUID()
    pack_id = fields.UUID()
    variety = fields.String()
    grade = fields.String()
    unit_price_minor = fields.Integer()
    currency = fields.String()
    spare_boxes = fields.Integer()


class Election(Schema):
    order_id = fields.UUID()
    shortage_id = fields.UUID(attribute="shortage.id")
    state = fields.String(attribute="shortage.state", validate=_STATE)
    boxes = fields.Integer(metadata={"description": "What the order had before."})
    committed_boxes = fields.Integer(attribute="shortage.committed_boxes")
    supply_boxes = fields.Integer(attribute="shortage.supply_boxes")
    covered_boxes = fields.Integer(attribute="shortage.covered_boxes")
    seed_hash = fields.String(attribute="shortage.seed_hash")
    elections_due_at = Instant(attribute="shortage.elections_due_at", allow_none=True)
    choices = fields.List(fields.String(validate=_CHOICE))
    choice = fields.String(validate=_CHOICE)
    wanted_boxes = fields.Integer(allow_none=True)
    later_lot_on = Day(attribute="shortage.later_lot_on", allow_none=True)
    other_items = fields.List(
        fields.Nested(OtherItem),
        metadata={
            "description": "What may be chosen instead. The price follows that item's; it is never higher."
        },
    )
    other_item_id = fields.UUID(allow_none=True)
    cut = fields.Nested(ShortageCut, allow_none=True)
    wait = fields.Nested(ShortageWait, allow_none=True)


ShortagePage = paging.page_of(Shortage)
OfferPage = paging.page_of(ShortageOffer)
StandingPage = paging.page_of(ToldStanding)
CutPage = paging.page_of(ShortageCut)
WaitPage = paging.page_of(ShortageWait)


def told(shortage: Any, standing: Any) -> dict[str, Any]:
    """A standing with its reason, once the shortage is settled."""
    names = ShortageStanding().fields
    shown = {name: getattr(standing, name) for name in names}
    if standing.carried_boxes is None:
        return {**shown, "reason": None}
    reason = words.for_cooperative(
        Standing(code=standing.code, pledged=standing.pledged_boxes, there=standing.there_boxes),
        committed=shortage.committed_boxes,
        supply=shortage.supply_boxes,
        covered=shortage.covered_boxes,
        carries=standing.carried_boxes,
        cause=Cause(shortage.cause),
    )
    return {**shown, "reason": {"en": reason.en, "zh": reason.zh}}
