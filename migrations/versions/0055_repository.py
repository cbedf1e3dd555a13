"""Documents of events that were sent, and queries that are kept under a name."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, JSONB

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "capture_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("behaviour", sa.String(10), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("faults", JSONB(), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_capture_job"),
        sa.ForeignKeyConstraint(["county_id"], ["county.id"], name="fk_capture_job_county_id_county"),
        sa.CheckConstraint("behaviour IN ('rollback', 'proceed')", name=op.f("ck_capture_job_behaviour")),
        sa.CheckConstraint("events >= 0 AND taken BETWEEN 0 AND events", name=op.f("ck_capture_job_taken")),
        sa.CheckConstraint("(taken < events) = (jsonb_array_length(faults) > 0)", name=op.f("ck_capture_job_faults")),
        sa.CheckConstraint("behaviour = 'proceed' OR taken IN (0, events)", name=op.f("ck_capture_job_whole")),
    )
    op.create_index("ix_capture_job_county_id_id", "capture_job", ["county_id", "id"])
    op.create_table(
        "event_query",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("query", JSON(), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_query"),
        sa.UniqueConstraint("county_id", "name", name="uq_event_query_county_id_name"),
        sa.ForeignKeyConstraint(["county_id"], ["county.id"], name="fk_event_query_county_id_county"),
    )
    op.execute("REVOKE UPDATE, DELETE ON capture_job FROM marketplace_app")
    op.execute("REVOKE UPDATE ON event_query FROM marketplace_app")


def downgrade() -> None:
    """What became of documents is forgotten, and all kept queries."""
    op.drop_table("event_query")
    op.drop_table("capture_job")
