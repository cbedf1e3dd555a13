"""Address books, and the address of an order: sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "address",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_address"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_address_account_id_account"),
        sa.CheckConstraint("octet_length(sealed) BETWEEN 33 AND 20000", name=op.f("ck_address_sealed")),
    )
    op.create_index("ix_address_account_id", "address", ["account_id"])
    op.create_index(
        "uq_address_default", "address", ["account_id"], unique=True, postgresql_where=sa.text("is_default")
    )
    op.create_table(
        "order_address",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("destination", sa.String(20), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_address"),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name="fk_order_address_order_id_order"),
        sa.CheckConstraint("octet_length(sealed) BETWEEN 33 AND 20000", name=op.f("ck_order_address_sealed")),
        sa.CheckConstraint(
            "destination IN ('county', 'country', 'abroad')", name=op.f("ck_order_address_destination")
        ),
    )


def downgrade() -> None:
    for table in ("order_address", "address"):
        op.drop_table(table)
