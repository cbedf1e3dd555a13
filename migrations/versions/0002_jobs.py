"""Jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("arguments", JSONB(), nullable=False),
        sa.Column("key", sa.String(200)),
        sa.Column("slot", sa.DateTime(timezone=True)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("problem", sa.String(1_000)),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'dead')", name=op.f("ck_job_state")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_job_attempts")),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('done', 'dead'))", name=op.f("ck_job_finished_at")
        ),
        sa.CheckConstraint("state = 'waiting' OR started_at IS NOT NULL", name=op.f("ck_job_started_at")),
    )
    op.create_index("ix_job_due", "job", ["due_at", "id"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index("ix_job_running", "job", ["started_at"], postgresql_where=sa.text("state = 'running'"))
    op.create_index("ix_job_dead", "job", ["id"], postgresql_where=sa.text("state = 'dead'"))
    op.create_index("ix_job_done", "job", ["finished_at"], postgresql_where=sa.text("state = 'done'"))
    op.create_index(
        "uq_job_key",
        "job",
        ["key"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting' AND started_at IS NULL"),
    )
    op.create_index(
        "uq_job_name_slot", "job", ["name", "slot"], unique=True, postgresql_where=sa.text("slot IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_table("job")
