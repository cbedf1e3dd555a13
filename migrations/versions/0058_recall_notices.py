"""Buyers are told of fruit that is recalled. Going down, what was told of it is forgotten."""

from migrations import messages

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

TOLD = ("fruit_recalled",)


def upgrade() -> None:
    messages.tell(TOLD)


def downgrade() -> None:
    messages.forget(TOLD)
