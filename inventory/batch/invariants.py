"""What must be true of rows that phones sent."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="B1",
        says=Text(
            en="Each row that was taken in is a lot of its cooperative, received as it was sent.",
            zh="每条手机入库记录都是其合作社按原数量入库的批次。",
        ),
        sql="""
            SELECT i.cooperative_id, i.id, i.lot_id FROM lot_intake i
            LEFT JOIN lot l ON l.id = i.lot_id AND l.cooperative_id = i.cooperative_id
                AND l.code = i.facts ->> 'code'
            LEFT JOIN movement m ON m.lot_id = l.id AND m.number = 1
            WHERE m.on_hand_delta_grams IS DISTINCT FROM (i.facts ->> 'quantity')::bigint
        """,
    ),
)
