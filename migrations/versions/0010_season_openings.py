"""A cooperative's account of a season is opened once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "uq_season_entry_opening",
        "season_entry",
        ["cooperative_id", "season"],
        unique=True,
        postgresql_where=sa.text("reason = 'opening'"),
    )


def downgrade() -> None:
    op.drop_index("uq_season_entry_opening", "season_entry")
