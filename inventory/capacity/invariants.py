"""What must be true of capacities at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="F1",
        says=Text(
            en="A capacity's promised and converted grams are the sums of its lines.",
            zh="预售与已转批次的数量等于其流水之和。",
        ),
        sql="""
            SELECT c.id, c.promised_grams, c.converted_grams FROM capacity c
            LEFT JOIN capacity_line l ON l.capacity_id = c.id GROUP BY c.id
            HAVING c.promised_grams <>
                coalesce(sum(CASE l.kind WHEN 'promise' THEN l.grams ELSE -l.grams END), 0)
            OR c.converted_grams <> coalesce(sum(l.grams) FILTER (WHERE l.kind = 'convert'), 0)
        """,
    ),
    Invariant(
        id="F2",
        says=Text(
            en="More is promised than the prudent part only where a shortfall case says so.",
            zh="承诺超过审慎预估时必有缺货事项。",
        ),
        sql="""
            SELECT c.id, c.promised_grams, c.prudent_grams, c.weighed_grams FROM capacity c
            WHERE c.promised_grams > CASE WHEN c.state = 'closed' THEN 0
                ELSE greatest(c.prudent_grams - c.weighed_grams, 0) END
            AND NOT EXISTS (SELECT FROM "case" k WHERE k.kind = 'shortfall' AND k.subject_kind = 'capacity'
                AND k.subject_id = c.id)
        """,
    ),
    Invariant(
        id="F3",
        says=Text(
            en="Revisions, lines and weighings have numbers without gaps, and the last revision is the forecast.",
            zh="修订、流水与称重编号连续，最后一次修订即当前预估。",
        ),
        sql="""
            SELECT c.id, c.revisions_count, c.lines_count, c.weighings_count FROM capacity c
            LEFT JOIN LATERAL (SELECT count(*) AS n, max(number) AS last FROM capacity_revision
                WHERE capacity_id = c.id) r ON true
            LEFT JOIN LATERAL (SELECT count(*) AS n, coalesce(max(number), 0) AS last FROM capacity_line
                WHERE capacity_id = c.id) l ON true
            LEFT JOIN LATERAL (SELECT count(*) AS n, coalesce(max(number), 0) AS last FROM weighing
                WHERE capacity_id = c.id) w ON true
            WHERE (r.n, r.last, l.n, l.last, w.n, w.last) IS DISTINCT FROM (c.revisions_count, c.revisions_count,
                c.lines_count, c.lines_count, c.weighings_count, c.weighings_count)
            OR NOT EXISTS (SELECT FROM capacity_revision t WHERE t.capacity_id = c.id AND t.number = r.last
                AND (t.low_grams, t.likely_grams, t.high_grams, t.prudent_grams)
                    = (c.low_grams, c.likely_grams, c.high_grams, c.prudent_grams))
        """,
    ),
    Invariant(
        id="F4",
        says=Text(
            en="What a capacity has weighed came into lots of its cooperative, variety and grade.",
            zh="已称重数量等于其称重之和，并进入对应合作社、品种与等级的批次。",
        ),
        sql="""
            SELECT c.id, c.weighed_grams, coalesce(sum(w.net_grams), 0) AS told FROM capacity c
            LEFT JOIN weighing w ON w.capacity_id = c.id
            LEFT JOIN lot t ON t.id = w.lot_id AND (t.cooperative_id, t.variety, t.grade)
                = (c.cooperative_id, c.variety, c.grade)
            LEFT JOIN movement m ON m.lot_id = t.id AND m.number = 1 AND m.on_hand_delta_grams = w.net_grams
            GROUP BY c.id HAVING coalesce(sum(w.net_grams), 0) <> c.weighed_grams OR count(w.id) <> count(m.id)
        """,
    ),
    Invariant(
        id="F5",
        says=Text(
            en="What of a load was promised is held in its lot for the same purpose.",
            zh="称重转换的预售数量在批次中为同一用途保留。",
        ),
        sql="""
            SELECT w.id, w.converted_grams, coalesce(sum(l.grams), 0) AS told FROM weighing w
            LEFT JOIN capacity_line l ON l.weighing_id = w.id
            LEFT JOIN hold h ON h.id = l.hold_id AND (h.lot_id, h.quantity_grams, h.purpose_kind, h.purpose_id)
                = (w.lot_id, l.grams, l.purpose_kind, l.purpose_id)
            GROUP BY w.id HAVING coalesce(sum(l.grams), 0) <> w.converted_grams OR count(l.id) <> count(h.id)
            OR bool_or(l.capacity_id <> w.capacity_id)
        """,
    ),
    Invariant(
        id="F6",
        says=Text(
            en="Each line of promises follows from those before; nobody gives back what was not promised.",
            zh="每条预售流水由上一条推得，退回不超过承诺。",
        ),
        sql="""
            SELECT * FROM (
                SELECT id, capacity_id, number, promised_grams, converted_grams,
                sum(CASE kind WHEN 'promise' THEN grams ELSE -grams END) OVER journal AS promised_sum,
                coalesce(sum(grams) FILTER (WHERE kind = 'convert') OVER journal, 0) AS converted_sum,
                sum(CASE kind WHEN 'promise' THEN grams ELSE -grams END) OVER purpose AS of_purpose
                FROM capacity_line
                WINDOW journal AS (PARTITION BY capacity_id ORDER BY number),
                purpose AS (PARTITION BY capacity_id, purpose_kind, purpose_id ORDER BY number)
            ) line WHERE promised_grams <> promised_sum OR converted_grams <> converted_sum OR of_purpose < 0
        """,
    ),
    Invariant(
        id="F7",
        says=Text(
            en="What of a forecast stands in a pool is promised by it, to the gram.",
            zh="可售池中的预估箱数与该预估的预售承诺一致。",
        ),
        sql="""
            SELECT h.capacity_id, h.purpose_id, h.grams, coalesce(l.grams, 0) AS promised FROM (
                SELECT capacity_id, purpose_kind, purpose_id, sum((boxes - released_boxes) * pack_grams) AS grams
                FROM hold WHERE kind = 'forecast' GROUP BY capacity_id, purpose_kind, purpose_id
            ) h LEFT JOIN (
                SELECT capacity_id, purpose_kind, purpose_id,
                    sum(CASE kind WHEN 'promise' THEN grams ELSE -grams END) AS grams
                FROM capacity_line GROUP BY capacity_id, purpose_kind, purpose_id
            ) l USING (capacity_id, purpose_kind, purpose_id)
            WHERE h.grams <> coalesce(l.grams, 0)
        """,
    ),
)
