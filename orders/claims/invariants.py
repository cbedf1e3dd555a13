"""What must be true of claims at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from orders.claims.states import COUNTED, WAITING, listed
from orders.states import AFTER_SALE

INVARIANTS: Final = (
    Invariant(
        id="CL1",
        says=Text(
            en="No more boxes of a parcel are claimed and not rejected than it has, each by its own order.",
            zh="每个包裹未被驳回的申请箱数不超过其箱数，且包裹属于同一订单。",
        ),
        sql=f"""
            SELECT p.id, p.boxes, c.boxes AS claimed, c.others FROM parcel p JOIN (
                SELECT c.parcel_id, coalesce(sum(c.boxes) FILTER (WHERE NOT c.is_automatic), 0) AS boxes,
                    coalesce(max(c.boxes) FILTER (WHERE c.is_automatic), 0) AS light_boxes,
                    count(*) FILTER (WHERE (c.order_id, c.cooperative_id) <> (q.order_id, q.cooperative_id)) AS others
                FROM claim c JOIN parcel q ON q.id = c.parcel_id WHERE c.state IN ({listed(COUNTED)})
                GROUP BY c.parcel_id
            ) c ON c.parcel_id = p.id WHERE c.boxes > p.boxes OR c.light_boxes NOT IN (0, p.boxes) OR c.others > 0
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="CL2",
        says=Text(
            en="A granted claim has its refund, of exactly that amount, out of its own order's payments; no other has.",
            zh="已通过的售后申请恰有等额退款且出自本订单付款，其他申请没有退款。",
        ),
        sql=f"""
            SELECT c.id, c.state, c.refund_minor, r.minor FROM claim c LEFT JOIN (
                SELECT r.source_id, sum(r.amount_minor) AS minor,
                    count(*) FILTER (WHERE p.order_id <> c.order_id) AS others
                FROM part_refund r JOIN payment p ON p.id = r.payment_id JOIN claim c ON c.id = r.source_id
                WHERE r.kind = 'refund' AND r.reason = '{AFTER_SALE}' GROUP BY r.source_id
            ) r ON r.source_id = c.id
            WHERE coalesce(r.minor, 0) <> CASE c.state WHEN 'refunded' THEN c.refund_minor ELSE 0 END OR r.others > 0
        """,  # noqa: S608 (the reason is our own)
    ),
    Invariant(
        id="CL3",
        says=Text(
            en="A claim that is not over stands on an order that is on its way or delivered, and not closed.",
            zh="未结的售后申请，其订单尚未完结。",
        ),
        sql=f"""
            SELECT c.id, c.state, o.state AS order_state FROM claim c JOIN "order" o ON o.id = c.order_id
            WHERE c.state IN ({listed(WAITING)}) AND o.state NOT IN ('packing', 'shipped', 'delivered')
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="CL4",
        says=Text(
            en="A parcel is lost, or short, exactly when all its boxes were refunded as missing.",
            zh="包裹仅在全部箱数按缺失退款时才记为丢失或缺货。",
        ),
        sql="""
            SELECT p.id, p.state, p.boxes, c.boxes AS refunded FROM parcel p LEFT JOIN (
                SELECT parcel_id, sum(boxes) AS boxes FROM claim WHERE kind = 'missing' AND state = 'refunded'
                GROUP BY parcel_id
            ) c ON c.parcel_id = p.id
            WHERE (p.state IN ('lost', 'short') AND coalesce(c.boxes, 0) <> p.boxes)
                OR (p.state = 'shipped' AND coalesce(c.boxes, 0) = p.boxes)
        """,
    ),
)
