"""After SECRET_KEY was changed: what is sealed under the key before is sealed anew, row by row.

A column that holds sealed texts says so in its `info`: `{"sealed": "address"}`; the text of a row is sealed under
`context_of("address", id)`, with all parts of its primary key. So the command finds every such column of every package.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import click
from sqlalchemy import Column, Table, select, tuple_, update
from sqlalchemy.orm import Session

from marketplace import audit, context, sealed
from marketplace.context import Context
from marketplace.database import Base, transact

BATCH: Final = 500

Key = tuple[Any, ...]
"""All parts of a primary key."""


def context_of(kind: str, *key: object) -> str:
    """What the sealed text of the row with this primary key is bound to."""
    return ":".join((kind, *map(str, key)))


def sealed_columns() -> Iterator[tuple[Table, Column[Any]]]:
    for table in Base.metadata.sorted_tables:
        yield from ((table, column) for column in table.columns if "sealed" in column.info)


def unopened(session: Session) -> list[dict[str, Any]]:
    """The rows whose sealed text was changed, moved, or sealed under a key that is not known."""
    found = []
    for table, column in sealed_columns():
        key = table.primary_key.columns
        rows = select(*key, column).where(column.is_not(None)).execution_options(yield_per=BATCH)
        for *parts, text in session.execute(rows):
            try:
                sealed.unseal(text, context=context_of(column.info["sealed"], *parts))
            except sealed.SealBroken:
                found.append({"table": table.name, "key": ":".join(map(str, parts))})
    return found


def reseal_batch(
    session: Session, ctx: Context, *, table: Table, column: Column[Any], after: Key | None
) -> tuple[Key | None, int]:
    """The next rows by key: the last that was looked at (None at the end), and how many were sealed anew."""
    key = tuple_(*table.primary_key.columns)
    rows = select(*table.primary_key.columns, column).order_by(*table.primary_key.columns)
    rows = rows.limit(BATCH).with_for_update()
    found = session.execute(rows if after is None else rows.where(key > after)).all()
    dated = [(tuple(parts), old) for *parts, old in found if old is not None and not sealed.is_current(old)]
    for parts, old in dated:
        bound = context_of(column.info["sealed"], *parts)
        anew = sealed.seal(sealed.unseal(old, context=bound), context=bound)
        session.execute(update(table).where(key == parts).values({column.name: anew}))
    if dated:
        audit.record(session, ctx, "sealed.reseal", subject=("table", table.name), after={"rows": len(dated)})
    return (tuple(found[-1][:-1]) if len(found) == BATCH else None), len(dated)


@click.command("reseal")
def reseal() -> None:
    """Seal anew under SECRET_KEY what is sealed under SECRET_KEY_BEFORE. 更换密钥后重新加密"""
    ctx = context.system()
    for table, column in sealed_columns():
        count = _whole(ctx, table, column)
        click.echo(f"{table.name}: {count} sealed anew. {count} 行已重新加密。")


def _whole(ctx: Context, table: Table, column: Column[Any]) -> int:
    """All rows, one unit of work for each batch; how many were sealed anew."""
    after: Key | None = None
    total = 0
    while True:
        step = partial(reseal_batch, ctx=ctx, table=table, column=column, after=after)
        after, count = transact(step)
        total += count
        if after is None:
            return total
