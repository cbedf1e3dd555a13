"""Tables of jobs."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the package's own step."""


def downgrade() -> None:
    """Filled by the package's own step."""
