"""Told, too: that a paused campaign goes on, and that a bulk order has a share for a cooperative."""


from migrations import messages

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

NEW = ("campaign_resumed", "share_offered")


def upgrade() -> None:
    messages.tell(NEW)


def downgrade() -> None:
    """What was told in words that are not known then is forgotten."""
    messages.forget(NEW)
