"""Payouts: where cooperatives are paid, what is paid to them by two people, batches for a bank, calls to a provider.

Going down no payout may be there; what was told in words that are not known then is forgotten.
"""

import re

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

TOLD = ("destination_named", "payout_paid", "payout_returned")
STATES = "('drafted', 'approved', 'sent', 'paid', 'returned', 'cancelled')"
METHODS = "('bank', 'stripe')"
APPROVED = "num_nulls(approved_by, approved_at, destination_id, destination_since)"

CONNECT_ACCOUNT = {
    "country": "country ~ '^[A-Z]{2}$'",
    "provider": "num_nulls(provider_id, looked_at) IN (0, 2)",
    "ready": "NOT is_ready OR provider_id IS NOT NULL",
}
DESTINATION = {
    "number": "number > 0",
    "kind": f"kind IN {METHODS}",
    "where": "CASE kind WHEN 'bank' THEN sealed IS NOT NULL AND connect_account_id IS NULL"
    " ELSE sealed IS NULL AND connect_account_id IS NOT NULL END",
    "sealed": "octet_length(sealed) BETWEEN 33 AND 20000",
}
BATCH = {
    "format": "format IN ('csv', 'csv_gb18030', 'pain_001')",
    "currency": "currency ~ '^[A-Z]{3}$'",
    "sums": "payouts > 0 AND payouts <= 10000 AND total_minor >= payouts",
    "file": "sha256 ~ '^[0-9a-f]{64}$' AND size_bytes > 0",
}
PAYOUT = {
    "purpose": "purpose IN ('settlement', 'advance', 'tranche')",
    "amount": "amount_minor > 0 AND amount_minor <= 10000000000000",
    "currency": "currency ~ '^[A-Z]{3}$'",
    "state": f"state IN {STATES}",
    "method": f"method IN {METHODS}",
    "two_people": "approved_by <> drafted_by",
    "wait": "approved_at >= destination_since + interval '48 hours'",
    "approved": f"CASE state WHEN 'drafted' THEN {APPROVED} = 4 WHEN 'cancelled' THEN {APPROVED} IN (0, 4)"
    f" ELSE {APPROVED} = 0 END",
    "sent": "num_nulls(sent_by, sent_at) = CASE WHEN state IN ('sent', 'paid', 'returned') THEN 0 ELSE 2 END",
    "batch": "(batch_id IS NOT NULL) = (method = 'bank' AND state IN ('sent', 'paid', 'returned'))",
    "paid": "num_nulls(paid_at, receipt_reference) = CASE state WHEN 'paid' THEN 0 WHEN 'returned'"
    " THEN num_nulls(paid_at) * 2 ELSE 2 END",
    "closed": "num_nulls(closed_at, problem) = CASE WHEN state IN ('returned', 'cancelled') THEN 0 ELSE 2 END",
    "version": "version >= 0",
}
MOVE = {"number": "number > 0", "before": f"before IN {STATES}", "after": f"after IN {STATES}"}
CALL = {
    "kind": "kind IN ('transfer', 'reverse')",
    "state": "state IN ('asked', 'done', 'refused', 'dropped')",
    "finished": "(state = 'asked') = (finished_at IS NULL)",
    "attempt": "attempt > 0 AND tries >= 0",
}


def upgrade() -> None:
    messages.tell(TOLD)
    _connect_account()
    _destination()
    _batch()
    _payout()
    _move()
    _call()
    op.execute("REVOKE DELETE ON connect_account, payout, payout_call FROM marketplace_app")
    op.execute("REVOKE UPDATE, DELETE ON payout_destination, payout_batch, payout_move FROM marketplace_app")
    op.execute("GRANT UPDATE (sealed) ON payout_destination TO marketplace_app")
    op.execute("GRANT UPDATE (file) ON payout_batch TO marketplace_app")


def downgrade() -> None:
    for table in (
        "payout_call",
        "payout_move",
        "payout",
        "payout_batch",
        "payout_destination",
        "connect_account",
    ):
        op.drop_table(table)
    messages.forget(TOLD)


def _connect_account() -> None:
    op.create_table(
        "connect_account",
        *_ids("id", "cooperative_id"),
        _word("country", 2),
        _word("provider_id", 80, nullable=True),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        *_ids("opened_by"),
        *_at("opened_at"),
        *_at("looked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_connect_account"),
        sa.UniqueConstraint("cooperative_id", name="uq_connect_account_cooperative_id"),
        sa.UniqueConstraint("provider_id", name="uq_connect_account_provider_id"),
        sa.UniqueConstraint("cooperative_id", "id", name="uq_connect_account_cooperative_id_id"),
        _to("connect_account", "cooperative_id", "cooperative"),
        _to("connect_account", "opened_by", "account"),
        *_checks("connect_account", CONNECT_ACCOUNT),
    )


