"""What must be true of transfers at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="M4",
        says=Text(
            en="A transfer left with its line of the journal, and what was weighed in is a lot's beginning.",
            zh="调拨出库有流水，入库数量即新批次的初始数量。",
        ),
        sql="""
            SELECT t.id, t.out_grams, t.in_grams, m.on_hand_delta_grams, p.grams FROM transfer t
            LEFT JOIN movement m ON m.lot_id = t.lot_id AND m.number = t.out_number AND m.kind = 'moved'
            LEFT JOIN lot_parent p ON p.child_id = t.child_id AND p.parent_id = t.lot_id AND p.kind = 'carried'
            WHERE m.on_hand_delta_grams IS DISTINCT FROM - t.out_grams
            OR coalesce(p.grams, 0) <> coalesce(t.in_grams, 0)
            OR t.state IN ('arrived', 'cancelled') AND t.out_grams IS DISTINCT FROM t.in_grams + t.gap_grams
        """,
    ),
)
