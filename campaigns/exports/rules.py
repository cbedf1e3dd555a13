"""What an export is asked for: terms of delivery, papers, fruit that keeps long enough after it arrives. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from inventory.stock_rules import Destination, good_until
from orders.states import OrderState


class Incoterm(StrEnum):
    """Who carries cost and risk how far: the eleven rules of Incoterms 2020."""

    EXW = "EXW"
    FCA = "FCA"
    CPT = "CPT"
    CIP = "CIP"
    DAP = "DAP"
    DPU = "DPU"
    DDP = "DDP"
    FAS = "FAS"
    FOB = "FOB"
    CFR = "CFR"
    CIF = "CIF"


class DocumentKind(StrEnum):
    """What a paper proves."""

    PHYTOSANITARY_CERTIFICATE = "phytosanitary_certificate"
    CERTIFICATE_OF_ORIGIN = "certificate_of_origin"
    PACKING_LIST = "packing_list"
    COMMERCIAL_INVOICE = "commercial_invoice"
    BILL_OF_LADING = "bill_of_lading"


PROMISED: Final = (OrderState.PROPOSED, OrderState.DEPOSIT_DUE, OrderState.COMMITTED)
"""States in which an export has its boxes, held or bought."""
UNPAID: Final = (OrderState.PROPOSED, OrderState.DEPOSIT_DUE)


CHINA: Final = "CN"
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


def is_foreign(country: str) -> bool:
    """Two capital letters of ISO 3166-1 that do not mean China."""
    return _COUNTRY.fullmatch(country) is not None and country != CHINA


class Stage(StrEnum):
    """How far an export is, as its buyer sees it."""

    PROPOSED = "proposed"
    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_DOCUMENTS = "awaiting_documents"
    DOCUMENTS_COMPLETE = "documents_complete"
    READY_TO_SHIP = "ready_to_ship"
    ENDED = "ended"


def stage_of(state: str, *, is_complete: bool, is_ready: bool) -> Stage:
    """`is_complete`: every paper that its destination asks for is there."""
    if state == OrderState.PROPOSED:
        return Stage.PROPOSED
    if state == OrderState.DEPOSIT_DUE:
        return Stage.AWAITING_PAYMENT
    if state != OrderState.COMMITTED:
        return Stage.ENDED
    if is_ready:
        return Stage.READY_TO_SHIP
    return Stage.DOCUMENTS_COMPLETE if is_complete else Stage.AWAITING_DOCUMENTS


def needed_until(promised_on: date, shelf_days: int) -> date:
    """The day on which fruit delivered then must still be good: as abroad asks, or longer where the country does."""
    return max(good_until(promised_on, Destination.ABROAD), promised_on + timedelta(days=shelf_days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Of what keeps until a day there is less than is promised with it."""

    good_until: date
    good_boxes: int
    promised_boxes: int


def lacking(kept: Iterable[tuple[date, int]], promised: Iterable[tuple[date, int]]) -> Lacking | None:
    """Whether the fruit cannot serve all promises: (day, boxes) that keep until then, and that must.

    Fruit that keeps longer serves whoever asks for less, so it is enough to look from each day onwards (Hall).
    """
    kept, promised = list(kept), list(promised)
    for day in sorted({until for until, _ in promised}, reverse=True):
        good = sum(boxes for until, boxes in kept if until >= day)
        asked = sum(boxes for until, boxes in promised if until >= day)
        if asked > good:
            return Lacking(good_until=day, good_boxes=good, promised_boxes=asked)
    return None
