"""What must be true of shortages at any moment."""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.shortage import run
from campaigns.shortage.models import Shortage
from campaigns.shortage.states import DECIDED
from marketplace.language import Text
from marketplace.module import Invariant
from orders.states import BOUGHT, OrderState, listed


def _unproved(session: Session) -> list[dict[str, Any]]:
    settled = select(Shortage).where(Shortage.state.in_(sorted(DECIDED)))
    found = []
    for each in session.scalars(settled.execution_options(yield_per=20)):
        if each.problem is None or each.result is None or each.digest is None:
            found.append({"id": each.id, "wrong": "no run"})
        elif wrong := run.fault_of(each.problem, each.result, each.digest, each.seed_hash):
            found.append({"id": each.id, "wrong": wrong})
    return found


INVARIANTS: Final = (
    Invariant(
        id="X1",
        says=Text(
            en="Every settled shortage's run proves itself again, with the seed whose hash was published.",
            zh="每次缺货削减都可用已公布哈希的种子重新证明。",
        ),
        sql="",
        check=_unproved,
    ),
    Invariant(
        id="X2",
        says=Text(
            en="A shortage's cuts are its run's: nobody keeps more than it ordered, or than is there.",
            zh="缺货削减与其记录一致：任何订单所得不超过订购数，总数不超过现货。",
        ),
        sql="""
            SELECT s.id, coalesce(sum(c.boxes_after - c.boxes_moved), 0) AS kept, s.result ->> 'kept' AS told
            FROM shortage s LEFT JOIN shortage_cut c ON c.shortage_id = s.id
            GROUP BY s.id
            HAVING (s.state IN ('cutting', 'settled')
                AND (coalesce(sum(c.boxes_after - c.boxes_moved), 0) > (s.result ->> 'kept')::bigint
                OR coalesce(sum(c.boxes_after - c.boxes_moved), 0) > (s.problem ->> 'supply')::bigint
                OR count(c.id) > jsonb_array_length(s.problem -> 'demands')))
            OR (s.state = 'settled'
                AND (coalesce(sum(c.boxes_after - c.boxes_moved), 0) <> (s.result ->> 'kept')::bigint
                OR count(c.id) <> jsonb_array_length(s.problem -> 'demands')))
            OR (s.state NOT IN ('cutting', 'settled') AND count(c.id) > 0)
        """,
    ),
    Invariant(
        id="X3",
        says=Text(
            en="An order that was cut has the boxes of its last cut, and is over when none is left.",
            zh="被削减订单的箱数与最后一次削减一致，归零即终止。",
        ),
        sql=f"""
            SELECT o.id, o.state, h.consumed_boxes, last.boxes_after FROM "order" o
            JOIN hold h ON h.id = o.hold_id
            JOIN LATERAL (SELECT c.boxes_after FROM shortage_cut c WHERE c.order_id = o.id
                ORDER BY c.id DESC LIMIT 1) last ON true
            LEFT JOIN shortage_wait w ON w.order_id = o.id AND w.state = 'refunded'
            WHERE CASE WHEN o.state IN ({listed(BOUGHT - {OrderState.DEPOSIT_PAID})})
                THEN last.boxes_after = 0 OR h.consumed_boxes <> last.boxes_after
                ELSE h.consumed_boxes <> 0 OR (o.state = 'cut') <> (last.boxes_after = 0 OR w.id IS NOT NULL) END
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="X4",
        says=Text(
            en="What goes back for a cut is owed once, to the unit.",
            zh="每笔削减的退款与赔偿如数入账一次。",
        ),
        sql="""
            SELECT c.id, c.refund_minor, c.compensation_minor FROM shortage_cut c
            JOIN payment p ON p.order_id = c.order_id LEFT JOIN part_refund r
                ON r.payment_id = p.id AND r.source_id = c.shortage_id AND r.reason = 'shortage'
            GROUP BY c.id
            HAVING coalesce(sum(r.amount_minor) FILTER (WHERE r.kind = 'refund'), 0) <> c.refund_minor
                OR coalesce(sum(r.amount_minor) FILTER (WHERE r.kind = 'compensation'), 0) <> c.compensation_minor
            UNION ALL
            SELECT w.id, w.refund_minor, w.compensation_minor FROM shortage_wait w
            JOIN payment p ON p.order_id = w.order_id LEFT JOIN part_refund r
                ON r.payment_id = p.id AND r.source_id = w.id AND r.reason = 'later_lot'
            GROUP BY w.id
            HAVING coalesce(sum(r.amount_minor) FILTER (WHERE r.kind = 'refund'), 0) <> coalesce(w.refund_minor, 0)
                OR coalesce(sum(r.amount_minor) FILTER (WHERE r.kind = 'compensation'), 0)
                    <> coalesce(w.compensation_minor, 0)
        """,
    ),
    Invariant(
        id="X5",
        says=Text(en="What neighbours gave is what they accepted.", zh="邻社补货数等于其接受的箱数。"),
        sql="""
            SELECT s.id, s.covered_boxes, coalesce(sum(o.accepted_boxes), 0) AS accepted FROM shortage s
            LEFT JOIN shortage_offer o ON o.shortage_id = s.id
            GROUP BY s.id HAVING coalesce(sum(o.accepted_boxes), 0) <> s.covered_boxes
                OR (s.state <> 'offering' AND count(*) FILTER (WHERE o.state = 'offered') > 0)
        """,
    ),
    Invariant(
        id="X6",
        says=Text(
            en="Who waits for a later lot has the boxes that the cut left owed, and a place in a line without gaps.",
            zh="等待后续批次的订单保有应供箱数，且排队序号连续。",
        ),
        sql="""
            SELECT c.shortage_id, c.order_id, w.id FROM shortage_cut c
            FULL JOIN shortage_wait w ON w.shortage_id = c.shortage_id AND w.order_id = c.order_id
            WHERE (w.id IS NOT NULL) <> (coalesce(c.boxes_moved, 0) > 0 AND c.moved_to_item_id IS NULL)
                OR w.boxes <> c.boxes_moved
            UNION ALL
            SELECT w.shortage_id, NULL, NULL FROM shortage_wait w JOIN shortage s ON s.id = w.shortage_id
            WHERE s.state = 'settled' GROUP BY w.shortage_id HAVING max(w.place) <> count(*)
        """,
    ),
    Invariant(
        id="X7",
        says=Text(
            en="The cuts of an order follow on each other: each begins with the boxes that the one before has left.",
            zh="同一订单的多次削减前后相接：后一次的起始箱数等于前一次的剩余箱数。",
        ),
        sql="""
            SELECT order_id, shortage_id, boxes_before, left_before FROM (
                SELECT order_id, shortage_id, boxes_before,
                    lag(boxes_after) OVER (PARTITION BY order_id ORDER BY id) AS left_before FROM shortage_cut
            ) following WHERE left_before IS NOT NULL AND left_before <> boxes_before
        """,
    ),
)
