"""What must be true of cases at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="E1",
        says=Text(
            en="A case's notes have no gaps and end at its version.", zh="事项记录编号连续且止于其版本号。"
        ),
        sql="""
            SELECT c.id, c.version, count(n.id) AS notes, max(n.number) AS last FROM "case" c
            LEFT JOIN case_note n ON n.case_id = c.id GROUP BY c.id
            HAVING count(n.id) <> c.version OR coalesce(max(n.number), 0) <> c.version
        """,
    ),
    Invariant(
        id="E2",
        says=Text(
            en="A case is settled exactly when its last note says so, in the words of its decision.",
            zh="事项仅在最后一条记录写明决定时视为已处理。",
        ),
        sql="""
            SELECT c.id, c.state, c.decision, n.kind, n.words FROM "case" c
            LEFT JOIN LATERAL (
                SELECT kind, words FROM case_note WHERE case_id = c.id ORDER BY number DESC LIMIT 1
            ) n ON true
            WHERE (c.state = 'settled') <> coalesce(n.kind = 'settled', false)
            OR (c.state = 'settled' AND c.decision <> n.words)
        """,
    ),
)
