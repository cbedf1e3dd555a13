"""An order whose payment failed ends, and its hold, back in the cart, may be ordered again.

Going down asks that no hold was ordered twice; orders whose payment failed are read as expired.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATES = (
    "state IN ('deposit_due', 'proposed', 'approved', 'short', 'committed', 'withdrawn', 'expired'{failed},"
    " 'cancelled')"
)


def upgrade() -> None:
    _states(STATES.format(failed=", 'payment_failed'"))
    op.drop_constraint("uq_order_hold_id", "order")
    op.create_index(
        "uq_order_hold_id",
        "order",
        ["hold_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'payment_failed'"),
    )


def downgrade() -> None:
    op.drop_index("uq_order_hold_id", "order")
    op.create_unique_constraint("uq_order_hold_id", "order", ["hold_id"])
    op.execute("UPDATE \"order\" SET state = 'expired' WHERE state = 'payment_failed'")
    _states(STATES.format(failed=""))


def _states(rule: str) -> None:
    op.drop_constraint(op.f("ck_order_state"), "order")
    op.create_check_constraint(op.f("ck_order_state"), "order", rule)
