"""`flask gate rebuild`: throw away what Redis keeps of pools, and fill it in anew from PostgreSQL."""

import uuid

import click
from sqlalchemy import func, select

from inventory.gate import keeping, taking
from inventory.models import Pool
from marketplace import database


@click.group("gate")
def gate_group() -> None:
    """Redis in front of the pools. 入口"""


@gate_group.command("rebuild")
@click.argument("pool_id", type=click.UUID, required=False)
def rebuild(pool_id: uuid.UUID | None) -> None:
    """Rebuild a pool's gate, or those of all pools on sale. 重建入口

    Never needed for truth: for after the database was set back to an older copy, and for who wants to be sure.
    """
    gate = keeping.of_app()
    if gate is None:
        raise click.ClickException("There is no gate: REDIS_URL is not set.")
    with database.reading() as session:
        on_sale = select(Pool.id).where(
            Pool.sells_from <= func.clock_timestamp(), Pool.sells_until > func.clock_timestamp()
        )
        wanted = select(Pool.id).where(Pool.id == pool_id) if pool_id else on_sale
        found = session.scalars(wanted.order_by(Pool.id)).all()
        if pool_id and not found:
            raise click.ClickException(f"There is no pool {pool_id}.")
        for each in found:
            click.echo(f"{each}: {taking.rebuild(session, gate, each)} buyers 买家")
