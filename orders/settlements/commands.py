"""`flask settle`: a statement, a sheet for growers or an advance from files, without a database; the states."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from marketplace import errors, terminal
from marketplace.language import Text
from marketplace.payouts.states import PAYOUT_MOVES
from orders.settlements import advances, json_form, pay_sheet, statement_csv, states
from orders.settlements.proof import faults
from orders.settlements.rules import Statement
from orders.settlements.statement_text import COLUMNS, TITLE, Heading, rows

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.group("settle")
def settle_group() -> None:
    """What cooperatives are paid: statement, growers, advance, states. 合作社结算"""


@settle_group.command("statement")
@click.argument("file", type=_FILE)
@click.option("--csv", "csv_file", type=_OUT, help="Write the statement as CSV here.")
@click.option("--json", "json_file", type=_OUT, help="Write it as JSON, with its digest, here.")
def settle_file(*, file: Path, csv_file: Path | None, json_file: Path | None) -> None:
    """Settle {"facts": …, "before": …} and show every line with its sum."""
    statement = _settled(file)
    table = Table(title=f"{TITLE.zh} {TITLE.en} {statement.facts.settlement}", title_justify="left")
    for name in COLUMNS:
        table.add_column(f"{name.zh} {name.en}", justify="right" if name is COLUMNS[-1] else "left")
    for row in rows(statement):
        table.add_row(_both(row.label), _both(row.formula), row.amount)
    terminal.console().print(table)
    if csv_file is not None:
        csv_file.write_bytes(statement_csv.csv_of(statement, _heading(statement)))
    if json_file is not None:
        told = json.dumps(json_form.statement_to_json(statement), ensure_ascii=False, indent=1)
        json_file.write_text(told + "\n", encoding="utf-8")


@settle_group.command("growers")
@click.argument("file", type=_FILE)
@click.argument("growers_file", type=_FILE)
@click.option("--kept-minor", type=int, default=0, help="What the cooperative keeps for its own costs.")
@click.option("--out", type=_OUT, required=True, help="Write the sheet as CSV here.")
def pay_growers(*, file: Path, growers_file: Path, kept_minor: int, out: Path) -> None:
    """Part the payout of a settled FILE over the growers of a list in GROWERS_FILE."""
    statement = _settled(file)
    told = _read(growers_file)
    try:
        growers = [
            json_form.from_json(pay_sheet.Grower, each, at=f"/{place}")
            for place, each in enumerate(told if isinstance(told, list) else [told])
        ]
        made = pay_sheet.sheet(statement, growers, kept_minor=kept_minor)
    except (json_form.FormRefused, errors.Refusal) as refused:
        raise click.ClickException(_why(refused)) from refused
    out.write_bytes(pay_sheet.csv_of(made))
    click.echo(
        f"{len(made.pays)} growers 户, {made.parted_minor} of {made.payout_minor} minor units 最小单位"
    )


@settle_group.command("advance")
@click.argument("file", type=_FILE)
def offer_advance(*, file: Path) -> None:
    """What {"terms", "pledged", "advanced_minor", "outstanding_minor", "funds"} allow to advance, and what decides."""
    try:
        asked = json_form.from_json(advances.Asked, _read(file))
    except json_form.FormRefused as refused:
        raise click.ClickException(_why(refused)) from refused
    click.echo(json.dumps(json_form.to_json(asked.offer()), indent=1))


@settle_group.command("states")
def show_states() -> None:
    """Which steps lead from where to where."""
    for state, row in states.MOVES.items():
        click.echo(f"settlement {state}: {', '.join(f'{event} → {then}' for event, then in row.items())}")
    for payout, following in PAYOUT_MOVES.items():
        click.echo(f"payout {payout}: {', '.join(sorted(following)) or '–'}")


def _settled(file: Path) -> Statement:
    try:
        statement = json_form.settled_from_json(_read(file))
    except json_form.FormRefused as refused:
        raise click.ClickException(_why(refused)) from refused
    if found := faults(statement):
        raise click.ClickException(f"the statement does not hold together: {found[0]}")
    return statement


def _heading(statement: Statement) -> Heading:
    name = Text(en=statement.facts.settlement, zh=statement.facts.settlement)
    on: date = statement.facts.settled_on
    return Heading(
        number=statement.facts.settlement, campaign=name, cooperative_code="", cooperative=name, settled_on=on
    )


def _both(text: Text) -> str:
    return text.zh if text.zh == text.en else f"{text.zh}\n{text.en}"


def _why(refused: Exception) -> str:
    facts = refused.facts if isinstance(refused, errors.Refusal) else {}
    return f"{refused} {facts or ''}".strip()


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as broken:
        raise click.ClickException(f"{file.name} is not JSON: {broken}") from broken
