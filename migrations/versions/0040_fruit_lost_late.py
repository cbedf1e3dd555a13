"""Who waited for a later lot may wait again in another shortage; policies may ask for minimum lots; a campaign
remembers that its goal was met while its deposits are committed in batches.

Going down, only the first wait of an order is kept, and policies forget their minimum lots.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

WAITS = "shortage_wait"
MINIMUM = "minimum_boxes BETWEEN 1 AND 1000000 AND NOT (strict AND minimum_boxes > 1)"
GOAL_MET = "goal_met_at IS NULL OR state NOT IN ('draft', 'scheduled', 'deposit_open', 'paused')"
POLICIES = ("campaign_policy", "campaign_allocation")


def upgrade() -> None:
    op.drop_constraint(op.f("uq_shortage_wait_order_id"), WAITS)
    op.create_unique_constraint(
        op.f("uq_shortage_wait_order_id_shortage_id"), WAITS, ["order_id", "shortage_id"]
    )
    op.create_index(
        "uq_shortage_wait_open", WAITS, ["order_id"], unique=True, postgresql_where=sa.text("state = 'waiting'")
    )
    for table in POLICIES:
        column = sa.Column("minimum_boxes", sa.BigInteger(), nullable=False, server_default=sa.text("1"))
        op.add_column(table, column)
        op.create_check_constraint(op.f(f"ck_{table}_minimum"), table, MINIMUM)
    op.add_column("campaign", sa.Column("goal_met_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(op.f("ck_campaign_goal_met"), "campaign", GOAL_MET)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_campaign_goal_met"), "campaign")
    op.drop_column("campaign", "goal_met_at")
    for table in POLICIES:
        op.drop_constraint(op.f(f"ck_{table}_minimum"), table)
        op.drop_column(table, "minimum_boxes")
    op.drop_index("uq_shortage_wait_open", WAITS)
    op.drop_constraint(op.f("uq_shortage_wait_order_id_shortage_id"), WAITS)
    op.execute(f"DELETE FROM {WAITS} w USING {WAITS} first WHERE first.order_id = w.order_id AND first.id < w.id")  # noqa: S608
    op.create_unique_constraint(op.f("uq_shortage_wait_order_id"), WAITS, ["order_id"])
