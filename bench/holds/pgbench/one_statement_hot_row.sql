\set key random(1, 9000000000000000000)
WITH claim AS (INSERT INTO form_key (key) VALUES (:key) ON CONFLICT DO NOTHING RETURNING key),
    took AS (UPDATE form_pool SET held = held + 1, version = version + 1
        WHERE id = 1 AND held + 1 <= pledged AND EXISTS (SELECT FROM claim) RETURNING id)
INSERT INTO form_hold (pool_id, owner_id, boxes, created_at, expires_at)
    SELECT id, :key, 1, clock_timestamp(), clock_timestamp() + interval '10 minutes' FROM took RETURNING id;
