"""Shapes of rural jobs in and out."""

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Currency, Day, Flag, Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX, TOTAL_MINOR_MAX
from orders.fulfilment.states import ParcelState
from orders.work.pay_rules import HOURLY_FLOOR_MINOR_MAX, PIECE_RATE_MINOR_MAX, PLACES_MAX
from orders.work.scan_rules import ScanOutcome
from orders.work.scanning import ROWS_MAX
from orders.work.states import PaidHow, ShiftKind, ShiftState

KINDS = [each.value for each in ShiftKind]
STATES = [each.value for each in ShiftState]
HOWS = [each.value for each in PaidHow]


class AddWorker(Schema):
    name = Line(required=True, high=60, metadata={"description": "Kept encrypted; shown to members alone."})
    village = Line(required=True, high=60)
    is_active = Flag(load_default=True)


class EditWorker(Schema):
    """What is left out stays as it is."""

    name = Line(high=60)
    village = Line(high=60)
    is_active = Flag()


class WorkersQuery(paging.Query):
    village = Line(load_default=None, high=60)


class KeptWorker(Schema):
    """No name: an answer is kept under its Idempotency-Key for days."""

    id = fields.UUID()
    cooperative_id = fields.UUID()
    village = fields.String()
    is_active = fields.Boolean()
    created_at = Instant()
    version = fields.Integer()


class Worker(KeptWorker):
    name = fields.String(allow_none=True, metadata={"description": "null for who is no member."})


WorkerPage = paging.page_of(Worker)


class PlanShift(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    cooperative_id = Id(required=True)
    on = Day(required=True, attribute="works_on", metadata={"description": "The day, as they call it there."})
    begins_at = Instant(required=True)
    ends_at = Instant(required=True)
    currency = Currency(load_default="CNY")
    piece_rate_minor = Whole(
        required=True, high=PIECE_RATE_MINOR_MAX, metadata={"description": "For one box."}
    )
    hourly_floor_minor = Whole(
        required=True,
        high=HOURLY_FLOOR_MINOR_MAX,
        metadata={"description": "Nobody is paid less for an hour."},
    )
    places = Whole(required=True, low=1, high=PLACES_MAX)


class ShiftQuery(paging.Query):
    wave_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))


class Shift(Schema):
    id = fields.UUID()
    wave_id = fields.UUID()
    cooperative_id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(KINDS))
    on = Day(attribute="works_on")
    begins_at = Instant()
    ends_at = Instant()
    currency = fields.String()
    piece_rate_minor = fields.Integer()
    hourly_floor_minor = fields.Integer()
    places = fields.Integer()
    workers = fields.Integer()
    state = fields.String(validate=validate.OneOf(STATES))
    version = fields.Integer()


ShiftPage = paging.page_of(Shift)


class NameWorkers(Schema):
    worker_ids = fields.List(Id(), required=True, validate=validate.Length(1, PLACES_MAX))


class ShiftWorker(Schema):
    worker_id = fields.UUID()
    name = fields.String(allow_none=True, metadata={"description": "null for who is no member."})
    village = fields.String()
    checked_in_at = Instant(allow_none=True)
    checked_out_at = Instant(allow_none=True)
    minutes = fields.Integer(metadata={"description": "0 as long as a time is missing."})


class ShiftWorkers(Schema):
    items = fields.List(fields.Nested(ShiftWorker))


class TellTimes(Schema):
    worker_id = Id(required=True)
    checked_in_at = Instant(load_default=None, allow_none=True)
    checked_out_at = Instant(load_default=None, allow_none=True)


class TellAttendance(Schema):
    """Whole minutes within the shift; a time that is left out is none."""

    items = fields.List(fields.Nested(TellTimes), required=True, validate=validate.Length(1, PLACES_MAX))


class ShiftTask(Schema):
    """A parcel to be packed or loaded."""

    id = fields.UUID(metadata={"description": "The parcel."})
    order_id = fields.UUID()
    cold_store = fields.String(metadata={"description": "Its code."})
    room = fields.String(allow_none=True)
    lot_id = fields.UUID()
    lot_code = fields.String()
    best_before_on = Day()
    variety = fields.String()
    grade = fields.String()
    is_stopped = fields.Boolean(metadata={"description": "Nothing is fetched until its lot is cleared."})
    boxes = fields.Integer()
    boxes_scanned = fields.Integer()
    labels = fields.Integer(metadata={"description": "How many labels its boxes bear."})
    state = fields.String(validate=validate.OneOf([each.value for each in ParcelState]))


TaskPage = paging.page_of(ShiftTask)


class BoxScan(Schema):
    """A packed box is named by its label's serial, or by its number where it bears none; a loaded parcel by neither."""

    id = Id(
        required=True, metadata={"description": "Made by the phone; the same id and facts change nothing."}
    )
    worker_id = Id(required=True)
    parcel_id = Id(required=True)
    box = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=QUANTITY_MAX,
        metadata={"description": "1 for the parcel's first box."},
    )
    serial = Line(load_default=None, allow_none=True)
    scanned_at = Instant(required=True)


