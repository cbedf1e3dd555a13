"""Tables as CSV: parcels to be fetched go out, numbers and statuses come back (docs/csv.md tells the columns)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from marshmallow import fields, validate

from marketplace.catalogue.csv_import import line
from marketplace.catalogue.csv_table import Column, CsvRefused, Fault, cell, parse
from marketplace.csv_cells import file_of
from marketplace.fields import Instant
from marketplace.language import Text
from orders.fulfilment.carriers.interface import Consignment, Report, Reports
from orders.fulfilment.states import TrackingStatus

ROWS_MAX: Final = 500
"""Of reports at once: each may deliver a parcel."""
HEADER: Final = (
    "parcel",
    "link",
    "boxes",
    "grams",
    "delivered_on",
    "recipient",
    "phone",
    "country",
    "province",
    "city",
    "county",
    "street",
    "postal_code",
)
_STATUSES: Final = tuple(each.value for each in TrackingStatus)
COLUMNS: Final = (
    Column(name="parcel", read=line(40)),
    Column(
        name="status",
        read=cell(
            fields.String(validate=validate.OneOf(_STATUSES)),
            Text(en=f"Must be one of {', '.join(_STATUSES)}.", zh=f"须为以下之一：{'、'.join(_STATUSES)}。"),
        ),
    ),
    Column(
        name="at",
        read=cell(
            Instant(),
            Text(
                en="Must be a moment with its offset, such as 2026-10-05T08:30:00+08:00.",
                zh="须为带时区的时刻，例如 2026-10-05T08:30:00+08:00。",
            ),
        ),
    ),
    Column(name="tracking_number", read=line(60), optional=True),
)
_TOO_MANY_ROWS: Final = Text(
    en=f"A file of reports has at most {ROWS_MAX} rows.", zh=f"每个回执文件最多 {ROWS_MAX} 行。"
)


@dataclass(frozen=True, slots=True)
class Tables:
    """For any system that reads and writes tables."""

    code: str = "csv"
    name: Text = Text(en="Tables (CSV)", zh="表格文件（CSV）")  # noqa: RUF009 (never changed)
    has_files: bool = True

    def file_of(self, consignments: Sequence[Consignment]) -> bytes:
        return file_of(HEADER, [_row(each) for each in consignments])

    def reports_of(self, text: str) -> Reports:
        """A wrong cell spoils its line alone; where lines themselves cannot be told apart the file is refused."""
        table = parse(text, COLUMNS)
        if (not table.rows and table.faults) or any(not each.column for each in table.faults):
            raise CsvRefused(table.faults)
        if len(table.rows) + len({each.line for each in table.faults}) > ROWS_MAX:
            raise CsvRefused([Fault(line=ROWS_MAX + 2, column="", value="", reason=_TOO_MANY_ROWS)])
        read = [
            Report(
                line=row.line,
                parcel=row.values["parcel"],
                status=TrackingStatus(row.values["status"]),
                at=row.values["at"],
                tracking_number=row.values.get("tracking_number"),
            )
            for row in table.rows
        ]
        return Reports(read=read, faults=table.faults)


def _row(found: Consignment) -> tuple[str | int, ...]:
    to = found.address
    return (
        str(found.parcel_id),
        found.link,
        found.boxes,
        found.grams,
        found.delivered_on.isoformat(),
        to.recipient,
        to.phone,
        to.country,
        to.province or "",
        to.city,
        to.county or "",
        to.street,
        to.postal_code or "",
    )
