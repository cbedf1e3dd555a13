"""Cards are held and charged later, or kept for the balance of an order with the consent of their owners.

Going down, what was asked of a gateway in words that are not known then is kept as what it most resembles, and kept
cards are known to the payment service alone.
"""

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

KINDS = "kind IN ({0})"
BEFORE = ("open", "confirm", "cancel", "refund")
AFTER = ("open", "prepare", "confirm", "charge", "capture", "cancel", "refund", "forget")
ENDED = "ended_reason IN ('revoked', 'card_removed', 'replaced', 'not_asked_again', 'not_saved')"
TOLD = ("balance_charge_planned", "balance_charge_declined")


def _id(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _whole(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _checks(table: str, **rules: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def upgrade() -> None:
    _kinds(AFTER)
    op.add_column(
        "online_payment", sa.Column("saves", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    _gateway_customer()
    _saved_card()
    _balance_consent()
    op.execute("REVOKE DELETE ON gateway_customer, saved_card, balance_consent FROM marketplace_app")
    messages.tell(TOLD)


def _kinds(known: tuple[str, ...]) -> None:
    name = op.f("ck_gateway_call_kind")
    op.drop_constraint(name, "gateway_call")
    op.create_check_constraint(name, "gateway_call", KINDS.format(", ".join(map(repr, known))))


def _gateway_customer() -> None:
    table = "gateway_customer"
    op.create_table(
        table,
        _id("account_id"),
        _text("provider_id", 80),
        _at("created_at"),
        sa.PrimaryKeyConstraint("account_id", name="pk_gateway_customer"),
        sa.UniqueConstraint("provider_id", name="uq_gateway_customer_provider_id"),
        _to(table, "account_id", "account"),
    )


def _saved_card() -> None:
    table = "saved_card"
    op.create_table(
        table,
        _id("id"),
        _id("account_id"),
        _id("payment_id"),
        _text("customer", 80),
        _text("method", 80),
        _text("brand", 20),
        _text("last4", 4),
        _whole("exp_month"),
        _whole("exp_year"),
        _at("saved_at"),
        _at("removed_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_saved_card"),
        sa.UniqueConstraint("payment_id", name="uq_saved_card_payment_id"),
        sa.UniqueConstraint("method", name="uq_saved_card_method"),
        _to(table, "account_id", "account"),
        _to(table, "payment_id", "payment"),
        *_checks(
            table,
            expiry="exp_month BETWEEN 1 AND 12 AND exp_year BETWEEN 2000 AND 9999",
            removed="removed_at >= saved_at",
        ),
    )
    op.create_index("ix_saved_card_account_id", table, ["account_id"])


def _balance_consent() -> None:
    table = "balance_consent"
    op.create_table(
        table,
        _id("id"),
        _id("order_id"),
        _id("account_id"),
        _id("payment_id", nullable=True),
        _id("card_id", nullable=True),
        _text("words_version", 20),
        _at("given_at"),
        _at("ended_at", nullable=True),
        _text("ended_reason", 20, nullable=True),
        _at("charge_at", nullable=True),
        _at("asked_at", nullable=True),
        _whole("declines"),
        _text("problem", 80, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_balance_consent"),
        _to(table, "account_id", "account"),
        _to(table, "payment_id", "payment"),
        _to(table, "card_id", "saved_card"),
        *_checks(
            table,
            ended_reason=ENDED,
            ended="num_nulls(ended_at, ended_reason) IN (0, 2) AND ended_at >= greatest(given_at, asked_at)",
            card="num_nulls(payment_id, card_id) < 2",
            charge="charge_at IS NULL OR (card_id IS NOT NULL AND ended_at IS NULL)",
            declines="declines BETWEEN 0 AND 2 AND (declines > 0) = (problem IS NOT NULL)",
        ),
    )
    for column in ("order_id", "account_id", "payment_id", "card_id"):
        op.create_index(f"ix_balance_consent_{column}", table, [column])
    op.create_index(
        "uq_balance_consent_order_id",
        table,
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_balance_consent_charge_at",
        table,
        ["charge_at"],
        postgresql_where=sa.text("charge_at IS NOT NULL"),
    )


def downgrade() -> None:
    messages.forget(TOLD)
    for table in ("balance_consent", "saved_card", "gateway_customer"):
        op.drop_table(table)
    op.drop_column("online_payment", "saves")
    op.execute("""
        UPDATE gateway_call SET state = 'dropped', finished_at = now()
        WHERE state = 'asked' AND kind NOT IN ('open', 'confirm', 'cancel', 'refund')
    """)
    op.execute("""
        UPDATE gateway_call SET kind = CASE kind WHEN 'forget' THEN 'cancel' ELSE 'confirm' END
        WHERE kind NOT IN ('open', 'confirm', 'cancel', 'refund')
    """)
    _kinds(BEFORE)
