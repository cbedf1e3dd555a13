"""Told, too: what became of an advance that a cooperative asked for."""

from migrations import messages

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

TOLD = ("advance_granted", "advance_refused")


def upgrade() -> None:
    messages.tell(TOLD)


def downgrade() -> None:
    """What was told in words that are not known then is forgotten."""
    messages.forget(TOLD)
