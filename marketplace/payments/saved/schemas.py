"""Shapes of kept cards and consents."""

from marshmallow import Schema, fields

from marketplace.fields import Flag, Id, Instant


class SavedCard(Schema):
    id = fields.UUID()
    brand = fields.String()
    last4 = fields.String()
    exp_month = fields.Integer()
    exp_year = fields.Integer()
    saved_at = Instant()
    order_ids = fields.List(
        fields.UUID(), metadata={"description": "Orders whose balances may be charged to it."}
    )


class SavedCards(Schema):
    items = fields.List(fields.Nested(SavedCard))


class SwitchConsent(Schema):
    is_given = Flag(required=True)
    saved_card_id = Id(
        load_default=None, metadata={"description": "One's own; without it the one that was saved last."}
    )


class ConsentWords(Schema):
    version = fields.String()
    en = fields.String()
    zh = fields.String()


class ConsentCard(Schema):
    id = fields.UUID()
    brand = fields.String()
    last4 = fields.String()


class BalanceConsent(Schema):
    order_id = fields.UUID()
    is_given = fields.Boolean()
    words = fields.Nested(ConsentWords, metadata={"description": "What is agreed to."})
    given_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    ended_reason = fields.String(allow_none=True)
    card = fields.Nested(
        ConsentCard,
        allow_none=True,
        metadata={"description": "Null also until the payment with which it is saved is made."},
    )
    charge_at = Instant(allow_none=True, metadata={"description": "Not before; null while none is planned."})
    problem = fields.String(
        allow_none=True, metadata={"description": "The bank's word for the last decline."}
    )
