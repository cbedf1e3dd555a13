"""Settlements, their moves, what is kept back, refunds that come late; by which boxes a forfeit was found; what is told of it.

Of the forfeits that are there it is not known any more: their amounts stand in place of boxes.
"""

import re

import sqlalchemy as sa
from alembic import op

from migrations import messages
from sqlalchemy.dialects import postgresql

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

SETTLEMENT = {
    "state": "state IN ('draft', 'proposed', 'objected', 'final', 'paid')",
    "currency": "currency ~ '^[A-Z]{3}$'",
    "not_negative": "payout_minor >= 0 AND own_discounts_minor >= 0",
    "objection_days": "objection_days BETWEEN 1 AND 60",
    "proposed": "(proposed_at IS NULL) = (state = 'draft') AND num_nulls(proposed_at, objections_until) IN (0, 2)",
    "final": "(final_at IS NOT NULL) = (state IN ('final', 'paid'))",
    "paid": "(paid_at IS NOT NULL) = (state = 'paid')",
    "objection": "num_nulls(objection, objected_by) IN (0, 2) AND num_nulls(answer, answered_by) IN (0, 2)"
    " AND (answer IS NULL OR objection IS NOT NULL) AND (state <> 'objected' OR objection IS NOT NULL)",
}
LATE_REFUND = {
    "remedy": "remedy IN ('refund', 'compensation')",
    "not_negative": "amount_minor > 0 AND least(commission_back_minor, from_retention_minor, owed_minor) >= 0",
    "sum": "commission_back_minor + from_retention_minor + owed_minor"
    " = CASE WHEN at_fault THEN amount_minor ELSE 0 END",
}
FORFEIT = "kept_boxes > 0 AND kept_boxes <= kept_boxes_of_all AND keepers > 0"
FOUND_BY = ("kept_boxes", "kept_boxes_of_all", "keepers")
TOLD = ("settlement_proposed", "settlement_withdrawn", "settlement_dismissed", "settlement_final")



def upgrade() -> None:
    messages.tell(TOLD)
    _forfeits()
    _settlements()
    _moves()
    _retentions()
    _late_refunds()
    op.execute("REVOKE UPDATE, DELETE ON settlement_move, late_refund FROM marketplace_app")
    op.execute("REVOKE DELETE ON settlement, retention FROM marketplace_app")


def downgrade() -> None:
    for table in ("late_refund", "retention", "settlement_move", "settlement"):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_forfeit_kept_boxes"), "forfeit")
    for name in FOUND_BY:
        op.drop_column("forfeit", name)
    messages.forget(TOLD)


def _forfeits() -> None:
    for name in FOUND_BY:
        op.add_column("forfeit", sa.Column(name, sa.BigInteger()))
    op.execute("""
        UPDATE forfeit f SET kept_boxes = f.amount_minor, kept_boxes_of_all = o.minor, keepers = o.keepers
        FROM (SELECT order_id, sum(amount_minor) AS minor, count(*) AS keepers FROM forfeit GROUP BY order_id) o
        WHERE o.order_id = f.order_id
    """)
    for name in FOUND_BY:
        op.alter_column("forfeit", name, nullable=False)
    op.create_check_constraint(op.f("ck_forfeit_kept_boxes"), "forfeit", FORFEIT)


def _settlements() -> None:
    op.create_table(
        "settlement",
        *_ids("id"),
        *_text(90, "number"),
        *_ids("campaign_id"),
        *_text(200, "campaign_en", "campaign_zh"),
        *_ids("cooperative_id"),
        *_text(3, "currency"),
        *_text(20, "state"),
        sa.Column("told", sa.Text(), nullable=False),
        *_text(80, "digest"),
        *_whole("payout_minor", "orders_minor", "own_discounts_minor"),
        sa.Column("by_item", postgresql.JSONB(), nullable=False),
        *_whole("objection_days"),
        *_at("proposed_at", "objections_until", nullable=True),
        *_text(1_000, "objection", nullable=True),
        *_text(80, "objected_by", nullable=True),
        *_text(1_000, "answer", nullable=True),
        *_text(80, "answered_by", nullable=True),
        *_at("final_at", "paid_at", nullable=True),
        *_at("created_at"),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_settlement"),
        sa.UniqueConstraint("number", name="uq_settlement_number"),
        sa.UniqueConstraint(
            "campaign_id", "cooperative_id", "currency", name="uq_settlement_campaign_id_cooperative_id_currency"
        ),
        _refers("settlement", "cooperative_id", "cooperative"),
        *_checks("settlement", SETTLEMENT),
    )
    op.create_index(
        "uq_settlement_looked_at",
        "settlement",
        ["cooperative_id", "currency"],
        unique=True,
        postgresql_where=sa.text("state IN ('proposed', 'objected')"),
    )
    op.create_index("ix_settlement_cooperative_id_state_id", "settlement", ["cooperative_id", "state", "id"])
    op.create_index(
        "ix_settlement_objections_until",
        "settlement",
        ["objections_until"],
        postgresql_where=sa.text("state = 'proposed'"),
    )


def _moves() -> None:
    op.create_table(
        "settlement_move",
        *_ids("settlement_id"),
        *_whole("number"),
        *_text(20, "event"),
        *_text(20, "before", nullable=True),
        *_text(20, "after"),
        *_text(80, "digest"),
        *_text(1_000, "reason", nullable=True),
        *_text(80, "actor", "request_id"),
        *_at("at"),
        sa.PrimaryKeyConstraint("settlement_id", "number", name="pk_settlement_move"),
        _refers("settlement_move", "settlement_id", "settlement"),
        *_checks("settlement_move", {"number": "number > 0"}),
    )


def _retentions() -> None:
    op.create_table(
        "retention",
        *_ids("settlement_id", "cooperative_id"),
        *_text(3, "currency"),
        sa.Column("until", sa.Date(), nullable=False),
        *_whole("kept_minor", "left_minor"),
        sa.PrimaryKeyConstraint("settlement_id", name="pk_retention"),
        _refers("retention", "settlement_id", "settlement"),
        _refers("retention", "cooperative_id", "cooperative"),
        *_checks("retention", {"left": "kept_minor > 0 AND left_minor BETWEEN 0 AND kept_minor"}),
    )
    op.create_index(
        "ix_retention_cooperative_id_currency",
        "retention",
        ["cooperative_id", "currency"],
        postgresql_where=sa.text("left_minor > 0"),
    )


def _late_refunds() -> None:
    op.create_table(
        "late_refund",
        *_ids("id", "settlement_id", "refund_id"),
        *_text(20, "remedy"),
        *_whole("amount_minor"),
        sa.Column("at_fault", sa.Boolean(), nullable=False),
        *_whole("commission_back_minor", "from_retention_minor", "owed_minor"),
        sa.Column("taken", postgresql.JSONB(), nullable=False),
        *_text(80, "actor"),
        *_at("at"),
        sa.PrimaryKeyConstraint("id", name="pk_late_refund"),
        sa.UniqueConstraint("refund_id", "settlement_id", name="uq_late_refund_refund_id_settlement_id"),
        _refers("late_refund", "settlement_id", "settlement"),
        _refers("late_refund", "refund_id", "part_refund"),
        *_checks("late_refund", LATE_REFUND),
    )
    op.create_index("ix_late_refund_settlement_id", "late_refund", ["settlement_id"])


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _text(length: int, *names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), nullable=nullable) for name in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
