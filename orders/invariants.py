"""What must be true of orders, runs and shares at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="A1",
        says=Text(en="A run's shares add up to its order.", zh="每次分配的份额之和等于订单箱数。"),
        sql="""
            SELECT r.id, o.boxes, sum(s.boxes) AS shared FROM allocation_run r
            JOIN "order" o ON o.id = r.order_id JOIN share s ON s.run_id = r.id
            GROUP BY r.id, o.boxes HAVING sum(s.boxes) <> o.boxes
        """,
    ),
    Invariant(
        id="A2",
        says=Text(en="Every share is held lot by lot, to the gram.", zh="每个份额都按批次足额保留。"),
        sql="""
            SELECT s.id, s.quantity_grams, coalesce(sum(h.quantity_grams), 0) AS held FROM share s
            LEFT JOIN hold h ON h.purpose_kind = 'share' AND h.purpose_id = s.id AND h.state IN ('active', 'consumed')
            GROUP BY s.id, s.quantity_grams HAVING coalesce(sum(h.quantity_grams), 0) <> s.quantity_grams
        """,
    ),
    Invariant(
        id="O4",
        says=Text(
            en="A shopper's order has its payment, over its total.", zh="每个购物订单都有与总额相等的付款。"
        ),
        sql="""
            SELECT o.id FROM "order" o LEFT JOIN payment p ON p.order_id = o.id
            WHERE o.kind = 'shopper_presale' AND (p.id IS NULL OR p.amount_minor <> o.total_minor)
        """,
    ),
    Invariant(
        id="O5",
        says=Text(
            en="Committed means paid, and paid means committed.", zh="已确认即已付款，已付款即已确认。"
        ),
        sql="""
            SELECT o.id, o.state, p.state AS payment FROM "order" o JOIN payment p ON p.order_id = o.id
            WHERE (o.state = 'committed') <> (p.state = 'succeeded')
        """,
    ),
    Invariant(
        id="H3",
        says=Text(
            en="A consumed cart hold belongs to one committed order.", zh="已成交的保留对应一个已确认订单。"
        ),
        sql="""
            SELECT h.id FROM hold h LEFT JOIN "order" o ON o.hold_id = h.id
            WHERE h.kind = 'cart' AND (h.state = 'consumed') <> (coalesce(o.state, '') = 'committed')
        """,
    ),
)
