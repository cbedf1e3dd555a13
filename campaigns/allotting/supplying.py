"""Which cooperative supplies which order: one statement lays orders and commitments along the same line of boxes.

Orders stand in the order of a hash of the allocation's seed and their id, never of their arrival; cooperatives by code.
"""

import uuid
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.allotting import allotting
from campaigns.allotting.models import Supply
from marketplace.context import Context

ASSIGN: Final = text("""
    WITH bought AS (
        SELECT o.id, o.boxes, row_number() OVER line AS place, sum(o.boxes) OVER line AS until
        FROM hold h JOIN "order" o ON o.hold_id = h.id
        WHERE h.pool_id = :pool_id AND h.kind IN ('cart', 'presale') AND h.state = 'consumed'
            AND o.state <> 'payment_failed'
        WINDOW line AS (ORDER BY sha256(convert_to(:seed || '/' || o.id::text, 'UTF8')), o.id)
    ), given AS (
        SELECT cooperative_id, row_number() OVER line AS place, sum(sum(boxes - boxes_given_back)) OVER line AS until
        FROM commitment WHERE item_id = :item_id AND state = 'confirmed'
        GROUP BY cooperative_id, code WINDOW line AS (ORDER BY code)
    ), edge AS (
        SELECT until, sum(of_order) AS of_order, sum(of_given) AS of_given FROM (
            SELECT until, 1 AS of_order, 0 AS of_given FROM bought UNION ALL SELECT until, 0, 1 FROM given
        ) each GROUP BY until
    ), piece AS (
        SELECT until - lag(until, 1, 0::numeric) OVER (ORDER BY until) AS boxes,
            1 + coalesce(sum(of_order) OVER before, 0) AS order_place,
            1 + coalesce(sum(of_given) OVER before, 0) AS given_place
        FROM edge WINDOW before AS (ORDER BY until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), made AS (
        INSERT INTO supply (order_id, cooperative_id, item_id, boxes)
        SELECT (SELECT array_agg(id ORDER BY place) FROM bought)[order_place],
            (SELECT array_agg(cooperative_id ORDER BY place) FROM given)[given_place], :item_id, boxes
        FROM piece
        WHERE order_place <= (SELECT count(*) FROM bought) AND given_place <= (SELECT count(*) FROM given)
        RETURNING boxes
    )
    SELECT (SELECT coalesce(sum(boxes), 0) FROM made) AS made,
        (SELECT coalesce(sum(boxes), 0) FROM bought) AS bought,
        (SELECT coalesce(max(until), 0) FROM given) AS given
""")
"""An edge is where an order or a commitment ends; between two edges lies a piece of one order and one cooperative:
the one that as many ends stand before as have places before it. One sort, whatever the numbers.

Places are looked up in arrays, not joined: the database guesses how many rows a part of a statement has, and when its
figures are older than a sale it may guess one, and compare each piece with each order."""


class SuppliesBroken(Exception):
    """Orders, commitments and supplies differ in sum: a broken promise of our code, never of the caller."""


def assign(session: Session, *, item_id: uuid.UUID, pool_id: uuid.UUID, seed: str) -> int:
    """Write down who supplies which order of an item whose commitments are all confirmed; how many boxes."""
    session.flush()
    found = session.execute(ASSIGN, {"item_id": item_id, "pool_id": pool_id, "seed": seed}).one()
    if not found.made == found.bought == found.given:
        raise SuppliesBroken(item_id, found.made, found.bought, found.given)
    return int(found.made)


def page(
    session: Session, ctx: Context, *, commitment_id: uuid.UUID, limit: int, cursor: uuid.UUID | None
) -> dict[str, Any]:
    """A page of the supplies of a commitment's cooperative and item. Raises CommitmentNotFound."""
    commitment = allotting.get(session, ctx, commitment_id=commitment_id)
    statement = select(Supply).where(
        Supply.item_id == commitment.item_id, Supply.cooperative_id == commitment.cooperative_id
    )
    if cursor is not None:
        statement = statement.where(Supply.order_id > cursor)
    rows = list(session.scalars(statement.order_by(Supply.order_id).limit(limit + 1)))
    items = rows[:limit]
    return {"items": items, "next_cursor": items[-1].order_id if len(rows) > limit else None}
