"""Doors of the ledger: it is read here, never written. Staff sees all of it, a member its cooperatives' accounts."""

import uuid
from typing import Any, Final

from flask import Response, after_this_request

from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.ledger import reading as books
from marketplace.ledger import schemas, shapes
from marketplace.ledger.ledger import LedgerTransferNotFound
from marketplace.ledger.models import LedgerAccount, LedgerTransfer
from marketplace.ledger.reading import FILE_LINES_MAX, LedgerAccountNotFound, Period, TooManyLines

blueprint = Blueprint("ledger", __name__, url_prefix="/ledger", description="The ledger 总账")

MEDIA_TYPE: Final = "text/csv"


@blueprint.get("/trial-balance")
@blueprint.arguments(schemas.MomentQuery, location="query")
@blueprint.response(200, schemas.TrialBalance)
def get_trial_balance(query: dict[str, Any]) -> dict[str, Any]:
    """What stands in each code and currency, now or at any instant of the past 试算平衡表"""
    with reading() as session:
        lines = books.trial_balance(session, **query)
    return shapes.trial_balance(lines, at=query["at"], language=context.current().language)


@blueprint.get("/trial-balance.csv")
@blueprint.arguments(schemas.MomentQuery, location="query")
@blueprint.response(200, content_type=MEDIA_TYPE)
def download_trial_balance(query: dict[str, Any]) -> Response:
    """The same as a table 试算平衡表（CSV）"""
    with reading() as session:
        lines = books.trial_balance(session, **query)
    return _file("trial-balance", shapes.csv_text(shapes.TRIAL_COLUMNS, shapes.trial_rows(lines)))


@blueprint.get("/accounts")
@blueprint.arguments(schemas.AccountQuery, location="query")
@blueprint.response(200, schemas.LedgerAccountPage)
def list_accounts(query: dict[str, Any]) -> dict[str, Any]:
    """Accounts with their balances; a member sees those of its cooperatives 账户列表"""
    ctx = context.current()
    named = (
        LedgerAccount.code,
        LedgerAccount.currency,
        LedgerAccount.owner_kind,
        LedgerAccount.owner_id,
    )
    with reading() as session:
        wanted = paging.only(books.visible(ctx), query, *named)
        page = paging.read(session, wanted, LedgerAccount.id, **query)
        page["items"] = [
            shapes.account(each, ctx.language) for each in books.standings(session, page["items"])
        ]
        return page


@blueprint.get("/accounts/<uuid:account_id>")
@blueprint.problems(LedgerAccountNotFound)
@blueprint.response(200, schemas.LedgerAccount)
def get_account(account_id: uuid.UUID) -> dict[str, Any]:
    """One account and its balance 查询账户"""
    ctx = context.current()
    with reading() as session:
        return shapes.account(books.get_account(session, ctx, account_id=account_id), ctx.language)


@blueprint.get("/accounts/<uuid:account_id>/statement")
@blueprint.arguments(schemas.StatementQuery, location="query")
@blueprint.problems(LedgerAccountNotFound)
@blueprint.response(200, schemas.AccountStatement)
def get_statement(query: dict[str, Any], account_id: uuid.UUID) -> dict[str, Any]:
    """Its entries, the oldest first, each with the balance that it left 账户明细"""
    ctx = context.current()
    limit = query["limit"]
    with reading() as session:
        found = books.get_account(session, ctx, account_id=account_id)
        lines = books.statement(
            session,
            account=found.account,
            period=_period(query),
            limit=limit + 1,
            cursor=query["cursor"],
        )
        items = [shapes.statement_line(line) for line in lines[:limit]]
        following = lines[limit - 1].entry.transfer_id if len(lines) > limit else None
        shown = shapes.account(found, ctx.language)
    if following is not None:
        _link_next(following)
    return {"account": shown, "items": items, "next_cursor": following}


@blueprint.get("/accounts/<uuid:account_id>/statement.csv")
@blueprint.arguments(schemas.PeriodQuery, location="query")
@blueprint.problems(LedgerAccountNotFound, TooManyLines)
@blueprint.response(200, content_type=MEDIA_TYPE)
def download_statement(query: dict[str, Any], account_id: uuid.UUID) -> Response:
    """The same as a table 账户明细（CSV）"""
    ctx = context.current()
    with reading() as session:
        account = books.get_account(session, ctx, account_id=account_id).account
        lines = books.statement(session, account=account, period=_period(query), limit=FILE_LINES_MAX + 1)
        books.check_length(len(lines))
        text = shapes.csv_text(shapes.STATEMENT_COLUMNS, shapes.statement_rows(lines, account))
    return _file(f"statement-{account_id}", text)


@blueprint.get("/transfers")
@blueprint.arguments(schemas.JournalQuery, location="query")
@blueprint.response(200, schemas.LedgerTransferPage)
def list_transfers(query: dict[str, Any]) -> dict[str, Any]:
    """The journal, the oldest first 记账流水"""
    page = {name: query.pop(name) for name in ("limit", "cursor")}
    with reading() as session:
        found = paging.read(session, _journal(query), LedgerTransfer.id, **page)
        entries = books.entries_of(session, [row.id for row in found["items"]])
        found["items"] = [shapes.transfer(row, entries.get(row.id, ())) for row in found["items"]]
        return found


@blueprint.get("/transfers.csv")
@blueprint.arguments(schemas.PeriodQuery, location="query")
@blueprint.problems(TooManyLines)
@blueprint.response(200, content_type=MEDIA_TYPE)
def download_transfers(query: dict[str, Any]) -> Response:
    """The journal of a period as a table, one line for each entry 记账流水（CSV）"""
    with reading() as session:
        wanted = books.journal(period=_period(query)).order_by(LedgerTransfer.at, LedgerTransfer.id)
        rows = session.scalars(wanted.limit(FILE_LINES_MAX + 1)).all()
        books.check_length(len(rows))
        entries = books.entries_of(session, [row.id for row in rows])
        books.check_length(sum(map(len, entries.values())))
        text = shapes.csv_text(shapes.JOURNAL_COLUMNS, shapes.journal_rows(rows, entries))
    return _file("transfers", text)


@blueprint.get("/transfers/<uuid:transfer_id>")
@blueprint.problems(LedgerTransferNotFound)
@blueprint.response(200, schemas.LedgerTransfer)
def get_transfer(transfer_id: uuid.UUID) -> dict[str, Any]:
    """One transfer with its entries 查询记账"""
    with reading() as session:
        row = session.get(LedgerTransfer, transfer_id)
        if row is None:
            raise LedgerTransferNotFound
        return shapes.transfer(row, books.entries_of(session, [row.id])[row.id])


def _period(query: dict[str, Any]) -> Period:
    return Period(since=query["since"], until=query["until"])


def _journal(query: dict[str, Any]) -> Any:
    named = {name: query[name] for name in ("kind", "source_id", "account_id")}
    return books.journal(period=_period(query), **named)


def _file(name: str, text: str) -> Response:
    """With a byte order mark, by which spreadsheets know UTF-8."""
    response = Response(text.encode("utf-8-sig"), content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _link_next(cursor: uuid.UUID) -> None:
    value = paging.link(str(cursor))

    @after_this_request
    def add(response: Response) -> Response:
        response.headers["Link"] = value
        return response
