"""What must be true of pledges at any moment."""

from typing import Final

from campaigns.pledges.states import MOVES
from marketplace.language import Text
from marketplace.module import Invariant

_LEGAL: Final = ", ".join(
    f"('{'' if before is None else before}', '{event}', '{after}')"
    for before, events in MOVES.items()
    for event, after in events.items()
)

INVARIANTS: Final = (
    Invariant(
        id="PL1",
        says=Text(
            en="What stands in a campaign's pools is its accepted pledges, box for box.",
            zh="活动可售池中的箱数与已接受的承诺货源逐箱一致。",
        ),
        sql="""
            SELECT coalesce(p.id, h.purpose_id) AS pledge, p.boxes, h.standing FROM pledge p FULL JOIN (
                SELECT h.purpose_id, i.id AS item_id, sum(h.boxes - h.released_boxes) AS standing
                FROM hold h JOIN campaign_item i ON i.pool_id = h.pool_id
                WHERE h.kind IN ('pledge', 'forecast', 'missing') GROUP BY h.purpose_id, i.id
            ) h ON h.purpose_id = p.id AND h.item_id = p.item_id
            WHERE coalesce(p.boxes, 0) <> coalesce(h.standing, 0)
        """,
    ),
    Invariant(
        id="PL2",
        says=Text(
            en="A pledge's moves have no gaps, follow one from the other by the table, and end at the pledge.",
            zh="承诺货源的变更编号连续、逐条相承且合法，并止于其当前状态。",
        ),
        sql=f"""
            SELECT p.id, p.state, p.boxes, line.number FROM pledge p LEFT JOIN (
                SELECT m.*, lag(after) OVER life AS state_before, coalesce(lag(boxes_after) OVER life, 0) AS boxes_were,
                    row_number() OVER life AS place, count(*) OVER (PARTITION BY pledge_id) AS moves
                FROM pledge_move m WINDOW life AS (PARTITION BY pledge_id ORDER BY number)
            ) line ON line.pledge_id = p.id
            WHERE line.number IS NULL OR line.number <> line.place OR line.moves <> p.version
            OR line.before IS DISTINCT FROM line.state_before OR line.boxes_before <> line.boxes_were
            OR (coalesce(line.before, ''), line.event, line.after) NOT IN ({_LEGAL})
            OR (line.place = line.moves AND (line.after, line.boxes_after) <> (p.state, p.boxes))
        """,  # noqa: S608 (our own words)
    ),
)
