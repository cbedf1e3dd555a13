"""Tables of money."""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the package's own step."""


def downgrade() -> None:
    """Filled by the package's own step."""
