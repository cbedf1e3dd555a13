"""What a carrier's system sent is taken line by line: each for itself, and safe to send again.

A line that cannot be taken is named with its reason and keeps no other from being taken. Rows are taken in the order
order, parcel, each kind by id, before the first line is looked at.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from inventory.provenance import things
from marketplace import audit, database, errors
from marketplace.context import Context
from marketplace.language import Text
from orders.fulfilment import parcels, tracking
from orders.fulfilment.carriers import ways
from orders.fulfilment.carriers.interface import Report
from orders.fulfilment.carriers.rules import REASONS, Unusable, unusable
from orders.fulfilment.models import Parcel

SSCC_LENGTH: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A line that was not taken."""

    line: int
    value: str
    code: str
    detail: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the lines: each is taken, known or refused."""

    taken: int
    known: int
    """Told before."""
    refused: Sequence[Refused]

    @property
    def rows(self) -> int:
        return self.taken + self.known + len(self.refused)


def take_in(session: Session, ctx: Context, *, carrier: str, text: str) -> Outcome:
    """Raises CarrierNotFound, CarrierHasNoFiles, CsvRefused for what can be no such file."""
    way = ways.get(carrier)
    reports = way.reports_of(text)
    refused = {
        each.line: Refused(
            line=each.line, value=each.value, code=str(Unusable.UNREADABLE), detail=each.reason
        )
        for each in reports.faults
    }
    found = _locked(session, ctx, {each.parcel for each in reports.read})
    taken = known = 0
    for report in sorted(reports.read, key=lambda each: (each.at, each.line)):
        parcel = found.get(report.parcel)
        if parcel is None:
            refused[report.line] = _refused(report, Unusable.NO_PARCEL, REASONS[Unusable.NO_PARCEL])
            continue
        if tracking.is_known(session, parcel, status=report.status, at=report.at):
            known += 1
            continue
        reason = _unusable(ctx, parcel, report)
        if reason is not None:
            refused[report.line] = _refused(report, reason, REASONS[reason])
            continue
        try:
            _take(session, ctx, parcel, report, carrier=way.code)
            taken += 1
        except errors.Refusal as refusal:
            refused[report.line] = _refused(report, refusal.code, refusal.detail or refusal.title)
    outcome = Outcome(taken=taken, known=known, refused=[refused[line] for line in sorted(refused)])
    after = {"rows": outcome.rows, "taken": taken, "known": known, "refused": len(outcome.refused)}
    audit.record(session, ctx, "carrier.report", subject=("carrier", way.code), after=after)
    return outcome


def _unusable(ctx: Context, parcel: Parcel, report: Report) -> Unusable | None:
    return unusable(
        state=parcel.state,
        number=parcel.tracking_number,
        status=report.status,
        at=report.at,
        told_number=report.tracking_number,
        now=ctx.now,
    )


def _refused(report: Report, code: str, detail: Text) -> Refused:
    return Refused(line=report.line, value=report.parcel, code=code, detail=detail)


def _take(session: Session, ctx: Context, parcel: Parcel, report: Report, *, carrier: str) -> None:
    """Undone alone when it is refused. Raises what delivering a parcel does."""
    with database.savepoint(session):
        tracking.note(
            session,
            ctx,
            parcel,
            carrier=carrier,
            status=report.status,
            at=report.at,
            tracking_number=report.tracking_number,
        )


def _locked(session: Session, ctx: Context, named: set[str]) -> Mapping[str, Parcel]:
    """The parcels by what they are called: their ids, or the numbers on their labels."""
    ids = {name: known for name in named if (known := _id_of(session, name)) is not None}
    own = parcels.visible(ctx).where(Parcel.id.in_(set(ids.values())))
    found = parcels.locked_with_orders(session, own)
    return {name: found[parcel_id] for name, parcel_id in ids.items() if parcel_id in found}


def _id_of(session: Session, name: str) -> uuid.UUID | None:
    if len(name) == SSCC_LENGTH and name.isascii() and name.isdecimal():
        return things.parcel_id(session, name)
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
