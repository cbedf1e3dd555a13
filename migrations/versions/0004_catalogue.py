"""Counties, cooperatives, products, packs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _names(*stems: str) -> list[sa.Column]:
    return [sa.Column(f"{stem}_{tongue}", sa.String(200), nullable=False) for stem in stems for tongue in ("en", "zh")]


def _versioned() -> list[sa.Column]:
    return [
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "county",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        *_names("name"),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        *_versioned(),
        sa.PrimaryKeyConstraint("id", name="pk_county"),
        sa.UniqueConstraint("code", name="uq_county_code"),
    )
    op.create_table(
        "cooperative",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        *_names("name", "township"),
        sa.Column("member_households", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("gln", sa.String(13)),
        *_versioned(),
        sa.PrimaryKeyConstraint("id", name="pk_cooperative"),
        sa.ForeignKeyConstraint(["county_id"], ["county.id"], name="fk_cooperative_county_id_county"),
        sa.UniqueConstraint("county_id", "code", name="uq_cooperative_county_id_code"),
        sa.UniqueConstraint("gln", name="uq_cooperative_gln"),
        sa.CheckConstraint(
            "member_households > 0 AND member_households <= 1000000", name=op.f("ck_cooperative_member_households")
        ),
        sa.CheckConstraint("members > 0 AND members <= 10000000", name=op.f("ck_cooperative_members")),
        sa.CheckConstraint("gln ~ '^[0-9]{13}$'", name=op.f("ck_cooperative_gln")),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("variety", sa.String(60), nullable=False),
        sa.Column("grade", sa.String(20), nullable=False),
        sa.Column("size", sa.String(20)),
        *_names("name"),
        *_versioned(),
        sa.PrimaryKeyConstraint("id", name="pk_product"),
        sa.UniqueConstraint("code", name="uq_product_code"),
    )
    op.create_table(
        "pack",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("net_grams", sa.BigInteger(), nullable=False),
        sa.Column("gtin", sa.String(14)),
        sa.Column("list_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        *_versioned(),
        sa.PrimaryKeyConstraint("id", name="pk_pack"),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name="fk_pack_product_id_product"),
        sa.UniqueConstraint("code", name="uq_pack_code"),
        sa.UniqueConstraint("gtin", name="uq_pack_gtin"),
        sa.CheckConstraint("net_grams > 0 AND net_grams <= 100000000", name=op.f("ck_pack_net_grams")),
        sa.CheckConstraint("gtin ~ '^[0-9]{14}$'", name=op.f("ck_pack_gtin")),
        sa.CheckConstraint(
            "list_price_minor >= 0 AND list_price_minor <= 1000000000", name=op.f("ck_pack_list_price")
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_pack_currency")),
    )
    op.create_index("ix_pack_product_id", "pack", ["product_id"])


def downgrade() -> None:
    for table in ("pack", "product", "cooperative", "county"):
        op.drop_table(table)
