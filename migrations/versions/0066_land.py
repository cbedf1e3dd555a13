"""Where label areas and certified plots lie.

Going down, it is forgotten.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

TABLES = ("label_area", "label_plot")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("boundary", JSONB()))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "boundary")
