"""Boxes that stood in pools before pledges had a life: the migration makes one pledge of each cooperative's."""

import psycopg
from alembic import command

from tests import house, servers

OLD = """
    INSERT INTO county (id, code, name_en, name_zh, is_demo, version, created_at)
    VALUES (gen_random_uuid(), 'YJ', 'Y', 'Y', true, 1, now());
    INSERT INTO cooperative (id, county_id, code, name_en, name_zh, township_en, township_zh, member_households,
        members, version, created_at)
    SELECT gen_random_uuid(), id, word, word, word, 'T', 'T', 1, 1, 1, now()
    FROM county CROSS JOIN unnest(ARRAY['A', 'B']) AS t(word);
    INSERT INTO product (id, code, variety, grade, name_en, name_zh, version, created_at)
    VALUES (gen_random_uuid(), 'F', 'Fuji', 'A', 'F', 'F', 1, now());
    INSERT INTO pack (id, product_id, code, net_grams, list_price_minor, currency, version, created_at)
    SELECT gen_random_uuid(), id, 'P', 5, 1, 'CNY', 1, now() FROM product;
    INSERT INTO cold_store (id, code, name_en, name_zh, kind, created_at)
    VALUES (gen_random_uuid(), 'C', 'C', 'C', 'cold', now());
    INSERT INTO campaign (id, code, kind, state, county_id, title_en, title_zh, opens_at, closes_at, created_at,
        version, cut_rule, claims_days)
    SELECT gen_random_uuid(), 'c', 'presale', 'draft', id, 'T', 'T', now(), now() + interval '1 day', now(), 1,
        'equal_awards', 7 FROM county;
    INSERT INTO pool (id, pack_id, pack_grams, variety, grade, purpose_kind, purpose_id, boxes_pledged, boxes_held,
        boxes_sold, unit_price_minor, currency, version, created_at)
    SELECT c.id, p.id, 5, 'Fuji', 'A', 'campaign_item', c.id, 7, 0, 0, 1, 'CNY', 1, now()
    FROM campaign c CROSS JOIN pack p;
    INSERT INTO campaign_item (id, campaign_id, pack_id, pool_id, unit_price_minor, currency, boxes_per_buyer_max)
    SELECT id, id, pack_id, id, 1, 'CNY', 1 FROM pool;
    INSERT INTO lot (id, cooperative_id, cold_store_id, code, variety, grade, storage, harvested_on, best_before_on,
        on_hand_grams, held_grams, committed_grams, packed_grams, status, version, created_at)
    SELECT gen_random_uuid(), k.id, s.id, k.code, 'Fuji', 'A', 'cold', current_date, current_date + 9, 100, 0, 0, 0,
        'available', 1, now() FROM cooperative k CROSS JOIN cold_store s;
    INSERT INTO hold (id, kind, state, cooperative_id, lot_id, pool_id, boxes, released_boxes, pack_grams,
        quantity_grams, purpose_kind, purpose_id, created_at, resolved_at, version)
    SELECT gen_random_uuid(), 'pledge', h.state, l.cooperative_id, l.id, p.id, h.boxes, h.released, 5, 5 * h.boxes,
        'campaign_item', p.id, now(), CASE h.state WHEN 'released' THEN now() END, 1
    FROM (VALUES ('A', 'active', 5, 0), ('A', 'active', 4, 2), ('B', 'released', 3, 3))
        AS h(code, state, boxes, released)
    JOIN lot l ON l.code = h.code CROSS JOIN pool p;
"""
SEEN = """
    SELECT k.code, p.state, p.wanted_boxes, p.boxes, p.version,
        (SELECT array_agg(m.event || ' ' || m.boxes_after ORDER BY m.number) FROM pledge_move m
            WHERE m.pledge_id = p.id),
        (SELECT count(*) FROM hold h WHERE h.purpose_kind = 'pledge' AND h.purpose_id = p.id)
    FROM pledge p JOIN cooperative k ON k.id = p.cooperative_id ORDER BY k.code
"""


def test_each_cooperatives_boxes_are_one_pledge_with_its_moves(empty_database):
    config = house.alembic_config(empty_database)
    command.upgrade(config, "0029")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        connection.execute(OLD)
    command.upgrade(config, "0031")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        seen = connection.execute(SEEN).fetchall()
    assert seen == [
        ("A", "accepted", 9, 7, 2, ["put_up 9", "reduce 7"], 2),
        ("B", "released", 3, 0, 2, ["put_up 3", "release 0"], 1),
    ]
    command.downgrade(config, "0029")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        purposes = connection.execute("SELECT DISTINCT purpose_kind FROM hold").fetchall()
    assert purposes == [("campaign_item",)]
