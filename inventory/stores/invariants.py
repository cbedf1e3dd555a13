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
)
