"""Bank statements: files, their bad lines, their entries, and which payment an entry paid."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

MINOR = "amount_minor > 0 AND amount_minor <= 10000000000000"
FAULTS = (
    "fault IN ('cells_differ', 'key_missing', 'key_unreadable', 'key_differs', 'day_unreadable',"
    " 'direction_unknown', 'currency_unknown', 'amount_missing', 'amount_twice', 'amount_formula',"
    " 'amount_negative', 'amount_separated', 'amount_decimals', 'amount_zero', 'amount_too_large',"
    " 'amount_unreadable', 'text_too_long', 'not_booked_yet', 'parts_differ')"
)
OPEN = (
    "reason IN ('waiting', 'no_reference', 'several_references', 'reversal', 'currency_differs', 'too_little',"
    " 'too_much', 'paid_already', 'not_confirmed', 'other_gateway', 'refused', 'reopened')"
)
STATEMENT = {
    "format": "format IN ('generic_csv', 'chinese_csv', 'camt_053')",
    "sha256": "sha256 ~ '^[0-9a-f]{64}$'",
    "size": "size_bytes > 0",
    "lines": (
        "entries >= 0 AND duplicates >= 0 AND bad_lines >= 0 AND lines = entries + duplicates + bad_lines"
    ),
}
ENTRY = {
    "line": "line > 0",
    "amount": MINOR,
    "direction": "direction IN ('credit', 'debit')",
    "state": "state IN ('kept', 'open', 'booked', 'closed')",
    "kept": "(direction = 'debit') = (state = 'kept')",
    "reason": (
        f"CASE state WHEN 'open' THEN reason IS NOT NULL AND {OPEN}"
        " WHEN 'closed' THEN reason IS NOT NULL AND reason IN ('not_ours', 'send_back')"
        " ELSE reason IS NULL END"
    ),
    "refusal": "(refusal IS NOT NULL) = (state = 'open' AND reason = 'refused' AND reason IS NOT NULL)",
    "send_back": (
        "send_back_minor >= 0 AND CASE state WHEN 'booked' THEN send_back_minor < amount_minor"
        " WHEN 'closed' THEN send_back_minor = CASE reason WHEN 'send_back' THEN amount_minor ELSE 0 END"
        " ELSE send_back_minor = 0 END"
    ),
    "decided": "(decided_by IS NULL) = (decided_at IS NULL)",
    "decided_on": "state IN ('kept', 'open') OR decided_at IS NOT NULL",
}


def _id(name: str, *, nullable: bool = False) -> sa.Column[sa.Uuid]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _word(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _at(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def upgrade() -> None:
    op.create_table(
        "bank_statement",
        _id("id"),
        _word("account", 20),
        _word("format", 20),
        _word("name", 120),
        _word("sha256", 64),
        *_whole("size_bytes", "lines", "entries", "duplicates", "bad_lines"),
        _word("uploaded_by", 80),
        _at("uploaded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_bank_statement"),
        sa.UniqueConstraint("sha256", name="uq_bank_statement_sha256"),
        *_checks("bank_statement", STATEMENT),
    )
    op.create_index("ix_bank_statement_account", "bank_statement", ["account"])
    op.create_table(
        "bank_line_fault",
        _id("id"),
        _id("statement_id"),
        *_whole("line"),
        _word("cell", 60),
        _word("value", 100),
        _word("fault", 30),
        sa.PrimaryKeyConstraint("id", name="pk_bank_line_fault"),
        _refers("bank_line_fault", "statement_id", "bank_statement"),
        *_checks("bank_line_fault", {"line": "line > 0", "fault": FAULTS}),
    )
    op.create_index("ix_bank_line_fault_statement_id", "bank_line_fault", ["statement_id"])
    _entries()
    op.create_table(
        "bank_receipt",
        _id("entry_id"),
        _id("payment_id"),
        *_whole("amount_minor"),
        _at("at"),
        sa.PrimaryKeyConstraint("entry_id", "payment_id", name="pk_bank_receipt"),
        _refers("bank_receipt", "entry_id", "bank_entry"),
        _refers("bank_receipt", "payment_id", "payment"),
        *_checks("bank_receipt", {"amount": MINOR}),
    )
    op.create_index("ix_bank_receipt_payment_id", "bank_receipt", ["payment_id"])
    op.execute("REVOKE UPDATE, DELETE ON bank_statement, bank_line_fault, bank_receipt FROM marketplace_app")
    op.execute("REVOKE DELETE ON bank_entry FROM marketplace_app")


def _entries() -> None:
    op.create_table(
        "bank_entry",
        _id("id"),
        _id("statement_id"),
        *_whole("line"),
        _word("account", 20),
        _word("entry_key", 56),
        _word("direction", 10),
        sa.Column("is_reversal", sa.Boolean(), nullable=False),
        *_whole("amount_minor"),
        _word("currency", 3),
        sa.Column("booked_on", sa.Date(), nullable=False),
        _word("remittance", 2_000),
        sa.Column("counterparty", sa.LargeBinary(), nullable=True),
        _id("payment_id", nullable=True),
        _word("state", 10),
        _word("reason", 30, nullable=True),
        _word("refusal", 60, nullable=True),
        *_whole("send_back_minor"),
        _word("note", 200, nullable=True),
        _word("decided_by", 80, nullable=True),
        _at("decided_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bank_entry"),
        sa.UniqueConstraint("account", "entry_key", name="uq_bank_entry_account_entry_key"),
        _refers("bank_entry", "statement_id", "bank_statement"),
        _refers("bank_entry", "payment_id", "payment"),
        *_checks("bank_entry", ENTRY),
    )
    op.create_index("ix_bank_entry_statement_id", "bank_entry", ["statement_id"])
    op.create_index(
        "ix_bank_entry_open", "bank_entry", ["reason", "id"], postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(
        "ix_bank_entry_named",
        "bank_entry",
        ["payment_id", "id"],
        postgresql_where=sa.text("state = 'open' AND payment_id IS NOT NULL"),
    )


def downgrade() -> None:
    for table in ("bank_receipt", "bank_entry", "bank_line_fault", "bank_statement"):
        op.drop_table(table)
