"""A campaign of 100,000 paid orders and 500 cooperatives is gathered in a few statements, whatever their number."""

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.orm import Session

from campaigns.advances import exposing, gathering
from campaigns.models import Campaign
from marketplace.catalogue.models import Cooperative
from marketplace.embedded.databases import DatabaseUrls
from tests import builders
from tests.campaigns import many_orders
from tests.house import Caller

PRICE = builders.PRICE_MINOR
PAID = """
    INSERT INTO payment (id, order_id, payer_id, gateway, state, amount_minor, received_minor, currency, reference,
        receipt_reference, created_at, resolved_at)
    SELECT gen_random_uuid(), id, buyer_id, 'offline', 'succeeded', total_minor, total_minor, currency,
        'R' || row_number() OVER (), 'B' || row_number() OVER (), now(), now() FROM "order"
"""
HALF_ONLINE = """
    INSERT INTO online_payment (payment_id, gateway, provider_id, method, paid_at, created_at)
    SELECT id, 'stripe', 'pi_' || id, 'card', now(), now() FROM payment WHERE get_byte(uuid_send(id), 15) % 2 = 0
"""
BOOKED = """
    INSERT INTO ledger_account (id, code, owner_kind, owner_id, currency, normal_side, has_floor, opened_at)
    VALUES (:account, 'order_liability', 'campaign_item', :item, 'CNY', 'credit', false, now());
    INSERT INTO ledger_balance (account_id, slot, debits_posted, credits_posted, debits_pending, credits_pending)
    SELECT :account, 0, 0, sum(total_minor), 0, 0 FROM "order"
"""
PLEDGED = """
    INSERT INTO hold (id, kind, state, cooperative_id, lot_id, pool_id, boxes, pack_grams, quantity_grams, purpose_kind,
        purpose_id, created_at, version)
    SELECT gen_random_uuid(), 'pledge', 'active', cooperative_id, :lot, :pool, boxes, 5000, boxes * 5000, 'pledge',
        gen_random_uuid(), now(), 1 FROM commitment;
    UPDATE pool SET boxes_pledged = b.boxes, boxes_sold = b.boxes FROM (SELECT sum(boxes) AS boxes FROM "order") b
    WHERE id = :pool;
    UPDATE campaign SET state = 'balance_closed', policy_digest = 'x' WHERE id = :campaign
"""


@pytest.fixture
def owner(database_urls: DatabaseUrls) -> Iterator[Connection]:
    """A connection of the tables' owner, in a transaction that leaves nothing."""
    engine = create_engine(database_urls.owner_url)
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def test_a_hundred_thousand_orders_over_five_hundred_cooperatives(
    app: Flask, owner: Connection, shopper: Caller
) -> None:
    market = builders.build(app)
    sale, lot = market.draft(), market.lot(1)
    many_orders.write(owner, market, sale, shopper, orders=100_000, cooperatives=500)
    facts = {
        "account": lot.id,
        "item": sale.item_id,
        "lot": lot.id,
        "pool": sale.pool_id,
        "campaign": sale.campaign_id,
    }
    for statement in (PAID, HALF_ONLINE, *BOOKED.split(";"), *PLEDGED.split(";")):
        owner.execute(text(statement), facts)
    owner.execute(text("ANALYZE payment, online_payment, hold"))
    boxes, loose = owner.execute(
        text("""
            SELECT (SELECT sum(boxes) FROM "order"), (SELECT sum(received_minor) FROM payment p
                JOIN online_payment n ON n.payment_id = p.id)
        """)
    ).one()
    with Session(owner, join_transaction_mode="create_savepoint") as session:
        campaign = session.get_one(Campaign, sale.campaign_id)
        begun = time.monotonic()
        found = gathering.of_campaign(session, campaign, currency="CNY", now=market.ctx.now)
        offers = found.offers()
        gathered = time.monotonic() - begun
        begun = time.monotonic()
        rows = exposing.of(session, session.query(Cooperative).all())
        exposed = time.monotonic() - begun
    assert len(offers) == 500
    assert sum(each.progress.boxes for of in found.positions.values() for each in of.pledged) == boxes
    assert found.funds.cleared_minor == boxes * PRICE - loose
    assert sum(each.amount_minor for each in offers.values()) <= found.funds.free_minor
    assert len([row for row in rows if row.currencies]) == 500
    assert gathered < 20
    assert exposed < 20
