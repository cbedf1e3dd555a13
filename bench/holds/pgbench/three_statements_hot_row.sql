\set key random(1, 9000000000000000000)
BEGIN;
INSERT INTO form_key (key) VALUES (:key) ON CONFLICT DO NOTHING;
UPDATE form_pool SET held = held + 1, version = version + 1 WHERE id = 1 AND held + 1 <= pledged;
INSERT INTO form_hold (pool_id, owner_id, boxes, created_at, expires_at)
    VALUES (1, :key, 1, clock_timestamp(), clock_timestamp() + interval '10 minutes');
COMMIT;
