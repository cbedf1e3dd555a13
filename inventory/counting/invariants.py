"""What must be true of stock takes at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="N1",
        says=Text(
            en="A stock take set the book right with its own line of the journal.",
            zh="盘点差额有对应的流水。",
        ),
        sql="""
            SELECT t.id, t.book_grams, t.counted_grams, m.on_hand_grams FROM stock_take t
            LEFT JOIN movement m ON m.lot_id = t.lot_id AND m.number = t.number
            WHERE t.number IS NOT NULL AND (m.kind NOT IN ('shrunk', 'adjusted')
            OR m.on_hand_grams IS DISTINCT FROM t.counted_grams
            OR m.on_hand_delta_grams IS DISTINCT FROM t.counted_grams - t.book_grams)
        """,
    ),
)
