"""Shapes of the catalogue in and out."""

from marshmallow import Schema, fields

from marketplace import paging
from marketplace.fields import Code, Currency, Flag, Grams, Id, Instant, Line, Whole
from marketplace.values import UNIT_PRICE_MINOR_MAX


class EditCounty(Schema):
    name_en = Line(required=True)
    name_zh = Line(required=True)


class CreateCounty(EditCounty):
    code = Code(required=True)
    is_demo = Flag(load_default=False)


class County(Schema):
    id = fields.UUID()
    code = fields.String()
    name_en = fields.String()
    name_zh = fields.String()
    is_demo = fields.Boolean()
    version = fields.Integer()
    created_at = Instant()


class EditCooperative(Schema):
    name_en = Line(required=True)
    name_zh = Line(required=True)
    township_en = Line(required=True)
    township_zh = Line(required=True)
    member_households = Whole(required=True, low=1, high=1_000_000)
    members = Whole(required=True, low=1, high=10_000_000)
    gln = Line(high=13, allow_none=True, load_default=None)


class CreateCooperative(EditCooperative):
    county_id = Id(required=True)
    code = Code(required=True)


class Cooperative(Schema):
    id = fields.UUID()
    county_id = fields.UUID()
    code = fields.String()
    name_en = fields.String()
    name_zh = fields.String()
    township_en = fields.String()
    township_zh = fields.String()
    member_households = fields.Integer()
    members = fields.Integer()
    gln = fields.String(allow_none=True)
    is_demo = fields.Boolean()
    version = fields.Integer()
    created_at = Instant()


class CooperativesQuery(paging.Query):
    county_id = Id(load_default=None)


class EditProduct(Schema):
    name_en = Line(required=True)
    name_zh = Line(required=True)


class CreateProduct(EditProduct):
    code = Code(required=True)
    variety = Line(required=True, high=60)
    grade = Line(required=True, high=20)
    size = Line(high=20, allow_none=True, load_default=None)


class Product(Schema):
    id = fields.UUID()
    code = fields.String()
    variety = fields.String()
    grade = fields.String()
    size = fields.String(allow_none=True)
    name_en = fields.String()
    name_zh = fields.String()
    version = fields.Integer()
    created_at = Instant()


class EditPack(Schema):
    list_price_minor = Whole(required=True, high=UNIT_PRICE_MINOR_MAX)
    currency = Currency(required=True)
    gtin = Line(high=14, allow_none=True, load_default=None)


class CreatePack(EditPack):
    product_id = Id(required=True)
    code = Code(required=True)
    net_grams = Grams(required=True, high=100_000_000)


class Pack(Schema):
    id = fields.UUID()
    product_id = fields.UUID()
    product_code = fields.String()
    code = fields.String()
    variety = fields.String()
    grade = fields.String()
    size = fields.String(allow_none=True)
    name_en = fields.String()
    name_zh = fields.String()
    net_grams = fields.Integer()
    gtin = fields.String(allow_none=True)
    list_price_minor = fields.Integer()
    currency = fields.String()
    version = fields.Integer()
    created_at = Instant()


class PacksQuery(paging.Query):
    product_id = Id(load_default=None)


class CountyOfFile(Schema):
    county_id = Id(required=True)


class CsvReport(Schema):
    rows = fields.Integer()
    created = fields.Integer()
    updated = fields.Integer()
    unchanged = fields.Integer()
