"""Sponsorships: their moves, the escrow's journal, shares on their way, what is payable, and what is drawn."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

STATES = "'draft', 'signed', 'committed', 'funded', 'allocating', 'drawing', 'delivering', 'closed', 'cancelled'"
TRANCHES = "tranche IN ('confirmation', 'intake', 'delivery')"

SPONSORSHIP = {
    "sponsor_kind": "sponsor_kind IN ('platform', 'company', 'county_fund')",
    "state": f"state IN ({STATES})",
    "boxes": "boxes > 0 AND boxes <= 1000000 AND pack_grams > 0",
    "unit_price": "unit_price_minor > 0 AND unit_price_minor <= 1000000000",
    "total": "total_minor = boxes * unit_price_minor AND total_minor <= 10000000000000",
    "rule": "rule IN ('nearest', 'lowest', 'lowest_after')",
    "answer_hours": "answer_hours BETWEEN 1 AND 240",
    "tranches": "least(confirmation_permille, intake_permille, delivery_permille) >= 0"
    " AND confirmation_permille + intake_permille + delivery_permille = 1000",
    "escrow_permille": "escrow_permille BETWEEN confirmation_permille AND 1000",
    "shopper_pays": "shopper_pays_minor BETWEEN 0 AND unit_price_minor",
    "end_policy": "end_policy IN ('donated', 'returned', 'carried_on')",
    "carried_on": "(end_policy = 'carried_on') = (carry_days IS NOT NULL)",
    "carry_days": "carry_days BETWEEN 1 AND 366",
    "is_carried": "NOT is_carried OR end_policy = 'carried_on'",
    "pool": "(pool_id IS NULL) = (order_id IS NULL)",
    "never_more_out": "escrowed_minor >= 0 AND released_minor >= 0 AND returned_minor >= 0"
    " AND released_minor + returned_minor <= escrowed_minor",
    "escrowed": "escrowed_minor <= 20000000000000",
    "numbers": "lines >= 0 AND moves >= 0",
    "closed": "state <> 'closed' OR released_minor + returned_minor = escrowed_minor",
}
MOVE = {
    "number": "number > 0 AND (number = 1) = (before IS NULL)",
    "event": "event = 'draft' OR event IN ('sign', 'reject', 'accept', 'fund', 'allocate', 'confirm', 'fail', 'end',"
    " 'carry', 'close', 'cancel')",
    "first": "(event = 'draft') = (number = 1)",
    "before": f"before IN ({STATES})",
    "after": f"after IN ({STATES})",
}
LINE = {
    "number": "number > 0 AND amount_minor > 0 AND escrow_minor >= 0",
    "accounts": "CASE kind"
    " WHEN 'escrowed' THEN debit = 'sponsor_clearing' AND credit = 'sponsor_escrow'"
    " WHEN 'released' THEN debit = 'sponsor_escrow' AND credit = 'coop_payable'"
    " WHEN 'taken_back' THEN debit = 'coop_payable' AND credit = 'sponsor_escrow'"
    " WHEN 'returned' THEN debit = 'sponsor_escrow' AND credit = 'sponsor_clearing'"
    " ELSE false END",
    "tranche": TRANCHES,
    "cause": "CASE WHEN kind IN ('escrowed', 'returned')"
    " THEN payment_id IS NOT NULL AND num_nonnulls(share_id, tranche) = 0"
    " ELSE payment_id IS NULL AND num_nulls(share_id, tranche) = 0 END",
}
SHARE = {
    "progress": "boxes_delivered >= 0 AND boxes_delivered <= boxes_taken_in AND boxes_taken_in <= boxes",
}
PAYABLE = {"tranche": TRANCHES, "amount": "amount_minor >= 0"}
DRAW = {
    "kind": "kind IN ('game', 'gift', 'donation')",
    "state": "state IN ('open', 'ordered', 'redeemed', 'expired', 'released')",
    "boxes": "boxes > 0 AND boxes <= 1000000",
    "code": "(kind = 'gift') = (code_digest IS NOT NULL)",
    "digest": "octet_length(code_digest) = 32",
    "holder": "holder_id IS NOT NULL OR (kind = 'gift' AND state IN ('open', 'expired', 'released'))",
    "redeemed": "kind = 'donation' OR state <> 'redeemed' OR order_id IS NOT NULL",
    "ordered": "state <> 'ordered' OR order_id IS NOT NULL",
    "resolved": "(resolved_at IS NOT NULL) = (state IN ('redeemed', 'expired', 'released'))",
}
KINDS = ("shopper_presale", "sponsor_bulk")
PURPOSES = ("order", "balance")


def _ids(*names: str, nullable: bool = False) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=nullable) for name in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _words(size: int, *names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(size), nullable=nullable) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _allow(table: str, column: str, words: tuple[str, ...]) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
    rule = f"{column} IN ({', '.join(map(repr, words))})"
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, rule)


def upgrade() -> None:
    _allow("order", "kind", (*KINDS, "game_redemption"))
    _allow("payment", "purpose", (*PURPOSES, "escrow"))
    op.create_table(
        "sponsorship",
        *_ids("id", "account_id"),
        *_words(20, "sponsor_kind"),
        *_words(200, "sponsor_name_en", "sponsor_name_zh"),
        *_words(20, "state"),
        *_ids("county_id", "pack_id"),
        *_whole("pack_grams", "boxes", "unit_price_minor", "total_minor"),
        *_words(3, "currency"),
        *_words(20, "season", "rule"),
        *_whole("answer_hours"),
        sa.Column("delivered_on", sa.Date()),
        *_whole("confirmation_permille", "intake_permille", "delivery_permille", "escrow_permille"),
        *_whole("shopper_pays_minor"),
        *_at("draws_until"),
        *_words(20, "end_policy"),
        *_whole("carry_days", nullable=True),
        sa.Column("is_carried", sa.Boolean(), nullable=False),
        *_ids("order_id", "pool_id", nullable=True),
        *_whole("escrowed_minor", "released_minor", "returned_minor", "lines", "moves"),
        *_at("created_at"),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_sponsorship"),
        _refers("sponsorship", "account_id", "account"),
        _refers("sponsorship", "county_id", "county"),
        _refers("sponsorship", "pack_id", "pack"),
        _refers("sponsorship", "order_id", "order"),
        _refers("sponsorship", "pool_id", "pool"),
        _unique("sponsorship", "order_id"),
        _unique("sponsorship", "pool_id"),
        *_checks("sponsorship", SPONSORSHIP),
    )
    op.create_index("ix_sponsorship_account_id", "sponsorship", ["account_id"])
    _journals()
    _shares()
    _draws()
    op.execute(
        "REVOKE DELETE ON sponsorship, sponsored_share, sponsor_payable, sponsor_draw FROM marketplace_app"
    )
    op.execute("REVOKE UPDATE, DELETE ON sponsorship_move, escrow_line FROM marketplace_app")


def _journals() -> None:
    op.create_table(
        "sponsorship_move",
        *_ids("sponsorship_id"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *_words(20, "event"),
        *_words(20, "before", nullable=True),
        *_words(20, "after"),
        *_words(200, "reason", nullable=True),
        *_words(80, "actor", "request_id"),
        *_at("at"),
        sa.PrimaryKeyConstraint("sponsorship_id", "number", name="pk_sponsorship_move"),
        _refers("sponsorship_move", "sponsorship_id", "sponsorship"),
        *_checks("sponsorship_move", MOVE),
    )
    op.create_table(
        "escrow_line",
        *_ids("sponsorship_id"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *_words(20, "kind", "debit", "credit"),
        *_whole("amount_minor"),
        *_words(3, "currency"),
        *_whole("escrow_minor"),
        *_ids("payment_id", "share_id", nullable=True),
        *_words(20, "tranche", nullable=True),
        *_words(80, "actor", "request_id"),
        *_at("at"),
        sa.PrimaryKeyConstraint("sponsorship_id", "number", name="pk_escrow_line"),
        _refers("escrow_line", "sponsorship_id", "sponsorship"),
        _refers("escrow_line", "payment_id", "payment"),
        _refers("escrow_line", "share_id", "share"),
        *_checks("escrow_line", LINE),
    )
    op.create_index("ix_escrow_line_share_id", "escrow_line", ["share_id"])
    op.create_index(
        "uq_escrow_line_receipt",
        "escrow_line",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'escrowed'"),
    )


def _shares() -> None:
    op.create_table(
        "sponsored_share",
        *_ids("share_id", "sponsorship_id", "cooperative_id"),
        *_whole("boxes", "boxes_taken_in", "boxes_delivered", "version"),
        sa.PrimaryKeyConstraint("share_id", name="pk_sponsored_share"),
        _refers("sponsored_share", "share_id", "share"),
        _refers("sponsored_share", "sponsorship_id", "sponsorship"),
        _refers("sponsored_share", "cooperative_id", "cooperative"),
        *_checks("sponsored_share", SHARE),
    )
    op.create_index("ix_sponsored_share_sponsorship_id", "sponsored_share", ["sponsorship_id"])
    op.create_table(
        "sponsor_payable",
        *_ids("id", "sponsorship_id", "share_id"),
        *_words(20, "tranche"),
        *_ids("cooperative_id"),
        *_whole("amount_minor"),
        *_words(3, "currency"),
        *_at("changed_at"),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_sponsor_payable"),
        _unique("sponsor_payable", "share_id", "tranche"),
        _refers("sponsor_payable", "share_id", "share"),
        _refers("sponsor_payable", "sponsorship_id", "sponsorship"),
        _refers("sponsor_payable", "cooperative_id", "cooperative"),
        *_checks("sponsor_payable", PAYABLE),
    )
    op.create_index("ix_sponsor_payable_sponsorship_id", "sponsor_payable", ["sponsorship_id"])
    op.create_index("ix_sponsor_payable_cooperative_id", "sponsor_payable", ["cooperative_id"])


def _draws() -> None:
    op.create_table(
        "sponsor_draw",
        *_ids("id", "sponsorship_id"),
        *_words(20, "kind", "state"),
        *_whole("boxes"),
        *_ids("hold_id"),
        *_ids("holder_id", "order_id", nullable=True),
        sa.Column("code_digest", sa.LargeBinary()),
        *_words(200, "words", nullable=True),
        *_at("expires_at", "created_at"),
        *_at("resolved_at", nullable=True),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_sponsor_draw"),
        _refers("sponsor_draw", "sponsorship_id", "sponsorship"),
        _refers("sponsor_draw", "hold_id", "hold"),
        _refers("sponsor_draw", "holder_id", "account"),
        _refers("sponsor_draw", "order_id", "order"),
        _unique("sponsor_draw", "hold_id"),
        _unique("sponsor_draw", "order_id"),
        _unique("sponsor_draw", "code_digest"),
        *_checks("sponsor_draw", DRAW),
    )
    op.create_index("ix_sponsor_draw_sponsorship_id", "sponsor_draw", ["sponsorship_id"])
    op.create_index("ix_sponsor_draw_holder_id", "sponsor_draw", ["holder_id"])
    op.create_index(
        "ix_sponsor_draw_due", "sponsor_draw", ["expires_at"], postgresql_where=sa.text("state = 'open'")
    )


def downgrade() -> None:
    for table in (
        "sponsor_draw",
        "sponsor_payable",
        "sponsored_share",
        "escrow_line",
        "sponsorship_move",
        "sponsorship",
    ):
        op.drop_table(table)
    _allow("payment", "purpose", PURPOSES)
    _allow("order", "kind", KINDS)
