"""What must be true of recalls at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
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
