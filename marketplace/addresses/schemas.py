"""Shapes of addresses in and out."""

from typing import Final

from marshmallow import Schema, fields, validate

from marketplace.addresses.rules import COUNTRIES
from marketplace.fields import Flag, Line

PLACE_NAME_MAX: Final = 100
"""More characters than any name of a place has."""


class TypeAddress(Schema):
    recipient = Line(required=True, high=80)
    phone = Line(required=True, high=32, metadata={"description": "Kept as E.164."})
    country = fields.String(
        required=True,
        validate=validate.OneOf(sorted(COUNTRIES)),
        metadata={"description": "ISO 3166, two letters: CN, AE."},
    )
    province = Line(
        load_default=None,
        allow_none=True,
        high=PLACE_NAME_MAX,
        metadata={"description": "In China a province's name or code (陕西, Shaanxi, 610000), and required."},
    )
    city = Line(required=True, high=PLACE_NAME_MAX)
    county = Line(
        load_default=None,
        allow_none=True,
        high=PLACE_NAME_MAX,
        metadata={"description": "District or county; required in China."},
    )
    street = Line(required=True, high=200)
    postal_code = Line(load_default=None, allow_none=True, high=12)
    is_default = Flag(load_default=False)


class KeptAddress(Schema):
    """No word of the address itself: an answer is kept under its Idempotency-Key for days."""

    id = fields.UUID()
    is_default = fields.Boolean()
    version = fields.Integer()


class Place(Schema):
    recipient = fields.String()
    phone = fields.String()
    country = fields.String()
    province = fields.String(allow_none=True)
    city = fields.String()
    county = fields.String(allow_none=True)
    street = fields.String()
    postal_code = fields.String(allow_none=True)


class Address(Place):
    id = fields.UUID()
    is_default = fields.Boolean()
    version = fields.Integer()


class AddressBook(Schema):
    items = fields.List(fields.Nested(Address), validate=validate.Length(max=20))
