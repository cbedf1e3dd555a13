"""What must be true of exports at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="EX1",
        says=Text(
            en="An export is sold at the price that was set for its item in its currency.",
            zh="出口订单按其项目以该币种所定的价格成交。",
        ),
        sql="""
            SELECT o.id, o.unit_price_minor, o.currency FROM "order" o
            JOIN export_terms t ON t.order_id = o.id JOIN campaign_item i ON i.id = t.item_id
            LEFT JOIN campaign_item_price p ON p.item_id = i.id AND p.currency = o.currency
            WHERE o.unit_price_minor IS DISTINCT FROM
                CASE WHEN o.currency = i.currency THEN i.unit_price_minor ELSE p.unit_price_minor END
        """,
    ),
    Invariant(
        id="EX2",
        says=Text(
            en="Exports, and no other orders, have terms and papers to bring, for boxes of the item they name.",
            zh="出口订单（且仅出口订单）有出口条款与所需单证，并取自所指项目。",
        ),
        sql="""
            SELECT o.id, o.kind, t.item_id FROM "order" o LEFT JOIN export_terms t ON t.order_id = o.id
            LEFT JOIN campaign_item i ON i.id = t.item_id LEFT JOIN hold h ON h.id = o.hold_id
            WHERE (o.kind = 'export') <> (t.order_id IS NOT NULL)
            OR (t.order_id IS NOT NULL AND (h.pool_id IS DISTINCT FROM i.pool_id OR h.kind <> 'presale'
                OR NOT EXISTS (SELECT FROM export_requirement r WHERE r.order_id = o.id)))
        """,
    ),
    Invariant(
        id="EX3",
        says=Text(
            en="What is ready to ship was paid, and has every paper that its destination asks for.",
            zh="可发运的出口订单均已付款且单证齐全。",
        ),
        sql="""
            SELECT t.order_id, r.kind, o.state FROM export_terms t JOIN "order" o ON o.id = t.order_id
            JOIN export_requirement r ON r.order_id = t.order_id
            WHERE t.ready_at IS NOT NULL AND (o.state IN ('proposed', 'deposit_due')
                OR NOT EXISTS (SELECT FROM export_document d WHERE d.order_id = r.order_id AND d.kind = r.kind
                    AND d.uploaded_at <= t.ready_at))
        """,
    ),
    Invariant(
        id="EX4",
        says=Text(
            en="Versions of a paper are numbered without gaps, in the order in which they came.",
            zh="单证版本按上传次序连续编号。",
        ),
        sql="""
            SELECT id, order_id, kind, version FROM (
                SELECT d.*, row_number() OVER line AS place, lag(uploaded_at) OVER line AS before
                FROM export_document d WINDOW line AS (PARTITION BY order_id, kind ORDER BY version)
            ) numbered WHERE version <> place OR uploaded_at < before
        """,
    ),
)
