"""What must be true of groups at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="V7",
        says=Text(
            en="The places of a group are its people: those who have not left, and of them those who paid.",
            zh="拼团名额与成员一致：未退出者占名额，其中已付款者计入成团。",
        ),
        sql="""
            SELECT g.id, g.state, g.places_taken, g.places_paid FROM promotion_group g CROSS JOIN LATERAL (
                SELECT count(*) AS taken, count(m.paid_at) AS paid,
                    coalesce(bool_and(CASE g.state WHEN 'open' THEN m.state IN ('joined', 'paid')
                        WHEN 'full' THEN m.state IN ('paid', 'undone')
                        WHEN 'settled' THEN m.state IN ('rewarded', 'undone')
                        ELSE m.state = 'lapsed' END), true) AS fits
                FROM promotion_group_member m WHERE m.group_id = g.id AND m.state <> 'left'
            ) people
            WHERE (g.places_taken, g.places_paid) <> (people.taken, people.paid) OR NOT people.fits
        """,
    ),
    Invariant(
        id="V8",
        says=Text(
            en="The discount of a place is reserved while its group may fill, spent when it came back, else free.",
            zh="拼团名额的优惠：成团前占用，退差价后核销，否则退回预算。",
        ),
        sql="""
            SELECT m.id, m.state, u.state AS use FROM promotion_group_member m
            JOIN promotion_use u ON u.id = m.use_id CROSS JOIN LATERAL (
                SELECT EXISTS (SELECT FROM "order" o JOIN deposit_terms t ON t.order_id = o.id
                    WHERE o.hold_id = m.hold_id AND o.state <> 'payment_failed') AS is_so
            ) by_deposit
            WHERE (u.group_id, u.promotion_id, u.person_id, u.hold_id)
                IS DISTINCT FROM (m.group_id, m.promotion_id, m.account_id, m.hold_id)
            OR u.state <> CASE WHEN m.state IN ('joined', 'paid') THEN 'reserved'
                WHEN m.state = 'rewarded' AND m.given_minor > 0 AND NOT (by_deposit.is_so AND u.state = 'given_back')
                THEN 'consumed' ELSE 'given_back' END
            OR (m.state IN ('joined', 'paid') AND u.minor <> m.reserved_minor)
            OR (m.state = 'rewarded' AND m.given_minor > 0
                AND (u.minor > m.given_minor OR (u.minor < m.given_minor AND NOT by_deposit.is_so)))
            UNION ALL
            SELECT u.id, u.state, NULL FROM promotion_use u
            WHERE u.group_id IS NOT NULL AND u.state IN ('reserved', 'consumed')
                AND NOT EXISTS (SELECT FROM promotion_group_member m WHERE m.use_id = u.id)
        """,
    ),
    Invariant(
        id="V9",
        says=Text(
            en="What a full group gave to its people goes back to them, or comes off their balance, each once and to"
            " the unit, and to nobody else.",
            zh="成团差价如数退给成员或从其尾款中扣减，各一次；其他人没有。",
        ),
        sql="""
            SELECT m.id, m.given_minor, back.minor FROM promotion_group_member m
            LEFT JOIN "order" o ON o.hold_id = m.hold_id AND o.state <> 'payment_failed'
            LEFT JOIN deposit_terms t ON t.order_id = o.id CROSS JOIN LATERAL (
                SELECT coalesce(sum(r.amount_minor), 0) AS minor FROM part_refund r
                JOIN payment p ON p.id = r.payment_id
                WHERE r.reason = 'group_buy' AND r.source_id = m.id AND p.payer_id = m.account_id
            ) back CROSS JOIN LATERAL (
                SELECT coalesce(sum((line ->> 'amount_minor')::bigint), 0) AS minor
                FROM jsonb_array_elements(o.discounts) line WHERE line ->> 'promotion_id' = m.promotion_id::text
            ) off
            WHERE back.minor <> CASE WHEN t.order_id IS NULL THEN coalesce(m.given_minor, 0) ELSE 0 END
                OR (m.state IN ('rewarded', 'undone')
                    AND off.minor <> CASE WHEN t.order_id IS NULL THEN 0 ELSE m.given_minor END)
            UNION ALL
            SELECT r.id, r.amount_minor, NULL FROM part_refund r WHERE r.reason = 'group_buy'
                AND NOT EXISTS (SELECT FROM promotion_group_member m WHERE m.id = r.source_id)
        """,
    ),
)
