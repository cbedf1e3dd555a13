"""Tables of inventory."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled by the package's own step."""


def downgrade() -> None:
    """Filled by the package's own step."""
