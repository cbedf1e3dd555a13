"""What the database holds after a run, read with plain SQL as the superuser; knows tables, not the app.

`install_witness` puts a trigger on `pool` that writes down every committed version with its time: a journal that
the app under test neither writes nor sees.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

WITNESS: Final = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.pool_line (
    seq bigserial PRIMARY KEY, pool_id uuid, number bigint,
    pledged_delta bigint, held_delta bigint, sold_delta bigint,
    boxes_pledged bigint, boxes_held bigint, boxes_sold bigint, at timestamptz
);
CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO chaos.pool_line (pool_id, number, pledged_delta, held_delta, sold_delta, boxes_pledged, boxes_held,
        boxes_sold, at)
    VALUES (NEW.id, NEW.version, NEW.boxes_pledged - OLD.boxes_pledged, NEW.boxes_held - OLD.boxes_held,
        NEW.boxes_sold - OLD.boxes_sold, NEW.boxes_pledged, NEW.boxes_held, NEW.boxes_sold, clock_timestamp());
    RETURN NULL;
END $$;
INSERT INTO chaos.pool_line (pool_id, number, pledged_delta, held_delta, sold_delta, boxes_pledged, boxes_held,
    boxes_sold, at)
SELECT id, version, boxes_pledged, boxes_held, boxes_sold, boxes_pledged, boxes_held, boxes_sold, clock_timestamp()
FROM public.pool;
CREATE TRIGGER chaos_note AFTER UPDATE ON public.pool FOR EACH ROW EXECUTE FUNCTION chaos.note();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    id: str
    owner: str
    item: str
    pool_id: str
    state: str
    boxes: int
    unit_price_minor: int
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    id: str
    hold_id: str
    buyer: str
    state: str
    boxes: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    id: str
    order_id: str
    state: str
    amount_minor: int
    received_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    id: str
    item: str
    pledged: int
    held: int
    sold: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLine:
    """One version of a pool: what changed, and what it held after it."""

    pool_id: str
    number: int
    pledged_delta: int
    held_delta: int
    sold_delta: int
    pledged: int
    held: int
    sold: int
    at: float
    hold_id: str | None = None

    @property
    def free(self) -> int:
        return self.pledged - self.held - self.sold


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    id: str
    on_hand: int
    held: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    lot_id: str
    number: int
    on_hand_delta: int
    held_delta: int
    on_hand: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The answer stored under a key."""

    status: int
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Everything the checker looks at. `journal` is None where the app keeps no journal of pools."""

    at: float
    holds: list[Hold] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)
    witness: list[PoolLine] = field(default_factory=list)
    journal: list[PoolLine] | None = None
    lots: list[Lot] = field(default_factory=list)
    lot_lines: list[LotLine] = field(default_factory=list)
    keys: dict[str, Kept] = field(default_factory=dict)


def install_witness(connection: psycopg.Connection[Any]) -> None:
    """Call when pools are filled and nobody works yet."""
    connection.execute(WITNESS.encode())


def read(connection: psycopg.Connection[Any]) -> Stored:
    """All tables in one snapshot."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

        def rows(statement: str) -> list[dict[str, Any]]:
            return [
                {name: _plain(value) for name, value in row.items()}
                for row in cursor.execute(statement.encode())
            ]

        has_journal = rows("SELECT to_regclass('pool_movement') IS NOT NULL AS found")[0]["found"]
        return Stored(
            at=rows("SELECT clock_timestamp() AS now")[0]["now"],
            holds=[Hold(**row) for row in rows(_HOLDS)],
            orders=[Order(**row) for row in rows(_ORDERS)],
            payments=[
                Payment(**row)
                for row in rows("SELECT id, order_id, state, amount_minor, received_minor FROM payment")
            ],
            pools=[Pool(**row) for row in rows(_POOLS)],
            witness=[PoolLine(**row) for row in rows(_lines("chaos.pool_line", "NULL", "pool_id, seq"))],
            journal=[PoolLine(**row) for row in rows(_lines("pool_movement", "hold_id", "pool_id, number"))]
            if has_journal
            else None,
            lots=[
                Lot(**row)
                for row in rows("SELECT id, on_hand_grams AS on_hand, held_grams AS held, version FROM lot")
            ],
            lot_lines=[LotLine(**row) for row in rows(_LOT_LINES)],
            keys={
                row["key"]: Kept(status=row["status"], body=json.loads(row["body"]) if row["body"] else None)
                for row in rows("SELECT key, status, body FROM idempotency_key")
            },
        )


_HOLDS: Final = """
    SELECT id, owner_id AS owner, purpose_id AS item, pool_id, state, boxes, unit_price_minor, expires_at
    FROM hold WHERE kind = 'cart'
"""
_ORDERS: Final = """
    SELECT id, hold_id, buyer_id AS buyer, state, boxes, total_minor FROM "order" WHERE hold_id IS NOT NULL
"""
_POOLS: Final = """
    SELECT id, purpose_id AS item, boxes_pledged AS pledged, boxes_held AS held, boxes_sold AS sold, version FROM pool
"""
_LOT_LINES: Final = """
    SELECT lot_id, number, on_hand_delta_grams AS on_hand_delta, held_delta_grams AS held_delta,
    on_hand_grams AS on_hand, held_grams AS held FROM movement ORDER BY lot_id, number
"""


def _lines(table: str, hold_id: str, order: str) -> str:
    return (
        "SELECT pool_id, number, pledged_delta, held_delta, sold_delta, boxes_pledged AS pledged,"
        f" boxes_held AS held, boxes_sold AS sold, at, {hold_id} AS hold_id FROM {table} ORDER BY {order}"
    )


def _plain(value: Any) -> Any:
    """Ids as texts, times as seconds."""
    if isinstance(value, datetime):
        return value.timestamp()
    return value if value is None or isinstance(value, bool | int | str) else str(value)
