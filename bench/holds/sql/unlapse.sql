-- Ends what was not swept in time, its pools locked before; answers how many that were.
WITH late AS (
    UPDATE hold SET state = 'expired', resolved_at = now(), version = version + 1
    WHERE kind = 'cart' AND state = 'active' AND expires_at <= now() RETURNING pool_id, boxes
), freed AS (
    UPDATE pool SET boxes_held = boxes_held - late.boxes, version = version + 1
    FROM (SELECT pool_id, sum(boxes) AS boxes FROM late GROUP BY pool_id) AS late WHERE late.pool_id = pool.id
)
SELECT count(*) FROM late
