"""Shapes of label areas, certified plots, label credit, batches, labels and scans in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_dump, validate, validates_schema

from inventory.labels import land_rules
from inventory.labels.land_rules import PARTS
from inventory.labels.printing import LABELS_MAX
from inventory.labels.scanning import GENUINE, SUSPICIOUS, UNKNOWN
from inventory.labels.states import ChangeKind, ChangeState, LineKind, SerialState
from marketplace import paging
from marketplace.fields import Code, Day, Flag, Grams, Id, Instant, Line, Whole

SERIALS_MAX = 1_000
POINTS_MAX = 500
YEAR_FIRST, YEAR_LAST = 2000, 2099


def words(kinds: Any) -> validate.OneOf:
    return validate.OneOf([each.value for each in kinds])


class AreaQuery(paging.Query):
    county_id = Id(load_default=None)


class _Names(Schema):
    name_en = Line(required=True)
    name_zh = Line(required=True)


class CreateLabelArea(_Names):
    county_id = Id(required=True)
    code = Code(required=True)


class RenameLabelArea(_Names):
    pass


class Boundary(Schema):
    """A polygon of GeoJSON (RFC 7946) without holes, with longitudes before latitudes."""

    type = fields.String(required=True, validate=validate.OneOf(["Polygon"]))
    coordinates = fields.List(
        fields.List(
            fields.List(
                fields.Float(allow_nan=False, validate=validate.Range(-180, 180)),
                validate=validate.Length(equal=2),
            ),
            validate=validate.Length(min=4, max=POINTS_MAX),
        ),
        required=True,
        validate=validate.Length(equal=1),
    )

    @post_load
    def _as_ring(self, data: Any, **kwargs: Any) -> land_rules.Ring:
        (points,) = data["coordinates"]
        try:
            return land_rules.ring_of([(round(x * PARTS), round(y * PARTS)) for x, y in points])
        except land_rules.NoRing as problem:
            raise ValidationError(str(problem), "coordinates") from problem

    @pre_dump
    def _as_polygon(self, ring: Any, **kwargs: Any) -> dict[str, Any]:
        points = [[x / PARTS, y / PARTS] for x, y in ring]
        return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


class SetBoundary(Schema):
    boundary = fields.Nested(Boundary, required=True)


class LabelArea(Schema):
    id = fields.UUID()
    county_id = fields.UUID()
    code = fields.String()
    name_en = fields.String()
    name_zh = fields.String()
    version = fields.Integer()
    created_at = Instant()


class LabelAreaWithLand(LabelArea):
    boundary = fields.Nested(Boundary, allow_none=True)


class SetLabelSeason(Schema):
    ceiling_per_hectare = Grams(
        required=True,
        high=200_000_000,
        attribute="ceiling_grams_per_hectare",
        data_key="ceiling_per_hectare",
        metadata={
            "description": "What a hectare is believed to bear; it stays once fruit was weighed under it."
        },
    )
    overfill_permille = Whole(required=True, high=200)
    shrink_permille = Whole(required=True, high=500)
    provisional_permille = Whole(load_default=300, high=1_000)
    tolerance_permille = Whole(load_default=5, high=100)
    grades = fields.List(
        Line(high=20),
        required=True,
        validate=validate.Length(1, 20),
        metadata={"description": "Fruit of these grades has passed and earns credit."},
    )


class LabelSeason(Schema):
    area_id = fields.UUID()
    season = fields.Integer(metadata={"description": "The year of the harvest."})
    ceiling_grams_per_hectare = fields.Integer()
    overfill_permille = fields.Integer()
    shrink_permille = fields.Integer()
    provisional_permille = fields.Integer()
    tolerance_permille = fields.Integer()
    grades = fields.List(fields.String())
    version = fields.Integer()


class LabelSeasons(Schema):
    items = fields.List(fields.Nested(LabelSeason))


class DesignQuery(Schema):
    season = Whole(required=True, in_query=True, low=YEAR_FIRST, high=YEAR_LAST)
    name = Code(required=True)


class LabelDesign(Schema):
    id = fields.UUID()
    area_id = fields.UUID()
    season = fields.Integer()
    name = fields.String()
    number = fields.Integer(metadata={"description": "1, 2, 3 … for each name."})
    media_type = fields.String()
    size_bytes = fields.Integer()
    sha256 = fields.String()
    at = Instant()


class LabelDesigns(Schema):
    items = fields.List(fields.Nested(LabelDesign))


class PlotQuery(paging.Query):
    cooperative_id = Id(load_default=None)
    area_id = Id(load_default=None)


class CertifyPlot(Schema):
    cooperative_id = Id(required=True)
    area_id = Id(required=True)
    code = Line(required=True, high=60, metadata={"description": "In the words of its lots' `plot`."})
    square_metres = Whole(required=True, low=1, high=1_000_000_000)
    valid_from = Day(required=True)
    valid_until = Day(required=True)
    certificate = Line(required=True, high=100)
    boundary = fields.Nested(
        Boundary,
        load_default=None,
        metadata={"description": "Where it lies; needed where the area has a boundary."},
    )


class EndPlot(Schema):
    valid_until = Day(required=True)


class LabelPlot(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    area_id = fields.UUID()
    code = fields.String()
    square_metres = fields.Integer()
    valid_from = Day()
    valid_until = Day()
    certificate = fields.String()
    version = fields.Integer()
    created_at = Instant()


class LabelPlotWithLand(LabelPlot):
    boundary = fields.Nested(Boundary, allow_none=True)


class AccountQuery(paging.Query):
    cooperative_id = Id(load_default=None)
    area_id = Id(load_default=None)
    season = Whole(load_default=None, in_query=True, low=YEAR_FIRST, high=YEAR_LAST)


class LabelAccount(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    area_id = fields.UUID()
    season = fields.Integer()
    balance_grams = fields.Integer(metadata={"description": "What may still be printed."})
    owed_grams = fields.Integer(
        metadata={
            "description": "Lost with labels printed already; nothing is printed until it is made up for."
        }
    )
    eligible_grams = fields.Integer(metadata={"description": "All that has ever earned credit."})
    shrunk_grams = fields.Integer()
    shrink_charged_grams = fields.Integer(metadata={"description": "The allowance, or what shrank if more."})
    provisional_grams = fields.Integer(metadata={"description": "Not yet replaced by real credit."})
    provisional_granted_grams = fields.Integer(allow_none=True)
    version = fields.Integer(metadata={"description": "The number of its last line."})


class LabelLine(Schema):
    id = fields.UUID()
    number = fields.Integer()
    kind = fields.String(validate=words(LineKind))
    grams = fields.Integer(metadata={"description": "Below zero it takes credit away."})
    balance_grams = fields.Integer()
    owed_grams = fields.Integer()
    lot_id = fields.UUID(allow_none=True)
    batch_id = fields.UUID(allow_none=True)
    change_id = fields.UUID(allow_none=True)
    reason = fields.String(allow_none=True)
    at = Instant()


class LabelsBorne(Schema):
    pack_id = fields.UUID()
    code = fields.String()
    net_grams = fields.Integer()
    overfill_permille = fields.Integer()
    available_grams = fields.Integer()
    labels = fields.Integer(metadata={"description": "How many labels of the pack can still be printed."})


class LabelsBorneOfAll(Schema):
    items = fields.List(fields.Nested(LabelsBorne))


class GrantProvisional(Schema):
    cooperative_id = Id(required=True)
    area_id = Id(required=True)
    season = Whole(required=True, low=YEAR_FIRST, high=YEAR_LAST)


class AdjustLabelCredit(Schema):
    grams = Whole(required=True, low=-10_000_000_000_000)
    reason = Line(required=True)

    @validates_schema
    def _something(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data["grams"] == 0:
            raise ValidationError("An adjustment changes something.", "grams")


class HandOverLabelCredit(Schema):
    from_lot_id = Id(required=True)
    to_lot_id = Id(required=True, metadata={"description": "A lot of the other cooperative."})
    quantity = Grams(required=True, attribute="grams", data_key="quantity")
    reason = Line(required=True)


class ChangeQuery(paging.Query):
    account_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=words(ChangeState))


class LabelChange(Schema):
    id = fields.UUID()
    kind = fields.String(validate=words(ChangeKind))
    account_id = fields.UUID()
    to_cooperative_id = fields.UUID(allow_none=True)
    from_lot_id = fields.UUID(allow_none=True)
    to_lot_id = fields.UUID(allow_none=True)
    grams = fields.Integer()
    reason = fields.String()
    state = fields.String(validate=words(ChangeState))
    proposed_at = Instant()
    answered_at = Instant(allow_none=True)
    version = fields.Integer()


class BatchQuery(paging.Query):
    account_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)


class PrintLabels(Schema):
    account_id = Id(required=True)
    pack_id = Id(required=True)
    design_id = Id(required=True)
    labels = Whole(required=True, low=1, high=LABELS_MAX, attribute="labels_count", data_key="labels")


class LabelBatch(Schema):
    id = fields.UUID()
    account_id = fields.UUID()
    cooperative_id = fields.UUID()
    pack_id = fields.UUID()
    design_id = fields.UUID()
    gtin = fields.String()
    net_grams = fields.Integer()
    overfill_permille = fields.Integer()
    labels = fields.Integer(attribute="labels_count", data_key="labels")
    consumed_grams = fields.Integer()
    given_back = fields.Integer(
        attribute="given_back_count",
        data_key="given_back",
        metadata={"description": "Labels whose destruction was proven."},
    )
    issued_at = Instant(allow_none=True)
    at = Instant()
    version = fields.Integer()


class Label(Schema):
    id = fields.UUID()
    serial = fields.String()
    gtin = fields.String()
    batch_id = fields.UUID()
    account_id = fields.UUID()
    net_grams = fields.Integer()
    state = fields.String(validate=words(SerialState))
    lot_id = fields.UUID(allow_none=True)
    parcel_id = fields.UUID(allow_none=True)
    bound_at = Instant(allow_none=True)
    shipped_at = Instant(allow_none=True)
    activated_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    note = fields.String(allow_none=True)
    proof = fields.String(allow_none=True)
    witness = fields.String(allow_none=True)
    version = fields.Integer()


class Labels(Schema):
    items = fields.List(fields.Nested(Label))


class LabelScan(Schema):
    id = fields.UUID()
    channel = fields.String()
    city = fields.String(allow_none=True)
    north_tenths = fields.Integer(allow_none=True)
    east_tenths = fields.Integer(allow_none=True)
    findings = fields.List(fields.String())
    at = Instant()


class _Serials(Schema):
    serials = fields.List(Code(high=20), required=True, validate=validate.Length(1, SERIALS_MAX))


class BindLabels(_Serials):
    pass


class VoidLabels(_Serials):
    reason = Line(required=True)
    proof = Line(
        load_default=None,
        allow_none=True,
        metadata={"description": "How they were destroyed; only so credit comes back (operators)."},
    )
    witness = Line(load_default=None, allow_none=True, high=80, metadata={"description": "Who saw it."})

    @validates_schema
    def _both(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if (data["proof"] is None) != (data["witness"] is None):
            raise ValidationError("A proof of destruction names who saw it.", "witness")


class FlagLabels(_Serials):
    reason = Line(required=True)


class RetireLabels(_Serials):
    pass


class AdmitLot(Schema):
    reason = Line(required=True)


class LotCredit(Schema):
    account_id = fields.UUID()
    certified_grams = fields.Integer(metadata={"description": "Of certified land, and not labelled yet."})
    earned_grams = fields.Integer(metadata={"description": "The part of it that may be labelled."})
    labelled_grams = fields.Integer(metadata={"description": "In boxes of the store that bear labels."})
    is_suspended = Flag(metadata={"description": "A grading did not add up; it earns nothing."})


class LotCredits(Schema):
    items = fields.List(fields.Nested(LotCredit))


class ScanLabel(Schema):
    gtin = fields.String(required=True, validate=validate.Regexp(r"^[0-9]{14}\Z"))
    serial = fields.String(
        required=True, validate=validate.Regexp(r"^[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}\Z")
    )
    channel = Code(required=True)
    city = Code(load_default=None, allow_none=True)
    north_tenths = Whole(load_default=None, allow_none=True, low=-900, high=900)
    east_tenths = Whole(load_default=None, allow_none=True, low=-1_800, high=1_800)

    @validates_schema
    def _both(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if (data["north_tenths"] is None) != (data["east_tenths"] is None):
            raise ValidationError("A place has both tenths of a degree, or none.", "east_tenths")


class _Named(Schema):
    code = fields.String()
    name_en = fields.String()
    name_zh = fields.String()


class LabelAreaName(_Named):
    pass


class LabelCooperative(_Named):
    pass


class LabelVerdict(Schema):
    id = fields.UUID()
    verdict = fields.String(validate=validate.OneOf([GENUINE, SUSPICIOUS, UNKNOWN]))
    area = fields.Nested(LabelAreaName, allow_none=True)
    cooperative = fields.Nested(LabelCooperative, allow_none=True)
    season = fields.Integer(allow_none=True)
    net_grams = fields.Integer(allow_none=True)


LabelAreaPage = paging.page_of(LabelArea)
LabelPlotPage = paging.page_of(LabelPlot)
LabelAccountPage = paging.page_of(LabelAccount)
LabelLinePage = paging.page_of(LabelLine)
LabelChangePage = paging.page_of(LabelChange)
LabelBatchPage = paging.page_of(LabelBatch)
LabelPage = paging.page_of(Label)
LabelScanPage = paging.page_of(LabelScan)
