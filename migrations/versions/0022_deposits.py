"""Deposits, ladders and balances: the terms on pools and orders, the second payment, what is forfeited, reminders.

Going down asks that no order with a deposit is there, and no sold box that came back.
"""

import importlib.util
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

LINE = (
    "CASE kind"
    " WHEN 'opened' THEN number = 1"
    " AND pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'pledged' THEN pledged_delta > 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'withdrawn' THEN pledged_delta < 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'held' THEN pledged_delta = 0 AND held_delta > 0 AND sold_delta = 0"
    " WHEN 'resized' THEN pledged_delta = 0 AND held_delta <> 0 AND sold_delta = 0"
    " WHEN 'released' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'expired' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'superseded' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'sold' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = - held_delta"
    "{returned}"
    " WHEN 'reconciled' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " ELSE false END"
)
RETURNED = " WHEN 'returned' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta < 0"
ORDER_STATES = (
    "state IN ('deposit_due', 'proposed', 'approved', 'short', 'committed'{new}, 'withdrawn', 'expired',"
    " 'payment_failed', 'cancelled')"
)
NEW_STATES = ", 'deposit_paid', 'balance_due', 'balance_paid', 'balance_defaulted'"
CASES = "kind IN ('shrink_deviation', 'weighbridge_gap', 'shortfall', 'reconciliation', 'late_payment'{new})"
OLD_REFUND_DUE = (
    "CASE WHEN refund_due_minor = 0 THEN refund_reason IS NULL ELSE refund_due_minor = amount_minor"
    " AND state = 'canceled' AND num_nulls(refund_reason, receipt_reference) = 0 END"
)
REFUND_DUE = (
    "CASE WHEN refund_due_minor = 0 THEN refund_reason IS NULL"
    " ELSE num_nulls(refund_reason, receipt_reference) = 0 AND refund_due_minor > 0"
    " AND CASE state WHEN 'canceled' THEN refund_due_minor = amount_minor"
    " WHEN 'succeeded' THEN refund_due_minor <= amount_minor ELSE false END END"
)
TYPES = "IN ('earnest', 'advance')"
FUNDERS = "IN ('platform', 'county', 'sponsor')"
POOL_COLUMNS = {
    "deposit_type": sa.String(20),
    "deposit_minor": sa.BigInteger(),
    "deposit_counts_minor": sa.BigInteger(),
    "deposit_funder": sa.String(20),
    "deposit_free_hours": sa.BigInteger(),
}
POOL_CHECKS = {
    "deposit": "num_nulls(deposit_type, deposit_minor, deposit_counts_minor, deposit_free_hours) IN (0, 4)"
    " AND (deposit_type IS NULL OR unit_price_minor IS NOT NULL)",
    "deposit_type": f"deposit_type {TYPES}",
    "deposit_amount": "deposit_minor > 0 AND deposit_counts_minor >= deposit_minor"
    " AND deposit_counts_minor <= unit_price_minor",
    "deposit_funder": f"deposit_funder {FUNDERS}",
    "deposit_bonus": "(deposit_funder IS NOT NULL) = (coalesce(deposit_counts_minor - deposit_minor, 0) > 0)",
    "deposit_free_hours": "deposit_free_hours BETWEEN 0 AND 720",
}
CAMPAIGN_COLUMNS = {
    "balance_opens_at": sa.DateTime(timezone=True),
    "balance_closes_at": sa.DateTime(timezone=True),
    "balance_grace_hours": sa.BigInteger(),
    "balance_due_at": sa.DateTime(timezone=True),
}
CAMPAIGN_CHECKS = {
    "balance": "num_nulls(balance_opens_at, balance_closes_at, balance_grace_hours) IN (0, 3)"
    " AND balance_opens_at >= closes_at AND balance_closes_at > balance_opens_at"
    " AND balance_grace_hours BETWEEN 0 AND 720",
    "balance_due": "balance_due_at >= balance_closes_at",
}
DEPOSIT = (
    "'deposit', (SELECT jsonb_build_object('type', p.deposit_type, 'per_box_minor', p.deposit_minor,"
    " 'counts_minor', p.deposit_counts_minor, 'funder', p.deposit_funder, 'free_hours', p.deposit_free_hours)"
    " FROM pool p WHERE p.id = t.pool_id AND p.deposit_type IS NOT NULL), 'pool_id', t.pool_id"
)
FACTS = (
    "'id', t.id, 'owner_id', t.owner_id, 'kind', t.kind, 'state', t.state, 'boxes', t.boxes,"
    " 'pack_id', t.pack_id, 'pack_grams', t.pack_grams, 'price', t.unit_price_minor, 'currency', t.currency,"
    " 'expires_at', t.expires_at, 'version', t.version"
)


