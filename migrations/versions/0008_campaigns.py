"""Campaigns, their items, every move of their state."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _at(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("title_en", sa.String(200), nullable=False),
        sa.Column("title_zh", sa.String(200), nullable=False),
        _at("opens_at"),
        _at("closes_at"),
        _at("created_at"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
        sa.UniqueConstraint("code", name="uq_campaign_code"),
        sa.ForeignKeyConstraint(["county_id"], ["county.id"], name="fk_campaign_county_id_county"),
        sa.CheckConstraint("closes_at > opens_at", name=op.f("ck_campaign_window")),
        sa.CheckConstraint("kind IN ('presale')", name=op.f("ck_campaign_kind")),
        sa.CheckConstraint(
            "state IN ('draft', 'scheduled', 'deposit_open', 'paused', 'deposit_closed', 'cancelled')",
            name=op.f("ck_campaign_state"),
        ),
    )
    op.create_index("ix_campaign_state_opens_at", "campaign", ["state", "opens_at"])
    op.create_table(
        "campaign_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("pack_id", sa.Uuid(), nullable=False),
        sa.Column("pool_id", sa.Uuid(), nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("boxes_per_buyer_max", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_item"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_campaign_item_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["pack_id"], ["pack.id"], name="fk_campaign_item_pack_id_pack"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_campaign_item_pool_id_pool"),
        sa.UniqueConstraint("pool_id", name="uq_campaign_item_pool_id"),
        sa.UniqueConstraint("campaign_id", "pack_id", name="uq_campaign_item_campaign_id_pack_id"),
        sa.CheckConstraint(
            "unit_price_minor > 0 AND unit_price_minor <= 1000000000", name=op.f("ck_campaign_item_unit_price")
        ),
        sa.CheckConstraint(
            "boxes_per_buyer_max > 0 AND boxes_per_buyer_max <= 1000", name=op.f("ck_campaign_item_boxes_per_buyer")
        ),
    )
    op.create_index("ix_campaign_item_campaign_id", "campaign_item", ["campaign_id"])
    op.create_table(
        "campaign_transition",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("before", sa.String(20)),
        sa.Column("after", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("request_id", sa.String(80), nullable=False),
        _at("at"),
        sa.PrimaryKeyConstraint("campaign_id", "number", name="pk_campaign_transition"),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_campaign_transition_campaign_id_campaign"
        ),
    )
    op.execute("REVOKE UPDATE, DELETE ON campaign_transition FROM marketplace_app")


def downgrade() -> None:
    for table in ("campaign_transition", "campaign_item", "campaign"):
        op.drop_table(table)