def _destination() -> None:
    op.create_table(
        "payout_destination",
        *_ids("id", "cooperative_id"),
        *_whole("number"),
        _word("kind", 10),
        sa.Column("sealed", sa.LargeBinary()),
        *_ids("connect_account_id", nullable=True),
        *_ids("named_by"),
        *_at("named_at"),
        sa.PrimaryKeyConstraint("id", name="pk_payout_destination"),
        sa.UniqueConstraint("cooperative_id", "number", name="uq_payout_destination_cooperative_id_number"),
        sa.UniqueConstraint("cooperative_id", "id", "named_at", "kind", name="uq_payout_destination_bound"),
        _to("payout_destination", "cooperative_id", "cooperative"),
        _to("payout_destination", "named_by", "account"),
        sa.ForeignKeyConstraint(
            ["cooperative_id", "connect_account_id"],
            ["connect_account.cooperative_id", "connect_account.id"],
            name="fk_payout_destination_connect_account",
        ),
        *_checks("payout_destination", DESTINATION),
    )


def _batch() -> None:
    op.create_table(
        "payout_batch",
        *_ids("id"),
        _word("reference", 20),
        _word("currency", 3),
        _word("format", 20),
        sa.Column("execute_on", sa.Date(), nullable=False),
        *_whole("payouts", "total_minor"),
        _word("sha256", 64),
        *_whole("size_bytes"),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        *_ids("made_by"),
        *_at("made_at"),
        sa.PrimaryKeyConstraint("id", name="pk_payout_batch"),
        sa.UniqueConstraint("reference", name="uq_payout_batch_reference"),
        _to("payout_batch", "made_by", "account"),
        *_checks("payout_batch", BATCH),
    )


def _payout() -> None:
    op.create_table(
        "payout",
        *_ids("id"),
        _word("purpose", 20),
        *_ids("purpose_id", "cooperative_id"),
        *_whole("amount_minor"),
        _word("currency", 3),
        _word("memo", 140),
        _word("reference", 20),
        _word("state", 20),
        *_whole("version"),
        _word("method", 10),
        *_ids("drafted_by"),
        *_at("drafted_at"),
        *_ids("approved_by", nullable=True),
        *_at("approved_at", nullable=True),
        *_ids("destination_id", nullable=True),
        *_at("destination_since", nullable=True),
        *_ids("sent_by", nullable=True),
        *_at("sent_at", nullable=True),
        *_ids("batch_id", nullable=True),
        *_at("paid_at", nullable=True),
        _word("receipt_reference", 100, nullable=True),
        *_at("closed_at", nullable=True),
        _word("problem", 200, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_payout"),
        sa.UniqueConstraint("reference", name="uq_payout_reference"),
        sa.UniqueConstraint("receipt_reference", name="uq_payout_receipt_reference"),
        _to("payout", "cooperative_id", "cooperative"),
        *(_to("payout", column, "account") for column in ("drafted_by", "approved_by", "sent_by")),
        _to("payout", "batch_id", "payout_batch"),
        sa.ForeignKeyConstraint(
            ["cooperative_id", "destination_id", "destination_since", "method"],
            [f"payout_destination.{column}" for column in ("cooperative_id", "id", "named_at", "kind")],
            name="fk_payout_destination",
        ),
        *_checks("payout", PAYOUT),
    )
    op.create_index(
        "uq_payout_running",
        "payout",
        ["purpose", "purpose_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('drafted', 'approved', 'sent', 'paid')"),
    )
    for columns in (["cooperative_id", "id"], ["state", "id"], ["batch_id"]):
        op.create_index(f"ix_payout_{'_'.join(columns)}", "payout", columns)


def _move() -> None:
    op.create_table(
        "payout_move",
        *_ids("payout_id"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        _word("before", 20),
        _word("after", 20),
        _word("reason", 200, nullable=True),
        _word("actor", 80),
        _word("request_id", 80),
        *_at("at"),
        sa.PrimaryKeyConstraint("payout_id", "number", name="pk_payout_move"),
        _to("payout_move", "payout_id", "payout"),
        *_checks("payout_move", MOVE),
    )


def _call() -> None:
    op.create_table(
        "payout_call",
        *_ids("id", "payout_id"),
        _word("kind", 20),
        *_whole("attempt"),
        _word("key", 120),
        _word("state", 20),
        _word("problem", 80, nullable=True),
        *_whole("tries"),
        *_at("leased_until", "asked_at"),
        *_at("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_payout_call"),
        sa.UniqueConstraint("key", name="uq_payout_call_key"),
        _to("payout_call", "payout_id", "payout"),
        *_checks("payout_call", CALL),
    )
    asked = sa.text("state = 'asked'")
    op.create_index("uq_payout_call_asked", "payout_call", ["payout_id"], unique=True, postgresql_where=asked)
    op.create_index("ix_payout_call_payout_id", "payout_call", ["payout_id"])
    op.create_index("ix_payout_call_leased_until", "payout_call", ["leased_until"], postgresql_where=asked)


def _ids(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Uuid(), nullable=nullable) for name in names]


def _word(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _whole(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
