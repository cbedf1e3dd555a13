"""Bulk intake of a cooperative's lots from CSV: the whole file or nothing, and safe to send again.

A lot is found by its code. One that is stored already with the same facts stays as it is, whatever became of it
since; one with other facts is a fault, for a lot is received once and corrected in its journal afterwards.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.models import ColdStore, Lot, Movement
from inventory.states import Storage
from inventory.stores import cold_stores
from marketplace import audit
from marketplace.catalogue import cooperatives
from marketplace.catalogue.csv_import import CODE, line, whole
from marketplace.catalogue.csv_table import Column, CsvRefused, Fault, Row, Table, cell, parse
from marketplace.context import Context
from marketplace.fields import Day
from marketplace.language import Text
from marketplace.values import GRAMS_MAX

_DAY: Final = cell(Day(), Text(en="Must be a day such as 2026-10-05.", zh="须为日期，例如 2026-10-05。"))
_STORAGES: Final = tuple(each.value for each in Storage)
_STORAGE: Final = cell(
    fields.String(validate=validate.OneOf(_STORAGES)),
    Text(en=f"Must be one of {', '.join(_STORAGES)}.", zh=f"须为以下之一：{'、'.join(_STORAGES)}。"),
)

COLUMNS: Final = (
    Column(name="code", read=CODE, unique=True),
    Column(name="cold_store_code", read=CODE),
    Column(name="variety", read=line(60)),
    Column(name="grade", read=line(20)),
    Column(name="size", read=line(20), optional=True),
    Column(name="storage", read=_STORAGE, optional=True),
    Column(name="harvested_on", read=_DAY),
    Column(name="best_before_on", read=_DAY),
    Column(name="quantity_grams", read=whole(1, GRAMS_MAX)),
)

_DIFFERS: Final = Text(
    en="The stored lot of this code has {value} here: a lot is received once.",
    zh="该编码的批次已入库，此项为 {value}；批次只能入库一次。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an intake did with how many rows."""

    rows: int
    created: int
    unchanged: int


def receive_file(session: Session, ctx: Context, *, cooperative_id: uuid.UUID, text: str) -> Report:
    """Receive the file's lots, one file of a cooperative at a time.

    Raises CooperativeNotFound (also for a foreign one), CsvRefused; LotCodeTaken when somebody else receives
    one of them by another door just now.
    """
    if not lots.may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id, locked=True)
    table = parse(text, COLUMNS)
    stores = _stores(session, table)
    known = _known(session, cooperative_id, table)
    table.faults += _faults(table, stores, known)
    if table.faults:
        raise CsvRefused(table.faults)
    new = [row for row in table.rows if row.values["code"] not in known]
    lots.receive_all(session, ctx, [_facts(row, cooperative_id, stores) for row in new])
    report = Report(rows=len(table.rows), created=len(new), unchanged=len(table.rows) - len(new))
    audit.record(session, ctx, "lot.import", subject=("cooperative", cooperative_id), after=asdict(report))
    return report


def _stores(session: Session, table: Table) -> dict[str, ColdStore]:
    codes = {row.values["cold_store_code"] for row in table.rows}
    found = session.scalars(select(ColdStore).where(ColdStore.code.in_(codes)))
    return {store.code: store for store in found}


def _known(session: Session, cooperative_id: uuid.UUID, table: Table) -> dict[str, dict[str, Any]]:
    """What was received under these codes, in the words of the columns."""
    rows = session.execute(
        select(Lot, ColdStore.code, Movement.on_hand_delta_grams)
        .join(ColdStore, ColdStore.id == Lot.cold_store_id)
        .join(Movement, (Movement.lot_id == Lot.id) & (Movement.number == 1))
        .where(Lot.cooperative_id == cooperative_id, Lot.code.in_({row.values["code"] for row in table.rows}))
    )
    return {
        lot.code: {
            "cold_store_code": store_code,
            "quantity_grams": grams,
            **{
                name: getattr(lot, name)
                for name in ("variety", "grade", "size", "storage", "harvested_on", "best_before_on")
            },
        }
        for lot, store_code, grams in rows
    }


def _faults(
    table: Table, stores: Mapping[str, ColdStore], known: Mapping[str, Mapping[str, Any]]
) -> Iterator[Fault]:
    for row in table.rows:
        if row.values["cold_store_code"] not in stores:
            yield _fault(row, "cold_store_code", cold_stores.ColdStoreNotFound.title)
        if row.values["best_before_on"] < row.values["harvested_on"]:
            yield _fault(row, "best_before_on", lots.DaysOutOfOrder.title)
        for name, stored in known.get(row.values["code"], {}).items():
            if _told(row, name, stored) != stored:
                yield _fault(row, name, _DIFFERS.format(value=stored or "—"))


def _told(row: Row, name: str, stored: Any) -> Any:
    """The row's value; what the file leaves to us is what is stored."""
    value = row.values.get(name, stored)
    return stored if name == "storage" and value is None else value


def _facts(row: Row, cooperative_id: uuid.UUID, stores: Mapping[str, ColdStore]) -> dict[str, Any]:
    facts: dict[str, Any] = {"size": None, "storage": None, **row.values}
    return {"cooperative_id": cooperative_id, "store": stores[facts.pop("cold_store_code")], **facts}


def _fault(row: Row, column: str, reason: Text) -> Fault:
    value = row.values[column]
    return Fault(line=row.line, column=column, value="" if value is None else str(value), reason=reason)
