"""A campaign's goal, its rule and seed for a shortage, and what it was cloned from."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

CHECKS = {
    "goal_boxes": "goal_boxes > 0 AND goal_boxes <= 1000000000",
    "goal_grams": "goal_grams > 0 AND goal_grams <= 1000000000000000",
    "cut_rule": "cut_rule IN ('equal_awards', 'proportional')",
    "claims_days": "claims_days BETWEEN 1 AND 90",
    "seed": "(seed IS NULL) = (seed_hash IS NULL)",
    "seed_revealed": "seed_revealed_at IS NULL OR seed IS NOT NULL",
}


AFTER = (
    "deposit_due",
    "proposed",
    "approved",
    "short",
    "committed",
    "deposit_paid",
    "balance_due",
    "balance_paid",
    "balance_defaulted",
    "released",
    "withdrawn",
    "expired",
    "payment_failed",
    "cancelled",
    "cut",
)
BEFORE = tuple(word for word in AFTER if word != "released")


def _order_states(words: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_order_state"), "order")
    op.create_check_constraint(op.f("ck_order_state"), "order", f"state IN ({', '.join(map(repr, words))})")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("goal_boxes", sa.BigInteger()))
    op.add_column("campaign", sa.Column("goal_grams", sa.BigInteger()))
    op.add_column(
        "campaign", sa.Column("cut_rule", sa.String(20), nullable=False, server_default="equal_awards")
    )
    op.add_column("campaign", sa.Column("claims_days", sa.BigInteger(), nullable=False, server_default="7"))
    op.add_column("campaign", sa.Column("seed", sa.String(64)))
    op.add_column("campaign", sa.Column("seed_hash", sa.String(64)))
    op.add_column("campaign", sa.Column("seed_revealed_at", sa.DateTime(timezone=True)))
    op.add_column("campaign", sa.Column("cloned_from_id", sa.Uuid(), sa.ForeignKey("campaign.id")))
    op.alter_column("campaign", "cut_rule", server_default=None)
    op.alter_column("campaign", "claims_days", server_default=None)
    _order_states(AFTER)
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_campaign_{name}"), "campaign", rule)


def downgrade() -> None:
    _order_states(BEFORE)
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_campaign_{name}"), "campaign")
    for name in (
        "cloned_from_id",
        "seed_revealed_at",
        "seed_hash",
        "seed",
        "claims_days",
        "cut_rule",
        "goal_grams",
        "goal_boxes",
    ):
        op.drop_column("campaign", name)
