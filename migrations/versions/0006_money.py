"""Payments."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("gateway", sa.String(20), nullable=False),
        sa.Column("state", sa.String(30), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("received_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reference", sa.String(20), nullable=False),
        sa.Column("receipt_reference", sa.String(80)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_payment"),
        sa.UniqueConstraint("order_id", name="uq_payment_order_id"),
        sa.UniqueConstraint("reference", name="uq_payment_reference"),
        sa.UniqueConstraint("receipt_reference", name="uq_payment_receipt_reference"),
        sa.CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name=op.f("ck_payment_amount")),
        sa.CheckConstraint(
            "received_minor >= 0 AND received_minor <= amount_minor", name=op.f("ck_payment_received")
        ),
        sa.CheckConstraint(
            "state IN ('requires_confirmation', 'processing', 'succeeded', 'canceled')",
            name=op.f("ck_payment_state"),
        ),
        sa.CheckConstraint(
            "(state = 'succeeded') = (received_minor = amount_minor)", name=op.f("ck_payment_succeeded_is_paid")
        ),
        sa.CheckConstraint(
            "(resolved_at IS NOT NULL) = (state IN ('succeeded', 'canceled'))", name=op.f("ck_payment_resolved")
        ),
    )
    op.create_index("ix_payment_payer_id", "payment", ["payer_id"])
    op.create_index("ix_payment_state", "payment", ["state"])


def downgrade() -> None:
    op.drop_table("payment")
