"""What a way to speak with a carrier can do, and what is said both ways. No Flask, no SQL.

Another way (a carrier's own programming interface, for instance) is one class here, and one line in `ways.py`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from marketplace import errors
from marketplace.addresses.rules import Address
from marketplace.catalogue.csv_table import Fault
from marketplace.language import Text
from orders.fulfilment.states import TrackingStatus


class CarrierHasNoFiles(errors.Conflict):
    """A person tells what becomes of its parcels: there is nothing to fetch and nothing to bring."""

    title = Text(en="With this carrier nothing is exchanged in files.", zh="该承运方式不支持文件交换。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """A packed parcel that a carrier is to fetch, and to whom it goes."""

    parcel_id: uuid.UUID
    link: str
    boxes: int
    grams: int
    delivered_on: date
    """The promised day."""
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a carrier says of one parcel, in one line of what it sent."""

    line: int
    parcel: str
    """Its id or its SSCC."""
    status: TrackingStatus
    at: datetime
    tracking_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What could be read, and the lines that could not."""

    read: Sequence[Report]
    faults: Sequence[Fault]


class Carrier(Protocol):
    """A way to speak with a carrier."""

    @property
    def code(self) -> str:
        """By which it is asked for; at most 20 letters."""

    @property
    def name(self) -> Text: ...

    @property
    def has_files(self) -> bool: ...

    def file_of(self, consignments: Sequence[Consignment]) -> bytes:
        """What the carrier's system takes in. Raises CarrierHasNoFiles."""

    def reports_of(self, text: str) -> Reports:
        """What the carrier's system has sent. Raises CarrierHasNoFiles, CsvRefused for what can be no such file."""
