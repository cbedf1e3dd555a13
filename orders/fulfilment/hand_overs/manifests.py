"""The manifest of a hand-over: parcel by parcel what a carrier took along. Nobody's address is in it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import Lot
from inventory.provenance import numbering
from marketplace.context import Context
from marketplace.csv_cells import file_of
from marketplace.values import instant_text
from orders.fulfilment.hand_overs import handing
from orders.fulfilment.hand_overs.models import HandOver, HandOverParcel
from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets.models import Pallet

HEADER: Final = (
    "carrier 承运人",
    "reference 承运方单号",
    "pallet 托盘",
    "parcel 包裹",
    "tracking number 运单号",
    "lot 批次",
    "boxes 箱数",
    "grams 克",
    "undone 撤销于",
)
TOTAL: Final = "total 合计"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    parcel: Parcel
    link: str
    """The parcel's name in events: the Digital Link of its SSCC."""
    lot_code: str
    pallet_id: uuid.UUID | None
    pallet_link: str | None
    undone_at: datetime | None
    """When it was found that it had not left with the others."""

    @property
    def tracking_number(self) -> str | None:
        """Of this dispatch: one that was undone has none, and the parcel may have left anew."""
        return self.parcel.tracking_number if self.undone_at is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    hand_over: HandOver
    lines: Sequence[Line]


def of_hand_over(session: Session, ctx: Context, *, hand_over_id: uuid.UUID) -> Manifest:
    """Pallet by pallet, then what went by itself. Raises HandOverNotFound."""
    found = handing.get(session, ctx, hand_over_id=hand_over_id)
    rows = session.execute(
        select(Parcel, Lot.code, Pallet.id, Pallet.link, HandOverParcel.undone_at)
        .join(HandOverParcel, HandOverParcel.parcel_id == Parcel.id)
        .join(Lot, Lot.id == Parcel.lot_id)
        .outerjoin(Pallet, Pallet.id == HandOverParcel.pallet_id)
        .where(HandOverParcel.hand_over_id == found.id)
        .order_by(Pallet.id.nulls_last(), Parcel.id)
    ).all()
    lines = [
        Line(
            parcel=parcel,
            link=numbering.parcel(session, parcel.id),
            lot_code=code,
            pallet_id=pallet_id,
            pallet_link=pallet_link,
            undone_at=undone_at,
        )
        for parcel, code, pallet_id, pallet_link, undone_at in rows
    ]
    return Manifest(hand_over=found, lines=lines)


def csv_of(manifest: Manifest) -> bytes:
    """One row for each parcel, and the sums in the last."""
    found = manifest.hand_over
    rows: list[Sequence[str | int]] = [
        (
            found.carrier,
            found.reference,
            each.pallet_link or "",
            each.link,
            each.tracking_number or "",
            each.lot_code,
            each.parcel.boxes,
            each.parcel.quantity_grams,
            "" if each.undone_at is None else instant_text(each.undone_at),
        )
        for each in manifest.lines
    ]
    sums = (found.pallets, found.parcels, "", "", found.boxes, found.quantity_grams, "")
    rows.append((TOTAL, "", *sums))
    return file_of(HEADER, rows)
