\set key random(1, 9000000000000000)
WITH claim AS (INSERT INTO form_key (key) SELECT :key::bigint + n FROM generate_series(1, 64) AS n
        ON CONFLICT DO NOTHING RETURNING key),
    took AS (UPDATE form_pool SET held = held + (SELECT count(*) FROM claim), version = version + 1
        WHERE id = 1 AND held + (SELECT count(*) FROM claim) <= pledged RETURNING id)
INSERT INTO form_hold (pool_id, owner_id, boxes, created_at, expires_at)
    SELECT took.id, claim.key, 1, clock_timestamp(), clock_timestamp() + interval '10 minutes' FROM took, claim
    RETURNING id;
