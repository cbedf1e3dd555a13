"""What must be true of orders, runs and shares at any moment."""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.language import Text
from marketplace.module import Invariant
from orders import splitting
from orders.models import AllocationRun
from orders.states import AFTER_SALE, BOUGHT, SENT, OrderState, listed

WHOLLY_PAID: Final = SENT | {OrderState.BALANCE_PAID}
"""States of an order with a deposit in which nothing of its price is open."""


def _unproved_runs(session: Session) -> list[dict[str, Any]]:
    runs = session.scalars(select(AllocationRun).execution_options(yield_per=100))
    return [{"id": run.id, "wrong": wrong} for run in runs if (wrong := splitting.fault_of(run)) is not None]


INVARIANTS: Final = (
    Invariant(
        id="A1",
        says=Text(
            en="What cooperatives keep, what is open and what is short add up to the bulk order.",
            zh="各社保留的份额、待分配与缺口之和等于大宗订单箱数。",
        ),
        sql="""
            SELECT o.id, o.boxes, t.boxes_open, t.boxes_short, coalesce(sum(s.boxes - s.boxes_given_back), 0) AS kept
            FROM "order" o
            LEFT JOIN bulk_terms t ON t.order_id = o.id
            LEFT JOIN allocation_run r ON r.order_id = o.id LEFT JOIN share s ON s.run_id = r.id
            WHERE o.kind = 'sponsor_bulk'
            GROUP BY o.id, t.order_id
            HAVING coalesce(sum(s.boxes - s.boxes_given_back), 0) + coalesce(t.boxes_open + t.boxes_short, 0)
                <> CASE o.state WHEN 'cancelled' THEN 0 ELSE o.boxes END
        """,
    ),
    Invariant(
        id="A2",
        says=Text(en="Every share is held lot by lot, to the gram.", zh="每个份额都按批次足额保留。"),
        sql="""
            SELECT s.id, s.boxes, s.boxes_given_back, coalesce(sum(h.boxes - h.released_boxes), 0) AS held FROM share s
            JOIN allocation_run r ON r.id = s.run_id JOIN "order" o ON o.id = r.order_id
            LEFT JOIN hold h ON h.purpose_kind = 'share' AND h.purpose_id = s.id AND h.state IN ('active', 'consumed')
            GROUP BY s.id, o.pack_grams
            HAVING coalesce(sum(h.boxes - h.released_boxes), 0) <> s.boxes - s.boxes_given_back
                OR coalesce(sum(h.quantity_grams - h.released_boxes * h.pack_grams), 0)
                    <> (s.boxes - s.boxes_given_back) * o.pack_grams
        """,
    ),
    Invariant(
        id="A3",
        says=Text(en="The season's account has every share, to the gram.", zh="产季账户如数记有每个份额。"),
        sql="""
            SELECT s.id, s.quantity_grams, coalesce(sum(e.grams), 0) AS booked FROM share s
            JOIN allocation_run r ON r.id = s.run_id JOIN "order" o ON o.id = r.order_id
            LEFT JOIN bulk_terms t ON t.order_id = o.id
            LEFT JOIN season_entry e
                ON e.run_id = s.run_id AND e.cooperative_id = s.cooperative_id AND e.season = r.season
            GROUP BY s.id, o.pack_grams, t.refusals_count
            HAVING coalesce(sum(e.grams), 0) NOT BETWEEN (s.boxes - s.boxes_given_back) * o.pack_grams
                AND CASE WHEN t.refusals_count THEN s.quantity_grams
                    ELSE (s.boxes - s.boxes_given_back) * o.pack_grams END
        """,
    ),
    Invariant(
        id="A4",
        says=Text(
            en="Every stored run proves itself again, and its shares are its result's.",
            zh="每次分配都可重新证明，且份额与结果一致。",
        ),
        sql="",
        check=_unproved_runs,
    ),
    Invariant(
        id="A5",
        says=Text(
            en="A bulk order's state is that of its shares: asked, all answered, or given up.",
            zh="大宗订单状态与其份额状态一致。",
        ),
        sql="""
            SELECT o.id, o.state, count(*) FILTER (WHERE s.state = 'proposed') AS proposed,
                count(*) FILTER (WHERE s.state = 'offered') AS offered, t.boxes_open, t.boxes_short
            FROM "order" o JOIN bulk_terms t ON t.order_id = o.id
            JOIN allocation_run r ON r.order_id = o.id JOIN share s ON s.run_id = r.id
            GROUP BY o.id, t.order_id
            HAVING (o.state <> 'proposed' AND count(*) FILTER (WHERE s.state = 'proposed') > 0)
                OR (o.state <> 'approved' AND count(*) FILTER (WHERE s.state = 'offered') > 0)
                OR (o.state = 'approved' AND count(*) FILTER (WHERE s.state = 'offered') = 0)
                OR (o.state <> 'approved' AND t.boxes_open > 0)
                OR (o.state = 'committed' AND t.boxes_short > 0)
                OR (o.state = 'short' AND t.boxes_short = 0)
        """,
    ),
    Invariant(
        id="O4",
        says=Text(
            en="A shopper's order, or an approved export, has its payment, over its total or its deposit; none if"
            " nothing is left to pay.",
            zh="每个购物订单及已批准的出口订单都有与总额或定金相等的付款；无需付款的订单没有付款。",
        ),
        sql="""
            SELECT o.id FROM "order" o LEFT JOIN payment p ON p.order_id = o.id AND p.purpose = 'order'
            LEFT JOIN deposit_terms t ON t.order_id = o.id
            WHERE o.kind IN ('shopper_presale', 'export') AND (
                (p.id IS NULL) <> (o.total_minor = 0 OR (o.kind = 'export' AND o.state IN ('proposed', 'cancelled')))
                OR (p.id IS NULL AND o.state = 'deposit_due')
                OR p.amount_minor <> coalesce(o.boxes * t.per_box_minor, o.total_minor))
        """,
    ),
    Invariant(
        id="O5",
        says=Text(
            en="What is bought is paid, wholly or its deposit, and what is paid is bought or forfeited, or goes back.",
            zh="已成交即已付款或已付定金；已付款即已成交、已罚没或应退。",
        ),
        sql=f"""
            SELECT o.id, o.state, p.state AS payment FROM "order" o
            JOIN payment p ON p.order_id = o.id AND p.purpose = 'order'
            WHERE (p.state = 'succeeded') <> (o.state IN ({listed(BOUGHT)}, 'balance_defaulted', 'cut')
                OR (o.state IN ('withdrawn', 'released') AND p.received_minor > 0
                    AND p.refund_due_minor = p.received_minor))
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="H3",
        says=Text(
            en="A consumed hold of a buyer belongs to one order that is bought.",
            zh="已成交的保留对应一个已成交订单。",
        ),
        sql=f"""
            SELECT h.id FROM hold h LEFT JOIN "order" o ON o.hold_id = h.id AND o.state <> 'payment_failed'
            WHERE h.kind IN ('cart', 'presale') AND (h.state = 'consumed') <>
                (coalesce(o.state, '') IN ({listed(BOUGHT)}))
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="O6",
        says=Text(
            en="Money that must go back stands in a case, open or settled.",
            zh="应退款项必有待办事项，未结或已结。",
        ),
        sql="""
            SELECT p.id, p.order_id, p.refund_due_minor, p.currency FROM payment p
            WHERE p.refund_due_minor > 0 AND NOT EXISTS (SELECT FROM "case" c
                WHERE c.kind IN ('late_payment', 'refund') AND c.subject_kind = 'payment' AND c.subject_id = p.id)
        """,
    ),
    Invariant(
        id="O7",
        says=Text(
            en="An order's payments never exceed its price, and one that is wholly paid has all of its final price:"
            " what is given back after the sale changes no price.",
            zh="订单付款从不超过其价格；付清的订单恰为最终价，售后退款不改变价格。",
        ),
        sql=f"""
            SELECT o.id, o.state, o.total_minor, p.paid, p.back FROM "order" o
            LEFT JOIN deposit_terms t ON t.order_id = o.id
            LEFT JOIN (
                SELECT order_id, sum(received_minor) AS paid,
                    coalesce(sum(refund_due_minor - coalesce(r.minor, 0)) FILTER (WHERE state = 'succeeded'), 0) AS back
                FROM payment LEFT JOIN (
                    SELECT payment_id, sum(amount_minor) AS minor FROM part_refund
                    WHERE kind = 'refund' AND reason = '{AFTER_SALE}' GROUP BY payment_id
                ) r ON r.payment_id = payment.id GROUP BY order_id
            ) p ON p.order_id = o.id
            WHERE o.kind <> 'sponsor_bulk' AND (coalesce(p.paid, 0) + coalesce(t.bonus_minor, 0) > o.total_minor
                OR (o.state IN ({listed(WHOLLY_PAID)}) AND coalesce(p.paid, 0) - coalesce(p.back, 0) + t.bonus_minor
                    + t.discount_minor <> t.balance_boxes * t.final_unit_price_minor))
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="O8",
        says=Text(
            en="The deposit of who did not pay the rest is with cooperatives, to the unit; no other is.",
            zh="违约订单的定金如数归合作社，其他订单没有罚没。",
        ),
        sql="""
            SELECT o.id, o.state, coalesce(sum(f.amount_minor), 0) AS forfeited FROM "order" o
            LEFT JOIN deposit_terms t ON t.order_id = o.id LEFT JOIN forfeit f ON f.order_id = o.id
            GROUP BY o.id, t.order_id
            HAVING coalesce(sum(f.amount_minor), 0) <>
                CASE o.state WHEN 'balance_defaulted' THEN t.balance_boxes * t.per_box_minor ELSE 0 END
        """,
    ),
    Invariant(
        id="O9",
        says=Text(
            en="A balance is what the final price leaves of the deposit's worth and of what was promised to be taken"
            " off, for the boxes that the order has; no box costs more than was shown.",
            zh="尾款等于最终价减去定金抵扣额与承诺的优惠额，按订单现有箱数计；任何一箱都不高于下单时所示价格。",
        ),
        sql=f"""
            SELECT o.id, o.state, t.final_unit_price_minor, t.balance_minor FROM "order" o
            JOIN deposit_terms t ON t.order_id = o.id LEFT JOIN pool_balance b ON b.pool_id = t.pool_id
            JOIN hold h ON h.id = o.hold_id
            WHERE (o.state NOT IN ('released', 'cut') AND (t.balance_minor IS NOT NULL) <>
                (o.state IN ({listed(WHOLLY_PAID)}, 'balance_due', 'balance_defaulted')))
            OR t.final_unit_price_minor IS DISTINCT FROM CASE WHEN t.balance_minor IS NOT NULL
                THEN least(o.unit_price_minor, b.unit_price_minor) END
            OR t.balance_minor + t.bonus_minor + t.discount_minor
                <> t.balance_boxes * (t.final_unit_price_minor - t.per_box_minor)
            OR t.discount_minor <> least((o.discount_minor * t.balance_boxes + o.boxes - 1) / o.boxes,
                t.balance_boxes * (t.final_unit_price_minor - t.per_box_minor) - t.bonus_minor)
            OR (o.state IN ({listed(WHOLLY_PAID)}, 'balance_due') AND t.balance_boxes <> h.consumed_boxes)
            OR t.balance_boxes > o.boxes
        """,  # noqa: S608 (the states are our own)
    ),
    Invariant(
        id="O10",
        says=Text(
            en="An order, its hold, its payments, refunds and forfeits are in one currency.",
            zh="订单及其保留、付款、退款与罚没均为同一币种。",
        ),
        sql="""
            SELECT o.id, o.currency, other.kind, other.currency AS differs FROM (
                SELECT o.id AS order_id, 'hold' AS kind, h.currency FROM "order" o JOIN hold h ON h.id = o.hold_id
                UNION ALL SELECT order_id, 'payment', currency FROM payment
                UNION ALL SELECT p.order_id, 'part_refund', r.currency
                    FROM part_refund r JOIN payment p ON p.id = r.payment_id
                UNION ALL SELECT order_id, 'forfeit', currency FROM forfeit
            ) other JOIN "order" o ON o.id = other.order_id WHERE other.currency <> o.currency
        """,
    ),
    Invariant(
        id="A6",
        says=Text(
            en="Only what a cooperative has confirmed is committed to a share.",
            zh="只有合作社已确认的份额才转为应付。",
        ),
        sql="""
            SELECT h.id, s.id AS share, s.state FROM hold h
            JOIN share s ON h.purpose_kind = 'share' AND s.id = h.purpose_id JOIN movement m ON m.hold_id = h.id
            WHERE s.state <> 'confirmed' AND h.state = 'active'
            GROUP BY h.id, s.id HAVING sum(m.committed_delta_grams) <> 0
        """,
    ),
)
