"""What must be true of promotions at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

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
)
