"""A statement comes in: read as a whole, each entry stored once, its matching left to jobs.

Statements of one account come one after the other: of two that overlap the second finds what the first has stored.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from psycopg import sql
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from marketplace import audit, database, errors, events, jobs, sealed
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments.statements import camt, tables
from marketplace.payments.statements.lines import BadLine, Entry, Reading, StatementRefused, Weeded, weed
from marketplace.payments.statements.models import KIND, BankEntry, BankLineFault, BankStatement
from marketplace.payments.statements.states import (
    FAULTS,
    Direction,
    EntryState,
    OpenReason,
    StatementFormat,
)
from marketplace.points import Point, passed
from marketplace.resealing import context_of
from marketplace.values import new_id

T = TypeVar("T")

BYTES_MAX: Final = 32_000_000
FAULTS_MAX: Final = 1_000
SIFT: Final = "payments.sift_entries"
ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,19}")
"""As the field of the door has it."""
_CHUNK: Final = 2_000
_SHOWN: Final = 50


class StatementNotFound(errors.NotFound):
    title = Text(en="There is no such bank statement.", zh="没有该银行对账单。")


class StatementKnown(errors.Conflict):
    """The same file was uploaded before; `statement_id`. Nothing was changed."""

    title = Text(en="This file was uploaded before.", zh="该文件此前已上传。")


class StatementTooLarge(errors.Invalid):
    """The file has more than 32,000,000 bytes."""

    title = Text(en="The file is larger than 32 MB.", zh="文件超过 32 MB。")


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitsStored:
    """A statement has brought new entries of money that went out."""

    statement_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, what it says it is, and the account that it tells of."""

    data: bytes
    format: StatementFormat
    account: str
    name: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def read(self) -> Reading:
        """Raises StatementTooLarge, StatementRefused."""
        if len(self.data) > BYTES_MAX:
            raise StatementTooLarge
        return (
            camt.read(self.data)
            if self.format == StatementFormat.CAMT_053
            else tables.read(self.data, self.format)
        )


def upload(session: Session, ctx: Context, upload: Upload) -> BankStatement:
    """Store what is new of a file, and have it matched. Raises StatementKnown, StatementTooLarge, StatementRefused."""
    refuse_known(session, upload)
    reading = upload.read()
    _take_turns(session, upload.account)
    refuse_known(session, upload)
    weeded = weeded_of(session, upload.account, reading)

    made = BankStatement(
        id=new_id(),
        account=upload.account,
        format=upload.format,
        name=upload.name,
        sha256=upload.digest,
        size_bytes=len(upload.data),
        lines=len(weeded.new) + weeded.duplicates + len(weeded.bad),
        entries=len(weeded.new),
        duplicates=weeded.duplicates,
        bad_lines=len(weeded.bad),
        uploaded_by=ctx.actor.label,
        uploaded_at=ctx.now,
    )
    session.add(made)
    with database.refusing({"uq_bank_statement_sha256": StatementKnown()}):
        session.flush()
    passed(Point.STATEMENT_KEPT)
    for entries in _chunks(weeded.new):
        _copy(session, "bank_entry", [_row(made, entry) for entry in entries])
    for bad in _chunks(weeded.bad):
        _copy(session, "bank_line_fault", [_fault_row(made, each) for each in bad])
    passed(Point.STATEMENT_COPIED)
    if any(entry.direction is Direction.CREDIT for entry in weeded.new):
        jobs.enqueue(session, SIFT, arguments={"statement_id": str(made.id)})
    if any(entry.direction is Direction.DEBIT for entry in weeded.new):
        events.publish(session, ctx, DebitsStored(statement_id=made.id))
    told = {
        "lines": made.lines,
        "entries": made.entries,
        "duplicates": made.duplicates,
        "bad": made.bad_lines,
    }
    audit.record(session, ctx, "bank_statement.upload", subject=("bank_statement", made.id), after=told)
    return made


def weeded_of(session: Session, account: str, reading: Reading) -> Weeded:
    """What of a file is new. Raises StatementRefused when hardly anything is good in it."""
    keys = [entry.key for entry in reading.entries]
    weeded = weed(reading, _known(session, account, keys))
    is_all_bad = bool(weeded.bad) and not weeded.new and not weeded.duplicates
    if is_all_bad or len(weeded.bad) > FAULTS_MAX:
        raise StatementRefused(errors=[_told(bad) for bad in weeded.bad[:_SHOWN]])
    return weeded


def refuse_known(session: Session, upload: Upload) -> None:
    """Raises StatementKnown."""
    known = session.scalar(select(BankStatement.id).where(BankStatement.sha256 == upload.digest))
    if known is not None:
        raise StatementKnown(statement_id=known)


