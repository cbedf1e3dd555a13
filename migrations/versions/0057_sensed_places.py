"""What loggers told of a place is found by the place and the time."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_trace_event_sensed",
        "trace_event",
        ["biz_location", "event_time"],
        postgresql_where=sa.text("biz_step = 'sensor_reporting'"),
    )


def downgrade() -> None:
    op.drop_index("ix_trace_event_sensed", "trace_event")
