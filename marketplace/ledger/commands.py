"""`flask ledger`: the trial balance, a statement, the journal, for people and as CSV; and whether the books hold."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich.table import Table
from sqlalchemy.orm import Session

from marketplace import terminal, verify
from marketplace.database import reading
from marketplace.ledger import reading as books
from marketplace.ledger import shapes
from marketplace.ledger.invariants import INVARIANTS
from marketplace.ledger.models import LedgerAccount, LedgerTransfer
from marketplace.ledger.reading import FILE_LINES_MAX, Period, TooManyLines

SHOWN: Final = {
    "trial": ("currency", "code", "name_en", "name_zh", "debit", "credit", "balance", "side"),
    "statement": ("at", "kind", "phase", "debit", "credit", "balance", "side", "reason"),
    "journal": ("at", "transfer_id", "kind", "phase", "code", "debit", "credit", "currency"),
}
"""What of a table is wide enough for a terminal; a file has all of it."""
RIGHT: Final = {"debit", "credit", "balance"}


class Moment(click.ParamType[datetime]):
    """RFC 3339; a day is its beginning, in UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is no instant: 2026-11-26 or 2026-11-26T14:00:00Z", param, ctx)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


as_csv = click.option("--csv", "is_csv", is_flag=True, help="All columns, as CSV.")
since = click.option("--since", type=Moment(), help="From this instant on.")
until = click.option("--at", "--until", "until", type=Moment(), help="Up to this instant.")


@click.group("ledger")
def ledger_group() -> None:
    """The ledger: trial-balance, accounts, statement, journal, verify. 总账"""


@ledger_group.command("trial-balance")
@click.option("--at", type=Moment(), help="An instant of the past; without it, now.")
@as_csv
def trial_balance(*, at: datetime | None, is_csv: bool) -> None:
    """What stands in each code and currency. 试算平衡表"""
    with reading() as session:
        lines = books.trial_balance(session, at=at)
    _print("trial", shapes.TRIAL_COLUMNS, list(shapes.trial_rows(lines)), is_csv=is_csv)
    for currency, change in books.totals(lines).items():
        if change.debits_posted != change.credits_posted:
            raise click.ClickException(f"{currency} does not balance.")


@ledger_group.command("accounts")
@click.option("--code", help="Only accounts of this code.")
@as_csv
def accounts(*, code: str | None, is_csv: bool) -> None:
    """Every account with its balance. 账户列表"""
    with reading() as session:
        wanted = books.every_account(code=code).limit(FILE_LINES_MAX + 1)
        rows = session.scalars(wanted).all()
        _check_length(len(rows))
        table = list(shapes.account_rows(books.standings(session, rows)))
    _print("accounts", shapes.ACCOUNT_COLUMNS, table, is_csv=is_csv)


@ledger_group.command("statement")
@click.argument("account_id", type=click.UUID)
@since
@until
@as_csv
def statement(*, account_id: uuid.UUID, since: datetime | None, until: datetime | None, is_csv: bool) -> None:
    """The entries of an account, each with the balance that it left. 账户明细"""
    with reading() as session:
        account = session.get(LedgerAccount, account_id)
        if account is None:
            raise click.ClickException(books.LedgerAccountNotFound.title.en)
        period = Period(since=since, until=until)
        lines = books.statement(session, account=account, period=period, limit=FILE_LINES_MAX + 1)
        _check_length(len(lines))
        rows = list(shapes.statement_rows(lines, account))
    _print("statement", shapes.STATEMENT_COLUMNS, rows, is_csv=is_csv)


@ledger_group.command("journal")
@since
@until
@as_csv
def journal(*, since: datetime | None, until: datetime | None, is_csv: bool) -> None:
    """Every transfer with its entries. 记账流水"""
    with reading() as session:
        rows = _journal_rows(session, Period(since=since, until=until))
    _print("journal", shapes.JOURNAL_COLUMNS, rows, is_csv=is_csv)


@ledger_group.command("verify")
def verify_ledger() -> None:
    """Check the promises of the ledger; exit 1 and the first offending row of each broken one. 核对总账"""
    with reading() as session:
        findings = verify.check(session, INVARIANTS)
    for found in findings:
        mark = "ok" if found.holds else f"{found.broken} broken, first: {found.first}"
        click.echo(f"{found.invariant.id}  {found.invariant.says.en}  {found.invariant.says.zh}  {mark}")
    broken = [found for found in findings if not found.holds]
    if broken:
        raise click.ClickException(f"{len(broken)} of {len(findings)} promises of the ledger are broken.")


def _journal_rows(session: Session, period: Period) -> list[dict[str, Any]]:
    wanted = books.journal(period=period).order_by(LedgerTransfer.at, LedgerTransfer.id)
    rows = session.scalars(wanted.limit(FILE_LINES_MAX + 1)).all()
    _check_length(len(rows))
    return list(shapes.journal_rows(rows, books.entries_of(session, [row.id for row in rows])))


def _check_length(lines: int) -> None:
    try:
        books.check_length(lines)
    except TooManyLines as refusal:
        raise click.ClickException(refusal.title.en) from refusal


def _print(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, is_csv: bool) -> None:
    if is_csv:
        click.echo(shapes.csv_text(columns, rows), nl=False)
        return
    shown = SHOWN.get(name, columns)
    table = Table()
    for heading in shown:
        table.add_column(heading, justify="right" if heading in RIGHT else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if row[each] is None else str(row[each]) for each in shown))
    terminal.console().print(table)


COMMANDS: Final = (ledger_group,)
