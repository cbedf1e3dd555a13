"""`flask stock reconcile`: compare every counter with its journal and its holds, now."""

import json
from functools import partial
from typing import Any

import click
from rich.table import Table
from sqlalchemy import select

from inventory.reconciling import reconciliations, schemas
from inventory.reconciling.models import ReconciliationFinding
from inventory.reconciling.rules import Phase
from marketplace import context, database, terminal


@click.group("stock")
def stock_group() -> None:
    """What is in store. 库存"""


@stock_group.command("reconcile")
@click.option("--json", "as_json", is_flag=True, help="Print the run and its findings as JSON.")
def reconcile(*, as_json: bool) -> None:
    """Compare all counters with journals and holds; exit 1 when some differ. 对账"""
    ctx = context.system()
    run = database.transact(lambda session: reconciliations.start(session, ctx))
    step = partial(reconciliations.step, ctx=ctx, reconciliation_id=run.id)
    while run.phase != Phase.DONE:
        run = database.transact(step)
    with database.reading() as session:
        statement = select(ReconciliationFinding).where(ReconciliationFinding.reconciliation_id == run.id)
        rows = session.scalars(statement.order_by(ReconciliationFinding.number)).all()
        found = schemas.ReconciliationFinding(many=True).dump(rows)
    shown = {**schemas.Reconciliation().dump(run), "findings": found}
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        _print(shown)
    if found:
        raise click.ClickException(f"{len(found)} lots or pools differ.")


def _print(shown: dict[str, Any]) -> None:
    title = (
        f"{shown['lots_checked']} lots 批次, {shown['pools_checked']} pools 货源池, "
        f"{shown['differences']} differences 差异, {shown['seconds']} s"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("no.", "what", "id", "counter", "stored", "rebuilt", "from"):
        table.add_column(heading)
    for finding in shown["findings"]:
        for each in finding["differences"]:
            table.add_row(
                str(finding["number"]),
                finding["subject_kind"],
                str(finding["subject_id"]),
                each["counter"],
                str(each["stored"]),
                str(each["rebuilt"]),
                each["source"],
            )
    terminal.console().print(table)
