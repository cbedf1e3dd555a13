"""Webhooks: endpoints, their secrets, messages, deliveries, attempts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _to(table: str, column: str, target: str, **options: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}", **options)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _endpoint()
    _message()
    _delivery()
    op.execute("REVOKE UPDATE ON webhook_message, webhook_attempt FROM marketplace_app")


def _endpoint() -> None:
    table = "webhook_endpoint"
    op.create_table(
        table,
        _id("id"),
        _id("cooperative_id", nullable=True),
        _text("url", 500),
        _text("description", 200),
        sa.Column("events", ARRAY(sa.String(60)), nullable=False),
        _text("state", 20),
        _text("disabled_reason", 20, nullable=True),
        _at("disabled_at", nullable=True),
        _whole("failures_in_row"),
        _at("failing_since", nullable=True),
        _at("rests_until", nullable=True),
        _at("created_at"),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoint"),
        _to(table, "cooperative_id", "cooperative"),
        _check(table, "state", "state IN ('enabled', 'disabled', 'removed')"),
        _check(
            table, "disabled_reason", "disabled_reason IN ('by_hand', 'failing', 'gone', 'secret_unreadable')"
        ),
        _check(
            table,
            "disabled",
            "num_nulls(disabled_reason, disabled_at) = CASE state WHEN 'disabled' THEN 0 ELSE 2 END",
        ),
        _check(table, "events", "cardinality(events) >= 1"),
        _check(table, "failing", "failures_in_row >= 0 AND (failures_in_row = 0) = (failing_since IS NULL)"),
        _check(table, "rests", "rests_until IS NULL OR failures_in_row > 0"),
        _check(table, "version", "version > 0"),
    )
    op.create_index("ix_webhook_endpoint_cooperative_id", table, ["cooperative_id"])
    op.create_table(
        "webhook_secret",
        _id("endpoint_id"),
        _whole("number"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _at("created_at"),
        _at("expires_at", nullable=True),
        sa.PrimaryKeyConstraint("endpoint_id", "number", name="pk_webhook_secret"),
        _to("webhook_secret", "endpoint_id", table),
        _check("webhook_secret", "number", "number > 0"),
    )


def _message() -> None:
    table = "webhook_message"
    op.create_table(
        table,
        _id("id"),
        _text("type", 60),
        _whole("schema_version"),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("cooperative_ids", ARRAY(sa.Uuid()), nullable=False),
        _id("endpoint_id", nullable=True),
        _whole("told_count"),
        _at("at"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_message"),
        _to(table, "endpoint_id", "webhook_endpoint"),
        _check(table, "schema_version", "schema_version > 0"),
        _check(table, "told_count", "told_count >= 0"),
    )
    op.create_index("ix_webhook_message_at", table, ["at"])
    op.create_index("ix_webhook_message_endpoint_id", table, ["endpoint_id"])


def _delivery() -> None:
    table = "webhook_delivery"
    op.create_table(
        table,
        _id("id"),
        _id("message_id"),
        _id("endpoint_id"),
        sa.Column("is_replay", sa.Boolean(), nullable=False),
        _text("state", 20),
        _whole("attempts"),
        _whole("tries"),
        _at("due_at"),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
        sa.UniqueConstraint("message_id", "endpoint_id", name="uq_webhook_delivery_message_id_endpoint_id"),
        _to(table, "message_id", "webhook_message", ondelete="CASCADE"),
        _to(table, "endpoint_id", "webhook_endpoint"),
        _check(table, "state", "state IN ('waiting', 'delivered', 'dead')"),
        _check(table, "tries", "tries >= 0 AND tries <= attempts"),
    )
    op.create_index("ix_webhook_delivery_endpoint_id_id", table, ["endpoint_id", "id"])
    op.create_index(
        "ix_webhook_delivery_waiting",
        table,
        ["endpoint_id", "due_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    table = "webhook_attempt"
    op.create_table(
        table,
        _id("delivery_id"),
        _whole("number"),
        _text("outcome", 30),
        _whole("status", nullable=True),
        _whole("duration_ms"),
        _at("at"),
        sa.PrimaryKeyConstraint("delivery_id", "number", name="pk_webhook_attempt"),
        _to(table, "delivery_id", "webhook_delivery", ondelete="CASCADE"),
        _check(table, "number", "number > 0"),
        _check(
            table,
            "outcome",
            "outcome IN ('accepted', 'refused', 'redirected', 'url_not_allowed', 'name_unknown', "
            "'address_not_allowed', 'not_connected', 'tls_failed', 'too_slow', 'answer_too_long', 'answer_broken')",
        ),
        _check(table, "duration", "duration_ms >= 0"),
        _check(table, "accepted", "outcome <> 'accepted' OR status BETWEEN 200 AND 299"),
    )


def downgrade() -> None:
    for table in ("attempt", "delivery", "message", "secret", "endpoint"):
        op.drop_table(f"webhook_{table}")
