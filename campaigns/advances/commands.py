"""`flask advances`: the exposure of every cooperative, with a bar of its limit."""

from collections.abc import Iterator
from typing import Final

import click
from rich.table import Table

from campaigns.advances import exposing
from campaigns.advances.exposing import Exposed, Row
from marketplace import context, terminal
from marketplace.catalogue.models import Cooperative
from marketplace.csv_cells import file_of
from marketplace.database import reading
from marketplace.values import amount_text

BAR: Final = 20
"""So many places are the whole limit."""
COLUMNS: Final = (
    ("cooperative", "合作社", "left"),
    ("currency", "币种", "left"),
    ("outstanding", "未抵扣", "right"),
    ("promised", "已批准未付", "right"),
    ("owed", "欠款", "right"),
    ("held", "质保金", "right"),
    ("exposed", "敞口", "right"),
    ("limit", "额度", "right"),
    ("used", "占用", "left"),
)


@click.group("advances")
def advances_group() -> None:
    """Advances to cooperatives: exposure. 预付款"""


@advances_group.command("exposure")
@click.option("--csv", "is_csv", is_flag=True, help="As CSV, amounts in whole units.")
def exposure(*, is_csv: bool) -> None:
    """What each cooperative has outstanding and owes, less what is held, and how much of its limit is used. 敞口"""
    with reading() as session:
        wanted = exposing.visible(context.system()).order_by(Cooperative.code)
        rows = exposing.of(session, session.scalars(wanted).all())
    lines = list(_lines(rows))
    if is_csv:
        header = ("cooperative_code", *(name for name, _, _ in COLUMNS[1:-1]), "used_permille")
        told = file_of(header, [(*line[:-1], line[-1] if line[-1] is not None else "") for line in lines])
        click.echo(told.decode("utf-8-sig"), nl=False)
        return
    table = Table()
    for name, name_zh, side in COLUMNS:
        table.add_column(f"{name_zh}\n{name}", justify="right" if side == "right" else "left", no_wrap=True)
    for *cells, used in lines:
        table.add_row(*map(str, cells), bar(used))
    terminal.console().print(table)


def bar(used_permille: int | None) -> str:
    """`████······ 40.0 %`; beyond the limit it is full and ends with `!`; without a limit there is none."""
    if used_permille is None:
        return "–"
    full = min(BAR, -(-used_permille * BAR // 1_000))
    told = f"{used_permille // 10}.{used_permille % 10} %"
    return f"{'█' * full}{'·' * (BAR - full)} {told}{' !' if used_permille > 1_000 else ''}"


def _lines(rows: list[Row]) -> Iterator[tuple[str, str, str, str, str, str, str, str, int | None]]:
    for row in rows:
        for each in row.currencies:
            yield (row.code, each.currency, *_amounts(each), each.exposure.used_permille)


def _amounts(each: Exposed) -> tuple[str, str, str, str, str, str]:
    of = each.exposure
    minors = (
        of.outstanding_minor,
        each.promised_minor,
        of.owed_minor,
        of.held_minor,
        of.exposed_minor,
        of.limit_minor,
    )
    outstanding, promised, owed, held, exposed, limit = (
        amount_text(each_, each.currency) for each_ in minors
    )
    return outstanding, promised, owed, held, exposed, limit
