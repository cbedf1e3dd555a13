"""A shopper's own orders as a phone shows them, newest first: each with its campaign, what is due, what may be done.

One statement for a page, and one for an order with its history; nothing of an address but whether there is one.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from marketplace import express, versions
from marketplace.context import Context
from marketplace.payments.states import WAITS_FOR_PAYER
from marketplace.values import instant_text
from orders.bulk import OrderNotFound
from orders.states import OrderKind, OrderState, next_steps

_LAST: Final = uuid.UUID(int=2**128 - 1)
_ORDERS: Final = f"""
    SELECT o.id, o.state, o.boxes, o.pack_grams, o.unit_price_minor, o.discount_minor,
        o.discounts, o.total_minor, o.currency, o.delivered_on,
        o.created_at, o.version, product.variety, product.grade,
        CASE WHEN c.id IS NOT NULL THEN json_build_object('id', c.id, 'code', c.code, 'title_en', c.title_en,
            'title_zh', c.title_zh, 'item_id', i.id) END AS campaign,
        CASE WHEN p.id IS NOT NULL THEN json_build_object('id', p.id, 'state', p.state, 'reference', p.reference,
            'received_minor', p.received_minor, 'refund_due_minor', p.refund_due_minor) END AS payment,
        EXISTS (SELECT FROM order_address a WHERE a.order_id = o.id) AS has_address,
        CASE o.state WHEN '{OrderState.DEPOSIT_DUE}' THEN coalesce(p.amount_minor - p.received_minor, 0)
            WHEN '{OrderState.BALANCE_DUE}' THEN t.balance_minor ELSE 0 END AS due_now_minor,
        CASE WHEN o.state IN ('{OrderState.DEPOSIT_DUE}', '{OrderState.DEPOSIT_PAID}', '{OrderState.COMMITTED}')
            THEN coalesce((o.unit_price_minor - t.counts_minor) * b.boxes
                - (o.discount_minor * b.boxes + o.boxes - 1) / o.boxes, 0)
            ELSE 0 END AS due_later_minor
    FROM "order" o JOIN pack ON pack.id = o.pack_id JOIN product ON product.id = pack.product_id
        LEFT JOIN hold h ON h.id = o.hold_id LEFT JOIN campaign_item i ON i.pool_id = h.pool_id
        LEFT JOIN campaign c ON c.id = i.campaign_id LEFT JOIN deposit_terms t ON t.order_id = o.id
        LEFT JOIN LATERAL (SELECT * FROM payment last WHERE last.order_id = o.id ORDER BY last.id DESC LIMIT 1) p
            ON true
        CROSS JOIN LATERAL (SELECT CASE o.state WHEN '{OrderState.DEPOSIT_DUE}' THEN o.boxes
            ELSE h.consumed_boxes END AS boxes) b
    WHERE o.buyer_id = %(buyer)s::uuid AND o.kind = '{OrderKind.SHOPPER_PRESALE}'
"""  # noqa: S608 (the parts are our own)
_PAGE: Final = f"""
    SELECT (SELECT coalesce(json_agg(row_to_json(shown)), '[]') FROM (
        {_ORDERS} AND o.id < %(cursor)s::uuid ORDER BY o.id DESC LIMIT %(limit)s::bigint
    ) AS shown)::text AS told
"""  # noqa: S608 (the parts are our own)
_ONE: Final = f"""
    SELECT (SELECT row_to_json(shown) FROM (
        SELECT mine.*, (
            SELECT coalesce(json_agg(json_build_object('at', e.at, 'what', e.action, 'state', e.after ->> 'state')
                ORDER BY e.at, e.id), '[]')
            FROM audit_entry e
            WHERE (e.subject_kind = 'order' AND e.subject_id = mine.id::text)
                OR (e.subject_kind = 'payment' AND e.subject_id IN (
                    SELECT each.id::text FROM payment each WHERE each.order_id = mine.id))
        ) AS history
        FROM ({_ORDERS} AND o.id = %(id)s::uuid) AS mine
    ) AS shown)::text AS told
"""  # noqa: S608 (the parts are our own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    body: str
    etag: str
    next_cursor: str | None = None


def page(ctx: Context, *, limit: int, cursor: uuid.UUID | None) -> Told:
    """In the form of `schemas.MyOrderPage`."""
    rows = json.loads(_look(_PAGE, buyer=ctx.actor.id, cursor=cursor or _LAST, limit=limit + 1) or "[]")
    items = rows[:limit]
    following = items[-1]["id"] if len(rows) > limit else None
    return _told({"items": [_shown(row) for row in items], "next_cursor": following}, following)


def one(ctx: Context, *, order_id: uuid.UUID) -> Told:
    """In the form of `schemas.MyOrderWithHistory`; raises OrderNotFound."""
    raw = _look(_ONE, buyer=ctx.actor.id, id=order_id)
    if raw is None:
        raise OrderNotFound
    row = json.loads(raw)
    history = [{**step, "at": _instant(step["at"])} for step in row.pop("history")]
    return _told({**_shown(row), "history": history})


def _look(sql: str, **values: Any) -> str | None:
    [row] = express.line("reads").run(lambda work: work.look((sql, values)))
    told: str | None = row.told
    return told


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    payment = row["payment"]
    is_unconfirmed = payment is not None and payment["state"] in WAITS_FOR_PAYER
    return {
        **row,
        "created_at": _instant(row["created_at"]),
        "next_steps": [str(step) for step in next_steps(row["state"], is_unconfirmed=is_unconfirmed)],
    }


def _instant(text: str) -> str:
    return instant_text(datetime.fromisoformat(text))


def _told(body: Mapping[str, Any], following: str | None = None) -> Told:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Told(body=text, etag=versions.digest(text), next_cursor=following)
