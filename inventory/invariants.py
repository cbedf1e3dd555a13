"""What must be true of lots, pools and holds at any moment."""

from typing import Final

from inventory.models.lots import BUCKETS, FIRST, LEGAL
from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="S1",
        says=Text(en="A lot's buckets are the sums of its movements.", zh="批次数量等于其流水之和。"),
        sql="""
            SELECT l.id, l.on_hand_grams, l.held_grams, l.committed_grams, l.packed_grams
            FROM lot l LEFT JOIN movement m ON m.lot_id = l.id
            GROUP BY l.id HAVING coalesce(sum(m.on_hand_delta_grams), 0) <> l.on_hand_grams
            OR coalesce(sum(m.held_delta_grams), 0) <> l.held_grams
            OR coalesce(sum(m.committed_delta_grams), 0) <> l.committed_grams
            OR coalesce(sum(m.packed_delta_grams), 0) <> l.packed_grams
        """,
    ),
    Invariant(
        id="S2",
        says=Text(en="No bucket and no counter is negative or overdrawn.", zh="任何数量不为负且不超额。"),
        sql=f"""
            SELECT id FROM lot WHERE NOT ({BUCKETS})
            UNION ALL
            SELECT id FROM pool WHERE NOT (boxes_held >= 0 AND boxes_sold >= 0
            AND boxes_held + boxes_sold <= boxes_pledged)
        """,  # noqa: S608 (our own words)
    ),
    Invariant(
        id="S3",
        says=Text(
            en="Each movement's buckets follow from the movement before, or a later repair tells why not.",
            zh="每条流水的结余由上一条推得，否则其后有修复流水说明。",
        ),
        sql="""
            SELECT * FROM (
                SELECT id, lot_id, number, on_hand_grams, held_grams, committed_grams, packed_grams,
                sum(on_hand_delta_grams) OVER journal AS on_hand_sum, sum(held_delta_grams) OVER journal AS held_sum,
                sum(committed_delta_grams) OVER journal AS committed_sum,
                sum(packed_delta_grams) OVER journal AS packed_sum
                FROM movement WINDOW journal AS (PARTITION BY lot_id ORDER BY number)
            ) line WHERE (on_hand_grams <> on_hand_sum OR held_grams <> held_sum
                OR committed_grams <> committed_sum OR packed_grams <> packed_sum)
            AND NOT EXISTS (SELECT FROM movement r WHERE r.lot_id = line.lot_id AND r.kind = 'reconciled'
                AND r.number > line.number)
        """,
    ),
    Invariant(
        id="S4",
        says=Text(
            en="Movement numbers have no gaps and end at the lot's version.",
            zh="流水号连续且止于批次版本号。",
        ),
        sql="""
            SELECT l.id, l.version, count(m.id) AS lines, max(m.number) AS last FROM lot l
            LEFT JOIN movement m ON m.lot_id = l.id GROUP BY l.id
            HAVING count(m.id) <> l.version OR coalesce(max(m.number), 0) <> l.version
        """,
    ),
    Invariant(
        id="S5",
        says=Text(
            en="Each movement changes only what its kind may, and a journal begins with fruit that comes in.",
            zh="每条流水只改变其类型所允许的数量，且流水以入库开始。",
        ),
        sql=f"""
            SELECT id, lot_id, number, kind FROM movement WHERE NOT (({LEGAL}) AND ({FIRST}))
        """,  # noqa: S608 (our own words)
    ),
    Invariant(
        id="S6",
        says=Text(
            en="What a lot holds and has committed is the sum of its open holds.",
            zh="批次保留量与应付量之和等于其有效保留之和。",
        ),
        sql="""
            SELECT id, held_grams, committed_grams, promised FROM (
                SELECT l.id, l.held_grams, l.committed_grams,
                coalesce(sum((h.boxes - h.consumed_boxes - h.released_boxes) * h.pack_grams), 0) AS promised
                FROM lot l LEFT JOIN hold h ON h.lot_id = l.id AND h.state = 'active' GROUP BY l.id
            ) told WHERE promised <> held_grams + committed_grams
        """,
    ),
    Invariant(
        id="S7",
        says=Text(en="A pool's counters are the sums of its journal.", zh="货源池数量等于其流水之和。"),
        sql="""
            SELECT p.id, p.boxes_pledged, p.boxes_held, p.boxes_sold FROM pool p
            LEFT JOIN pool_movement m ON m.pool_id = p.id GROUP BY p.id
            HAVING coalesce(sum(m.pledged_delta), 0) <> p.boxes_pledged
            OR coalesce(sum(m.held_delta), 0) <> p.boxes_held OR coalesce(sum(m.sold_delta), 0) <> p.boxes_sold
        """,
    ),
    Invariant(
        id="S10",
        says=Text(
            en="Each line of a pool's journal follows from the line before, or a later repair tells why not.",
            zh="货源池每条流水由上一条推得，否则其后有修复流水说明。",
        ),
        sql="""
            SELECT * FROM (
                SELECT pool_id, number, boxes_pledged, boxes_held, boxes_sold,
                sum(pledged_delta) OVER journal AS pledged_sum, sum(held_delta) OVER journal AS held_sum,
                sum(sold_delta) OVER journal AS sold_sum
                FROM pool_movement WINDOW journal AS (PARTITION BY pool_id ORDER BY number)
            ) line
            WHERE (boxes_pledged, boxes_held, boxes_sold) <> (pledged_sum, held_sum, sold_sum)
            AND NOT EXISTS (SELECT FROM pool_movement r WHERE r.pool_id = line.pool_id AND r.kind = 'reconciled'
                AND r.number > line.number)
        """,
    ),
    Invariant(
        id="S11",
        says=Text(
            en="A pool's journal has no gaps and ends at its version.",
            zh="货源池流水号连续且止于其版本号。",
        ),
        sql="""
            SELECT p.id, p.version, count(m.number) AS lines, max(m.number) AS last FROM pool p
            LEFT JOIN pool_movement m ON m.pool_id = p.id GROUP BY p.id
            HAVING count(m.number) <> p.version OR coalesce(max(m.number), 0) <> p.version
        """,
    ),
    Invariant(
        id="S12",
        says=Text(
            en="A pool's holds and its journal tell the same: one way in, each box at most one way out.",
            zh="货源池保留与流水一致：一进，每箱至多一出。",
        ),
        sql="""
            SELECT h.id, h.state, h.boxes FROM hold h LEFT JOIN pool_movement m ON m.hold_id = h.id
            WHERE h.pool_id IS NOT NULL GROUP BY h.id
            HAVING count(*) FILTER (WHERE m.kind IN ('held', 'pledged') AND m.pool_id = h.pool_id) <> 1
            OR coalesce(sum(m.sold_delta), 0) <>
                CASE WHEN h.kind IN ('pledge', 'forecast', 'missing') THEN 0 ELSE h.consumed_boxes END
            OR coalesce(sum(CASE WHEN m.kind IN ('returned', 'cut') THEN m.sold_delta
                    ELSE m.held_delta + m.pledged_delta END)
                FILTER (WHERE m.kind IN ('released', 'expired', 'superseded', 'withdrawn', 'returned', 'cut')), 0)
                <> - h.released_boxes
            OR count(*) FILTER (WHERE m.kind = 'expired') <> (h.lot_id IS NULL AND h.state = 'expired')::int
            OR count(*) FILTER (WHERE m.kind = 'superseded') <> (h.state = 'superseded')::int
            OR (count(*) FILTER (WHERE m.kind = 'withdrawn') > 0 AND h.kind NOT IN ('pledge', 'forecast', 'missing'))
            OR coalesce(sum(m.pledged_delta + m.held_delta + m.sold_delta), 0) <> h.boxes - h.released_boxes
        """,
    ),
    Invariant(
        id="S8",
        says=Text(
            en="No hold commits, packs or ships more than was held for it.",
            zh="任何保留的应付、装箱与发货都不超过其保留量。",
        ),
        sql="""
            SELECT * FROM (
                SELECT hold_id, lot_id, number, sum(held_delta_grams) OVER promise AS held_sum,
                sum(committed_delta_grams) OVER promise AS committed_sum,
                sum(packed_delta_grams) OVER promise AS packed_sum
                FROM movement WHERE hold_id IS NOT NULL
                WINDOW promise AS (PARTITION BY hold_id ORDER BY number)
            ) line WHERE held_sum < 0 OR packed_sum < 0 OR packed_sum > committed_sum
        """,
    ),
    Invariant(
        id="Q1",
        says=Text(en="A lot's status is what its journal turned it into last.", zh="批次状态与其流水一致。"),
        sql="""
            SELECT l.id, l.status, coalesce(turn.status, 'available') AS told FROM lot l
            LEFT JOIN LATERAL (
                SELECT CASE m.kind WHEN 'recalled' THEN 'recalled' WHEN 'cleared' THEN 'available'
                    ELSE 'quarantined' END AS status
                FROM movement m WHERE m.lot_id = l.id
                AND m.kind IN ('returned', 'quarantined', 'cleared', 'recalled')
                ORDER BY m.number DESC LIMIT 1
            ) turn ON true
            WHERE l.status <> coalesce(turn.status, 'available')
        """,
    ),
    Invariant(
        id="Q2",
        says=Text(
            en="Nothing is promised, moved or shipped out of a lot under quarantine or recall.",
            zh="隔离或召回的批次不再被保留、移动或发货。",
        ),
        sql="""
            SELECT m.id, m.lot_id, m.number, turn.kind FROM movement m JOIN LATERAL (
                SELECT before.kind FROM movement before WHERE before.lot_id = m.lot_id
                AND before.number < m.number AND before.kind IN ('returned', 'quarantined', 'cleared', 'recalled')
                ORDER BY before.number DESC LIMIT 1
            ) turn ON turn.kind <> 'cleared'
            WHERE m.kind IN ('held', 'committed', 'packed', 'shipped', 'moved', 'graded')
        """,
    ),
    Invariant(
        id="H1",
        says=Text(
            en="A lot's holds and its journal tell the same: one way in, each box at most one way out.",
            zh="保留与流水一致：一进，每箱至多一出。",
        ),
        sql="""
            SELECT h.id, h.state, h.quantity_grams FROM hold h LEFT JOIN movement m ON m.hold_id = h.id
            WHERE h.lot_id IS NOT NULL GROUP BY h.id
            HAVING count(*) FILTER (WHERE m.kind = 'held' AND m.lot_id = h.lot_id
                AND m.held_delta_grams = h.quantity_grams) <> 1
            OR coalesce(sum(m.held_delta_grams + m.committed_delta_grams)
                FILTER (WHERE m.kind IN ('shipped', 'shipment_voided')), 0) <> - h.consumed_boxes * h.pack_grams
            OR coalesce(sum(m.held_delta_grams + m.committed_delta_grams)
                FILTER (WHERE m.kind IN ('released', 'culled')), 0) <> - h.released_boxes * h.pack_grams
            OR coalesce(sum(m.held_delta_grams + m.committed_delta_grams), 0) <>
                (h.boxes - h.consumed_boxes - h.released_boxes) * h.pack_grams
        """,
    ),
    Invariant(
        id="H2",
        says=Text(
            en="No hold of a pool is kept open ten minutes past its time.",
            zh="货源池保留过期后不超过十分钟即结束。",
        ),
        sql="""
            SELECT id, expires_at FROM hold
            WHERE lot_id IS NULL AND state = 'active' AND expires_at < clock_timestamp() - interval '10 minutes'
        """,
    ),
    Invariant(
        id="H4",
        says=Text(en="A hold's boxes are of its pool's pack.", zh="保留的箱规与货源池一致。"),
        sql="""
            SELECT h.id FROM hold h JOIN pool p ON p.id = h.pool_id
            WHERE h.pack_grams <> p.pack_grams OR (h.lot_id IS NULL AND h.pack_id <> p.pack_id)
        """,
    ),
    Invariant(
        id="H5",
        says=Text(
            en="No buyer has more of a pool than one buyer may.", zh="任何买家不超过货源池的每人上限。"
        ),
        sql="""
            SELECT h.pool_id, h.owner_id, sum(h.boxes - h.released_boxes) AS boxes, p.boxes_per_buyer_max
            FROM hold h JOIN pool p ON p.id = h.pool_id
            WHERE h.owner_id IS NOT NULL AND h.kind <> 'replacement' AND (h.state IN ('converting', 'consumed')
                OR h.state = 'active' AND h.expires_at > clock_timestamp())
            GROUP BY h.pool_id, h.owner_id, p.boxes_per_buyer_max
            HAVING sum(h.boxes - h.released_boxes) > p.boxes_per_buyer_max
        """,
    ),
    Invariant(
        id="H9",
        says=Text(
            en="No household has been given more of a pool than one may, since who lives there was last told.",
            zh="自最近一次登记住户以来，任何住户在货源池中未超过每户上限。",
        ),
        sql="""
            SELECT h.pool_id, a.household, sum(h.boxes - h.released_boxes) AS boxes, p.boxes_per_household_max
            FROM hold h JOIN pool p ON p.id = h.pool_id JOIN account a ON a.id = h.owner_id
            JOIN (
                SELECT b.household, max(e.at) AS told_at FROM account b LEFT JOIN audit_entry e
                ON e.subject_kind = 'account' AND e.subject_id = b.id::text AND e.action = 'account.set_household'
                WHERE b.household IS NOT NULL GROUP BY b.household
            ) lives ON lives.household = a.household
            WHERE h.lot_id IS NULL AND h.kind <> 'replacement' AND (h.state IN ('converting', 'consumed')
                OR h.state = 'active' AND h.expires_at > clock_timestamp())
            AND (lives.told_at IS NULL OR h.created_at > lives.told_at + interval '1 minute')
            GROUP BY h.pool_id, a.household, p.boxes_per_household_max
            HAVING sum(h.boxes - h.released_boxes) > p.boxes_per_household_max
        """,
    ),
    Invariant(
        id="H6",
        says=Text(
            en="A hold is in one of its kind's states, and has ended exactly when none of its boxes is open.",
            zh="保留处于其种类的状态之一，且仅当无未结箱数时结束。",
        ),
        sql="""
            SELECT id, kind, state, boxes, consumed_boxes, released_boxes, resolved_at FROM hold
            WHERE state NOT IN ('active', 'converting', 'consumed', 'released', 'expired', 'superseded')
            OR (state = 'converting' AND kind <> 'cart')
            OR (resolved_at IS NULL) <> (boxes - consumed_boxes - released_boxes > 0)
            OR (resolved_at IS NULL) <> (state IN ('active', 'converting'))
        """,
    ),
    Invariant(
        id="H7",
        says=Text(
            en="A line's places are numbered without gaps, and an offer holds its pool's boxes for who waited.",
            zh="候补序号连续，且邀约的保留属于候补者本人与该货源池。",
        ),
        sql="""
            SELECT w.id FROM waitlist_entry w JOIN hold h ON h.id = w.hold_id
            WHERE (h.owner_id, h.pool_id, h.kind) IS DISTINCT FROM (w.owner_id, w.pool_id, 'cart')
            UNION ALL
            SELECT id FROM (
                SELECT id, number, row_number() OVER (PARTITION BY pool_id ORDER BY number) AS place
                FROM waitlist_entry
            ) line WHERE number <> place
        """,
    ),
    Invariant(
        id="H8",
        says=Text(
            en="Nobody is left waiting ten minutes past the end of the sale.",
            zh="售卖结束十分钟后不再有人候补。",
        ),
        sql="""
            SELECT w.id, w.pool_id, p.sells_until FROM waitlist_entry w JOIN pool p ON p.id = w.pool_id
            WHERE w.state = 'waiting' AND p.sells_until < clock_timestamp() - interval '10 minutes'
        """,
    ),
)
