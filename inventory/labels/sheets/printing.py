"""Which labels of a batch a sheet has, and that it was taken: who prints a label twice makes a copy of it."""

import uuid
from dataclasses import dataclass
from typing import Final

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.labels import accounts, printing
from inventory.labels.models import LabelAccount, LabelSerial
from inventory.labels.sheets.faces import Face
from inventory.labels.states import SerialState
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.settings import Settings

SHEET_LABELS_MAX: Final = 250
"""A QR takes some milliseconds: a file is made within seconds."""
_UNUSED: Final = (SerialState.PRINTED, SerialState.ISSUED)
"""Of a label on a box nobody needs another copy: a torn one is void, and another is put on."""


class NothingToPrint(errors.Conflict):
    """No label of the batch behind that serial is still to be put on a box."""

    title = Text(en="There is no label to print there.", zh="该范围内没有待打印的标签。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A sheet: its labels by serial, and how many are left behind its last one."""

    face: Face
    serials: list[str]
    left: int


def taken(session: Session, ctx: Context, *, batch_id: uuid.UUID, after: str | None, count: int) -> Printed:
    """Labels of a batch that are on no box yet, by serial, behind the serial `after`.

    By serials and not by places: what is put on boxes between two sheets moves nothing. That they were taken is
    written down. Raises LabelBatchNotFound (also for a foreign one), NothingToPrint.
    """
    batch = printing.get(session, ctx, batch_id=batch_id)
    account = session.get_one(LabelAccount, batch.account_id)
    _, area = accounts.place_of(session, account)
    unused = printing.labels_of(batch_id).where(
        LabelSerial.state.in_(_UNUSED), LabelSerial.serial > (after or "")
    )
    serials = session.scalars(
        unused.with_only_columns(LabelSerial.serial)
        .order_by(LabelSerial.serial)
        .limit(min(count, SHEET_LABELS_MAX))
    ).all()
    total = int(session.scalar(select(func.count()).select_from(unused.subquery())) or 0)
    if not serials:
        raise NothingToPrint
    settings: Settings = current_app.config["SETTINGS"]
    told = {"labels": len(serials), "from": serials[0], "to": serials[-1]}
    audit.record(session, ctx, "label_batch.take_sheet", subject=("label_batch", batch_id), after=told)
    face = Face(
        base=settings.public_url.rstrip("/"),
        area_en=area.name_en,
        area_zh=area.name_zh,
        season=account.season,
        gtin=batch.gtin,
        net_grams=batch.net_grams,
    )
    return Printed(face=face, serials=list(serials), left=total - len(serials))
