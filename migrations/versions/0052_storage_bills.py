"""Storage bills and each cooperative's part of them; payouts of sponsors' tranches; settlements that release.

Settlements that only release retention are forgotten by a downgrade if they are drafts; others stop it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

BILL = {
    "state": "state IN ('recorded', 'parted', 'withdrawn')",
    "currency": "currency ~ '^[A-Z]{3}$'",
    "amount": "amount_minor > 0 AND amount_minor <= 10000000000000",
    "days": "ends_on >= starts_on AND ends_on - starts_on < 366",
    "parted": "num_nulls(gram_days, parted_by, parted_at) IN (0, 3) AND (gram_days IS NULL OR gram_days > 0)"
    " AND CASE state WHEN 'recorded' THEN parted_at IS NULL WHEN 'parted' THEN parted_at IS NOT NULL"
    " ELSE true END",
    "withdrawn": "num_nulls(withdrawn_by, withdrawn_at, reason) = CASE state WHEN 'withdrawn' THEN 0 ELSE 3 END",
    "version": "version > 0",
}
PART = {
    "state": "state IN ('open', 'taken', 'withdrawn')",
    "not_negative": "gram_days > 0 AND amount_minor >= 0",
    "taken": "(state = 'taken') = (settlement_id IS NOT NULL)",
}
ESCROW = (
    "CASE kind"
    " WHEN 'escrowed' THEN debit = 'sponsor_clearing' AND credit = 'sponsor_escrow'"
    " WHEN 'released' THEN debit = 'sponsor_escrow' AND credit = 'coop_payable'"
    " WHEN 'taken_back' THEN {back} AND credit = 'sponsor_escrow'"
    " WHEN 'returned' THEN debit = 'sponsor_escrow' AND credit = 'sponsor_clearing'"
    " ELSE false END"
)

ENTRY = (
    "CASE state WHEN 'open' THEN reason IS NOT NULL AND reason IN ('waiting', 'no_reference', 'several_references',"
    " 'reversal', 'currency_differs', 'too_little', 'too_much', 'paid_already', 'not_confirmed', 'other_gateway',"
    " 'refused', 'reopened')"
    " WHEN 'closed' THEN reason IS NOT NULL AND reason IN ('not_ours', 'send_back'{more})"
    " ELSE reason IS NULL END"
)


def upgrade() -> None:
    _bills()
    _parts()
    op.execute("REVOKE DELETE ON storage_bill, storage_part FROM marketplace_app")
    _tranches()
    op.execute("REVOKE UPDATE, DELETE ON sponsor_payout FROM marketplace_app")
    _releases()
    _closed_for(", 'payout_returned'")


def downgrade() -> None:
    """What was paid and taken back is payable again, and not owed."""
    op.drop_table("sponsor_payout")
    op.execute("UPDATE escrow_line SET debit = 'coop_payable' WHERE debit = 'coop_receivable'")
    _taken_back_from("debit = 'coop_payable'")
    op.drop_constraint(op.f("ck_sponsor_payable_amount"), "sponsor_payable")
    op.drop_column("sponsor_payable", "owed_back_minor")
    op.create_check_constraint(op.f("ck_sponsor_payable_amount"), "sponsor_payable", "amount_minor >= 0")
    for table in ("storage_part", "storage_bill"):
        op.drop_table(table)
    op.execute(
        "UPDATE bank_entry SET reason = 'not_ours' WHERE state = 'closed' AND reason = 'payout_returned'"
    )
    _closed_for("")
    drafts = "(SELECT id FROM settlement WHERE kind = 'release' AND state = 'draft')"
    op.execute(f"DELETE FROM settlement_move WHERE settlement_id IN {drafts}")  # noqa: S608 (our own words)
    op.execute("DELETE FROM settlement WHERE kind = 'release' AND state = 'draft'")
    op.drop_index("uq_settlement_release", "settlement")
    op.drop_constraint(op.f("ck_settlement_kind"), "settlement")
    op.alter_column("settlement", "campaign_id", nullable=False)
    op.drop_column("settlement", "kind")


def _bills() -> None:
    op.create_table(
        "storage_bill",
        *_ids("id", "cold_store_id"),
        *_text(140, "name"),
        *_days("starts_on", "ends_on"),
        *_whole("amount_minor"),
        *_text(3, "currency"),
        *_text(40, "reference"),
        *_text(200, "note", nullable=True),
        *_text(20, "state"),
        *_whole("gram_days", nullable=True),
        *_text(80, "recorded_by"),
        *_at("recorded_at"),
        *_text(80, "parted_by", nullable=True),
        *_at("parted_at", nullable=True),
        *_text(80, "withdrawn_by", nullable=True),
        *_at("withdrawn_at", nullable=True),
        *_text(200, "reason", nullable=True),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_storage_bill"),
        sa.UniqueConstraint("name", name="uq_storage_bill_name"),
        sa.UniqueConstraint("id", "currency", name="uq_storage_bill_id_currency"),
        _refers("storage_bill", "cold_store_id", "cold_store"),
        *_checks("storage_bill", BILL),
    )
    op.create_index(
        "uq_storage_bill_reference",
        "storage_bill",
        ["cold_store_id", "reference"],
        unique=True,
        postgresql_where=sa.text("state <> 'withdrawn'"),
    )


def _parts() -> None:
    op.create_table(
        "storage_part",
        *_ids("id", "bill_id", "cooperative_id"),
        *_text(3, "currency"),
        *_whole("gram_days", "amount_minor"),
        *_text(20, "state"),
        sa.Column("settlement_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_storage_part"),
        sa.UniqueConstraint("bill_id", "cooperative_id", name="uq_storage_part_bill_id_cooperative_id"),
        sa.ForeignKeyConstraint(
            ["bill_id", "currency"],
            ["storage_bill.id", "storage_bill.currency"],
            name="fk_storage_part_bill_id_currency_storage_bill",
        ),
        _refers("storage_part", "cooperative_id", "cooperative"),
        _refers("storage_part", "settlement_id", "settlement"),
        *_checks("storage_part", PART),
    )
    op.create_index("ix_storage_part_settlement_id", "storage_part", ["settlement_id"])
    op.create_index(
        "ix_storage_part_cooperative_id_currency",
        "storage_part",
        ["cooperative_id", "currency"],
        postgresql_where=sa.text("state = 'open'"),
    )


def _closed_for(more: str) -> None:
    op.drop_constraint(op.f("ck_bank_entry_reason"), "bank_entry")
    op.create_check_constraint(op.f("ck_bank_entry_reason"), "bank_entry", ENTRY.format(more=more))


def _releases() -> None:
    op.add_column("settlement", sa.Column("kind", sa.String(20), nullable=False, server_default="campaign"))
    op.alter_column("settlement", "kind", server_default=None)
    op.alter_column("settlement", "campaign_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_settlement_kind"),
        "settlement",
        "kind IN ('campaign', 'release') AND (kind = 'campaign') = (campaign_id IS NOT NULL)",
    )
    op.create_index(
        "uq_settlement_release",
        "settlement",
        ["cooperative_id", "currency"],
        unique=True,
        postgresql_where=sa.text("kind = 'release' AND state = 'draft'"),
    )


def _tranches() -> None:
    op.add_column(
        "sponsor_payable", sa.Column("owed_back_minor", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.alter_column("sponsor_payable", "owed_back_minor", server_default=None)
    op.drop_constraint(op.f("ck_sponsor_payable_amount"), "sponsor_payable")
    op.create_check_constraint(
        op.f("ck_sponsor_payable_amount"), "sponsor_payable", "amount_minor >= 0 AND owed_back_minor >= 0"
    )
    _taken_back_from("debit IN ('coop_payable', 'coop_receivable')")
    op.create_table(
        "sponsor_payout",
        *_ids("id", "payable_id"),
        *_whole("number", "amount_minor"),
        *_at("drafted_at"),
        sa.PrimaryKeyConstraint("id", name="pk_sponsor_payout"),
        sa.UniqueConstraint("payable_id", "number", name="uq_sponsor_payout_payable_id_number"),
        _refers("sponsor_payout", "payable_id", "sponsor_payable"),
        *_checks("sponsor_payout", {"number": "number > 0 AND amount_minor > 0"}),
    )


def _taken_back_from(rule: str) -> None:
    op.drop_constraint(op.f("ck_escrow_line_accounts"), "escrow_line")
    op.create_check_constraint(op.f("ck_escrow_line_accounts"), "escrow_line", ESCROW.format(back=rule))


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _text(length: int, *names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), nullable=nullable) for name in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _days(*names: str) -> list[sa.Column[sa.Date]]:
    return [sa.Column(name, sa.Date(), nullable=False) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
