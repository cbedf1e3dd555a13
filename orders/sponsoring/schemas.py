"""Shapes of sponsorships, their tranches and draws, in and out."""

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Code, Day, Id, Instant, Line, Quantity, Whole
from marketplace.values import QUANTITY_MAX, TOTAL_MINOR_MAX, UNIT_PRICE_MINOR_MAX
from orders.allocation.problem import RULES
from orders.bulk import ANSWER_HOURS
from orders.sponsoring.rules import WHOLE, Tranche
from orders.sponsoring.states import DrawKind, DrawState, EndPolicy, SponsorKind, SponsorshipState

PERMILLE = {"description": "Permille of the price of what is confirmed, taken in, delivered. 千分比。"}


class SponsorForm(Schema):
    kind = fields.String(required=True, validate=validate.OneOf([each.value for each in SponsorKind]))
    name_en = Line(required=True)
    name_zh = Line(required=True)


class TranchesForm(Schema):
    confirmation = Whole(required=True, high=WHOLE, metadata=PERMILLE)
    intake = Whole(required=True, high=WHOLE, metadata=PERMILLE)
    delivery = Whole(required=True, high=WHOLE, metadata=PERMILLE)


class DraftSponsorship(Schema):
    account_id = Id(
        load_default=None,
        metadata={
            "description": "The buyer whose it is, when an operator drafts it. 由运营代拟时的买方账户。"
        },
    )
    sponsor = fields.Nested(SponsorForm, required=True)
    county_id = Id(required=True)
    pack_id = Id(required=True)
    quantity = Quantity(required=True)
    season = Code(required=True, high=20)
    draws_until = Instant(required=True)
    rule = fields.String(load_default="nearest", validate=validate.OneOf(RULES))
    delivered_on = Day(load_default=None)
    unit_price_minor = Whole(load_default=None, allow_none=True, low=1, high=UNIT_PRICE_MINOR_MAX)
    tranches = fields.Nested(TranchesForm, load_default=None, allow_none=True)
    escrow_permille = Whole(load_default=WHOLE, high=WHOLE)
    shopper_pays_minor = Whole(load_default=1, high=UNIT_PRICE_MINOR_MAX)
    end_policy = fields.String(
        load_default=EndPolicy.DONATED.value, validate=validate.OneOf([each.value for each in EndPolicy])
    )
    carry_days = Whole(load_default=None, allow_none=True, low=1, high=366)
    answer_hours = Whole(load_default=ANSWER_HOURS, low=1, high=240)


class SponsorshipQuery(paging.Query):
    state = fields.String(
        load_default=None, validate=validate.OneOf([each.value for each in SponsorshipState])
    )


class Sponsorship(Schema):
    id = fields.UUID()
    account_id = fields.UUID()
    sponsor_kind = fields.String()
    sponsor_name_en = fields.String()
    sponsor_name_zh = fields.String()
    state = fields.String()
    county_id = fields.UUID()
    pack_id = fields.UUID()
    pack_grams = fields.Integer()
    boxes = fields.Integer()
    unit_price_minor = fields.Integer()
    total_minor = fields.Integer()
    currency = fields.String()
    season = fields.String()
    rule = fields.String()
    answer_hours = fields.Integer()
    delivered_on = Day(allow_none=True)
    confirmation_permille = fields.Integer()
    intake_permille = fields.Integer()
    delivery_permille = fields.Integer()
    escrow_permille = fields.Integer()
    shopper_pays_minor = fields.Integer()
    draws_until = Instant()
    end_policy = fields.String()
    carry_days = fields.Integer(allow_none=True)
    is_carried = fields.Boolean()
    order_id = fields.UUID(allow_none=True)
    pool_id = fields.UUID(allow_none=True)
    escrowed_minor = fields.Integer()
    released_minor = fields.Integer()
    returned_minor = fields.Integer()
    escrow_minor = fields.Integer(metadata={"description": "In escrow now."})
    created_at = Instant()
    version = fields.Integer()


class SponsorshipPage(Schema):
    items = fields.List(fields.Nested(Sponsorship))
    next_cursor = fields.UUID(allow_none=True)


class SponsorshipMove(Schema):
    number = fields.Integer()
    event = fields.String()
    before = fields.String(allow_none=True)
    after = fields.String()
    reason = fields.String(allow_none=True)
    actor = fields.String()
    at = Instant()


class SponsorshipMoves(Schema):
    items = fields.List(fields.Nested(SponsorshipMove))


class EscrowLine(Schema):
    number = fields.Integer()
    kind = fields.String()
    debit = fields.String()
    credit = fields.String()
    amount_minor = fields.Integer()
    currency = fields.String()
    escrow_minor = fields.Integer(metadata={"description": "In escrow after it."})
    payment_id = fields.UUID(allow_none=True)
    share_id = fields.UUID(allow_none=True)
    tranche = fields.String(allow_none=True)
    at = Instant()


class EscrowLines(Schema):
    items = fields.List(fields.Nested(EscrowLine))


