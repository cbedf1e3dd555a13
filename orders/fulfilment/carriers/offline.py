"""The plainest way: a person tells the number when the parcel leaves, and says when it has arrived."""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.language import Text
from orders.fulfilment.carriers.interface import CarrierHasNoFiles, Consignment, Reports


@dataclass(frozen=True, slots=True)
class Offline:
    """No files either way: `parcels` has the doors for it."""

    code: str = "offline"
    name: Text = Text(en="By hand", zh="人工录入")  # noqa: RUF009 (never changed)
    has_files: bool = False

    def file_of(self, consignments: Sequence[Consignment]) -> bytes:
        raise CarrierHasNoFiles

    def reports_of(self, text: str) -> Reports:
        raise CarrierHasNoFiles
