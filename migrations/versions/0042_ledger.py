"""The ledger: accounts, transfers and their entries, balances kept beside them, and what refuses at COMMIT."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

WORD = "~ '^[a-z][a-z_]{1,39}$'"
SIDES = "('debit', 'credit')"
PHASES = "('single', 'pending', 'post', 'void')"
THIS_TRANSACTION = "pg_current_xact_id()::text::bigint"

ACCOUNT = {
    "code": f"code {WORD}",
    "owner_kind": f"owner_kind {WORD}",
    "owner": "num_nulls(owner_kind, owner_id) IN (0, 2)",
    "currency": "currency ~ '^[A-Z]{3}$'",
    "normal_side": f"normal_side IN {SIDES}",
}
TRANSFER = {
    "kind": f"kind {WORD}",
    "phase": f"phase IN {PHASES}",
    "pending": "(pending_id IS NOT NULL) = (phase IN ('post', 'void'))",
    "reversal": "CASE kind WHEN 'reversal' THEN phase = 'single' AND corrects_id = source_id AND reason IS NOT NULL"
    " AND corrects_id IS NOT NULL ELSE corrects_id IS NULL END",
    "currency": "currency ~ '^[A-Z]{3}$'",
}
ENTRY = {
    "number": "number > 0",
    "amount": "amount_minor > 0 AND amount_minor <= 100000000000000000",
    "side": f"side IN {SIDES}",
    "phase": f"phase IN {PHASES}",
}
BALANCE = {
    "slot": "slot >= 0 AND slot < 32",
    "posted": "debits_posted >= 0 AND credits_posted >= 0",
    "guard": f"guard IN {SIDES}",
    "floor": "guard IS NULL OR (slot = 0 AND debits_pending >= 0 AND credits_pending >= 0 AND CASE guard"
    " WHEN 'credit' THEN debits_posted + debits_pending <= credits_posted"
    " ELSE credits_posted + credits_pending <= debits_posted END)",
}

IS_WHOLE = """
CREATE FUNCTION ledger_transfer_is_whole() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE
    v_entries bigint;
    v_left numeric;
    v_is_alike boolean;
BEGIN
    SELECT count(*), sum(CASE e.side WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END),
        bool_and(a.currency = NEW.currency AND e.phase = NEW.phase AND e.at = NEW.at)
    INTO v_entries, v_left, v_is_alike
    FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id WHERE e.transfer_id = NEW.id;
    IF v_entries < 2 OR v_left <> 0 OR NOT v_is_alike THEN
        RAISE EXCEPTION 'the transfer % of % entries does not balance: % is left, alike: %',
            NEW.id, v_entries, v_left, v_is_alike
            USING ERRCODE = 'check_violation', TABLE = 'ledger_transfer', CONSTRAINT = 'ledger_transfer_is_whole';
    END IF;
    IF NEW.pending_id IS NOT NULL AND (
        NOT EXISTS (SELECT FROM ledger_transfer p WHERE p.id = NEW.pending_id AND p.phase = 'pending'
            AND p.kind = NEW.kind AND p.source_id = NEW.source_id AND p.currency = NEW.currency)
        OR EXISTS (SELECT FROM ledger_entry e LEFT JOIN ledger_entry p ON p.transfer_id = NEW.pending_id
                AND p.account_id = e.account_id AND p.side = e.side
            WHERE e.transfer_id = NEW.id AND (p.transfer_id IS NULL OR e.amount_minor > p.amount_minor
                OR NEW.phase = 'void' AND e.amount_minor <> p.amount_minor))
        OR NEW.phase = 'void' AND v_entries <> (SELECT count(*) FROM ledger_entry p WHERE p.transfer_id = NEW.pending_id)
    ) THEN
        RAISE EXCEPTION 'the transfer % ends more than was reserved by %', NEW.id, NEW.pending_id
            USING ERRCODE = 'check_violation', TABLE = 'ledger_transfer', CONSTRAINT = 'ledger_transfer_is_whole';
    END IF;
    RETURN NULL;
END
$function$
"""
IS_OF_ITS_TRANSACTION = f"""
CREATE FUNCTION ledger_entry_is_of_its_transaction() RETURNS trigger LANGUAGE plpgsql AS $function$
BEGIN
    IF EXISTS (SELECT FROM added e JOIN ledger_transfer t ON t.id = e.transfer_id
        WHERE t.booked_in <> {THIS_TRANSACTION}) THEN
        RAISE EXCEPTION 'nothing is added to a transfer that is booked'
            USING ERRCODE = 'check_violation', TABLE = 'ledger_entry', CONSTRAINT = 'ledger_entry_is_of_its_transaction';
    END IF;
    RETURN NULL;
