"""Pools and lines from before a pool knew when it ends: the campaign says it for them."""

import psycopg
from alembic import command

from tests import house, servers

OLD = """
    INSERT INTO county (id, code, name_en, name_zh, is_demo, version, created_at)
    VALUES (gen_random_uuid(), 'YJ', 'Y', 'Y', true, 1, now());
    INSERT INTO product (id, code, variety, grade, name_en, name_zh, version, created_at)
    VALUES (gen_random_uuid(), 'F', 'Fuji', 'A', 'F', 'F', 1, now());
    INSERT INTO pack (id, product_id, code, net_grams, list_price_minor, currency, version, created_at)
    SELECT gen_random_uuid(), id, 'P', 5, 1, 'CNY', 1, now() FROM product;
    INSERT INTO account (id, name, status, version, created_at)
    VALUES (gen_random_uuid(), 'A', 'active', 1, now());
    INSERT INTO campaign (id, code, kind, state, county_id, title_en, title_zh, opens_at, closes_at, created_at,
        version)
    SELECT gen_random_uuid(), state, 'presale', state, county.id, 'T', 'T', now() - interval '9 days',
        now() + interval '1 day', now(), 1
    FROM county CROSS JOIN unnest(ARRAY['draft', 'deposit_open', 'paused', 'deposit_closed']) AS t(state);
    INSERT INTO campaign_transition (campaign_id, number, before, after, reason, actor, request_id, at)
    SELECT id, 1, NULL, state, 'why', 'system', 'r', now() - interval '1 hour' FROM campaign;
    INSERT INTO pool (id, pack_id, pack_grams, variety, grade, purpose_kind, purpose_id, boxes_pledged, boxes_held,
        boxes_sold, unit_price_minor, currency, sells_from, sells_until, version, created_at)
    SELECT c.id, p.id, 5, 'Fuji', 'A', 'campaign_item', c.id, 0, 0, 0, 1, 'CNY',
        CASE c.state WHEN 'deposit_open' THEN c.opens_at END, CASE c.state WHEN 'deposit_open' THEN c.closes_at END,
        1, now()
    FROM campaign c CROSS JOIN pack p;
    INSERT INTO campaign_item (id, campaign_id, pack_id, pool_id, unit_price_minor, currency, boxes_per_buyer_max)
    SELECT id, id, pack_id, id, 1, 'CNY', 1 FROM pool;
    INSERT INTO waitlist_entry (id, pool_id, owner_id, boxes, number, state, created_at, version)
    SELECT gen_random_uuid(), p.id, a.id, 1, 1, 'waiting', now(), 1 FROM pool p CROSS JOIN account a;
"""
SEEN = """
    SELECT c.state, p.sells_from IS NOT NULL, p.sells_until - now() BETWEEN '0' AND '1 day',
        p.sells_until < now(), w.state
    FROM campaign c JOIN pool p ON p.id = c.id JOIN waitlist_entry w ON w.pool_id = p.id ORDER BY c.state
"""


def test_what_was_closed_ends_its_line_and_what_is_paused_will(empty_database):
    config = house.alembic_config(empty_database)
    command.upgrade(config, "0015")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        connection.execute(OLD)
    command.upgrade(config, "0016")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        seen = connection.execute(SEEN).fetchall()
    assert seen == [
        ("deposit_closed", False, False, True, "ended"),
        ("deposit_open", True, True, False, "waiting"),
        ("draft", False, None, None, "waiting"),
        ("paused", False, True, False, "waiting"),
    ]
    command.downgrade(config, "0015")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        states = connection.execute("SELECT state FROM waitlist_entry ORDER BY state").fetchall()
        ends = connection.execute("SELECT count(sells_until) FROM pool").fetchone()
    assert [state for (state,) in states] == ["left", "waiting", "waiting", "waiting"]
    assert ends == (1,)
