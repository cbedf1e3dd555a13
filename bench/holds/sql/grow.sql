-- The past of a campaign, as the app would have left it: nine holds of ten lapsed, one was paid; each left its
-- audit rows and its Idempotency-Key. And many lots that were only received.
CREATE TEMPORARY TABLE past ON COMMIT DROP AS
SELECT n, ('0193a000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS hold_id,
    ('0193a000-0000-7001-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS order_id,
    ('0193a000-0000-7002-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS payment_id,
    ('0193b000-0000-7000-8000-' || lpad(to_hex(mod(n, %(shoppers)s)), 12, '0'))::uuid AS owner_id,
    i.id AS item_id, i.pool_id, i.pack_id, i.unit_price_minor, i.currency, p.pack_grams, mod(n, 10) = 0 AS paid,
    now() - interval '2 days' + n * interval '0.1 seconds' AS at
FROM generate_series(0, %(holds)s - 1) AS n
JOIN LATERAL (SELECT (%(items)s::uuid[])[1 + mod(n / 10, 4)] AS id) AS wanted ON true
JOIN campaign_item i ON i.id = wanted.id JOIN pool p ON p.id = i.pool_id;
INSERT INTO hold (id, kind, state, pool_id, owner_id, pack_id, boxes, pack_grams, quantity_grams, unit_price_minor,
    currency, purpose_kind, purpose_id, created_at, expires_at, resolved_at, version, consumed_boxes, released_boxes)
SELECT hold_id, 'cart', CASE WHEN paid THEN 'consumed' ELSE 'expired' END, pool_id, owner_id, pack_id, 1, pack_grams,
    pack_grams, unit_price_minor, currency, 'campaign_item', item_id, at, at + interval '10 minutes',
    at + interval '11 minutes', 3, CASE WHEN paid THEN 1 ELSE 0 END, CASE WHEN paid THEN 0 ELSE 1 END FROM past;
INSERT INTO pool_movement (pool_id, number, kind, pledged_delta, held_delta, sold_delta, boxes_pledged, boxes_held,
    boxes_sold, hold_id, actor, at)
SELECT p.id, p.version + row_number() OVER journal, kind, 0, held, sold, p.boxes_pledged,
    p.boxes_held + sum(held) OVER journal, p.boxes_sold + sum(sold) OVER journal, hold_id, 'account:' || owner_id, at
FROM (
    SELECT pool_id, n, 0 AS part, 'held' AS kind, 1 AS held, 0 AS sold, hold_id, owner_id, at FROM past
    UNION ALL
    SELECT pool_id, n, 1, CASE WHEN paid THEN 'sold' ELSE 'expired' END, -1, CASE WHEN paid THEN 1 ELSE 0 END,
        hold_id, owner_id, at FROM past
) AS told JOIN pool p ON p.id = told.pool_id WINDOW journal AS (PARTITION BY p.id ORDER BY n, part);
UPDATE pool p SET boxes_sold = last.boxes_sold, version = last.number
FROM (SELECT DISTINCT ON (pool_id) pool_id, number, boxes_sold FROM pool_movement ORDER BY pool_id, number DESC) AS last
WHERE last.pool_id = p.id;
INSERT INTO "order" (id, kind, state, buyer_id, pack_id, hold_id, boxes, pack_grams, unit_price_minor, total_minor,
    currency, created_at, version)
SELECT order_id, 'shopper_presale', 'committed', owner_id, pack_id, hold_id, 1, pack_grams, unit_price_minor,
    unit_price_minor, currency, at, 2 FROM past WHERE paid;
INSERT INTO payment (id, order_id, payer_id, gateway, state, amount_minor, received_minor, currency, reference,
    receipt_reference, created_at, resolved_at)
SELECT payment_id, order_id, owner_id, 'offline', 'succeeded', unit_price_minor, unit_price_minor, currency,
    'P' || n, 'R' || n, at, at FROM past WHERE paid;
INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id)
SELECT ('0193a000-0000-7003-8000-' || lpad(to_hex(n), 12, '0'))::uuid, at, 'account:' || owner_id, 'hold.place',
    'hold', hold_id::text, 'past-' || n FROM past;
INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id)
SELECT ('0193a000-0000-7006-8000-' || lpad(to_hex(n), 12, '0'))::uuid, at, 'account:' || owner_id, 'payment.succeeded',
    'payment', payment_id::text, 'past-' || n FROM past WHERE paid;
INSERT INTO idempotency_key (principal, key, fingerprint, status, headers, body, request_id, created_at)
SELECT 'account:' || owner_id, 'past-of-the-bench-' || n, md5(n::text) || md5(n::text), 201, '{}',
    repeat('x', 300), 'past-' || n, at FROM past;
CREATE TEMPORARY TABLE fruit ON COMMIT DROP AS
SELECT n, ('0193a000-0000-7004-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS lot_id
FROM generate_series(1, %(lots)s) AS n;
INSERT INTO lot (id, cooperative_id, cold_store_id, code, variety, grade, storage, harvested_on, best_before_on,
    on_hand_grams, held_grams, committed_grams, packed_grams, status, version, created_at)
SELECT lot_id, %(cooperative)s, %(cold_store)s, 'PAST-' || n, 'Fuji', 'A', (SELECT storage FROM lot LIMIT 1),
    current_date - 20, current_date + 60, 100000, 0, 0, 0, 'available', 1, now() FROM fruit;
INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, committed_delta_grams,
    packed_delta_grams, on_hand_grams, held_grams, committed_grams, packed_grams, actor, at)
SELECT ('0193a000-0000-7005-8000-' || lpad(to_hex(n), 12, '0'))::uuid, lot_id, 1, 'received', 100000, 0, 0, 0,
    100000, 0, 0, 0, 'system', now() FROM fruit;
