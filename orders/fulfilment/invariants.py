"""What must be true of waves and parcels at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from orders.states import SENT, listed

INVARIANTS: Final = (
    Invariant(
        id="PA1",
        says=Text(
            en="An order that a wave has taken up has all its boxes in first parcels, and no other has any.",
            zh="已进入发货批次的订单，其全部箱数均在首发包裹中；其他订单没有包裹。",
        ),
        sql=f"""
            SELECT o.id, o.state, h.consumed_boxes, coalesce(p.boxes, 0) AS in_parcels FROM "order" o
            LEFT JOIN hold h ON h.id = o.hold_id
            LEFT JOIN (SELECT order_id, sum(boxes) AS boxes FROM parcel
                WHERE claim_id IS NULL AND state <> 'withdrawn' GROUP BY order_id) p ON p.order_id = o.id
            WHERE coalesce(p.boxes, 0) <> CASE WHEN o.state IN ({listed(SENT)}) THEN h.consumed_boxes ELSE 0 END
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="PA2",
        says=Text(
            en="An order is as far as the last of its first parcels.", zh="订单进度等于其最慢首发包裹的进度。"
        ),
        sql=f"""
            SELECT o.id, o.state, p.delivered, p.gone, p.parcels FROM "order" o JOIN (
                SELECT order_id, count(*) AS parcels,
                    count(*) FILTER (WHERE state IN ('delivered', 'lost', 'short')) AS delivered,
                    count(*) FILTER (WHERE state IN ('shipped', 'delivered', 'lost', 'short')) AS gone
                FROM parcel WHERE claim_id IS NULL AND state <> 'withdrawn' GROUP BY order_id
            ) p ON p.order_id = o.id
            WHERE o.state IN ({listed(SENT)}) AND CASE
                WHEN p.delivered = p.parcels THEN o.state NOT IN ('delivered', 'closed')
                WHEN p.gone = p.parcels THEN o.state <> 'shipped' ELSE o.state <> 'packing' END
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="PA3",
        says=Text(
            en="What has left a lot, is packed or is owed for a pledge is what its parcels say.",
            zh="各承诺批次的已发、已打包与应付箱数与包裹一致。",
        ),
        sql="""
            SELECT h.id, h.consumed_boxes, m.committed, m.packed, p.* FROM hold h JOIN (
                SELECT hold_id, coalesce(sum(boxes) FILTER (WHERE state = 'planned'), 0) AS planned,
                    coalesce(sum(boxes) FILTER (WHERE state = 'packed'), 0) AS in_boxes,
                    coalesce(sum(boxes) FILTER (WHERE state IN ('shipped', 'delivered', 'lost')), 0) AS gone
                FROM parcel GROUP BY hold_id
            ) p ON p.hold_id = h.id CROSS JOIN LATERAL (
                SELECT sum(committed_delta_grams) / h.pack_grams AS committed,
                    sum(packed_delta_grams) / h.pack_grams AS packed FROM movement WHERE hold_id = h.id
            ) m
            WHERE h.consumed_boxes <> p.gone OR m.packed <> p.in_boxes OR m.committed <> p.planned + p.in_boxes
        """,
    ),
    Invariant(
        id="PA4",
        says=Text(en="A wave's numbers are those of its parcels.", zh="批次统计与其包裹一致。"),
        sql="""
            SELECT w.id, w.orders, w.boxes, p.orders AS counted, p.boxes AS in_parcels FROM wave w
            LEFT JOIN (SELECT wave_id, count(DISTINCT order_id) AS orders, sum(boxes) AS boxes
                FROM parcel WHERE state <> 'withdrawn' GROUP BY wave_id) p ON p.wave_id = w.id
            WHERE w.orders <> coalesce(p.orders, 0) OR w.boxes <> coalesce(p.boxes, 0)
        """,
    ),
    Invariant(
        id="SP1",
        says=Text(
            en="A short pick's numbers are those of the parcels that lost their boxes, and none of these is filled.",
            zh="拣货短缺的统计与受影响包裹一致，且这些包裹不再装箱。",
        ),
        sql="""
            SELECT s.id, s.boxes_substituted, s.boxes_taken_back, s.boxes_refunded, l.* FROM short_pick s LEFT JOIN (
                SELECT l.short_pick_id, coalesce(sum(l.boxes) FILTER (WHERE outcome = 'substituted'), 0) AS elsewhere,
                    coalesce(sum(l.boxes) FILTER (WHERE outcome = 'taken_back'), 0) AS waiting,
                    coalesce(sum(l.boxes) FILTER (WHERE outcome = 'refunded'), 0) AS paid,
                    count(*) FILTER (WHERE p.boxes <> l.boxes
                        OR p.state <> CASE outcome WHEN 'refunded' THEN 'short' ELSE 'withdrawn' END) AS others
                FROM short_parcel l JOIN parcel p ON p.id = l.parcel_id GROUP BY l.short_pick_id
            ) l ON l.short_pick_id = s.id
            WHERE (s.boxes_substituted, s.boxes_taken_back, s.boxes_refunded, 0)
                IS DISTINCT FROM (l.elsewhere, l.waiting, l.paid, l.others)
        """,
    ),
    Invariant(
        id="SP2",
        says=Text(
            en="What is owed to a pool no longer is what was refunded of the parcels that were short of it.",
            zh="货源池中以退款了结的缺货箱数，等于其缺货包裹的箱数。",
        ),
        sql="""
            SELECT coalesce(owed.pool_id, short.pool_id) AS pool_id, owed.boxes AS paid_instead, short.boxes FROM (
                SELECT pool_id, sum(consumed_boxes) AS boxes FROM hold WHERE kind = 'missing' GROUP BY pool_id
            ) owed FULL JOIN (
                SELECT h.pool_id, sum(p.boxes) AS boxes FROM parcel p JOIN hold h ON h.id = p.hold_id
                WHERE p.state = 'short' GROUP BY h.pool_id
            ) short ON short.pool_id = owed.pool_id
            WHERE coalesce(owed.boxes, 0) <> coalesce(short.boxes, 0)
        """,
    ),
    Invariant(
        id="PA5",
        says=Text(
            en="Of a parcel that has left each box with a label is told of: as packed in it, and as sent with it.",
            zh="已发出包裹中的每个贴标箱都有打包与发运事件。",
        ),
        sql="""
            SELECT s.serial, p.id, p.state FROM label_serial s JOIN parcel p ON p.id = s.parcel_id
            WHERE p.state IN ('shipped', 'delivered') AND s.shipped_at IS NOT NULL AND NOT EXISTS (
                SELECT FROM trace_mention child
                JOIN trace_mention parent ON parent.county_id = child.county_id AND parent.number = child.number
                    AND parent.role = 'pa'
                JOIN trace_mention sent ON sent.key = parent.key AND sent.role = 'ob'
                JOIN trace_event e ON e.county_id = sent.county_id AND e.number = sent.number
                    AND e.biz_step = 'shipping'
                WHERE child.key = 'https://id.gs1.org/01/' || s.gtin || '/21/' || s.serial AND child.role = 'ch'
            )
        """,
    ),
)
