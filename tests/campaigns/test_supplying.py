"""Who supplies which order, for many orders at once: exact both ways, and the same box by box as laid by hand."""

import resource
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.orm import Session

from campaigns.allotting import supplying
from campaigns.allotting.supplying import SuppliesBroken
from marketplace.embedded.databases import DatabaseUrls
from tests import builders
from tests.campaigns import many_orders
from tests.campaigns.allotted import laid_along
from tests.house import Caller


@pytest.fixture
def owner(database_urls: DatabaseUrls) -> Iterator[Connection]:
    """A connection of the tables' owner, in a transaction that leaves nothing."""
    engine = create_engine(database_urls.owner_url)
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


@pytest.mark.parametrize(("orders", "cooperatives"), [(1, 1), (1, 3), (300, 1), (300, 40), (10, 40)])
def test_supplies_are_orders_and_commitments_laid_along_one_line(
    app: Flask, owner: Connection, shopper: Caller, orders: int, cooperatives: int
):
    market = builders.build(app)
    sale = market.draft()
    many_orders.write(owner, market, sale, shopper, orders=orders, cooperatives=cooperatives)
    boxes = assigned(owner, sale)

    asked = {row.id: row.boxes for row in owner.execute(text('SELECT id, boxes FROM "order"'))}
    given = [
        (row.cooperative_id, row.boxes)
        for row in owner.execute(text("SELECT cooperative_id, boxes FROM commitment ORDER BY code"))
    ]
    made = {
        (row.order_id, row.cooperative_id, row.boxes)
        for row in owner.execute(text("SELECT order_id, cooperative_id, boxes FROM supply"))
    }
    assert boxes == sum(asked.values())
    assert made == laid_along(asked, given, seed="seed")
    assert len(made) <= len(asked) + len(given) - 1


@pytest.mark.parametrize("change", ["boxes = boxes + 1", "boxes = boxes - 1"])
def test_sums_that_differ_are_a_fault_of_ours(app: Flask, owner: Connection, shopper: Caller, change: str):
    market = builders.build(app)
    sale = market.draft()
    many_orders.write(owner, market, sale, shopper, orders=30, cooperatives=4)
    owner.execute(text(f"UPDATE commitment SET {change} WHERE code = 'Z0002'"))
    with pytest.raises(SuppliesBroken):
        assigned(owner, sale)


@pytest.mark.parametrize("without", [(), ("hashjoin", "mergejoin"), ("hashagg", "sort", "mergejoin")])
def test_a_hundred_thousand_orders_over_five_hundred_cooperatives_are_one_go(
    app: Flask, owner: Connection, shopper: Caller, without: tuple[str, ...]
):
    """Also by the plan of a database that believes that there are few: it loops instead of joining at once."""
    market = builders.build(app)
    sale = market.draft()
    many_orders.write(owner, market, sale, shopper, orders=100_000, cooperatives=500)
    for way in without:
        owner.execute(text(f"SET LOCAL enable_{way} = off"))
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    boxes = assigned(owner, sale)
    seconds = time.monotonic() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    for way in without:
        owner.execute(text(f"RESET enable_{way}"))
    wrong = owner.execute(
        text("""
            SELECT count(*) FROM "order" o
            LEFT JOIN (SELECT order_id, sum(boxes) AS boxes FROM supply GROUP BY order_id) s ON s.order_id = o.id
            WHERE s.boxes IS DISTINCT FROM o.boxes
        """)
    ).scalar_one()
    assert wrong == 0
    assert boxes == sum(1 + n % 3 for n in range(1, 100_001))
    assert grown < 20_000
    assert seconds < 60


def assigned(owner: Connection, sale: builders.Sale) -> int:
    with Session(owner, join_transaction_mode="create_savepoint") as session:
        found = supplying.assign(session, item_id=sale.item_id, pool_id=sale.pool_id, seed="seed")
        session.commit()
        return found
