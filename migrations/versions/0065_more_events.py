"""More of what happens is told: fruit past its best-before day, and parcels whose dispatch is undone.

The rules stand here as they were when this step was made. Going down, lines of undone dispatches and their dispatches
stay in no journal that the older rules know: so it is refused while there are any.
"""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lot", sa.Column("expired_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_lot_expired"), "lot", "(expired_at AT TIME ZONE 'UTC')::date > best_before_on"
    )
    op.create_index(
        "ix_lot_unexpired",
        "lot",
        ["best_before_on", "id"],
        postgresql_where=sa.text("expired_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_lot_unexpired", "lot")
    op.drop_column("lot", "expired_at")
