"""A pool keeps a journal of its counters and carries the terms of its sale; a hold's extensions have an end."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TERMS = {
    "terms": "num_nulls(unit_price_minor, currency) IN (0, 2)",
    "unit_price": "unit_price_minor > 0 AND unit_price_minor <= 1000000000",
    "boxes_per_buyer": "boxes_per_buyer_max > 0",
    "window": "num_nulls(sells_from, sells_until) IN (0, 2)"
    " AND (sells_from IS NULL OR sells_until > sells_from AND unit_price_minor IS NOT NULL)",
}
KIND = (
    "CASE kind"
    " WHEN 'opened' THEN number = 1"
    " AND pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'pledged' THEN pledged_delta > 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'withdrawn' THEN pledged_delta < 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'held' THEN pledged_delta = 0 AND held_delta > 0 AND sold_delta = 0"
    " WHEN 'resized' THEN pledged_delta = 0 AND held_delta <> 0 AND sold_delta = 0"
    " WHEN 'released' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'expired' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'sold' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = - held_delta"
    " ELSE false END"
)

OLD_INDEXES = {
    "ix_hold_purpose_kind_purpose_id_owner_id": ["purpose_kind", "purpose_id", "owner_id"],
    "ix_hold_owner_id": ["owner_id"],
    "ix_hold_lot_id": ["lot_id"],
    "ix_hold_pool_id_state": ["pool_id", "state"],
}
INDEXES = {
    "ix_hold_purpose": (["purpose_kind", "purpose_id"], "lot_id IS NOT NULL"),
    "ix_hold_owner_id_pool_id": (["owner_id", "pool_id"], None),
    "ix_hold_lot_id": (["lot_id"], "lot_id IS NOT NULL"),
    "ix_hold_pledge": (["pool_id"], "kind = 'pledge'"),
    "ix_hold_cart_due": (["pool_id", "expires_at"], "kind = 'cart' AND state = 'active'"),
}


def upgrade() -> None:
    for name, kind in (
        ("unit_price_minor", sa.BigInteger()),
        ("currency", sa.String(3)),
        ("boxes_per_buyer_max", sa.BigInteger()),
        ("sells_from", sa.DateTime(timezone=True)),
        ("sells_until", sa.DateTime(timezone=True)),
    ):
        op.add_column("pool", sa.Column(name, kind, nullable=True))
    op.execute(
        """
        UPDATE pool p SET unit_price_minor = i.unit_price_minor, currency = i.currency,
            boxes_per_buyer_max = i.boxes_per_buyer_max,
            sells_from = CASE WHEN c.state IN ('scheduled', 'deposit_open') THEN c.opens_at END,
            sells_until = CASE WHEN c.state IN ('scheduled', 'deposit_open') THEN c.closes_at END
        FROM campaign_item i JOIN campaign c ON c.id = i.campaign_id WHERE i.pool_id = p.id
        """
    )
    for name, rule in TERMS.items():
        op.create_check_constraint(op.f(f"ck_pool_{name}"), "pool", rule)
    op.add_column("hold", sa.Column("expires_at_max", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_hold_expires_max"), "hold", "expires_at <= expires_at_max")
    for name in OLD_INDEXES:
        op.drop_index(name, "hold")
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "hold", columns, postgresql_where=sa.text(where) if where else None)
    _journal()
    _begin_journals()


def _journal() -> None:
    whole = ("pledged_delta", "held_delta", "sold_delta", "boxes_pledged", "boxes_held", "boxes_sold")
    op.create_table(
        "pool_movement",
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in whole),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pool_id", "number", name="pk_pool_movement"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_pool_movement_pool_id_pool"),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name="fk_pool_movement_hold_id_hold"),
        sa.CheckConstraint("number > 0", name=op.f("ck_pool_movement_number")),
        sa.CheckConstraint(
            "boxes_held >= 0 AND boxes_sold >= 0 AND boxes_held + boxes_sold <= boxes_pledged",
            name=op.f("ck_pool_movement_never_oversold"),
        ),
        sa.CheckConstraint(KIND, name=op.f("ck_pool_movement_kind")),
        sa.CheckConstraint("(kind = 'opened') = (hold_id IS NULL)", name=op.f("ck_pool_movement_hold")),
    )
    op.create_index("ix_pool_movement_hold_id", "pool_movement", ["hold_id"])
    op.execute("REVOKE UPDATE, DELETE ON pool_movement FROM marketplace_app")


def _begin_journals() -> None:
    """Tell each pool's past once more, as far as its holds know it, so that every journal begins at nothing."""
    op.execute(
        """
        WITH told AS (
            SELECT id AS pool_id, 0 AS part, 'opened' AS kind, 0 AS pledged, 0 AS held, 0 AS sold,
                NULL::uuid AS hold_id, created_at AS at FROM pool
            UNION ALL
            SELECT pool_id, 1, 'pledged', boxes, 0, 0, id, created_at FROM hold
            WHERE kind = 'pledge' AND state = 'active'
            UNION ALL
            SELECT pool_id, 2, 'held', 0, boxes, 0, id, created_at FROM hold
            WHERE kind = 'cart' AND state IN ('active', 'converting', 'consumed')
            UNION ALL
            SELECT pool_id, 3, 'sold', 0, -boxes, boxes, id, coalesce(resolved_at, created_at) FROM hold
            WHERE kind = 'cart' AND state = 'consumed'
        )
        INSERT INTO pool_movement (pool_id, number, kind, pledged_delta, held_delta, sold_delta,
            boxes_pledged, boxes_held, boxes_sold, hold_id, actor, at)
        SELECT pool_id, row_number() OVER journal, kind, pledged, held, sold,
            sum(pledged) OVER journal, sum(held) OVER journal, sum(sold) OVER journal, hold_id, 'system', at
        FROM told WINDOW journal AS (PARTITION BY pool_id ORDER BY part, hold_id)
        """
    )
    op.execute(
        """
        UPDATE pool p SET version = last.number FROM
        (SELECT pool_id, max(number) AS number FROM pool_movement GROUP BY pool_id) last WHERE last.pool_id = p.id
        """
    )


def downgrade() -> None:
    op.drop_table("pool_movement")
    for name in INDEXES:
        op.drop_index(name, "hold")
    for name, columns in OLD_INDEXES.items():
        op.create_index(name, "hold", columns)
    op.drop_constraint(op.f("ck_hold_expires_max"), "hold")
    op.drop_column("hold", "expires_at_max")
    for name in TERMS:
        op.drop_constraint(op.f(f"ck_pool_{name}"), "pool")
    for name in ("sells_until", "sells_from", "boxes_per_buyer_max", "currency", "unit_price_minor"):
        op.drop_column("pool", name)
