-- Ends what was not swept in time, holds and pools locked before; answers how many that were.
WITH late AS (
    UPDATE hold SET state = 'expired', released_boxes = boxes, resolved_at = now(), version = version + 1
    WHERE kind = 'cart' AND state = 'active' AND expires_at <= now() RETURNING id, pool_id, boxes
), told AS (
    INSERT INTO pool_movement (pool_id, number, kind, pledged_delta, held_delta, sold_delta, boxes_pledged,
        boxes_held, boxes_sold, hold_id, actor, at)
    SELECT p.id, p.version + row_number() OVER journal, 'expired', 0, -late.boxes, 0, p.boxes_pledged,
        p.boxes_held - sum(late.boxes) OVER journal, p.boxes_sold, late.id, 'system', now()
    FROM late JOIN pool p ON p.id = late.pool_id WINDOW journal AS (PARTITION BY p.id ORDER BY late.id)
), freed AS (
    UPDATE pool SET boxes_held = boxes_held - late.boxes, version = version + late.holds
    FROM (SELECT pool_id, sum(boxes) AS boxes, count(*) AS holds FROM late GROUP BY pool_id) AS late
    WHERE late.pool_id = pool.id
)
SELECT count(*) FROM late
