-- A rush that nobody paid for: half of it in the hot pool, the rest in three others, by the shoppers who come last.
-- Then the job is due.
CREATE TEMPORARY TABLE rush ON COMMIT DROP AS
SELECT n, gen_random_uuid() AS hold_id, i.id AS item_id, i.pool_id, i.pack_id, i.unit_price_minor, i.currency, p.pack_grams,
    ('0193b000-0000-7000-8000-' || lpad(to_hex(%(shoppers)s - 1 - mod(n, %(shoppers)s)), 12, '0'))::uuid AS owner_id
FROM generate_series(0, %(holds)s - 1) AS n
JOIN LATERAL (SELECT (%(items)s::uuid[])[CASE WHEN mod(n, 2) = 0 THEN 1 ELSE 2 + mod(n / 2, 3) END] AS id) AS wanted ON true
JOIN campaign_item i ON i.id = wanted.id JOIN pool p ON p.id = i.pool_id;
INSERT INTO hold (id, kind, state, pool_id, owner_id, pack_id, boxes, pack_grams, quantity_grams, unit_price_minor,
    currency, purpose_kind, purpose_id, created_at, expires_at, version)
SELECT hold_id, 'cart', 'active', pool_id, owner_id, pack_id, 1, pack_grams, pack_grams, unit_price_minor,
    currency, 'campaign_item', item_id, now() - interval '11 minutes', now() - interval '1 minute', 1 FROM rush;
INSERT INTO pool_movement (pool_id, number, kind, pledged_delta, held_delta, sold_delta, boxes_pledged, boxes_held,
    boxes_sold, hold_id, actor, at)
SELECT p.id, p.version + row_number() OVER journal, 'held', 0, 1, 0, p.boxes_pledged,
    p.boxes_held + row_number() OVER journal, p.boxes_sold, hold_id, 'account:' || owner_id, now()
FROM rush JOIN pool p ON p.id = rush.pool_id WINDOW journal AS (PARTITION BY p.id ORDER BY n);
UPDATE pool SET boxes_held = boxes_held + held.boxes, version = version + held.boxes
FROM (SELECT pool_id, count(*) AS boxes FROM rush GROUP BY pool_id) AS held WHERE held.pool_id = pool.id;
INSERT INTO job (name, arguments, key, state, due_at, attempts, enqueued_at)
VALUES ('inventory.expire_holds', '{}', 'inventory.expire_holds', 'waiting', now(), 0, now()) ON CONFLICT DO NOTHING;
