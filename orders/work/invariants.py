"""What must be true of rural jobs at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from orders.work.pay_rules import DAY_MINUTES_MAX

INVARIANTS: Final = (
    Invariant(
        id="WK1",
        says=Text(
            en="A box is scanned at most once when it is packed and once when it is loaded, and no parcel has more"
            " boxes scanned than it has.",
            zh="每箱打包、装车各最多扫描一次，且包裹扫描箱数不超过其箱数。",
        ),
        sql="""
            SELECT p.id, s.kind, p.boxes, s.boxes AS scanned, s.highest FROM parcel p JOIN (
                SELECT parcel_id, kind, sum(boxes) AS boxes, max(box) AS highest, count(box) AS numbered,
                    count(*) AS scans, count(DISTINCT box) AS numbers, count(DISTINCT serial) AS serials
                FROM shift_scan GROUP BY 1, 2
            ) s ON s.parcel_id = p.id
            WHERE s.boxes > p.boxes OR s.highest > p.boxes
                OR CASE s.kind WHEN 'packing' THEN s.numbers + s.serials <> s.scans OR s.numbers > 0 AND s.serials > 0
                    ELSE s.scans <> 1 OR s.boxes <> p.boxes END
        """,
    ),
    Invariant(
        id="WK2",
        says=Text(
            en="A signed wage sheet is what the pay rule makes of its shift's rows, to the unit, and its sum that of"
            " its lines.",
            zh="已签认的工资表与按规则重新计算的结果逐分一致，合计等于各行之和。",
        ),
        sql="""
            WITH worked AS (
                SELECT w.shift_id, w.worker_id, s.piece_rate_minor AS rate, s.hourly_floor_minor AS hourly,
                    coalesce(extract(epoch FROM w.checked_out_at - w.checked_in_at)::bigint / 60, 0) AS minutes,
                    coalesce((SELECT sum(boxes) FROM shift_scan x
                        WHERE x.shift_id = w.shift_id AND x.worker_id = w.worker_id), 0)::bigint AS boxes
                FROM shift_worker w JOIN shift s ON s.id = w.shift_id JOIN wage_sheet g ON g.shift_id = s.id
            ), due AS (
                SELECT shift_id, worker_id, minutes, boxes, boxes * rate AS piece,
                    greatest(0, (minutes * hourly + 59) / 60 - boxes * rate) AS top_up
                FROM worked WHERE minutes > 0 OR boxes > 0
            ), wrong AS (
                SELECT coalesce(d.shift_id, l.shift_id) AS shift_id
                FROM due d FULL JOIN wage_line l USING (shift_id, worker_id)
                WHERE (d.minutes, d.boxes, d.piece, d.top_up)
                    IS DISTINCT FROM (l.minutes, l.boxes, l.piece_minor, l.top_up_minor)
            ), summed AS (
                SELECT g.shift_id FROM wage_sheet g JOIN (
                    SELECT shift_id, sum(minutes) AS minutes, sum(boxes) AS boxes, sum(piece_minor) AS piece,
                        sum(top_up_minor) AS top_up FROM wage_line GROUP BY 1
                ) l ON l.shift_id = g.shift_id
                WHERE (g.minutes, g.boxes, g.piece_minor, g.top_up_minor)
                    IS DISTINCT FROM (l.minutes, l.boxes, l.piece, l.top_up)
            )
            SELECT shift_id, 'lines' AS differing FROM wrong UNION ALL SELECT shift_id, 'sum' FROM summed
        """,
    ),
    Invariant(
        id="WK3",
        says=Text(
            en="Workers are there within their shift, in one place at a time, and ten hours a day at most; a shift has"
            " no more of them than places.",
            zh="工人出勤在班次时间内，同一时间只在一处，每日不超过十小时；班次人数不超过名额。",
        ),
        sql=f"""
            WITH presence AS (
                SELECT w.shift_id, w.worker_id, s.works_on, s.begins_at, s.ends_at, w.checked_in_at AS since,
                    coalesce(w.checked_out_at, w.checked_in_at) AS until
                FROM shift_worker w JOIN shift s ON s.id = w.shift_id WHERE w.checked_in_at IS NOT NULL
            )
            SELECT shift_id AS id, worker_id::text AS about FROM presence WHERE since < begins_at OR until > ends_at
            UNION ALL
            SELECT a.shift_id, a.worker_id::text FROM presence a JOIN presence b ON a.worker_id = b.worker_id
                AND a.shift_id < b.shift_id AND a.since < b.until AND b.since < a.until
            UNION ALL
            SELECT worker_id, works_on::text FROM presence GROUP BY worker_id, works_on
            HAVING sum(extract(epoch FROM until - since)) > {DAY_MINUTES_MAX} * 60
            UNION ALL
            SELECT s.id, s.workers::text FROM shift s
            WHERE s.workers <> (SELECT count(*) FROM shift_worker w WHERE w.shift_id = s.id)
        """,  # noqa: S608 (a number of our own)
    ),
    Invariant(
        id="WK4",
        says=Text(
            en="A shift is signed for exactly when it has a wage sheet with lines, and only a signed one is paid.",
            zh="班次已签认当且仅当有工资表；仅已签认者可登记发放。",
        ),
        sql="""
            SELECT s.id, s.state, g.signed_at, g.marked_at FROM shift s LEFT JOIN wage_sheet g ON g.shift_id = s.id
            WHERE (s.state IN ('signed', 'paid')) <> (g.shift_id IS NOT NULL)
                OR (s.state = 'paid') <> (g.marked_at IS NOT NULL)
                OR g.shift_id IS NOT NULL
                    AND NOT EXISTS (SELECT FROM wage_line l WHERE l.shift_id = g.shift_id)
        """,
    ),
    Invariant(
        id="WK5",
        says=Text(
            en="What is scanned is of the shift's wave and cooperative, within its time; who works on it is the"
            " cooperative's.",
            zh="所扫描包裹属于该班次的批次与合作社，扫描在班次时间内；班次工人均为该合作社工人。",
        ),
        sql="""
            SELECT x.shift_id, x.id, x.scanned_at FROM shift_scan x
            JOIN shift s ON s.id = x.shift_id JOIN parcel p ON p.id = x.parcel_id
            WHERE p.wave_id <> s.wave_id OR p.cooperative_id <> s.cooperative_id
                OR x.scanned_at < s.begins_at OR x.scanned_at > s.ends_at
            UNION ALL
            SELECT w.shift_id, w.worker_id, w.checked_in_at FROM shift_worker w
            JOIN shift s ON s.id = w.shift_id JOIN worker k ON k.id = w.worker_id
            WHERE k.cooperative_id <> s.cooperative_id
        """,
    ),
)
