"""What must be true of our own things and the events that tell of them at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

_BOX: Final = "'https://id.gs1.org/01/' || s.gtin || '/21/' || s.serial"
"""As keys.box writes it."""

INVARIANTS: Final = (
    Invariant(
        id="T4",
        says=Text(
            en="Every box that bears a label is told of: as made out of a lot's fruit.",
            zh="每个贴标箱都有由批次果品生成的事件。",
        ),
        sql=f"""
            SELECT s.serial, 'commissioning' AS missing FROM label_serial s
            WHERE s.lot_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM trace_mention m JOIN trace_event e USING (county_id, number)
                WHERE m.key = {_BOX} AND m.role = 'ou' AND e.biz_step = 'commissioning'
            )
        """,  # noqa: S608 (our own words)
    ),
)
