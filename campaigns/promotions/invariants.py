"""What must be true of promotions at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from orders.states import BOUGHT, listed

INVARIANTS: Final = (
    Invariant(
        id="V1",
        says=Text(
            en="A promotion's counters are the sums of its journal, which has no gaps.",
            zh="优惠计数等于其流水之和，且流水编号连续。",
        ),
        sql="""
            SELECT p.id, p.version, sums.lines FROM promotion p LEFT JOIN LATERAL (
                SELECT count(*) AS lines, coalesce(max(m.number), 0) AS highest,
                    coalesce(sum(m.minor * r.sign), 0) AS minor_reserved,
                    coalesce(sum(m.minor * c.sign), 0) AS minor_consumed,
                    coalesce(sum(r.sign), 0) AS uses_reserved, coalesce(sum(c.sign), 0) AS uses_consumed,
                    coalesce(sum(m.boxes * r.sign), 0) AS boxes_reserved,
                    coalesce(sum(m.boxes * c.sign), 0) AS boxes_consumed
                FROM promotion_movement m,
                LATERAL (SELECT CASE m.kind WHEN 'reserved' THEN 1 WHEN 'returned' THEN 0 ELSE -1 END AS sign) r,
                LATERAL (SELECT CASE m.kind WHEN 'consumed' THEN 1 WHEN 'returned' THEN -1 ELSE 0 END AS sign) c
                WHERE m.promotion_id = p.id
            ) sums ON true
            WHERE (p.version, p.version, p.minor_reserved, p.minor_consumed, p.uses_reserved, p.uses_consumed,
                p.boxes_reserved, p.boxes_consumed)
            <> (sums.lines, sums.highest, sums.minor_reserved, sums.minor_consumed, sums.uses_reserved,
                sums.uses_consumed, sums.boxes_reserved, sums.boxes_consumed)
        """,
    ),
    Invariant(
        id="V2",
        says=Text(
            en="A use is where its lines lead: reserved once, then consumed or given back, each once.",
            zh="每次优惠使用与其流水一致：占用一次，随后核销或退回，各至多一次。",
        ),
        sql="""
            SELECT u.id, u.state, moves.kinds FROM promotion_use u LEFT JOIN LATERAL (
                SELECT string_agg(m.kind, ' ' ORDER BY m.number) AS kinds,
                    bool_and((m.promotion_id, m.minor, m.boxes) = (u.promotion_id, u.minor, u.boxes)) AS same
                FROM promotion_movement m WHERE m.use_id = u.id
            ) moves ON true
            WHERE moves.same IS NOT TRUE OR NOT CASE u.state
                WHEN 'reserved' THEN moves.kinds = 'reserved'
                WHEN 'consumed' THEN moves.kinds = 'reserved consumed'
                ELSE moves.kinds IN ('reserved released', 'reserved consumed returned') END
        """,
    ),
    Invariant(
        id="V3",
        says=Text(
            en="Nobody uses a promotion more often than it allows one person.",
            zh="无人超出优惠的每人次数上限。",
        ),
        sql="""
            SELECT p.id, u.person_id, count(*) AS uses, p.uses_per_person_max FROM promotion p
            JOIN promotion_use u ON u.promotion_id = p.id AND u.state IN ('reserved', 'consumed')
            GROUP BY p.id, u.person_id HAVING count(*) > p.uses_per_person_max
        """,
    ),
    Invariant(
        id="V4",
        says=Text(
            en="What is taken off an order is its discounts, and its uses: reserved while unpaid, then spent as far as"
            " its boxes and its balance leave it.",
            zh="订单优惠额等于其优惠明细与优惠使用之和：未付时占用，成交后按现有箱数与尾款核销。",
        ),
        sql=f"""
            SELECT o.id, o.state, o.discount_minor FROM "order" o JOIN hold h ON h.id = o.hold_id
            LEFT JOIN deposit_terms t ON t.order_id = o.id CROSS JOIN LATERAL (
                SELECT coalesce(sum(u.minor), 0) AS minor FROM promotion_use u WHERE u.hold_id = o.hold_id
                    AND (u.group_id IS NULL OR (u.state = 'consumed' AND t.order_id IS NOT NULL))
                    AND u.state IN ('reserved', 'consumed')
                    AND u.state = CASE o.state WHEN 'deposit_due' THEN 'reserved' ELSE 'consumed' END
            ) live
            WHERE o.state IN ('deposit_due', {listed(BOUGHT)})
                AND o.kind = 'shopper_presale' AND live.minor <> CASE WHEN o.state = 'deposit_due' THEN o.discount_minor
                    ELSE coalesce(t.discount_minor, (o.discount_minor * h.consumed_boxes + o.boxes - 1) / o.boxes) END
            UNION ALL
            SELECT o.id, o.state, o.discount_minor FROM "order" o
            WHERE o.discount_minor <> (SELECT coalesce(sum((line ->> 'amount_minor')::bigint), 0)
                FROM jsonb_array_elements(o.discounts) line)
            UNION ALL
            SELECT u.id, u.state, u.minor FROM promotion_use u
            WHERE u.state = 'consumed' AND NOT EXISTS (SELECT FROM "order" o WHERE o.hold_id = u.hold_id
                AND o.state IN ({listed(BOUGHT)}))
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="V5",
        says=Text(
            en="What a live hold was told is taken off is what is reserved for it.",
            zh="有效保留的报价优惠额等于为其占用的优惠。",
        ),
        sql="""
            SELECT h.id, h.state, h.discount_minor, live.minor FROM hold h CROSS JOIN LATERAL (
                SELECT coalesce(sum(u.minor), 0) AS minor FROM promotion_use u
                WHERE u.hold_id = h.id AND u.group_id IS NULL AND u.state IN ('reserved', 'consumed')
            ) live
            WHERE h.kind = 'cart' AND (h.state = 'converting' OR (h.state = 'active' AND h.expires_at > now()))
                AND coalesce(h.discount_minor, 0) <> live.minor
        """,
    ),
    Invariant(
        id="V6",
        says=Text(
            en="A pool says that something is taken off for everybody exactly when a promotion does.",
            zh="可售池的优惠标记与进行中的无码优惠一致。",
        ),
        sql="""
            SELECT p.id, p.has_promotions FROM pool p JOIN campaign_item i ON i.pool_id = p.id
            WHERE p.has_promotions <> EXISTS (SELECT FROM promotion r WHERE r.campaign_id = i.campaign_id
                AND r.state = 'active' AND NOT r.is_by_code AND r.kind <> 'group_buy'
                AND (r.item_ids IS NULL OR jsonb_exists(r.item_ids, i.id::text)))
        """,
    ),
    Invariant(
        id="V10",
        says=Text(
            en="Earnest money stays within a fifth of the lowest price less what cooperatives take off it; nothing is"
            " taken off what a deposit counts as.",
            zh="定金不超过最低价减去合作社所出优惠后的五分之一；优惠不抵扣定金。",
        ),
        sql="""
            SELECT o.id, o.discount_minor, theirs.minor FROM "order" o JOIN deposit_terms t ON t.order_id = o.id
            JOIN hold h ON h.id = o.hold_id JOIN campaign_item i ON i.pool_id = h.pool_id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum((line ->> 'amount_minor')::bigint), 0) AS minor
                FROM jsonb_array_elements(o.discounts) line WHERE line ->> 'funder' = 'cooperative'
            ) theirs
            WHERE o.total_minor < o.boxes * t.counts_minor
            OR (t.type = 'earnest' AND theirs.minor > 0 AND theirs.minor + 5 * o.boxes * t.per_box_minor > o.boxes
                * coalesce((SELECT min(s.unit_price_minor) FROM campaign_step s WHERE s.item_id = i.id),
                    i.unit_price_minor)
                AND NOT EXISTS (SELECT FROM shortage_cut c WHERE c.order_id = o.id AND c.moved_to_item_id IS NOT NULL))
        """,
    ),
)
