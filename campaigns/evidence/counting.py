"""The tables of evidence: each is one statement that counts rows of one cooperative, and names nobody else.

What stands in them was pledged, delivered, weighed, measured or booked. Buyers are not in them: boxes are summed by
campaign, item and price.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.evidence.rules import Column, Content, Kind, Table
from marketplace.language import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    content: Content
    name: str
    title: Text
    columns: tuple[Column, ...]
    sql: str


def _column(name: str, en: str, zh: str, kind: Kind = Kind.TEXT) -> Column:
    return Column(name=name, label=Text(en=en, zh=zh), kind=kind)


_CAMPAIGN: Final = _column("campaign", "Campaign", "活动")
_VARIETY: Final = _column("variety", "Variety", "品种")
_GRADE: Final = _column("grade", "Grade", "等级")
_STATE: Final = _column("state", "State", "状态")
_KIND: Final = _column("kind", "What", "事项")
_MONTH: Final = _column("month", "Month", "月份")
_CURRENCY: Final = _column("currency", "Currency", "币种")
_BOXES: Final = _column("boxes", "Boxes", "箱数", Kind.BOXES)
_WEIGHT: Final = _column("grams", "Kilograms", "千克", Kind.GRAMS)
_COUNT: Final = _column("count", "Rows", "笔数", Kind.NUMBER)
_PRICE: Final = _column("unit_price_minor", "Price of a box", "单价", Kind.MINOR)

ASKED: Final = (
    _Asked(
        content=Content.PLEDGES,
        name="pledges",
        title=Text(en="Pledges", zh="承诺货源"),
        columns=(
            _CAMPAIGN,
            _VARIETY,
            _GRADE,
            _STATE,
            _COUNT,
            _column("wanted_boxes", "Boxes put up", "提出箱数", Kind.BOXES),
            _column("boxes", "Boxes standing", "有效箱数", Kind.BOXES),
            _WEIGHT,
        ),
        sql="""
            SELECT c.code, p.variety, p.grade, g.state, count(*), sum(g.wanted_boxes)::bigint, sum(g.boxes)::bigint,
                sum(g.boxes * p.pack_grams)::bigint
            FROM pledge g JOIN campaign c ON c.id = g.campaign_id JOIN campaign_item i ON i.id = g.item_id
            JOIN pool p ON p.id = i.pool_id WHERE g.cooperative_id = :cooperative AND g.created_at >= :since
            GROUP BY c.code, p.variety, p.grade, g.state ORDER BY 1, 2, 3, 4
        """,
    ),
    _Asked(
        content=Content.DELIVERIES,
        name="deliveries",
        title=Text(en="Boxes delivered to buyers", zh="已送达箱数"),
        columns=(
            _CAMPAIGN,
            _VARIETY,
            _GRADE,
            _MONTH,
            _BOXES,
            _WEIGHT,
            _PRICE,
            _column("goods_minor", "Boxes × price", "箱数 × 单价", Kind.MINOR),
            _CURRENCY,
        ),
        sql="""
            SELECT c.code, p.variety, p.grade, to_char(r.delivered_at AT TIME ZONE 'UTC', 'YYYY-MM'),
                sum(r.boxes)::bigint, sum(r.boxes * r.pack_grams)::bigint,
                coalesce(d.final_unit_price_minor, o.unit_price_minor),
                (sum(r.boxes) * coalesce(d.final_unit_price_minor, o.unit_price_minor))::bigint, o.currency
            FROM parcel r JOIN "order" o ON o.id = r.order_id LEFT JOIN deposit_terms d ON d.order_id = o.id
            JOIN hold h ON h.id = o.hold_id JOIN pool p ON p.id = h.pool_id
            JOIN campaign_item i ON i.pool_id = p.id JOIN campaign c ON c.id = i.campaign_id
            WHERE r.cooperative_id = :cooperative AND r.state = 'delivered' AND r.delivered_at >= :since
            GROUP BY c.code, p.variety, p.grade, 4, 7, o.currency ORDER BY 1, 2, 3, 4, 7, 9
        """,
    ),
    _Asked(
        content=Content.DELIVERIES,
        name="sponsored",
        title=Text(en="Boxes of sponsors' purchases", zh="赞助采购箱数"),
        columns=(
            _column("since", "Agreed", "签约日"),
            _column("boxes", "Boxes confirmed", "确认箱数", Kind.BOXES),
            _column("taken_in", "Taken in", "已入库", Kind.BOXES),
            _column("delivered", "Delivered", "已交付", Kind.BOXES),
            _column("grams", "Kilograms delivered", "交付千克", Kind.GRAMS),
            _PRICE,
            _column("payable_minor", "Due by tranches", "分期应付", Kind.MINOR),
            _CURRENCY,
        ),
        sql="""
            SELECT to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), r.boxes, r.boxes_taken_in, r.boxes_delivered,
                r.boxes_delivered * s.pack_grams, s.unit_price_minor,
                coalesce((SELECT sum(p.amount_minor) FROM sponsor_payable p WHERE p.share_id = r.share_id), 0)::bigint,
                s.currency
            FROM sponsored_share r JOIN sponsorship s ON s.id = r.sponsorship_id
            WHERE r.cooperative_id = :cooperative AND s.created_at >= :since ORDER BY s.created_at, r.share_id
        """,
    ),
    _Asked(
        content=Content.STOCK,
        name="stock",
        title=Text(en="Fruit in and out of store", zh="出入库"),
        columns=(_VARIETY, _GRADE, _KIND, _COUNT, _WEIGHT),
        sql="""
            SELECT l.variety, l.grade, m.kind, count(*), sum(m.on_hand_delta_grams)::bigint
            FROM lot l JOIN movement m ON m.lot_id = l.id
            WHERE l.cooperative_id = :cooperative AND m.on_hand_delta_grams <> 0 AND m.at >= :since
            GROUP BY l.variety, l.grade, m.kind ORDER BY 1, 2, 3
        """,
    ),
    _Asked(
        content=Content.STOCK,
        name="counts",
        title=Text(en="Counts of the store", zh="盘点"),
        columns=(
            _VARIETY,
            _GRADE,
            _COUNT,
            _column("book_grams", "By the book, kg", "账面千克", Kind.GRAMS),
            _column("counted_grams", "Counted, kg", "实盘千克", Kind.GRAMS),
            _column("found_grams", "Lost since the count before, kg", "较上次减少千克", Kind.GRAMS),
        ),
        sql="""
            SELECT l.variety, l.grade, count(*), sum(t.book_grams)::bigint, sum(t.counted_grams)::bigint,
                sum(t.found_grams)::bigint
            FROM lot l JOIN stock_take t ON t.lot_id = l.id
            WHERE l.cooperative_id = :cooperative AND t.at >= :since
            GROUP BY l.variety, l.grade ORDER BY 1, 2
        """,
    ),
    _Asked(
        content=Content.QUALITY,
        name="quality",
        title=Text(en="Quality as measured", zh="品质检测"),
        columns=(
            _VARIETY,
            _GRADE,
            _COUNT,
            _column("brix_lowest", "Sugar, lowest °Bx", "糖度最低", Kind.TENTHS),
            _column("brix_highest", "Sugar, highest °Bx", "糖度最高", Kind.TENTHS),
            _column("firmness_lowest", "Firmness, lowest N", "硬度最低（牛）", Kind.TENTHS),
            _column("firmness_highest", "Firmness, highest N", "硬度最高（牛）", Kind.TENTHS),
        ),
        sql="""
            SELECT l.variety, l.grade, count(*), min(q.brix_tenths), max(q.brix_tenths),
                min(q.firmness_newton_tenths), max(q.firmness_newton_tenths)
            FROM lot l JOIN quality_reading q ON q.lot_id = l.id
            WHERE l.cooperative_id = :cooperative AND q.at >= :since
            GROUP BY l.variety, l.grade ORDER BY 1, 2
        """,
    ),
    _Asked(
        content=Content.INCOME,
        name="settlements",
        title=Text(en="Settlements that are final", zh="已定案结算单"),
        columns=(
            _column("number", "Number", "编号"),
            _STATE,
            _column("final_on", "Final", "定案日"),
            _column("goods_minor", "Boxes delivered, less refunds", "交付货款减退款", Kind.MINOR),
            _column("payout_minor", "Payout", "应付金额", Kind.MINOR),
            _CURRENCY,
        ),
        sql="""
            SELECT number, state, to_char(final_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), orders_minor AS goods_minor,
                payout_minor, currency
            FROM settlement WHERE cooperative_id = :cooperative AND state IN ('final', 'paid') AND final_at >= :since
            ORDER BY final_at, id
        """,
    ),
    _Asked(
        content=Content.INCOME,
        name="income",
        title=Text(en="Booked as payable to the cooperative", zh="应付合作社款入账"),
        columns=(
            _MONTH,
            _KIND,
            _COUNT,
            _column("more_minor", "More", "增加", Kind.MINOR),
            _column("less_minor", "Less", "减少", Kind.MINOR),
            _CURRENCY,
        ),
        sql="""
            SELECT to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM'), t.kind, count(*),
                coalesce(sum(e.amount_minor) FILTER (WHERE e.side = 'credit'), 0)::bigint,
                coalesce(sum(e.amount_minor) FILTER (WHERE e.side = 'debit'), 0)::bigint, a.currency
            FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.id
            JOIN ledger_transfer t ON t.id = e.transfer_id
            WHERE a.owner_kind = 'cooperative' AND a.owner_id = :cooperative AND a.code = 'coop_payable'
                AND e.phase IN ('single', 'post') AND e.at >= :since
            GROUP BY 1, t.kind, a.currency ORDER BY 1, 2, 6
        """,
    ),
    _Asked(
        content=Content.ADVANCES,
        name="advances",
        title=Text(en="Advances", zh="预付款"),
        columns=(
            _CAMPAIGN,
            _column("paid_on", "Paid", "付款日"),
            _STATE,
            _column("amount_minor", "Advanced", "预付", Kind.MINOR),
            _column("outstanding_minor", "Outstanding", "未抵扣", Kind.MINOR),
            _CURRENCY,
        ),
        sql="""
            SELECT c.code, to_char(a.paid_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), a.state, a.amount_minor,
                a.outstanding_minor, a.currency
            FROM advance a JOIN campaign c ON c.id = a.purpose_id
            WHERE a.cooperative_id = :cooperative AND a.state IN ('paid', 'repaid') AND a.paid_at >= :since
            ORDER BY a.paid_at, a.id
        """,
    ),
    _Asked(
        content=Content.ADVANCES,
        name="repayments",
        title=Text(en="What was repaid of advances", zh="预付款抵扣"),
        columns=(
            _CAMPAIGN,
            _column("on", "Day", "日期"),
            _KIND,
            _column("amount_minor", "Amount", "金额", Kind.MINOR),
            _column("outstanding_minor", "Outstanding after it", "之后未抵扣", Kind.MINOR),
            _CURRENCY,
        ),
        sql="""
            SELECT c.code, to_char(l.at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), l.kind, l.amount_minor, l.outstanding_minor,
                a.currency
            FROM advance a JOIN advance_line l ON l.advance_id = a.id JOIN campaign c ON c.id = a.purpose_id
            WHERE a.cooperative_id = :cooperative AND l.kind <> 'paid' AND l.at >= :since
            ORDER BY l.at, a.id, l.number
        """,
    ),
)


def tables(
    session: Session, *, cooperative_id: uuid.UUID, contents: Collection[str], since: date
) -> tuple[Table, ...]:
    """Those that belong to these contents; one without a row is told, too: nothing was counted."""
    values: dict[str, Any] = {"cooperative": cooperative_id, "since": since}
    return tuple(
        Table(
            content=each.content,
            name=each.name,
            title=each.title,
            columns=each.columns,
            rows=tuple(tuple(row) for row in session.execute(text(each.sql), values)),
        )
        for each in ASKED
        if each.content in contents
    )