END
$function$
"""


def _id(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _word(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _small(name: str) -> sa.Column:
    return sa.Column(name, sa.SmallInteger(), autoincrement=False, nullable=False)


def _whole(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _at(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def upgrade() -> None:
    _account()
    _transfer()
    _entry()
    _balance()
    op.execute(IS_WHOLE)
    op.execute(
        "CREATE CONSTRAINT TRIGGER ledger_transfer_is_whole AFTER INSERT ON ledger_transfer"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_transfer_is_whole()"
    )
    op.execute(IS_OF_ITS_TRANSACTION)
    op.execute(
        "CREATE TRIGGER ledger_entry_is_of_its_transaction AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_is_of_its_transaction()"
    )
    op.execute("REVOKE UPDATE, DELETE ON ledger_account, ledger_transfer, ledger_entry FROM marketplace_app")
    op.execute("REVOKE DELETE ON ledger_balance FROM marketplace_app")


def _account() -> None:
    op.create_table(
        "ledger_account",
        _id("id"),
        _word("code", 40),
        _word("owner_kind", 40, nullable=True),
        _id("owner_id", nullable=True),
        _word("currency", 3),
        _word("normal_side", 6),
        sa.Column("has_floor", sa.Boolean(), nullable=False),
        _at("opened_at"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_account"),
        sa.UniqueConstraint(
            "code",
            "owner_kind",
            "owner_id",
            "currency",
            name="uq_ledger_account_code_owner_kind_owner_id_currency",
            postgresql_nulls_not_distinct=True,
        ),
        *_checks("ledger_account", ACCOUNT),
    )
    op.create_index("ix_ledger_account_owner_id_owner_kind", "ledger_account", ["owner_id", "owner_kind"])


def _transfer() -> None:
    op.create_table(
        "ledger_transfer",
        _id("id"),
        _word("kind", 40),
        _id("source_id"),
        _word("phase", 7),
        _id("pending_id", nullable=True),
        _id("corrects_id", nullable=True),
        _word("currency", 3),
        _word("reason", 200, nullable=True),
        _word("actor", 80),
        _word("request_id", 80),
        _at("at"),
        sa.Column("booked_in", sa.BigInteger(), server_default=sa.text(THIS_TRANSACTION), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_transfer"),
        sa.UniqueConstraint("pending_id", name="uq_ledger_transfer_pending_id"),
        _to("ledger_transfer", "pending_id", "ledger_transfer"),
        _to("ledger_transfer", "corrects_id", "ledger_transfer"),
        *_checks("ledger_transfer", TRANSFER),
    )
    op.create_index(
        "uq_ledger_transfer_fact",
        "ledger_transfer",
        ["kind", "source_id"],
        unique=True,
        postgresql_where=sa.text("phase IN ('single', 'pending')"),
    )
    op.create_index("ix_ledger_transfer_source_id", "ledger_transfer", ["source_id"])
    op.create_index("ix_ledger_transfer_at", "ledger_transfer", ["at"])


def _entry() -> None:
    op.create_table(
        "ledger_entry",
        _id("transfer_id"),
        _small("number"),
        _id("account_id"),
        _word("side", 6),
        *_whole("amount_minor"),
        _word("phase", 7),
        _at("at"),
        sa.PrimaryKeyConstraint("transfer_id", "number", name="pk_ledger_entry"),
        _to("ledger_entry", "transfer_id", "ledger_transfer"),
        _to("ledger_entry", "account_id", "ledger_account"),
        *_checks("ledger_entry", ENTRY),
    )
    op.create_index(
        "uq_ledger_entry_statement", "ledger_entry", ["account_id", "at", "transfer_id"], unique=True
    )


def _balance() -> None:
    op.create_table(
        "ledger_balance",
        _id("account_id"),
        _small("slot"),
        _word("guard", 6, nullable=True),
        *_whole("debits_posted", "credits_posted", "debits_pending", "credits_pending"),
        sa.PrimaryKeyConstraint("account_id", "slot", name="pk_ledger_balance"),
        _to("ledger_balance", "account_id", "ledger_account"),
        *_checks("ledger_balance", BALANCE),
    )


def downgrade() -> None:
    for table in ("ledger_balance", "ledger_entry", "ledger_transfer", "ledger_account"):
        op.drop_table(table)
    op.execute("DROP FUNCTION ledger_entry_is_of_its_transaction()")
    op.execute("DROP FUNCTION ledger_transfer_is_whole()")
