"""What is taken off a balance, what falls away of it with a cut; a place in a group may be taken again once it was left."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

MONEY = "refund_minor BETWEEN 0 AND paid_minor AND compensation_minor >= 0 AND bonus_minor >= 0"
FIXED = "final_unit_price_minor, bonus_minor, {discount}balance_boxes, balance_minor, balance_due_at"
FINAL = "final_unit_price_minor > 0 AND bonus_minor >= 0 AND {discount}balance_boxes > 0 AND balance_minor >= 0"
MEMBERS = "promotion_group_member"


def upgrade() -> None:
    op.add_column("deposit_terms", sa.Column("discount_minor", sa.BigInteger()))
    op.execute("UPDATE deposit_terms SET discount_minor = 0 WHERE balance_minor IS NOT NULL")
    fixed = FIXED.format(discount="discount_minor, ")
    _check("deposit_terms", "balance", f"num_nulls({fixed}) IN (0, 6)")
    _check("deposit_terms", "final", FINAL.format(discount="discount_minor >= 0 AND "))
    op.add_column(
        "shortage_cut",
        sa.Column("discount_minor", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
    _check("shortage_cut", "money", f"{MONEY} AND discount_minor >= 0")
    op.drop_constraint(op.f(f"uq_{MEMBERS}_group_id_hold_id"), MEMBERS)


def downgrade() -> None:
    """Who left a group and came again with the same boxes stands there once."""
    op.execute(
        f"DELETE FROM {MEMBERS} m USING {MEMBERS} other WHERE m.state = 'left' AND other.id > m.id"  # noqa: S608
        " AND (other.group_id, other.hold_id) = (m.group_id, m.hold_id)"
    )
    op.create_unique_constraint(op.f(f"uq_{MEMBERS}_group_id_hold_id"), MEMBERS, ["group_id", "hold_id"])
    _check("shortage_cut", "money", MONEY)
    op.drop_column("shortage_cut", "discount_minor")
    _check("deposit_terms", "final", FINAL.format(discount=""))
    _check("deposit_terms", "balance", f"num_nulls({FIXED.format(discount='')}) IN (0, 5)")
    op.drop_column("deposit_terms", "discount_minor")


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
