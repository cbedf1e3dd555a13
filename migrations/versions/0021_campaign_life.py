"""The whole life of a campaign: the states after its window, and those of one that fails or is given up."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEFORE = ("draft", "scheduled", "deposit_open", "paused", "deposit_closed", "cancelled")
AFTER = (
    "draft",
    "scheduled",
    "deposit_open",
    "paused",
    "deposit_closed",
    "failed",
    "allocating",
    "allocated",
    "harvested",
    "shortfall",
    "balance_open",
    "balance_closed",
    "fulfilling",
    "completed",
    "settled",
    "cancelled",
    "closed",
)


def _states(words: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_campaign_state"), "campaign")
    op.create_check_constraint(
        op.f("ck_campaign_state"), "campaign", f"state IN ({', '.join(map(repr, words))})"
    )


def upgrade() -> None:
    _states(AFTER)


def downgrade() -> None:
    _states(BEFORE)
