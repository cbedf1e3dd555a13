"""What must be true of lots that come out of lots, at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="M1",
        says=Text(
            en="What left a lot for others is in its children, on the road, or a gap that was told.",
            zh="批次转出的数量等于其子批次所得、在途与已说明差额之和。",
        ),
        sql="""
            SELECT l.id, coalesce(went.grams, 0) AS went, coalesce(came.grams, 0) AS came, road.grams AS road FROM lot l
            LEFT JOIN (
                SELECT lot_id, - sum(on_hand_delta_grams) AS grams FROM movement
                WHERE kind IN ('moved', 'graded') AND number > 1 GROUP BY lot_id
            ) went ON went.lot_id = l.id
            LEFT JOIN (
                SELECT parent_id, sum(grams) AS grams FROM lot_parent WHERE kind <> 'returned' GROUP BY parent_id
            ) came ON came.parent_id = l.id
            LEFT JOIN (
                SELECT lot_id, sum(coalesce(gap_grams, out_grams)) AS grams FROM transfer GROUP BY lot_id
            ) road ON road.lot_id = l.id
            WHERE coalesce(went.grams, 0) <> coalesce(came.grams, 0) + coalesce(road.grams, 0)
        """,
    ),
    Invariant(
        id="M2",
        says=Text(
            en="A lot out of others begins with what they gave, and no other lot has parents.",
            zh="由其他批次而来的批次，其初始数量等于来源之和。",
        ),
        sql="""
            SELECT m.lot_id, m.kind, m.on_hand_delta_grams, coalesce(p.grams, 0) AS given FROM movement m
            LEFT JOIN (
                SELECT child_id, sum(grams) AS grams FROM lot_parent GROUP BY child_id
            ) p ON p.child_id = m.lot_id
            WHERE m.number = 1 AND coalesce(p.grams, 0) <>
                CASE WHEN m.kind IN ('moved', 'graded', 'returned') THEN m.on_hand_delta_grams ELSE 0 END
        """,
    ),
    Invariant(
        id="M3",
        says=Text(
            en="No more fruit came back to a lot's name than was shipped from it.",
            zh="退回数量不超过批次已发货数量。",
        ),
        sql="""
            SELECT p.parent_id, sum(p.grams) AS returned, max(shipped.grams) AS shipped FROM lot_parent p
            LEFT JOIN (
                SELECT lot_id, - sum(on_hand_delta_grams) AS grams FROM movement
                WHERE kind IN ('shipped', 'shipment_voided') GROUP BY lot_id
            ) shipped ON shipped.lot_id = p.parent_id
            WHERE p.kind = 'returned' GROUP BY p.parent_id
            HAVING sum(p.grams) > coalesce(max(shipped.grams), 0)
        """,
    ),
)
