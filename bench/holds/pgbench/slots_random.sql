\set key random(1, 9000000000000000000)
\set slot random(0, 15)
WITH claim AS (INSERT INTO form_key (key) VALUES (:key) ON CONFLICT DO NOTHING RETURNING key),
    took AS (UPDATE form_slot SET held = held + 1, version = version + 1
        WHERE pool_id = 1 AND slot = :slot AND held + 1 <= pledged AND EXISTS (SELECT FROM claim) RETURNING pool_id)
INSERT INTO form_hold (pool_id, owner_id, boxes, created_at, expires_at)
    SELECT pool_id, :key, 1, clock_timestamp(), clock_timestamp() + interval '10 minutes' FROM took RETURNING id;
