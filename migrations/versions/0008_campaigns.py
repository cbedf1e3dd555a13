"""Tables of campaigns."""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the package's own step."""


def downgrade() -> None:
    """Filled by the package's own step."""
