"""The life of a bulk order: its terms, numbered runs, answers to shares, boxes given back."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _check(table: str, name: str, condition: str) -> None:
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def _drop_check(table: str, name: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")


def upgrade() -> None:
    op.create_table(
        "bulk_terms",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("season", sa.String(20), nullable=False),
        sa.Column("rule", sa.String(20), nullable=False),
        sa.Column("strict", sa.Boolean(), nullable=False),
        sa.Column("silence", sa.String(20), nullable=False),
        sa.Column("refusals_count", sa.Boolean(), nullable=False),
        sa.Column("answer_hours", sa.BigInteger(), nullable=False),
        sa.Column("boxes_open", sa.BigInteger(), nullable=False),
        sa.Column("boxes_short", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_bulk_terms"),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name="fk_bulk_terms_order_id_order"),
        sa.ForeignKeyConstraint(["county_id"], ["county.id"], name="fk_bulk_terms_county_id_county"),
        sa.CheckConstraint("boxes_open >= 0 AND boxes_short >= 0", name=op.f("ck_bulk_terms_not_negative")),
        sa.CheckConstraint("answer_hours BETWEEN 1 AND 240", name=op.f("ck_bulk_terms_answer_hours")),
        sa.CheckConstraint("silence IN ('declines', 'confirms')", name=op.f("ck_bulk_terms_silence")),
        sa.CheckConstraint("rule IN ('nearest', 'lowest', 'lowest_after')", name=op.f("ck_bulk_terms_rule")),
    )
    _drop_check("order", "state")
    _check(
        "order",
        "state",
        "state IN ('deposit_due', 'proposed', 'approved', 'short', 'committed', 'withdrawn', 'expired', 'cancelled')",
    )

    op.add_column("allocation_run", sa.Column("number", sa.BigInteger(), nullable=False, server_default="1"))
    op.alter_column("allocation_run", "number", server_default=None)
    op.drop_index("ix_allocation_run_order_id", "allocation_run")
    op.create_unique_constraint("uq_allocation_run_order_id_number", "allocation_run", ["order_id", "number"])
    op.create_index("ix_allocation_run_season", "allocation_run", ["season"])

    for column in (
        sa.Column("boxes_given_back", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("answer_due_at", sa.DateTime(timezone=True)),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("answered_by", sa.String(80)),
        sa.Column("reason", sa.String(200)),
        sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"),
    ):
        op.add_column("share", column)
    op.alter_column("share", "boxes_given_back", server_default=None)
    op.alter_column("share", "version", server_default=None)
    _drop_check("share", "state")
    op.execute("UPDATE share SET state = 'empty' WHERE boxes = 0")
    op.execute("UPDATE share SET state = 'confirmed' WHERE state = 'proposed'")
    _check(
        "share",
        "state",
        "state IN ('empty', 'proposed', 'offered', 'confirmed', 'declined', 'lapsed', 'released')",
    )
    _check("share", "given_back", "boxes_given_back >= 0 AND boxes_given_back <= boxes")
    _check("share", "empty", "(state = 'empty') = (boxes = 0)")
    _check("share", "ended", "state NOT IN ('declined', 'lapsed', 'released') OR boxes_given_back = boxes")
    _check("share", "open", "state NOT IN ('proposed', 'offered', 'confirmed') OR boxes_given_back < boxes")
    _check("share", "due", "state <> 'offered' OR answer_due_at IS NOT NULL")
    op.create_index("ix_share_state_answer_due_at", "share", ["state", "answer_due_at"])

    op.execute(
        """
        INSERT INTO bulk_terms
        SELECT o.id, c.county_id, r.season, 'nearest', false, 'declines', false, 48, 0, 0
        FROM "order" o JOIN allocation_run r ON r.order_id = o.id
        JOIN LATERAL (
            SELECT k.county_id FROM share s JOIN cooperative k ON k.id = s.cooperative_id WHERE s.run_id = r.id LIMIT 1
        ) c ON true
        """
    )
    _drop_check("season_entry", "reason")
    _drop_check("season_entry", "run")
    _check("season_entry", "reason", "reason IN ('opening', 'share', 'given_back')")
    _check("season_entry", "run", "(reason = 'opening') = (run_id IS NULL)")
    _check("season_entry", "sign", "(reason = 'given_back') = (grams < 0)")


def downgrade() -> None:
    """Only where no order has used its new states: a CHECK of before refuses the rest."""
    for name in ("sign", "run", "reason"):
        _drop_check("season_entry", name)
    _check("season_entry", "reason", "reason IN ('opening', 'share')")
    _check("season_entry", "run", "(reason = 'share') = (run_id IS NOT NULL)")
    op.drop_index("ix_share_state_answer_due_at", "share")
    for name in ("due", "open", "ended", "empty", "given_back", "state"):
        _drop_check("share", name)
    op.execute("UPDATE share SET state = 'proposed' WHERE state IN ('empty', 'confirmed', 'offered')")
    _check("share", "state", "state IN ('proposed')")
    for name in ("version", "reason", "answered_by", "answered_at", "answer_due_at", "boxes_given_back"):
        op.drop_column("share", name)
    op.drop_index("ix_allocation_run_season", "allocation_run")
    op.drop_constraint("uq_allocation_run_order_id_number", "allocation_run", type_="unique")
    op.create_index("ix_allocation_run_order_id", "allocation_run", ["order_id"])
    op.drop_column("allocation_run", "number")
    _drop_check("order", "state")
    _check("order", "state", "state IN ('deposit_due', 'committed', 'withdrawn', 'expired')")
    op.drop_table("bulk_terms")