class PayIntoEscrow(Schema):
    amount_minor = Whole(required=True, low=1, high=TOTAL_MINOR_MAX)


class MoveFruit(Schema):
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)


class SponsoredShare(Schema):
    share_id = fields.UUID()
    sponsorship_id = fields.UUID()
    cooperative_id = fields.UUID()
    boxes = fields.Integer()
    boxes_taken_in = fields.Integer()
    boxes_delivered = fields.Integer()
    version = fields.Integer()


class PayableQuery(paging.Query):
    sponsorship_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)
    tranche = fields.String(load_default=None, validate=validate.OneOf([each.value for each in Tranche]))


class SponsorPayout(Schema):
    id = fields.UUID()
    amount_minor = fields.Integer()
    state = fields.String()


class SponsorPayable(Schema):
    id = fields.UUID()
    sponsorship_id = fields.UUID()
    share_id = fields.UUID()
    tranche = fields.String()
    cooperative_id = fields.UUID()
    amount_minor = fields.Integer(metadata={"description": "Due by now."})
    owed_back_minor = fields.Integer(
        metadata={"description": "Paid and then taken back: the next settlement nets it."}
    )
    paid_minor = fields.Integer(metadata={"description": "Paid, or in a payout that is under way."})
    open_minor = fields.Integer(metadata={"description": "To be paid by another payout."})
    currency = fields.String()
    changed_at = Instant()
    version = fields.Integer()
    payouts = fields.List(fields.Nested(SponsorPayout))


class SponsorPayablePage(Schema):
    items = fields.List(fields.Nested(SponsorPayable))
    next_cursor = fields.UUID(allow_none=True)


class Figure(Schema):
    name = fields.String()
    boxes = fields.Integer()
    quantity_grams = fields.Integer()
    kilograms = fields.String()
    value_minor = fields.Integer(metadata={"description": "At the sponsor's price."})


class EscrowFigures(Schema):
    escrowed_minor = fields.Integer()
    released_minor = fields.Integer()
    returned_minor = fields.Integer()
    in_escrow_minor = fields.Integer()


class TrancheFigure(Schema):
    tranche = fields.String()
    payable_minor = fields.Integer()


class ShareFigure(Schema):
    cooperative_id = fields.UUID()
    code = fields.String()
    name_en = fields.String()
    name_zh = fields.String()
    share_id = fields.UUID()
    boxes = fields.Integer()
    boxes_taken_in = fields.Integer()
    boxes_delivered = fields.Integer()
    payable_minor = fields.Integer()


class RedeemedBy(Schema):
    """Boxes."""

    game = fields.Integer()
    gift = fields.Integer()
    donation = fields.Integer()


class Statement(Schema):
    sponsorship = fields.Nested(Sponsorship)
    figures = fields.List(fields.Nested(Figure))
    redeemed_by = fields.Nested(RedeemedBy)
    escrow = fields.Nested(EscrowFigures)
    tranches = fields.List(fields.Nested(TrancheFigure))
    shares = fields.List(fields.Nested(ShareFigure))
    shoppers_paid_minor = fields.Integer()
    currency = fields.String()


class DrawBoxes(Schema):
    account_id = Id(required=True, attribute="holder_id", data_key="account_id")
    boxes = Whole(required=True, low=1, high=1_000)
    expires_at = Instant(load_default=None, allow_none=True)


class GiveBoxes(Schema):
    boxes = Whole(required=True, low=1, high=1_000)
    expires_at = Instant(load_default=None, allow_none=True)
    words = Line(load_default=None, allow_none=True)


class DrawQuery(paging.Query):
    state = fields.String(load_default=None, validate=validate.OneOf([each.value for each in DrawState]))
    kind = fields.String(load_default=None, validate=validate.OneOf([each.value for each in DrawKind]))
    sponsorship_id = Id(load_default=None)


class Draw(Schema):
    id = fields.UUID()
    sponsorship_id = fields.UUID()
    kind = fields.String()
    state = fields.String()
    boxes = fields.Integer()
    holder_id = fields.UUID(allow_none=True)
    order_id = fields.UUID(allow_none=True)
    words = fields.String(allow_none=True)
    expires_at = Instant()
    created_at = Instant()
    resolved_at = Instant(allow_none=True)
    version = fields.Integer()


class DrawPage(Schema):
    items = fields.List(fields.Nested(Draw))
    next_cursor = fields.UUID(allow_none=True)


class OrderedDraw(Schema):
    draw = fields.Nested(Draw)
    total_minor = fields.Integer(metadata={"description": "What the holder pays for all of it."})
    payment_id = fields.UUID(allow_none=True, metadata={"description": "None where nothing is to be paid."})


class GivenDraw(Schema):
    draw = fields.Nested(Draw)
    code = fields.String(metadata={"description": "Shown this once. 仅显示一次。"})


class RedeemDraw(Schema):
    address_id = Id(required=True)


class ClaimGift(Schema):
    code = Line(required=True, high=60)
    address_id = Id(required=True)