def get(session: Session, statement_id: uuid.UUID) -> BankStatement:
    """Raises StatementNotFound."""
    found = session.get(BankStatement, statement_id)
    if found is None:
        raise StatementNotFound
    return found


def listed() -> Select[Any]:
    return select(BankStatement)


def faults_of(session: Session, statement_id: uuid.UUID) -> Select[Any]:
    """The bad lines of a file, in its order. Raises StatementNotFound."""
    get(session, statement_id)
    return select(BankLineFault).where(BankLineFault.statement_id == statement_id)


def waiting_in(session: Session, statement_id: uuid.UUID) -> int:
    """How many of its entries have not been looked at yet."""
    waiting = select(func.count()).where(
        BankEntry.statement_id == statement_id,
        BankEntry.state == EntryState.OPEN,
        BankEntry.reason == OpenReason.WAITING,
    )
    return session.scalar(waiting) or 0


def progress_of(
    session: Session, statement_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """How many entries of these files are in which state for which reason, and how much money that is by currency."""
    rows = session.execute(
        select(
            BankEntry.statement_id,
            BankEntry.state,
            BankEntry.reason,
            BankEntry.currency,
            func.count().label("entries"),
            func.sum(BankEntry.amount_minor).label("amount_minor"),
        )
        .where(BankEntry.statement_id.in_(statement_ids))
        .group_by(BankEntry.statement_id, BankEntry.state, BankEntry.reason, BankEntry.currency)
        .order_by(BankEntry.state, BankEntry.reason, BankEntry.currency)
    )
    found: dict[uuid.UUID, list[dict[str, Any]]] = {each: [] for each in statement_ids}
    for row in rows:
        found[row.statement_id].append({**row._mapping, "amount_minor": int(row.amount_minor)})  # noqa: SLF001 (its public name)
    return found


def _take_turns(session: Session, account: str) -> None:
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"bank:{account}"}
    )


def _known(session: Session, account: str, keys: Sequence[str]) -> dict[str, tuple[str, int, str]]:
    known: dict[str, tuple[str, int, str]] = {}
    for some in _chunks(keys):
        rows = session.execute(
            select(
                BankEntry.entry_key, BankEntry.direction, BankEntry.amount_minor, BankEntry.currency
            ).where(BankEntry.account == account, BankEntry.entry_key.in_(some))
        )
        known.update({row.entry_key: (row.direction, row.amount_minor, row.currency) for row in rows})
    return known


def _copy(session: Session, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Many rows at once, in the session's transaction, without a parameter for each of their values."""
    names = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with database.driver_of(session).cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def _row(statement: BankStatement, entry: Entry) -> dict[str, Any]:
    entry_id, is_credit = new_id(), entry.direction is Direction.CREDIT
    return {
        "id": entry_id,
        "statement_id": statement.id,
        "line": entry.line,
        "account": statement.account,
        "entry_key": entry.key,
        "direction": entry.direction,
        "is_reversal": entry.is_reversal,
        "amount_minor": entry.amount_minor,
        "currency": entry.currency,
        "booked_on": entry.booked_on,
        "remittance": entry.remittance,
        "counterparty": sealed_counterparty(entry_id, entry.counterparty_name, entry.counterparty_account),
        "state": EntryState.OPEN if is_credit else EntryState.KEPT,
        "reason": OpenReason.WAITING if is_credit else None,
        "send_back_minor": 0,
    }


def sealed_counterparty(entry_id: uuid.UUID, name: str, account: str) -> bytes | None:
    if not name and not account:
        return None
    plain = json.dumps({"name": name, "account": account}, ensure_ascii=False).encode()
    return sealed.seal(plain, context=context_of(KIND, entry_id))


def counterparty_of(entry: BankEntry) -> dict[str, str]:
    """Who paid or was paid, and that account; empty where the bank did not say."""
    if entry.counterparty is None:
        return {"name": "", "account": ""}
    found: dict[str, str] = json.loads(sealed.unseal(entry.counterparty, context=context_of(KIND, entry.id)))
    return found


def _fault_row(statement: BankStatement, bad: BadLine) -> dict[str, Any]:
    return {
        "id": new_id(),
        "statement_id": statement.id,
        "line": bad.line,
        "cell": bad.cell,
        "value": bad.value,
        "fault": bad.fault,
    }


def _told(bad: BadLine) -> dict[str, Any]:
    return {
        "line": bad.line,
        "column": bad.cell,
        "value": bad.value,
        "fault": str(bad.fault),
        "detail": FAULTS[bad.fault],
    }


def _chunks(items: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, _CHUNK)):
        yield some
