"""`flask payments import FILE`: a bank statement from the command line, matched to its end before the command ends."""

import uuid
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy.orm import Session

from marketplace import context, errors, terminal
from marketplace.context import Context
from marketplace.database import reading, transact
from marketplace.payments.statements import matching, trying, uploading
from marketplace.payments.statements.models import BankStatement
from marketplace.payments.statements.states import FAULTS, REASONS, StatementFormat
from marketplace.payments.statements.uploading import Upload
from marketplace.values import amount_text

_FAULTS_SHOWN: Final = 20


@click.group("payments")
def payments_group() -> None:
    """Money that arrived. 收款"""


@payments_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--account", required=True, help="What you call the account. 账户代号")
@click.option(
    "--format",
    "statement_format",
    type=click.Choice([each.value for each in StatementFormat]),
    help="Of the file; without it camt_053 for .xml, generic_csv for others. 文件格式",
)
@click.option("--dry-run", is_flag=True, help="Only say what would happen. 只试算，不入账")
def import_statement(*, file: Path, account: str, statement_format: str | None, dry_run: bool) -> None:
    """Read a bank statement and book what matches. 导入银行对账单"""
    guessed = StatementFormat.CAMT_053 if file.suffix.lower() == ".xml" else StatementFormat.GENERIC_CSV
    wanted = Upload(
        data=file.read_bytes(),
        format=StatementFormat(statement_format) if statement_format else guessed,
        account=account,
        name=file.name[:120],
    )
    if not uploading.ACCOUNT.fullmatch(account):
        raise click.BadParameter(
            "1 to 20 letters, digits, '.', '-', '_'. 账户代号格式不正确。", param_hint="--account"
        )
    try:
        _try_out(wanted) if dry_run else _import(wanted)
    except errors.Refusal as refusal:
        raise click.ClickException(_told(refusal)) from refusal


def _try_out(wanted: Upload) -> None:
    with reading() as session:
        trial = trying.try_out(session, context.system(), wanted)
        _print("Would happen 试算结果", trial.progress, trial)
        for bad in trial.bad[:_FAULTS_SHOWN]:
            _print_fault(bad.line, bad.cell, bad.fault, bad.value)


def _import(wanted: Upload) -> None:
    """The entries that are new are stored first; each is then settled in a unit of work of its own."""
    ctx = context.system()
    statement_id = transact(lambda session: uploading.upload(session, ctx, wanted).id)
    _match(ctx, statement_id)
    with reading() as session:
        made = uploading.get(session, statement_id)
        _print(f"Statement 对账单 {made.id}", uploading.progress_of(session, [made.id])[made.id], made)
        for bad in session.scalars(uploading.faults_of(session, made.id).limit(_FAULTS_SHOWN)):
            _print_fault(bad.line, bad.cell, bad.fault, bad.value)


def _match(ctx: Context, statement_id: uuid.UUID) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.console(), transient=True) as progress:
        with reading() as session:
            total = uploading.waiting_in(session, statement_id)
        task = progress.add_task("matching 匹配", total=total)
        after: uuid.UUID | None = None
        while True:
            sifted: matching.Sifted = transact(
                partial(_sift, ctx=ctx, statement_id=statement_id, after=after)
            )
            progress.advance(task, sifted.looked_at - len(sifted.named))
            for entry_id in sifted.named:
                transact(partial(_settle, ctx=ctx, entry_id=entry_id))
                progress.advance(task)
            after = sifted.after
            if after is None:
                return


def _sift(
    session: Session, *, ctx: Context, statement_id: uuid.UUID, after: uuid.UUID | None
) -> matching.Sifted:
    return matching.sift(session, ctx, statement_id=statement_id, after=after)


def _settle(session: Session, *, ctx: Context, entry_id: uuid.UUID) -> None:
    matching.settle(session, ctx, entry_id=entry_id)


def _print(title: str, progress: list[dict[str, Any]], counts: BankStatement | trying.Trial) -> None:
    table = Table(title=title, title_justify="left")
    for heading in ("state 状态", "reason 原因", "entries 笔数", "amount 金额", "currency 币种"):
        table.add_column(heading)
    for part in progress:
        said = REASONS[part["reason"]] if part["reason"] else None
        table.add_row(
            part["state"],
            f"{said.en} {said.zh}" if said else "",
            str(part["entries"]),
            amount_text(part["amount_minor"], part["currency"]),
            part["currency"],
        )
    terminal.console().print(table)
    click.echo(
        f"{counts.lines} lines 行: {counts.entries} new 新, {counts.duplicates} known 已有,"
        f" {counts.bad_lines} bad 有误"
    )


def _print_fault(line: int, cell: str, fault: str, value: str) -> None:
    said = FAULTS[fault]
    where = f"line {line}" + (f", {cell}" if cell else "")
    click.echo(f"{where}: {said.en} {said.zh} {value!r}")


def _told(refusal: errors.Refusal) -> str:
    """The refusal, and the first lines that it names."""
    said = f"{refusal.title.en} {refusal.title.zh}"
    lines = [
        f"line {each['line']}: {each['detail'].en} {each['detail'].zh}"
        for each in refusal.facts.get("errors", [])[:_FAULTS_SHOWN]
    ]
    return "\n".join([said, *lines])


COMMANDS: Final = (payments_group,)
