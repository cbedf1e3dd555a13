"""Subscriptions to kept queries, and the one delivery that is on its way to each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

OUTCOMES = (
    "accepted",
    "refused",
    "redirected",
    "url_not_allowed",
    "name_unknown",
    "address_not_allowed",
    "not_connected",
    "tls_failed",
    "too_slow",
    "answer_too_long",
    "answer_broken",
)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    table = "event_subscription"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("query_id", sa.Uuid(), nullable=False),
        sa.Column("dest", sa.String(500), nullable=False),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=True),
        sa.Column("is_stream", sa.Boolean(), nullable=False),
        sa.Column("schedule", JSONB(), nullable=True),
        sa.Column("report_if_empty", sa.Boolean(), nullable=False),
        _at("initial_record_time", nullable=True),
        _whole("cursor"),
        _whole("goal"),
        sa.Column("owes_report", sa.Boolean(), nullable=False),
        _whole("batch_max"),
        _at("due_at", nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("paused_reason", sa.String(20), nullable=True),
        _at("paused_at", nullable=True),
        _at("last_notified_at", nullable=True),
        sa.Column("actor", sa.String(80), nullable=False),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_event_subscription"),
        sa.ForeignKeyConstraint(
            ["query_id"], ["event_query.id"], name="fk_event_subscription_query_id_event_query", ondelete="CASCADE"
        ),
        _check(table, "controls", "is_stream = (schedule IS NULL) AND is_stream = (due_at IS NULL)"),
        _check(table, "cursor", "cursor >= 0 AND goal >= cursor"),
        _check(table, "batch_max", "batch_max BETWEEN 1 AND 100"),
        _check(table, "state", "state IN ('active', 'paused')"),
        _check(table, "paused_reason", "paused_reason IN ('failing', 'gone', 'token_unreadable')"),
        _check(
            table,
            "paused",
            "num_nulls(paused_reason, paused_at) = CASE state WHEN 'paused' THEN 0 ELSE 2 END",
        ),
    )
    op.create_index("ix_event_subscription_query_id_id", table, ["query_id", "id"])
    _delivery()


def _delivery() -> None:
    table = "event_delivery"
    op.create_table(
        table,
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        _whole("begins"),
        _whole("ends"),
        _whole("events"),
        sa.Column("body", sa.Text(), nullable=False),
        _whole("tries"),
        sa.Column("last_outcome", sa.String(30), nullable=True),
        _whole("last_status", nullable=True),
        _at("due_at"),
        _at("created_at"),
        sa.PrimaryKeyConstraint("subscription_id", name="pk_event_delivery"),
        sa.UniqueConstraint("id", name="uq_event_delivery_id"),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["event_subscription.id"],
            name="fk_event_delivery_subscription_id_event_subscription",
            ondelete="CASCADE",
        ),
        _check(table, "span", "begins >= 0 AND ends >= begins"),
        _check(table, "events", "events BETWEEN 0 AND ends - begins"),
        _check(table, "tries", "tries >= 0 AND (tries = 0) = (last_outcome IS NULL)"),
        _check(table, "last_outcome", f"last_outcome IN ({', '.join(map(repr, OUTCOMES))})"),
    )


def downgrade() -> None:
    """All subscriptions are forgotten, with what waits to be sent."""
    op.drop_table("event_delivery")
    op.drop_table("event_subscription")
