"""More is told: that nothing is left to pay, and to sponsors what becomes of what they buy."""


from migrations import messages

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

NEW = (
    "balance_settled",
    "sponsorship_signed",
    "sponsorship_rejected",
    "sponsorship_accepted",
    "sponsorship_funded",
    "sponsorship_allocated",
    "sponsorship_short",
    "sponsorship_given_up",
    "sponsorship_carried",
    "sponsorship_ended",
    "sponsorship_closed",
    "sponsorship_cancelled",
    "tranche_released",
)


def upgrade() -> None:
    messages.tell(NEW)


def downgrade() -> None:
    """What was told in words that are not known then is forgotten."""
    messages.forget(NEW)
