"""Doors of bank statements: upload one or try it out, see what became of it, and decide on what stays open."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import context, files, paging, problems
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.statements import by_hand, matching, schemas, suggesting, trying, uploading
from marketplace.payments.statements.lines import StatementRefused
from marketplace.payments.statements.models import BankEntry, BankLineFault, BankReceipt, BankStatement
from marketplace.payments.statements.states import ClosedReason, EntryState, OpenReason, StatementFormat
from marketplace.payments.statements.trying import SHOWN_MAX
from marketplace.payments.statements.uploading import BYTES_MAX, Upload
from marketplace.payments.states import PaymentNotAwaited, PaymentNotFound

statements = Blueprint(
    "bank_statements", __name__, url_prefix="/bank-statements", description="Bank statements 银行对账单"
)
entries = Blueprint(
    "bank_entries", __name__, url_prefix="/bank-entries", description="Entries of bank statements 银行流水"
)

MEDIA_TYPES: Final = {
    StatementFormat.GENERIC_CSV: ("text/csv",),
    StatementFormat.CHINESE_CSV: ("text/csv",),
    StatementFormat.CAMT_053: ("application/xml", "text/xml"),
}
FILE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The file, at most 100,000 entries and 32 MB; docs/bank-statements.md tells the columns.",
    "content": {
        each: {"schema": {"type": "string", "format": "binary"}}
        for each in ("text/csv", "application/xml", "text/xml")
    },
}


@statements.post("")
@files.takes_up_to(BYTES_MAX)
@statements.doc(requestBody=FILE_BODY)
@statements.arguments(schemas.UploadStatement, location="query")
@statements.problems(
    problems.UnsupportedMediaType, StatementRefused, uploading.StatementTooLarge, uploading.StatementKnown
)
@statements.writes(201, schemas.BankStatement, location=lambda made: f"/v1/bank-statements/{made['id']}")
def upload(session: Session, query: dict[str, Any]) -> dict[str, Any]:
    """Upload a bank statement; its entries are matched by and by (operators) 上传银行对账单"""
    made = uploading.upload(session, context.current(), _uploaded(query))
    session.flush()
    return _shown(session, [made])[0]


@statements.post("/trials")
@files.takes_up_to(BYTES_MAX)
@statements.doc(requestBody=FILE_BODY)
@statements.arguments(schemas.UploadStatement, location="query")
@statements.problems(
    problems.UnsupportedMediaType, StatementRefused, uploading.StatementTooLarge, uploading.StatementKnown
)
@statements.writes(200, schemas.StatementTrial, key=False)
def try_out(session: Session, query: dict[str, Any]) -> dict[str, Any]:
    """See what an upload would do, without doing it (operators) 试算对账单"""
    trial = trying.try_out(session, context.current(), _uploaded(query))
    return {
        "lines": trial.lines,
        "entries": trial.entries,
        "duplicates": trial.duplicates,
        "bad_lines": trial.bad_lines,
        "progress": trial.progress,
        "tried": trial.tried[:SHOWN_MAX],
        "bad": trial.bad[:SHOWN_MAX],
    }


@statements.get("")
@statements.arguments(paging.Query, location="query")
@statements.response(200, schemas.StatementPage)
def list_statements(query: dict[str, Any]) -> dict[str, Any]:
    """All bank statements (staff) 对账单列表"""
    with reading() as session:
        page = paging.read(session, uploading.listed(), BankStatement.id, **query)
        return {**page, "items": _shown(session, page["items"])}


@statements.get("/<uuid:statement_id>")
@statements.problems(uploading.StatementNotFound)
@statements.response(200, schemas.BankStatement)
def get_statement(statement_id: uuid.UUID) -> dict[str, Any]:
    """One bank statement, and how far it is (staff) 查询对账单"""
    with reading() as session:
        return _shown(session, [uploading.get(session, statement_id)])[0]


@statements.get("/<uuid:statement_id>/faults")
@statements.arguments(paging.Query, location="query")
@statements.problems(uploading.StatementNotFound)
@statements.response(200, schemas.LineFaultPage)
def list_faults(query: dict[str, Any], statement_id: uuid.UUID) -> dict[str, Any]:
    """Its bad lines, in their order (staff) 对账单错误行"""
    with reading() as session:
        return paging.read(session, uploading.faults_of(session, statement_id), BankLineFault.id, **query)


@statements.post("/<uuid:statement_id>/rematch")
@statements.problems(uploading.StatementNotFound)
@statements.writes(200, schemas.BankStatement)
def rematch(session: Session, statement_id: uuid.UUID) -> dict[str, Any]:
    """Look at its open entries again (operators) 重新匹配对账单"""
    matching.rematch(session, context.current(), statement_id=statement_id)
    return _shown(session, [uploading.get(session, statement_id)])[0]


@entries.get("")
@entries.arguments(schemas.BankEntries, location="query")
@entries.response(200, schemas.EntryPage)
def list_entries(query: dict[str, Any]) -> dict[str, Any]:
    """Entries of all statements; the open ones with suggestions (staff) 银行流水列表"""
    with reading() as session:
        chosen = paging.only(
            by_hand.listed(),
            query,
            BankEntry.state,
            BankEntry.reason,
            BankEntry.direction,
            BankEntry.account,
            BankEntry.statement_id,
        )
        page = paging.read(session, chosen, BankEntry.id, **query)
        return {**page, "items": _entries(session, page["items"])}


@entries.get("/<uuid:bank_entry_id>")
@entries.problems(by_hand.EntryNotFound)
@entries.response(200, schemas.BankEntry)
def get_entry(bank_entry_id: uuid.UUID) -> dict[str, Any]:
    """One entry, with what it paid or may be meant for (staff) 查询银行流水"""
    with reading() as session:
        return _entries(session, [by_hand.get(session, entry_id=bank_entry_id)])[0]


@entries.post("/<uuid:bank_entry_id>/matches")
@entries.arguments(schemas.MatchEntry)
@entries.problems(
    by_hand.EntryNotFound,
    by_hand.EntryNotOpen,
    PaymentNotFound,
    PaymentNotAwaited,
    by_hand.MatchTooMixed,
    by_hand.CurrenciesDiffer,
    by_hand.PayersDiffer,
    by_hand.PaidOtherwise,
    by_hand.TooLittleCame,
    by_hand.TooMuchCame,
    by_hand.ReceiptLinked,
    payments.ReceiptBooked,
)
@entries.writes(200, schemas.BankEntry)
def match(session: Session, body: dict[str, Any], bank_entry_id: uuid.UUID) -> dict[str, Any]:
    """Say which payments it paid: they are booked (operators) 人工匹配付款"""
    wanted = by_hand.Match(
        entry_ids=(bank_entry_id, *body["with_entry_ids"]),
        payment_ids=tuple(body["payment_ids"]),
        sends_rest_back=body["sends_rest_back"],
        is_booked_already=body["is_booked_already"],
    )
    return _entries(session, [by_hand.match(session, context.current(), wanted)])[0]


@entries.post("/<uuid:bank_entry_id>/closing")
@entries.arguments(schemas.CloseEntry)
@entries.problems(by_hand.EntryNotFound, by_hand.EntryNotOpen)
@entries.writes(200, schemas.BankEntry)
def close(session: Session, body: dict[str, Any], bank_entry_id: uuid.UUID) -> dict[str, Any]:
    """Say that it pays for nothing here, or goes back (operators) 关闭银行流水"""
    reason = ClosedReason(body["reason"])
    closed = by_hand.close(
        session, context.current(), entry_id=bank_entry_id, reason=reason, note=body["note"]
    )
    return _entries(session, [closed])[0]


@entries.post("/<uuid:bank_entry_id>/reopening")
@entries.arguments(schemas.ReopenEntry)
@entries.problems(by_hand.EntryNotFound, by_hand.EntryNotClosed)
@entries.writes(200, schemas.BankEntry)
def reopen(session: Session, body: dict[str, Any], bank_entry_id: uuid.UUID) -> dict[str, Any]:
    """Open a closed entry again (operators) 重新打开银行流水"""
    opened = by_hand.reopen(session, context.current(), entry_id=bank_entry_id, **body)
    return _entries(session, [opened])[0]


def _uploaded(query: dict[str, Any]) -> Upload:
    """Raises UnsupportedMediaType."""
    statement_format = StatementFormat(query["format"])
    if not files.is_said_to_be(MEDIA_TYPES[statement_format]):
        raise problems.UnsupportedMediaType(
            Text(en="The body must be CSV, or XML for camt.053.", zh="请求体必须为 CSV，camt.053 为 XML。")
        )
    return Upload(
        data=request.get_data(), format=statement_format, account=query["account"], name=query["name"]
    )


def _shown(session: Session, found: Sequence[BankStatement]) -> list[dict[str, Any]]:
    progress = uploading.progress_of(session, [each.id for each in found])
    names = [name for name in schemas.BankStatement().fields if hasattr(BankStatement, name)]
    return [
        {
            **{name: getattr(each, name) for name in names},
            "progress": progress[each.id],
            "waiting": sum(
                part["entries"] for part in progress[each.id] if part["reason"] == OpenReason.WAITING
            ),
        }
        for each in found
    ]


def _entries(session: Session, found: Sequence[BankEntry]) -> list[dict[str, Any]]:
    paid: dict[uuid.UUID, list[BankReceipt]] = {each.id: [] for each in found}
    booked = [each.id for each in found if each.state == EntryState.BOOKED]
    receipts = select(BankReceipt).where(BankReceipt.entry_id.in_(booked)).order_by(BankReceipt.payment_id)
    for receipt in session.scalars(receipts) if booked else ():
        paid[receipt.entry_id].append(receipt)
    suggestions = suggesting.suggest(session, found)
    return [_entry(each, paid[each.id], suggestions.get(each.id, [])) for each in found]


def _entry(
    entry: BankEntry, paid: Sequence[BankReceipt], suggestions: Sequence[suggesting.Suggestion]
) -> dict[str, Any]:
    names = [name for name in schemas.BankEntry().fields if hasattr(BankEntry, name)]
    who = uploading.counterparty_of(entry)
    return {
        **{name: getattr(entry, name) for name in names},
        "counterparty_name": who["name"],
        "counterparty_account": who["account"],
        "paid": paid,
        "suggestions": suggestions,
    }


BLUEPRINTS: Final = (statements, entries)
