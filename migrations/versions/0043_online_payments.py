"""Payments through a gateway outside: what is asked of it, what it tells, and how refunds are paid.

Every refund that is owed already is due by other means: until now all money came by bank transfer or in cash. Going
down, payments that wait for their payer at a bank are waited for as before they were begun.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

STATES = "state IN ('requires_confirmation', {action}'processing', 'succeeded', 'canceled')"
CASES = (
    "kind IN ('shrink_deviation', 'weighbridge_gap', 'shortfall', 'reconciliation', 'late_payment', 'refund'{new})"
)
MONEY = "{0} >= 0 AND {0} <= 10000000000000"


def _id(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _checks(table: str, **rules: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def upgrade() -> None:
    _check("payment", "state", STATES.format(action="'requires_action', "))
    _check("case", "kind", CASES.format(new=", 'payment'"))
    _key_in_progress()
    _online_payment()
    _gateway_call()
    _repayment()
    _provider_event()
    op.execute("REVOKE DELETE ON online_payment, gateway_call, repayment, provider_event FROM marketplace_app")
    op.execute("""
        INSERT INTO repayment (refund_id, payment_id, state, created_at)
        SELECT id, payment_id, 'due', at FROM part_refund
    """)


def _check(table: str, name: str, rule: str) -> None:
    full = op.f(f"ck_{table}_{name}")
    op.drop_constraint(full, table)
    op.create_check_constraint(full, table, rule)


def _key_in_progress() -> None:
    table = "key_in_progress"
    op.create_table(
        table,
        _text("principal", 80),
        _text("key", 255),
        _text("fingerprint", 64),
        _text("request_id", 80),
        _at("started_at"),
        sa.PrimaryKeyConstraint("principal", "key", name="pk_key_in_progress"),
    )
    op.create_index("ix_key_in_progress_started_at", table, ["started_at"])


def _online_payment() -> None:
    table = "online_payment"
    op.create_table(
        table,
        _id("payment_id"),
        _text("gateway", 20),
        _text("provider_id", 80, nullable=True),
        _text("method", 40, nullable=True),
        _at("paid_at", nullable=True),
        _at("refundable_until", nullable=True),
        _whole("fee_minor", nullable=True),
        _text("fee_currency", 3, nullable=True),
        _at("looks_at", nullable=True),
        _at("created_at"),
        sa.PrimaryKeyConstraint("payment_id", name="pk_online_payment"),
        sa.UniqueConstraint("provider_id", name="uq_online_payment_provider_id"),
        _to(table, "payment_id", "payment"),
        *_checks(
            table,
            fee="num_nulls(fee_minor, fee_currency) IN (0, 2)",
            fee_minor=MONEY.format("fee_minor"),
            paid="(method IS NULL) = (paid_at IS NULL)",
            refundable="refundable_until IS NULL OR paid_at IS NOT NULL",
        ),
    )
    op.create_index(
        "ix_online_payment_looks_at", table, ["looks_at"], postgresql_where=sa.text("looks_at IS NOT NULL")
    )


def _gateway_call() -> None:
    table = "gateway_call"
    op.create_table(
        table,
        _id("id"),
        _id("payment_id"),
        _id("refund_id", nullable=True),
        _text("kind", 20),
        _whole("attempt"),
        _text("key", 120),
        sa.Column("arguments", JSONB(), nullable=False),
        _text("state", 20),
        _text("problem", 80, nullable=True),
        _whole("tries"),
        _at("leased_until"),
        _at("asked_at"),
        _at("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_gateway_call"),
        sa.UniqueConstraint("key", name="uq_gateway_call_key"),
        _to(table, "payment_id", "payment"),
        _to(table, "refund_id", "part_refund"),
        *_checks(
            table,
            kind="kind IN ('open', 'confirm', 'cancel', 'refund')",
            state="state IN ('asked', 'done', 'refused', 'dropped')",
            finished="(state = 'asked') = (finished_at IS NULL)",
            refund="(kind = 'refund') = (refund_id IS NOT NULL)",
            attempt="attempt > 0 AND tries >= 0",
        ),
    )
    op.create_index("ix_gateway_call_payment_id", table, ["payment_id"])
    op.create_index(
        "uq_gateway_call_asked",
        table,
        ["payment_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'asked' AND refund_id IS NULL"),
    )
    op.create_index(
        "uq_gateway_call_refund_asked",
        table,
        ["refund_id"],
        unique=True,
        postgresql_where=sa.text("state = 'asked' AND refund_id IS NOT NULL"),
    )
    op.create_index(
        "ix_gateway_call_leased_until", table, ["leased_until"], postgresql_where=sa.text("state = 'asked'")
    )


def _repayment() -> None:
    table = "repayment"
    op.create_table(
        table,
        _id("refund_id"),
        _id("payment_id"),
        _text("state", 20),
        _text("means", 20, nullable=True),
        _text("receipt_reference", 80, nullable=True),
        _text("provider_id", 80, nullable=True),
        _text("problem", 80, nullable=True),
        _at("looks_at", nullable=True),
        _at("created_at"),
        _at("paid_at", nullable=True),
        sa.PrimaryKeyConstraint("refund_id", name="pk_repayment"),
        sa.UniqueConstraint("receipt_reference", name="uq_repayment_receipt_reference"),
        sa.UniqueConstraint("provider_id", name="uq_repayment_provider_id"),
        _to(table, "refund_id", "part_refund"),
        _to(table, "payment_id", "payment"),
        *_checks(
            table,
            state="state IN ('asked', 'due', 'paid')",
            means="means IN ('gateway', 'bank_transfer', 'cash', 'credit')",
            paid="num_nulls(means, receipt_reference, paid_at) = CASE state WHEN 'paid' THEN 0 ELSE 3 END",
            looks="looks_at IS NULL OR state = 'asked'",
        ),
    )
    op.create_index("ix_repayment_payment_id", table, ["payment_id"])
    op.create_index("ix_repayment_state_refund_id", table, ["state", "refund_id"])
    op.create_index(
        "ix_repayment_looks_at", table, ["looks_at"], postgresql_where=sa.text("looks_at IS NOT NULL")
    )


def _provider_event() -> None:
    table = "provider_event"
    op.create_table(
        table,
        _id("id"),
        _text("provider", 20),
        _text("event_id", 255),
        _text("type", 100),
        _text("object_kind", 60),
        _text("object_id", 255),
        _text("payment_ref", 255, nullable=True),
        _at("received_at"),
        _at("due_at"),
        _whole("tries"),
        _at("handled_at", nullable=True),
        _text("outcome", 40, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_provider_event"),
        sa.UniqueConstraint("provider", "event_id", name="uq_provider_event_provider_event_id"),
        *_checks(
            table,
            handled="num_nulls(handled_at, outcome) IN (0, 2)",
            tries="tries >= 0",
        ),
    )
    op.create_index(
        "ix_provider_event_due_at", table, ["due_at"], postgresql_where=sa.text("handled_at IS NULL")
    )
    op.create_index("ix_provider_event_received_at", table, ["received_at"])


def downgrade() -> None:
    for table in ("provider_event", "repayment", "gateway_call", "online_payment", "key_in_progress"):
        op.drop_table(table)
    op.execute("UPDATE payment SET state = 'requires_confirmation' WHERE state = 'requires_action'")
    op.execute("UPDATE payment SET gateway = 'offline' WHERE gateway = 'stripe'")
    _check("payment", "state", STATES.format(action=""))
    op.execute("""UPDATE "case" SET kind = 'late_payment' WHERE kind = 'payment'""")
    _check("case", "kind", CASES.format(new=""))
