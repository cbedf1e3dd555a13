"""Shapes of prices in other currencies, destinations, exports and their papers, in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from campaigns.exports.file_rules import NAME_MAX, FileType, is_plain_name
from campaigns.exports.rules import DocumentKind, Incoterm, Stage
from marketplace.fields import Country, Currency, Day, Id, Instant, Line, Whole
from marketplace.payments.schemas import Payment
from marketplace.values import MINOR_DIGITS, QUANTITY_MAX, UNIT_PRICE_MINOR_MAX


class FileName(Line):
    """A name without a folder; control characters and line ends are refused as in any line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(high=NAME_MAX, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if not is_plain_name(name):
            raise ValidationError("Must be a plain file name.")
        return name


class SetItemPrice(Schema):
    unit_price_minor = Whole(required=True, low=1, high=UNIT_PRICE_MINOR_MAX)


class ItemPrice(Schema):
    item_id = fields.UUID()
    currency = fields.String()
    unit_price_minor = fields.Integer()
    minor_digits = fields.Function(
        lambda price: MINOR_DIGITS[price.currency],
        metadata={"type": "integer", "description": "Decimal digits that the minor unit is of a whole one."},
    )
    set_at = Instant()


class ItemPrices(Schema):
    items = fields.List(fields.Nested(ItemPrice))


class DescribeDestination(Schema):
    name_en = Line(required=True, high=100)
    name_zh = Line(required=True, high=100)
    shelf_days = Whole(
        required=True,
        low=30,
        high=365,
        metadata={
            "description": "For so long fruit must be good after the day of delivery 到货后须保质的天数"
        },
    )
    documents = fields.List(
        fields.String(validate=validate.OneOf([each.value for each in DocumentKind])),
        required=True,
        validate=validate.Length(1, len(DocumentKind)),
        metadata={"description": "Papers that whatever goes there needs 所需单证"},
    )


class ExportDestination(Schema):
    country = fields.String()
    name_en = fields.String()
    name_zh = fields.String()
    shelf_days = fields.Integer()
    documents = fields.List(fields.String())
    version = fields.Integer()


class ExportDestinations(Schema):
    items = fields.List(fields.Nested(ExportDestination))


class PlaceExport(Schema):
    campaign_id = Id(required=True)
    item_id = Id(required=True)
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)
    currency = Currency(required=True)
    company = Line(required=True)
    country = Country(required=True)
    place = Line(
        required=True,
        metadata={"description": "The port, airport or town that the incoterm names 贸易术语指定的地点"},
    )
    incoterm = fields.String(
        required=True,
        validate=validate.OneOf([each.value for each in Incoterm]),
        metadata={"description": "Incoterms 2020"},
    )
    promised_on = Day(required=True, metadata={"description": "The day of delivery 承诺到货日"})


class Export(Schema):
    id = fields.UUID()
    state = fields.String()
    stage = fields.String(validate=validate.OneOf([each.value for each in Stage]))
    buyer_id = fields.UUID()
    item_id = fields.UUID()
    pack_id = fields.UUID()
    boxes = fields.Integer()
    pack_grams = fields.Integer()
    unit_price_minor = fields.Integer()
    total_minor = fields.Integer()
    currency = fields.String()
    minor_digits = fields.Integer(metadata={"description": "Decimal digits of the currency's minor unit."})
    company = fields.String()
    country = fields.String()
    place = fields.String()
    incoterm = fields.String()
    promised_on = Day()
    shelf_days = fields.Integer()
    good_until = Day(metadata={"description": "Until then the fruit must be good."})
    documents_required = fields.List(fields.String())
    documents_missing = fields.List(fields.String())
    ready_at = Instant(allow_none=True)
    payment_id = fields.UUID(allow_none=True)
    payment = fields.Nested(
        Payment, allow_none=True, metadata={"description": "With the reference that a transfer gives."}
    )
    created_at = Instant()
    version = fields.Integer()


class ExportPage(Schema):
    items = fields.List(fields.Nested(Export))
    next_cursor = fields.UUID(allow_none=True)


class UploadDocument(Schema):
    name = FileName(load_default=None, metadata={"description": "What the file is called 文件名"})


class ExportDocument(Schema):
    id = fields.UUID()
    order_id = fields.UUID()
    kind = fields.String(validate=validate.OneOf([each.value for each in DocumentKind]))
    version = fields.Integer()
    name = fields.String()
    media_type = fields.String(validate=validate.OneOf([each.value for each in FileType]))
    size_bytes = fields.Integer()
    sha256 = fields.String()
    uploaded_by = fields.UUID()
    uploaded_at = Instant()


class ExportDocuments(Schema):
    items = fields.List(fields.Nested(ExportDocument))
