\set key random(1, 9000000000000000000)
WITH claim AS (INSERT INTO form_key (key) VALUES (:key) ON CONFLICT DO NOTHING RETURNING key),
    free AS (SELECT pool_id, slot FROM form_slot WHERE pool_id = 1 AND held + 1 <= pledged
        LIMIT 1 FOR UPDATE SKIP LOCKED),
    took AS (UPDATE form_slot s SET held = held + 1, version = version + 1 FROM free
        WHERE s.pool_id = free.pool_id AND s.slot = free.slot AND EXISTS (SELECT FROM claim) RETURNING s.pool_id)
INSERT INTO form_hold (pool_id, owner_id, boxes, created_at, expires_at)
    SELECT pool_id, :key, 1, clock_timestamp(), clock_timestamp() + interval '10 minutes' FROM took RETURNING id;