class SendScans(Schema):
    rows = fields.List(fields.Nested(BoxScan), required=True, validate=validate.Length(1, ROWS_MAX))


class ScanText(Schema):
    en = fields.String()
    zh = fields.String()


class ScanResult(Schema):
    id = fields.UUID()
    outcome = fields.String(validate=validate.OneOf([each.value for each in ScanOutcome]))
    code = fields.String(allow_none=True, metadata={"description": "Why the row was not taken."})
    pointer = fields.String(allow_none=True)
    detail = fields.Nested(ScanText, allow_none=True)


class ScanReport(Schema):
    rows = fields.Integer()
    taken = fields.Integer()
    repeated = fields.Integer(metadata={"description": "Sent before with the same facts."})
    conflicts = fields.Integer()
    results = fields.List(fields.Nested(ScanResult), metadata={"description": "In the order of the rows."})


class TakenScan(Schema):
    id = fields.UUID()
    worker_id = fields.UUID()
    parcel_id = fields.UUID()
    box = fields.Integer(allow_none=True)
    serial = fields.String(allow_none=True)
    boxes = fields.Integer(metadata={"description": "How many it counts for."})
    scanned_at = Instant()
    at = Instant(metadata={"description": "When it came."})


TakenScanPage = paging.page_of(TakenScan)


class WageNumbers(Schema):
    minutes = fields.Integer()
    boxes = fields.Integer()
    piece_minor = fields.Integer(metadata={"description": "boxes × piece rate"})
    top_up_minor = fields.Integer(metadata={"description": "What is missing to the wage floor."})
    total_minor = fields.Integer()


class WageLine(WageNumbers):
    worker_id = fields.UUID()
    name = fields.String(allow_none=True, metadata={"description": "null for who is no member."})
    village = fields.String()
    currency = fields.String()
    shifts = fields.Integer()


class SignedWageSheet(WageNumbers):
    shift_id = fields.UUID()
    state = fields.String(validate=validate.OneOf(STATES))
    currency = fields.String()
    workers = fields.Integer()
    signed_by = fields.String(allow_none=True)
    signed_at = Instant(allow_none=True)
    paid_how = fields.String(allow_none=True, validate=validate.OneOf(HOWS))
    paid_on = Day(allow_none=True)


class WageSheet(SignedWageSheet):
    wave_id = fields.UUID()
    cooperative_id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(KINDS))
    on = Day(attribute="works_on")
    piece_rate_minor = fields.Integer()
    hourly_floor_minor = fields.Integer()
    paid_note = fields.String(allow_none=True)
    lines = fields.List(fields.Nested(WageLine))


class SignWageSheet(Schema):
    total_minor = Whole(
        required=True, high=TOTAL_MINOR_MAX, metadata={"description": "The sum that was read."}
    )


class MarkWagesPaid(Schema):
    how = fields.String(required=True, validate=validate.OneOf(HOWS))
    paid_on = Day(required=True)
    note = Line(load_default=None, allow_none=True, metadata={"description": "Where the proof of it is."})


class WaveSheetQuery(Schema):
    cooperative_id = Id(required=True)


class WageTotal(WageNumbers):
    currency = fields.String()


class WaveWageSheet(Schema):
    """Of the shifts that are signed; `shifts` tells of all."""

    wave_id = fields.UUID()
    cooperative_id = fields.UUID()
    shifts_not_signed = fields.Integer()
    shifts = fields.List(fields.Nested(Shift))
    totals = fields.List(fields.Nested(WageTotal))
    lines = fields.List(fields.Nested(WageLine))


class _Month(fields.String):
    def __init__(self, name: str) -> None:
        pattern = validate.Regexp(r"^20[0-9]{2}-(?:0[1-9]|1[0-2])\Z", error="A month, such as 2026-11.")
        super().__init__(load_default=None, validate=pattern, attribute=f"{name}_month", data_key=name)


class SummaryQuery(Schema):
    """Months, both counted: `from=2026-09&to=2026-11`."""

    from_month = _Month("from")
    to_month = _Month("to")


class WorkCounted(Schema):
    workers = fields.Integer()
    shifts = fields.Integer()
    minutes = fields.Integer()
    boxes = fields.Integer()
    income_minor = fields.Integer()


class WorkOfVillage(WorkCounted):
    village = fields.String(
        allow_none=True, metadata={"description": "null: villages with fewer than three workers, together."}
    )


class WorkOfCurrency(Schema):
    currency = fields.String()
    all = fields.Nested(WorkCounted)
    villages = fields.List(fields.Nested(WorkOfVillage))
    months_withheld = fields.Integer(
        metadata={"description": "Months with fewer than three workers, of which nothing is told."}
    )


class WorkSummary(Schema):
    items = fields.List(fields.Nested(WorkOfCurrency))