def upgrade() -> None:
    _check("pool_movement", "kind", LINE.format(returned=RETURNED))
    _check("order", "state", ORDER_STATES.format(new=NEW_STATES))
    _check("case", "kind", CASES.format(new=", 'refund'"))
    _add("pool", POOL_COLUMNS, POOL_CHECKS)
    _add("campaign", CAMPAIGN_COLUMNS, CAMPAIGN_CHECKS)
    op.add_column("campaign_item", sa.Column("final_unit_price_minor", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_campaign_item_final_unit_price"),
        "campaign_item",
        "final_unit_price_minor > 0 AND final_unit_price_minor <= unit_price_minor",
    )
    _steps()
    _payments()
    _orders()
    for table in ("campaign_step", "forfeit", "balance_reminder"):
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM marketplace_app")
    _look(f"{FACTS}, {DEPOSIT}")


def downgrade() -> None:
    _look(FACTS)
    for table in ("balance_reminder", "forfeit", "pool_balance", "deposit_terms", "campaign_step"):
        op.drop_table(table)
    op.drop_index("uq_payment_balance", "payment")
    op.drop_index("uq_payment_order_id", "payment")
    op.create_unique_constraint("uq_payment_order_id", "payment", ["order_id"])
    op.drop_constraint(op.f("ck_payment_purpose"), "payment")
    op.drop_column("payment", "purpose")
    _check("payment", "refund_due", OLD_REFUND_DUE)
    op.drop_constraint(op.f("ck_campaign_item_final_unit_price"), "campaign_item")
    op.drop_column("campaign_item", "final_unit_price_minor")
    _drop("campaign", CAMPAIGN_COLUMNS, CAMPAIGN_CHECKS)
    _drop("pool", POOL_COLUMNS, POOL_CHECKS)
    _check("case", "kind", CASES.format(new=""))
    _check("order", "state", ORDER_STATES.format(new=""))
    _check("pool_movement", "kind", LINE.format(returned=""))


def _steps() -> None:
    parts = ("orchard_minor", "cold_store_minor", "packing_minor", "freight_minor", "commission_minor")
    op.create_table(
        "campaign_step",
        sa.Column("item_id", sa.Uuid(), sa.ForeignKey("campaign_item.id"), primary_key=True),
        sa.Column("from_boxes", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in parts),
        sa.CheckConstraint("from_boxes >= 0 AND from_boxes <= 1000000", name=op.f("ck_campaign_step_from_boxes")),
        sa.CheckConstraint(
            "unit_price_minor > 0 AND unit_price_minor <= 1000000000", name=op.f("ck_campaign_step_unit_price")
        ),
        sa.CheckConstraint(f"num_nulls({', '.join(parts)}) IN (0, 5)", name=op.f("ck_campaign_step_parts")),
        sa.CheckConstraint(f"{' + '.join(parts)} = unit_price_minor", name=op.f("ck_campaign_step_sum")),
        sa.CheckConstraint(f"least({', '.join(parts)}) >= 0", name=op.f("ck_campaign_step_not_negative")),
    )


def _payments() -> None:
    op.add_column("payment", sa.Column("purpose", sa.String(20), nullable=False, server_default="order"))
    op.create_check_constraint(op.f("ck_payment_purpose"), "payment", "purpose IN ('order', 'balance')")
    op.drop_constraint("uq_payment_order_id", "payment")
    op.create_index(
        "uq_payment_order_id", "payment", ["order_id"], unique=True, postgresql_where=sa.text("purpose = 'order'")
    )
    op.create_index(
        "uq_payment_balance",
        "payment",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("purpose = 'balance' AND state <> 'canceled'"),
    )
    _check("payment", "refund_due", REFUND_DUE)


def _orders() -> None:
    op.create_table(
        "deposit_terms",
        sa.Column("order_id", sa.Uuid(), sa.ForeignKey("order.id"), primary_key=True),
        sa.Column("pool_id", sa.Uuid(), sa.ForeignKey("pool.id"), nullable=False, index=True),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("per_box_minor", sa.BigInteger(), nullable=False),
        sa.Column("counts_minor", sa.BigInteger(), nullable=False),
        sa.Column("funder", sa.String(20), nullable=True),
        sa.Column("free_hours", sa.BigInteger(), nullable=False),
        sa.Column("free_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("final_unit_price_minor", sa.BigInteger(), nullable=True),
        sa.Column("bonus_minor", sa.BigInteger(), nullable=True),
        sa.Column("balance_minor", sa.BigInteger(), nullable=True),
        sa.Column("balance_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"type {TYPES}", name=op.f("ck_deposit_terms_type")),
        sa.CheckConstraint(f"funder {FUNDERS}", name=op.f("ck_deposit_terms_funder")),
        sa.CheckConstraint(
            "per_box_minor > 0 AND counts_minor >= per_box_minor AND counts_minor <= 1000000000",
            name=op.f("ck_deposit_terms_amount"),
        ),
        sa.CheckConstraint(
            "(funder IS NOT NULL) = (counts_minor > per_box_minor)", name=op.f("ck_deposit_terms_bonus")
        ),
        sa.CheckConstraint("free_hours BETWEEN 0 AND 720", name=op.f("ck_deposit_terms_free_hours")),
        sa.CheckConstraint(
            "num_nulls(final_unit_price_minor, bonus_minor, balance_minor, balance_due_at) IN (0, 4)",
            name=op.f("ck_deposit_terms_balance"),
        ),
        sa.CheckConstraint(
            "final_unit_price_minor > 0 AND bonus_minor >= 0 AND balance_minor >= 0",
            name=op.f("ck_deposit_terms_final"),
        ),
    )
    op.create_index(
        "ix_deposit_terms_due",
        "deposit_terms",
        ["balance_due_at"],
        postgresql_where=sa.text("balance_due_at IS NOT NULL AND balance_minor > 0"),
    )
    op.create_table(
        "pool_balance",
        sa.Column("pool_id", sa.Uuid(), sa.ForeignKey("pool.id"), primary_key=True),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("boxes_sold", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "unit_price_minor > 0 AND boxes_sold >= 0", name=op.f("ck_pool_balance_not_negative")
        ),
        sa.CheckConstraint(
            "due_at >= opened_at AND closed_at >= opened_at", name=op.f("ck_pool_balance_order")
        ),
    )
    op.create_table(
        "forfeit",
        sa.Column("order_id", sa.Uuid(), sa.ForeignKey("order.id"), primary_key=True),
        sa.Column("cooperative_id", sa.Uuid(), sa.ForeignKey("cooperative.id"), primary_key=True, index=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_forfeit_amount")),
    )
    op.create_table(
        "balance_reminder",
        sa.Column("order_id", sa.Uuid(), sa.ForeignKey("order.id"), primary_key=True),
        sa.Column("hours_before", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("hours_before > 0", name=op.f("ck_balance_reminder_hours")),
    )


def _look(facts: str) -> None:
    """The till's look of holds, with the deposit of their pools, or without."""
    path = Path(__file__).with_name("0019_till_looks.py")
    spec = importlib.util.spec_from_file_location("till_looks", path)
    assert spec is not None
    assert spec.loader is not None
    looks: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(looks)
    op.execute("DROP FUNCTION paying_look(jsonb)")
    op.execute(
        looks.FORM.format(
            name="paying_look", table="hold", owner="owner_id", order="t.owner_id, t.pool_id, t.id", facts=facts
        )
    )


def _add(table: str, columns: dict[str, Any], checks: dict[str, str]) -> None:
    for name, kind in columns.items():
        op.add_column(table, sa.Column(name, kind, nullable=True))
    for name, rule in checks.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def _drop(table: str, columns: dict[str, Any], checks: dict[str, str]) -> None:
    for name in checks:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    for name in columns:
        op.drop_column(table, name)


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
