"""Numbers of lots, places, parties and parcels in GS1 keys."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

KINDS = ("fruit", "location", "lot", "parcel")


def upgrade() -> None:
    op.create_table(
        "trace_number",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("reference", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_trace_number"),
        sa.UniqueConstraint("kind", "reference", name="uq_trace_number_kind_reference"),
        sa.CheckConstraint(
            f"kind IN ({', '.join(repr(kind) for kind in KINDS)})", name=op.f("ck_trace_number_kind")
        ),
        sa.CheckConstraint("reference > 0", name=op.f("ck_trace_number_reference")),
    )
    for kind in KINDS:
        op.execute(f"CREATE SEQUENCE trace_number_{kind}")
        op.execute(f"GRANT USAGE ON SEQUENCE trace_number_{kind} TO marketplace_app")
    op.execute("REVOKE UPDATE, DELETE ON trace_number FROM marketplace_app")


def downgrade() -> None:
    op.drop_table("trace_number")
    for kind in KINDS:
        op.execute(f"DROP SEQUENCE trace_number_{kind}")
