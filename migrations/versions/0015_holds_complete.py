"""Holds end in parts, carry reasons and networks, and have more kinds; limits by household; late money; a waitlist.

Going down asks that no hold of the new kinds or the new state is there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

LINE = (
    "CASE kind"
    " WHEN 'opened' THEN number = 1"
    " AND pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'pledged' THEN pledged_delta > 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'withdrawn' THEN pledged_delta < 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'held' THEN pledged_delta = 0 AND held_delta > 0 AND sold_delta = 0"
    " WHEN 'resized' THEN pledged_delta = 0 AND held_delta <> 0 AND sold_delta = 0"
    " WHEN 'released' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'expired' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    "{superseded}"
    " WHEN 'sold' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = - held_delta"
    " WHEN 'reconciled' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " ELSE false END"
)
SUPERSEDED = " WHEN 'superseded' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
ON_LOTS = (
    "CASE WHEN kind IN ('allocation', 'pledge', 'quality')"
    " THEN num_nulls(cooperative_id, lot_id) = 0"
    " AND num_nonnulls(owner_id, pack_id, unit_price_minor, currency) = 0"
    " AND (kind = 'pledge') = (pool_id IS NOT NULL)"
)
ON_POOLS = (
    " THEN num_nulls(pool_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id) = 0"
)
KIND = (
    f"{ON_LOTS} WHEN kind IN ('cart', 'presale'){ON_POOLS}"
    " WHEN kind IN ('game_soft', 'game_claim')"
    " THEN num_nulls(pool_id, owner_id, pack_id, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id, unit_price_minor, currency) = 0"
    " ELSE false END"
)
OLD_KIND = f"{ON_LOTS} WHEN kind = 'cart'{ON_POOLS} ELSE false END"
STATES = ("active", "converting", "consumed", "released", "expired")
OPEN = (
    "consumed_boxes >= 0 AND released_boxes >= 0"
    " AND CASE WHEN state IN ('active', 'converting') THEN consumed_boxes + released_boxes < boxes"
    " ELSE consumed_boxes + released_boxes = boxes"
    " AND (state = 'consumed' OR released_boxes > 0) AND (state <> 'consumed' OR consumed_boxes > 0) END"
)
REFUND_DUE = (
    "CASE WHEN refund_due_minor = 0 THEN refund_reason IS NULL ELSE refund_due_minor = amount_minor"
    " AND state = 'canceled' AND num_nulls(refund_reason, receipt_reference) = 0 END"
)
WAITLIST = {
    "boxes": "boxes > 0 AND boxes <= 1000000",
    "number": "number > 0",
    "version": "version > 0",
    "state": "state IN ('waiting', 'offered', 'taken', 'passed', 'left')",
    "offered": "(hold_id IS NULL) = (offered_at IS NULL)",
    "hold": "CASE WHEN state IN ('waiting', 'left') THEN hold_id IS NULL"
    " WHEN state IN ('offered', 'taken') THEN hold_id IS NOT NULL ELSE true END",
    "resolved": "(resolved_at IS NULL) = (state IN ('waiting', 'offered'))",
}
INDEXES = {
    "ix_hold_pool_due": (["pool_id", "expires_at"], "lot_id IS NULL AND state = 'active'"),
    "ix_hold_network": (
        ["pool_id", "network"],
        "network IS NOT NULL AND state IN ('active', 'converting')",
    ),
    "ix_hold_bought": (["owner_id"], "lot_id IS NULL AND state = 'consumed'"),
}


def upgrade() -> None:
    _lines(LINE.format(superseded=SUPERSEDED))
    for name in ("consumed_boxes", "released_boxes"):
        op.add_column("hold", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("hold", sa.Column("reason", sa.String(200), nullable=True))
    op.add_column("hold", sa.Column("network", sa.String(32), nullable=True))
    op.execute("UPDATE hold SET consumed_boxes = boxes WHERE state = 'consumed'")
    op.execute("UPDATE hold SET released_boxes = boxes WHERE state IN ('released', 'expired')")
    _check("hold", "kind", KIND)
    _check("hold", "state", _one_of("state", (*STATES, "superseded")))
    op.create_check_constraint(op.f("ck_hold_open"), "hold", OPEN)
    op.create_check_constraint(op.f("ck_hold_network"), "hold", "network IS NULL OR lot_id IS NULL")
    op.drop_index("ix_hold_cart_due", "hold")
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "hold", columns, postgresql_where=sa.text(where))
    op.add_column("pool", sa.Column("boxes_per_household_max", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_pool_boxes_per_household"), "pool", "boxes_per_household_max > 0"
    )
    op.add_column("campaign_item", sa.Column("boxes_per_household_max", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_campaign_item_boxes_per_household"),
        "campaign_item",
        "boxes_per_household_max > 0 AND boxes_per_household_max <= 10000",
    )
    op.add_column("account", sa.Column("household", sa.String(32), nullable=True))
    op.create_index(
        "ix_account_household", "account", ["household"], postgresql_where=sa.text("household IS NOT NULL")
    )
    _late_money()
    _waitlist()


def _late_money() -> None:
    op.add_column(
        "payment",
        sa.Column("refund_due_minor", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
    op.add_column("payment", sa.Column("refund_reason", sa.String(40), nullable=True))
    op.create_check_constraint(op.f("ck_payment_refund_due"), "payment", REFUND_DUE)


def _waitlist() -> None:
    op.create_table(
        "waitlist_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("boxes", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_waitlist_entry"),
        sa.UniqueConstraint("pool_id", "number", name="uq_waitlist_entry_pool_id_number"),
        sa.UniqueConstraint("hold_id", name="uq_waitlist_entry_hold_id"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_waitlist_entry_pool_id_pool"),
        sa.ForeignKeyConstraint(["owner_id"], ["account.id"], name="fk_waitlist_entry_owner_id_account"),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name="fk_waitlist_entry_hold_id_hold"),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_waitlist_entry_{name}"))
            for name, rule in WAITLIST.items()
        ),
    )
    op.create_index("ix_waitlist_entry_owner_id", "waitlist_entry", ["owner_id"])
    op.create_index(
        "uq_waitlist_entry_open",
        "waitlist_entry",
        ["pool_id", "owner_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'offered')"),
    )
    for name, columns, where in (
        ("ix_waitlist_entry_line", ["pool_id", "boxes"], "state = 'waiting'"),
        ("ix_waitlist_entry_offer", ["pool_id"], "state = 'offered'"),
    ):
        op.create_index(name, "waitlist_entry", columns, postgresql_where=sa.text(where))


def downgrade() -> None:
    op.drop_table("waitlist_entry")
    op.drop_constraint(op.f("ck_payment_refund_due"), "payment")
    op.drop_column("payment", "refund_reason")
    op.drop_column("payment", "refund_due_minor")
    op.drop_index("ix_account_household", "account")
    op.drop_column("account", "household")
    op.drop_constraint(op.f("ck_campaign_item_boxes_per_household"), "campaign_item")
    op.drop_column("campaign_item", "boxes_per_household_max")
    op.drop_constraint(op.f("ck_pool_boxes_per_household"), "pool")
    op.drop_column("pool", "boxes_per_household_max")
    for name in INDEXES:
        op.drop_index(name, "hold")
    op.create_index(
        "ix_hold_cart_due",
        "hold",
        ["pool_id", "expires_at"],
        postgresql_where=sa.text("kind = 'cart' AND state = 'active'"),
    )
    for name in ("open", "network"):
        op.drop_constraint(op.f(f"ck_hold_{name}"), "hold")
    _check("hold", "state", _one_of("state", STATES))
    _check("hold", "kind", OLD_KIND)
    for name in ("network", "reason", "released_boxes", "consumed_boxes"):
        op.drop_column("hold", name)
    _lines(LINE.format(superseded=""))


def _lines(rule: str) -> None:
    _check("pool_movement", "kind", rule)


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
