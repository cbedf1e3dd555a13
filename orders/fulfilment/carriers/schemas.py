"""Shapes of what is exchanged with carriers."""

from marshmallow import Schema, fields

from marketplace.fields import Code, Flag, Id


class Carrier(Schema):
    code = fields.String()
    name_en = fields.String(attribute="name.en")
    name_zh = fields.String(attribute="name.zh")
    has_files = Flag(metadata={"description": "Parcels are fetched and reports are brought as files."})


class Carriers(Schema):
    items = fields.List(fields.Nested(Carrier))


class TakeCarrierFile(Schema):
    carrier = Code(load_default="csv", high=20)
    cooperative_id = Id(load_default=None, allow_none=True)
    after = Id(
        load_default=None,
        allow_none=True,
        metadata={"description": "The last parcel of the file before (header `Parcels-Last`)."},
    )


class ReportQuery(Schema):
    carrier = Code(load_default="csv", high=20)


class RefusedLine(Schema):
    line = fields.Integer()
    value = fields.String()
    code = fields.String()
    detail = fields.String()


class ReportOutcome(Schema):
    rows = fields.Integer()
    taken = fields.Integer()
    known = fields.Integer(metadata={"description": "Told before."})
    refused = fields.List(fields.Nested(RefusedLine))
