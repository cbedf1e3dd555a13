"""What must be true of claims at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from orders.claims.states import COUNTED, GRANTED, WAITING, listed
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
            en="A parcel is lost exactly when it was on its way and all its boxes were refunded or replaced as missing,"
            " or it was a replacement that was refunded; one that is short had all its boxes refunded as missing.",
            zh="包裹仅在全部箱数按未送达退款或补发，或其所补发的申请改为退款时，才记为丢失；缺货包裹的全部箱数已按未送达退款。",
        ),
        sql=f"""
            SELECT p.id, p.state, p.boxes, c.boxes AS granted, a.state AS answers FROM parcel p LEFT JOIN (
                SELECT parcel_id, sum(boxes) AS boxes FROM claim WHERE kind = 'missing' AND state IN ({listed(GRANTED)})
                GROUP BY parcel_id
            ) c ON c.parcel_id = p.id LEFT JOIN claim a ON a.id = p.claim_id
            WHERE p.state = 'short' AND coalesce(c.boxes, 0) <> p.boxes
                OR p.state IN ('shipped', 'lost') AND (p.state = 'lost') <> CASE
                    WHEN p.claim_id IS NULL THEN coalesce(c.boxes, 0) = p.boxes ELSE a.state = 'refunded' END
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="CL5",
        says=Text(
            en="A claim answered by replacement has exactly its boxes in replacement parcels, of its own order and in"
            " place of its own parcel, and is over with the last of them; of a refunded one none is still to come, and"
            " no other claim has any.",
            zh="以补发处理的申请，其补发包裹箱数与申请一致且属于同一订单与包裹，最后一件送达时结束；"
            "已退款的申请没有在途补发，其他申请没有补发包裹。",
        ),
        sql="""
            SELECT c.id, c.state, c.boxes, p.boxes AS sent, p.delivered, p.parcels, p.others FROM claim c LEFT JOIN (
                SELECT q.claim_id, count(*) AS parcels,
                    coalesce(sum(q.boxes) FILTER (WHERE q.state NOT IN ('lost', 'cancelled')), 0) AS boxes,
                    coalesce(sum(q.boxes) FILTER (WHERE q.state = 'delivered'), 0) AS delivered,
                    count(*) FILTER (WHERE (q.order_id, q.replaces_id) <> (d.order_id, d.parcel_id)) AS others
                FROM parcel q JOIN claim d ON d.id = q.claim_id GROUP BY q.claim_id
            ) p ON p.claim_id = c.id
            WHERE coalesce(p.others, 0) > 0 OR CASE c.state
                WHEN 'replacing' THEN coalesce(p.boxes, 0) <> c.boxes OR p.delivered = c.boxes
                WHEN 'replaced' THEN coalesce(p.boxes, 0) <> c.boxes OR p.delivered <> c.boxes
                WHEN 'refunded' THEN coalesce(p.boxes <> p.delivered OR p.delivered >= c.boxes, false)
                ELSE p.parcels IS NOT NULL END
        """,
    ),
    Invariant(
        id="CL6",
        says=Text(
            en="The boxes of replacement parcels that were not cancelled are those that pools and lots gave for their"
            " claims.",
            zh="未取消的补发包裹箱数与货源池及批次为该申请补发的箱数一致。",
        ),
        sql="""
            SELECT coalesce(p.claim_id, h.purpose_id) AS claim_id, p.boxes, h.boxes AS given FROM (
                SELECT claim_id, sum(boxes) FILTER (WHERE state <> 'cancelled') AS boxes FROM parcel
                WHERE claim_id IS NOT NULL GROUP BY claim_id
            ) p FULL JOIN (
                SELECT purpose_id, sum(boxes - released_boxes) AS boxes FROM hold
                WHERE kind IN ('replacement', 'allocation') AND purpose_kind = 'claim' GROUP BY purpose_id
            ) h ON h.purpose_id = p.claim_id
            WHERE coalesce(p.boxes, 0) <> coalesce(h.boxes, 0)
        """,
    ),
)
