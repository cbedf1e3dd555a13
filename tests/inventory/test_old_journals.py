"""Journals written before the words changed are read as they are written today."""

import psycopg
from alembic import command

from tests import house, servers

OLD = """
    INSERT INTO county (id, code, name_en, name_zh, is_demo, version, created_at)
    VALUES (gen_random_uuid(), 'YJ', 'Y', 'Y', true, 1, now());
    INSERT INTO cooperative (id, county_id, code, name_en, name_zh, township_en, township_zh, member_households,
        members, version, created_at)
    SELECT gen_random_uuid(), id, 'YJ01', 'C', 'C', 'T', 'T', 1, 1, 1, now() FROM county;
    INSERT INTO cold_store (id, code, name_en, name_zh, kind, created_at)
    VALUES (gen_random_uuid(), 'COLD', 'C', 'C', 'cold', now());
    INSERT INTO lot (id, cooperative_id, cold_store_id, code, variety, grade, storage, harvested_on, best_before_on,
        on_hand_grams, held_grams, status, version, created_at)
    SELECT gen_random_uuid(), c.id, s.id, 'L', 'Fuji', 'A', 'cold', '2026-01-01', '2026-02-01', 80, 0, 'recalled',
        9, now() FROM cooperative c, cold_store s;
    INSERT INTO hold (id, kind, state, cooperative_id, lot_id, boxes, pack_grams, quantity_grams, purpose_kind,
        purpose_id, created_at, resolved_at, version)
    SELECT gen_random_uuid(), 'allocation', 'released', cooperative_id, id, 1, 5, 5, 'share', gen_random_uuid(),
        now(), now(), 1 FROM lot;
    INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams, held_grams,
        reason, hold_id, actor, at)
    SELECT gen_random_uuid(), l.id, number, line.kind, on_hand, held, on_hand_sum, held_sum,
        CASE WHEN line.kind IN ('loss', 'correction', 'quarantine', 'clear', 'recall') THEN 'why' END,
        CASE WHEN line.kind IN ('hold', 'release', 'ship') THEN h.id END, 'system', now()
    FROM lot l JOIN hold h ON h.lot_id = l.id CROSS JOIN (VALUES
        (1, 'receive', 100, 0, 100, 0), (2, 'loss', -10, 0, 90, 0), (3, 'correction', -5, 0, 85, 0),
        (4, 'hold', 0, 10, 85, 10), (5, 'release', 0, -5, 85, 5), (6, 'ship', -5, -5, 80, 0),
        (7, 'quarantine', 0, 0, 80, 0), (8, 'clear', 0, 0, 80, 0), (9, 'recall', 0, 0, 80, 0)
    ) line (number, kind, on_hand, held, on_hand_sum, held_sum);
"""


def kinds(url):
    with psycopg.connect(servers.plain(url)) as connection:
        rows = connection.execute("SELECT kind FROM movement ORDER BY number").fetchall()
    return [kind for (kind,) in rows]


def test_old_words_become_todays_and_back_again(empty_database):
    config = house.alembic_config(empty_database)
    command.upgrade(config, "0011")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        connection.execute(OLD)
    old = kinds(empty_database.owner_url)
    command.upgrade(config, "0013")

    assert kinds(empty_database.owner_url) == [
        "received", "shrunk", "adjusted", "held", "released", "shipped", "quarantined", "cleared", "recalled",
    ]  # fmt: skip
    command.downgrade(config, "0011")
    assert kinds(empty_database.owner_url) == old
