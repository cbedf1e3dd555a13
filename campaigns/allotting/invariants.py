"""What must be true of allocations at any moment."""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.allotting import runs
from campaigns.allotting.models import AllotmentRun
from marketplace.language import Text
from marketplace.module import Invariant


def _unproved_runs(session: Session) -> list[dict[str, Any]]:
    found = session.scalars(select(AllotmentRun).execution_options(yield_per=100))
    return [{"id": run.id, "wrong": wrong} for run in found if (wrong := runs.fault_of(run)) is not None]


INVARIANTS: Final = (
    Invariant(
        id="AL1",
        says=Text(
            en="Commitments are never more than an item sold, and exactly what it had sold once it is allocated.",
            zh="供货承诺不超过已售箱数，分配完成后与当时已售箱数相等。",
        ),
        sql="""
            SELECT a.item_id, c.state, a.boxes, p.boxes_sold, coalesce(k.kept, 0) AS kept FROM allotted_item a
            JOIN campaign c ON c.id = a.campaign_id JOIN campaign_item i ON i.id = a.item_id
            JOIN pool p ON p.id = i.pool_id
            LEFT JOIN (SELECT item_id, sum(boxes - boxes_given_back) AS kept,
                count(*) FILTER (WHERE state = 'offered') AS asked FROM commitment GROUP BY item_id
            ) k ON k.item_id = a.item_id
            WHERE coalesce(k.kept, 0) > a.boxes
            OR (c.state IN ('allocating', 'allocated', 'harvested') AND a.boxes > p.boxes_sold)
            OR (c.state IN ('allocated', 'harvested') AND a.boxes <> p.boxes_sold)
            OR (c.state NOT IN ('allocating', 'failed', 'cancelled', 'closed')
                AND (coalesce(k.kept, 0) <> a.boxes OR coalesce(k.asked, 0) > 0))
        """,
    ),
    Invariant(
        id="AL2",
        says=Text(
            en="No cooperative is asked for more than it has pledged, but for what a shortage found missing.",
            zh="除缺货处理认定的缺口外，任何合作社的供货承诺不超过其承诺货源。",
        ),
        sql="""
            SELECT k.item_id, k.cooperative_id, k.kept, coalesce(h.pledged, 0) AS pledged FROM (
                SELECT m.item_id, m.cooperative_id, i.pool_id, sum(m.boxes - m.boxes_given_back) AS kept
                FROM commitment m JOIN campaign_item i ON i.id = m.item_id
                JOIN campaign c ON c.id = m.campaign_id
                WHERE c.state NOT IN ('failed', 'cancelled', 'closed')
                GROUP BY m.item_id, m.cooperative_id, i.pool_id
            ) k
            LEFT JOIN (SELECT pool_id, cooperative_id, sum(boxes - released_boxes) AS pledged FROM hold
                WHERE kind IN ('pledge', 'forecast', 'missing') GROUP BY pool_id, cooperative_id
            ) h ON h.pool_id = k.pool_id AND h.cooperative_id = k.cooperative_id
            WHERE k.kept > coalesce(h.pledged, 0) + (
                SELECT coalesce(sum(t.pledged_boxes - t.there_boxes), 0) FROM shortage s
                JOIN shortage_standing t ON t.shortage_id = s.id
                WHERE s.item_id = k.item_id AND t.cooperative_id = k.cooperative_id
                    AND s.state IN ('cutting', 'settled')
            )
        """,
    ),
    Invariant(
        id="AL3",
        says=Text(
            en="Every stored run of a campaign proves itself again, and its commitments are its result's.",
            zh="活动的每次分配都可重新证明，且供货承诺与结果一致。",
        ),
        sql="",
        check=_unproved_runs,
    ),
    Invariant(
        id="AL4",
        says=Text(
            en="The season's account has what every commitment keeps, to the gram.",
            zh="产季账户如数记有每项供货承诺。",
        ),
        sql="""
            SELECT m.id, m.boxes, m.boxes_given_back, coalesce(e.grams, 0) AS booked FROM commitment m
            LEFT JOIN (SELECT purpose_id, cooperative_id, sum(grams) AS grams FROM season_entry
                WHERE purpose_id IS NOT NULL GROUP BY purpose_id, cooperative_id
            ) e ON e.purpose_id = m.id AND e.cooperative_id = m.cooperative_id
            WHERE coalesce(e.grams, 0) <> (m.boxes - m.boxes_given_back) * m.pack_grams
        """,
    ),
    Invariant(
        id="AL5",
        says=Text(
            en="Supplies add up to each order and to each cooperative's commitments.",
            zh="供货明细之和等于每个订单，也等于各合作社的供货承诺。",
        ),
        sql="""
            SELECT o.id, s.boxes AS supplied, o.boxes FROM "order" o
            JOIN (SELECT order_id, sum(boxes) AS boxes FROM supply GROUP BY order_id) s ON s.order_id = o.id
            WHERE s.boxes <> o.boxes
            UNION ALL
            SELECT coalesce(s.item_id, k.item_id), s.boxes, k.kept FROM (
                SELECT item_id, cooperative_id, sum(boxes) AS boxes FROM supply GROUP BY item_id, cooperative_id
            ) s FULL JOIN (
                SELECT m.item_id, m.cooperative_id, sum(m.boxes - m.boxes_given_back) AS kept FROM commitment m
                JOIN campaign c ON c.id = m.campaign_id
                WHERE c.state NOT IN ('allocating', 'failed', 'cancelled', 'closed')
                GROUP BY m.item_id, m.cooperative_id HAVING sum(m.boxes - m.boxes_given_back) > 0
            ) k ON k.item_id = s.item_id AND k.cooperative_id = s.cooperative_id
            WHERE s.boxes IS DISTINCT FROM k.kept AND NOT EXISTS (SELECT FROM allotted_item a
                JOIN campaign c ON c.id = a.campaign_id WHERE a.item_id = s.item_id
                AND c.state IN ('failed', 'cancelled', 'closed'))
        """,
    ),
)
