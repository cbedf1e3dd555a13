"""The payments of an order are found by it, whatever they are for: until now only those of one purpose were."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_payment_order_id", "payment", ["order_id"])


def downgrade() -> None:
    op.drop_index("ix_payment_order_id", table_name="payment")
