"""Orders, split runs, shares, the season's account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _at(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    op.create_table(
        "order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("pack_id", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.Uuid()),
        sa.Column("boxes", sa.BigInteger(), nullable=False),
        sa.Column("pack_grams", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("delivered_on", sa.Date()),
        _at("created_at"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_order"),
        sa.ForeignKeyConstraint(["buyer_id"], ["account.id"], name="fk_order_buyer_id_account"),
        sa.ForeignKeyConstraint(["pack_id"], ["pack.id"], name="fk_order_pack_id_pack"),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name="fk_order_hold_id_hold"),
        sa.UniqueConstraint("hold_id", name="uq_order_hold_id"),
        sa.CheckConstraint("boxes > 0 AND boxes <= 1000000", name=op.f("ck_order_boxes")),
        sa.CheckConstraint(
            "unit_price_minor >= 0 AND unit_price_minor <= 1000000000", name=op.f("ck_order_unit_price")
        ),
        sa.CheckConstraint(
            "total_minor = boxes * unit_price_minor AND total_minor <= 10000000000000", name=op.f("ck_order_total")
        ),
        sa.CheckConstraint("kind IN ('shopper_presale', 'sponsor_bulk')", name=op.f("ck_order_kind")),
        sa.CheckConstraint(
            "state IN ('deposit_due', 'committed', 'withdrawn', 'expired')", name=op.f("ck_order_state")
        ),
        sa.CheckConstraint("(kind = 'sponsor_bulk') = (hold_id IS NULL)", name=op.f("ck_order_hold")),
    )
    op.create_index("ix_order_buyer_id", "order", ["buyer_id"])
    op.create_table(
        "allocation_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("season", sa.String(20), nullable=False),
        sa.Column("problem", JSONB(), nullable=False),
        sa.Column("result", JSONB(), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_allocation_run"),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name="fk_allocation_run_order_id_order"),
    )
    op.create_index("ix_allocation_run_order_id", "allocation_run", ["order_id"])
    op.create_table(
        "share",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("cooperative_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("boxes", sa.BigInteger(), nullable=False),
        sa.Column("quantity_grams", sa.BigInteger(), nullable=False),
        sa.Column("limited_by", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_share"),
        sa.ForeignKeyConstraint(["run_id"], ["allocation_run.id"], name="fk_share_run_id_allocation_run"),
        sa.ForeignKeyConstraint(["cooperative_id"], ["cooperative.id"], name="fk_share_cooperative_id_cooperative"),
        sa.UniqueConstraint("run_id", "cooperative_id", name="uq_share_run_id_cooperative_id"),
        sa.CheckConstraint("boxes >= 0 AND quantity_grams >= 0", name=op.f("ck_share_not_negative")),
        sa.CheckConstraint("state IN ('proposed')", name=op.f("ck_share_state")),
    )
    op.create_index("ix_share_cooperative_id", "share", ["cooperative_id"])
    op.create_table(
        "season_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cooperative_id", sa.Uuid(), nullable=False),
        sa.Column("season", sa.String(20), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("run_id", sa.Uuid()),
        _at("at"),
        sa.PrimaryKeyConstraint("id", name="pk_season_entry"),
        sa.ForeignKeyConstraint(
            ["cooperative_id"], ["cooperative.id"], name="fk_season_entry_cooperative_id_cooperative"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["allocation_run.id"], name="fk_season_entry_run_id_allocation_run"),
        sa.CheckConstraint("reason IN ('opening', 'share')", name=op.f("ck_season_entry_reason")),
        sa.CheckConstraint("(reason = 'share') = (run_id IS NOT NULL)", name=op.f("ck_season_entry_run")),
    )
    op.create_index("ix_season_entry_cooperative_id_season", "season_entry", ["cooperative_id", "season"])
    op.execute("REVOKE UPDATE, DELETE ON season_entry FROM marketplace_app")
    op.execute("REVOKE UPDATE, DELETE ON allocation_run FROM marketplace_app")


def downgrade() -> None:
    for table in ("season_entry", "share", "allocation_run", "order"):
        op.drop_table(table)
