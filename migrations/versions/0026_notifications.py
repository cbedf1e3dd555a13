"""Notifications and their ways, what people do not want, proved e-mail addresses; who waits for a campaign to open."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

KINDS = (
    "order_placed",
    "payment_received",
    "order_committed",
    "order_expired",
    "order_withdrawn",
    "boxes_offered",
    "campaign_opened",
    "campaign_paused",
    "campaign_closed",
    "campaign_failed",
    "campaign_cancelled",
    "balance_due",
    "balance_reminder",
    "balance_defaulted",
    "shortage_election",
    "shortage_cut",
    "refund_due",
    "refund_paid",
    "pledge_invited",
    "commitment_asked",
)
CHANNELS = ("console", "email", "webhook")
STATES = ("waiting", "sent", "skipped", "dead")


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _id(name: str) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _word(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _of(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _one_of(table: str, column: str, words: tuple[str, ...]) -> sa.CheckConstraint:
    return _check(table, column, f"{column} IN ({', '.join(map(repr, words))})")


def upgrade() -> None:
    _people()
    _messages()
    op.create_table(
        "campaign_subscription",
        _id("campaign_id"),
        _id("account_id"),
        _at("created_at"),
        sa.PrimaryKeyConstraint("campaign_id", "account_id", name="pk_campaign_subscription"),
        _of("campaign_subscription", "campaign_id", "campaign"),
        _of("campaign_subscription", "account_id", "account"),
    )


def _people() -> None:
    op.add_column("account", sa.Column("email", sa.String(254)))
    op.add_column("account", sa.Column("language", sa.String(2)))
    op.create_check_constraint(
        op.f("ck_account_email"), "account", "email ~ '^[^[:space:]@]+@[^[:space:]@]+$'"
    )
    op.create_check_constraint(op.f("ck_account_language"), "account", "language IN ('en', 'zh')")
    op.create_table(
        "email_code",
        _id("id"),
        _id("account_id"),
        _word("email", 254),
        sa.Column("code_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("wrong_tries", sa.BigInteger(), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        _at("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_email_code"),
        _of("email_code", "account_id", "account"),
        _check("email_code", "wrong_tries", "wrong_tries >= 0 AND wrong_tries <= 5"),
        _check("email_code", "five_tries_end_it", "wrong_tries < 5 OR ended_at IS NOT NULL"),
    )
    op.create_index("ix_email_code_email_created_at", "email_code", ["email", "created_at"])
    op.create_index("ix_email_code_created_at", "email_code", ["created_at"])
    op.create_index(
        "uq_email_code_open_account",
        "email_code",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _messages() -> None:
    op.create_table(
        "notification",
        _id("id"),
        _id("account_id"),
        _word("kind", 40),
        _word("cause", 120),
        sa.Column("facts", JSONB(), nullable=False),
        _word("title_en", 200),
        _word("title_zh", 200),
        _word("body_en", 2000),
        _word("body_zh", 2000),
        _at("created_at"),
        _at("read_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
        _of("notification", "account_id", "account"),
        sa.UniqueConstraint("account_id", "kind", "cause", name="uq_notification_account_id_kind_cause"),
        _one_of("notification", "kind", KINDS),
    )
    op.create_index("ix_notification_account_id_id", "notification", ["account_id", "id"])
    op.create_table(
        "notification_delivery",
        _id("notification_id"),
        _word("channel", 20),
        _word("state", 20),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        _word("problem", 200, nullable=True),
        _at("due_at"),
        _at("resolved_at", nullable=True),
        sa.PrimaryKeyConstraint("notification_id", "channel", name="pk_notification_delivery"),
        _of("notification_delivery", "notification_id", "notification"),
        _one_of("notification_delivery", "channel", CHANNELS),
        _one_of("notification_delivery", "state", STATES),
        _check("notification_delivery", "attempts", "attempts >= 0 AND attempts <= 100"),
        _check("notification_delivery", "resolved_at", "(state = 'waiting') = (resolved_at IS NULL)"),
        _check("notification_delivery", "sent", "state <> 'sent' OR attempts >= 1"),
        _check("notification_delivery", "dead", "state <> 'dead' OR problem IS NOT NULL"),
    )
    op.create_index(
        "ix_notification_delivery_waiting",
        "notification_delivery",
        ["due_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "notification_refusal",
        _id("account_id"),
        _word("kind", 40),
        _word("channel", 20),
        _at("created_at"),
        sa.PrimaryKeyConstraint("account_id", "kind", "channel", name="pk_notification_refusal"),
        _of("notification_refusal", "account_id", "account"),
        _one_of("notification_refusal", "kind", KINDS),
        _one_of("notification_refusal", "channel", CHANNELS),
    )
    op.execute("REVOKE DELETE ON notification, notification_delivery FROM marketplace_app")


def downgrade() -> None:
    for table in (
        "campaign_subscription",
        "notification_refusal",
        "notification_delivery",
        "notification",
        "email_code",
    ):
        op.drop_table(table)
    op.drop_column("account", "language")
    op.drop_column("account", "email")
