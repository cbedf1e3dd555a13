"""Intake of many rows: each in a savepoint of its own, so that a bad row takes no good one with it.

A cooperative's batches come one after the other, so two phones that send the same rows do not wait in a circle.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy.orm import Session

from inventory import lots
from inventory.batch import rules
from inventory.batch.models import LotIntake
from inventory.batch.rules import Outcome
from inventory.stores import cold_stores
from marketplace import audit, database, errors
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.row_reports import RowReport, RowResult

ROWS_MAX: Final = 200

_POINTERS: Final[dict[type[errors.Refusal], str]] = {
    cooperatives.CooperativeNotFound: "cooperative_id",
    cold_stores.ColdStoreNotFound: "cold_store_id",
    lots.LotCodeTaken: "code",
    lots.DaysOutOfOrder: "best_before_on",
    lots.LotTooLarge: "quantity",
}
"""What of a row a refusal is about."""


class RowDiffers(errors.Conflict):
    """A row with this id was taken in with other facts: a lot is received once, and corrected in its journal."""

    title = Text(en="This row was sent before with other facts.", zh="该行编号此前已用于其他内容。")


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow(RowResult):
    lot_id: uuid.UUID | None = None


class Report(RowReport[LotRow]):
    @property
    def created(self) -> int:
        return self.count(Outcome.CREATED)

    @property
    def unchanged(self) -> int:
        return self.count(Outcome.UNCHANGED)

    @property
    def conflicts(self) -> int:
        return self.count(Outcome.CONFLICT)


def receive_rows(session: Session, ctx: Context, *, rows: Sequence[Mapping[str, Any]]) -> Report:
    """Receive what can be received, in the order of the rows; every row has its result."""
    _take_turns(session, ctx, {row["cooperative_id"] for row in rows})
    report = Report(results=[_receive(session, ctx, number, **dict(row)) for number, row in enumerate(rows)])
    counts = {"created": report.created, "unchanged": report.unchanged, "conflicts": report.conflicts}
    audit.record(session, ctx, "lot.batch", subject=("lot_batch", ctx.request_id), after=counts)
    return report


def _take_turns(session: Session, ctx: Context, cooperative_ids: set[uuid.UUID]) -> None:
    """Lock the actor's own of these cooperatives; the others' rows will find them missing."""
    for cooperative_id in sorted(cooperative_ids):
        if lots.may_work_on(ctx.actor, cooperative_id):
            try:
                cooperatives.get(session, cooperative_id=cooperative_id, locked=True)
            except cooperatives.CooperativeNotFound:
                continue


def _receive(session: Session, ctx: Context, number: int, *, id: uuid.UUID, **facts: Any) -> LotRow:  # noqa: A002
    try:
        with database.savepoint(session):
            outcome, lot_id = _receive_row(session, ctx, id, facts)
    except errors.Refusal as refusal:
        if type(refusal) not in _POINTERS and not isinstance(refusal, RowDiffers):
            raise
        name = refusal.facts.get("member") or _POINTERS[type(refusal)]
        return LotRow(
            id=id,
            outcome=Outcome.CONFLICT,
            code=refusal.code,
            pointer=f"/rows/{number}/{name}",
            detail=refusal.title,
        )
    return LotRow(id=id, outcome=outcome, lot_id=lot_id)


def _receive_row(
    session: Session, ctx: Context, row_id: uuid.UUID, facts: dict[str, Any]
) -> tuple[Outcome, uuid.UUID]:
    """Raises RowDiffers, CooperativeNotFound, ColdStoreNotFound, LotCodeTaken, DaysOutOfOrder, LotTooLarge."""
    cooperative_id = facts["cooperative_id"]
    if not lots.may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    sent = {_named(name): _plain(value) for name, value in facts.items() if name != "cooperative_id"}
    known = session.get(LotIntake, (cooperative_id, row_id))
    if known is not None:
        if (name := rules.first_difference(known.facts, sent)) is not None:
            raise RowDiffers(member=name)
        return Outcome.UNCHANGED, known.lot_id
    lot = lots.receive(session, ctx, **facts)
    session.add(
        LotIntake(
            cooperative_id=cooperative_id,
            id=row_id,
            lot_id=lot.id,
            facts=sent,
            actor=ctx.actor.label,
            at=ctx.now,
        )
    )
    session.flush()
    return Outcome.CREATED, lot.id


def _named(name: str) -> str:
    """As the row calls it."""
    return "quantity" if name == "quantity_grams" else name


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value
