"""What must be true of cold stores, and of lots that come out of lots, at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="D1",
        says=Text(
            en="No more lies in a cold store or a room than fits.", zh="冷库与库房的存放量不超过其容量。"
        ),
        sql="""
            SELECT s.id, s.capacity_grams, sum(l.on_hand_grams) AS lying FROM cold_store s
            JOIN lot l ON l.cold_store_id = s.id GROUP BY s.id HAVING sum(l.on_hand_grams) > s.capacity_grams
            UNION ALL
            SELECT r.id, r.capacity_grams, sum(l.on_hand_grams) FROM room r
            JOIN lot l ON l.room_id = r.id GROUP BY r.id HAVING sum(l.on_hand_grams) > r.capacity_grams
        """,
    ),
    Invariant(
        id="D2",
        says=Text(en="A cold store's prices are in one currency.", zh="同一冷库的价格使用同一币种。"),
        sql="""
            SELECT cold_store_id, count(DISTINCT currency) AS currencies FROM storage_price
            GROUP BY cold_store_id HAVING count(DISTINCT currency) > 1
        """,
    ),
    Invariant(
        id="Q3",
        says=Text(
            en="What came out of a recalled lot is not for sale, unless it was cleared itself since.",
            zh="被召回批次的后代批次不可出售，除非其后已单独解除。",
        ),
        sql="""
            WITH RECURSIVE family AS (
                SELECT l.id AS root_id, p.child_id AS lot_id, (SELECT max(m.at) FROM movement m
                    WHERE m.lot_id = l.id AND m.kind = 'recalled') AS recalled_at
                FROM lot l JOIN lot_parent p ON p.parent_id = l.id WHERE l.status = 'recalled'
                UNION
                SELECT f.root_id, p.child_id, f.recalled_at FROM family f JOIN lot_parent p ON p.parent_id = f.lot_id
            )
            SELECT f.root_id, f.lot_id, l.code FROM family f JOIN lot l ON l.id = f.lot_id
            WHERE l.status = 'available' AND NOT EXISTS (SELECT FROM movement m WHERE m.lot_id = f.lot_id
                AND m.kind = 'cleared' AND m.at > f.recalled_at - interval '1 minute')
        """,
    ),
)
