"""What must be true of campaigns at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="C1",
        says=Text(en="A campaign is in the state of its last move.", zh="活动状态与最后一次变更一致。"),
        sql="""
            SELECT c.id, c.state, last.after FROM campaign c
            LEFT JOIN LATERAL (
                SELECT t.after FROM campaign_transition t WHERE t.campaign_id = c.id ORDER BY t.number DESC LIMIT 1
            ) last ON true
            WHERE c.state IS DISTINCT FROM last.after
        """,
    ),
    Invariant(
        id="C2",
        says=Text(en="A campaign's moves are numbered without gaps.", zh="活动变更编号连续。"),
        sql="""
            SELECT campaign_id, count(*) AS moves, max(number) AS highest FROM campaign_transition
            GROUP BY campaign_id HAVING count(*) <> max(number) OR min(number) <> 1
        """,
    ),
    Invariant(
        id="C3",
        says=Text(en="Nobody ordered or holds more than a campaign allows.", zh="无人超出活动限购。"),
        sql="""
            SELECT i.id AS item, h.owner_id, sum(h.boxes) AS boxes, i.boxes_per_buyer_max FROM campaign_item i
            JOIN hold h ON h.purpose_kind = 'campaign_item' AND h.purpose_id = i.id
            WHERE h.kind = 'cart' AND (h.state IN ('converting', 'consumed')
                OR (h.state = 'active' AND h.expires_at > clock_timestamp()))
            GROUP BY i.id, h.owner_id, i.boxes_per_buyer_max HAVING sum(h.boxes) > i.boxes_per_buyer_max
        """,
    ),
    Invariant(
        id="C4",
        says=Text(en="An item sells at the price that its holds carry.", zh="保留价格与活动价格一致。"),
        sql="""
            SELECT h.id FROM hold h JOIN campaign_item i ON h.purpose_kind = 'campaign_item' AND h.purpose_id = i.id
            WHERE h.kind = 'cart' AND (h.unit_price_minor, h.currency) <> (i.unit_price_minor, i.currency)
        """,
    ),
    Invariant(
        id="C5",
        says=Text(
            en="What is paused or over does not sell, and knows when it ends for good.",
            zh="暂停或结束的活动不售卖，且其货源池记有终止时间。",
        ),
        sql="""
            SELECT i.id AS item, c.state, p.sells_from, p.sells_until, c.closes_at FROM campaign c
            JOIN campaign_item i ON i.campaign_id = c.id JOIN pool p ON p.id = i.pool_id
            WHERE c.state IN ('paused', 'deposit_closed', 'cancelled')
            AND (p.sells_from IS NOT NULL OR p.sells_until IS NULL OR p.sells_until > c.closes_at)
        """,
    ),
    Invariant(
        id="C6",
        says=Text(
            en="A ladder begins at the price shown and falls step by step; deposits stay within their cap of its end.",
            zh="阶梯价自所示价格起逐级递减；定金不超过最低价的法定上限。",
        ),
        sql="""
            SELECT i.id FROM campaign_item i JOIN pool p ON p.id = i.pool_id
            CROSS JOIN LATERAL (
                SELECT least(min(s.unit_price_minor), i.unit_price_minor) AS minor,
                    bool_and(s.is_falling) AS is_falling,
                    max(s.unit_price_minor) FILTER (WHERE s.from_boxes = 0) AS first_minor
                FROM (SELECT unit_price_minor, from_boxes, coalesce(unit_price_minor
                    < lag(unit_price_minor) OVER (ORDER BY from_boxes), from_boxes = 0) AS is_falling
                    FROM campaign_step WHERE item_id = i.id) s
            ) lowest
            WHERE NOT coalesce(lowest.is_falling, true)
            OR coalesce(lowest.first_minor, i.unit_price_minor) <> i.unit_price_minor
            OR p.deposit_counts_minor > lowest.minor
            OR (p.deposit_type = 'earnest' AND 5 * p.deposit_minor > lowest.minor)
        """,
    ),
    Invariant(
        id="C7",
        says=Text(
            en="The final price of an item is that of the step its sales reached.",
            zh="项目最终价即销量所达阶梯的价格。",
        ),
        sql="""
            SELECT i.id, i.final_unit_price_minor, b.unit_price_minor, b.boxes_sold FROM campaign_item i
            LEFT JOIN pool_balance b ON b.pool_id = i.pool_id
            WHERE i.final_unit_price_minor IS DISTINCT FROM b.unit_price_minor
            OR b.unit_price_minor <> coalesce((SELECT s.unit_price_minor FROM campaign_step s
                WHERE s.item_id = i.id AND s.from_boxes <= b.boxes_sold ORDER BY s.from_boxes DESC LIMIT 1),
                i.unit_price_minor)
        """,
    ),
)
