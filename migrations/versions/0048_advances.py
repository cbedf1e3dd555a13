"""Advances: what cooperatives stand at, each advance, its journal, the terms of campaigns; evidence for lenders."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

STANDING = {
    "not_negative": "promised_minor >= 0 AND outstanding_minor >= 0",
    "currency": "currency ~ '^[A-Z]{3}$'",
}
ADVANCE = {
    "currency": "currency ~ '^[A-Z]{3}$'",
    "tranche": "tranche IN ('confirmation', 'intake', 'delivery')",
    "state": "state IN ('asked', 'granted', 'paid', 'repaid', 'refused', 'cancelled')",
    "asked": "asked_minor > 0 AND asked_minor <= 10000000000000",
    "granted": "CASE WHEN state IN ('granted', 'paid', 'repaid')"
    " THEN amount_minor > 0 AND amount_minor <= asked_minor AND num_nulls(amount_minor, payout_id) = 0"
    " ELSE num_nulls(amount_minor, payout_id) = 2 END",
    "outstanding": "CASE state WHEN 'paid' THEN outstanding_minor > 0 AND outstanding_minor <= amount_minor"
    " ELSE outstanding_minor = 0 END",
    "decided": "num_nulls(decided_by, decided_at) = CASE state WHEN 'asked' THEN 2 ELSE 0 END",
    "two_people": "state NOT IN ('granted', 'paid', 'repaid') OR decided_by <> asked_by",
    "refused": "num_nulls(reason_en, reason_zh) = CASE state WHEN 'refused' THEN 0 ELSE 2 END",
    "paid": "(paid_at IS NOT NULL) = (state IN ('paid', 'repaid'))",
    "lines": "lines >= 0",
}
LINE = {
    "number": "number > 0 AND amount_minor > 0 AND outstanding_minor >= 0",
    "kind": "kind IN ('paid', 'repaid', 'undone', 'returned')",
    "cause": "CASE kind WHEN 'repaid' THEN settlement_id IS NOT NULL AND payout_id IS NULL"
    " ELSE settlement_id IS NULL AND payout_id IS NOT NULL END",
}


TERMS = {
    "steps": "least(confirmation_permille, intake_permille, delivery_permille) >= 0"
    " AND confirmation_permille + intake_permille + delivery_permille <= 1000",
    "factor": "factor_permille BETWEEN 0 AND 1000",
    "clearing_days": "clearing_days BETWEEN 0 AND 180",
}
CONSENT = {
    "contents": "contents <@ ARRAY['pledges', 'deliveries', 'stock', 'quality', 'income', 'advances']::varchar[]"
    " AND cardinality(contents) > 0",
    "ends": "ends_at > drafted_at",
    "signed": "num_nulls(signed_by, signed_at, code_digest) IN (0, 3)",
    "withdrawn": "num_nulls(withdrawn_by, withdrawn_at) IN (0, 2)",
    "code_digest": "octet_length(code_digest) = 32",
    "readings": "readings >= 0 AND (readings = 0 OR signed_at IS NOT NULL)",
}
READING = {"number": "number > 0", "form": "form IN ('json', 'csv', 'pdf')"}


def upgrade() -> None:
    _terms()
    _standings()
    _advances()
    _lines()
    _consents()
    _readings()
    op.execute(
        "REVOKE DELETE ON campaign_advance_terms, advance_standing, advance, evidence_consent FROM marketplace_app"
    )
    op.execute("REVOKE UPDATE, DELETE ON advance_line, evidence_reading FROM marketplace_app")


def downgrade() -> None:
    advances = ("advance_line", "advance", "advance_standing", "campaign_advance_terms")
    for table in ("evidence_reading", "evidence_consent", *advances):
        op.drop_table(table)


def _terms() -> None:
    op.create_table(
        "campaign_advance_terms",
        *_ids("campaign_id"),
        *_whole("confirmation_permille", "intake_permille", "delivery_permille", "factor_permille", "clearing_days"),
        *_at("changed_at"),
        *_whole("version"),
        sa.PrimaryKeyConstraint("campaign_id", name="pk_campaign_advance_terms"),
        _to("campaign_advance_terms", "campaign_id", "campaign"),
        *_checks("campaign_advance_terms", TERMS),
    )


def _standings() -> None:
    op.create_table(
        "advance_standing",
        *_ids("cooperative_id"),
        *_words(("currency", 3)),
        *_whole("promised_minor", "outstanding_minor", "version"),
        sa.PrimaryKeyConstraint("cooperative_id", "currency", name="pk_advance_standing"),
        _to("advance_standing", "cooperative_id", "cooperative"),
        *_checks("advance_standing", STANDING),
    )


def _advances() -> None:
    op.create_table(
        "advance",
        *_ids("id", "cooperative_id", "purpose_id"),
        *_words(("currency", 3), ("tranche", 20), ("state", 20)),
        *_whole("asked_minor"),
        *_whole("amount_minor", nullable=True),
        *_whole("outstanding_minor"),
        *_words(("asked_by", 80)),
        *_at("asked_at"),
        *_words(("decided_by", 80), nullable=True),
        *_at("decided_at", nullable=True),
        *_words(("reason_en", 200), ("reason_zh", 200), nullable=True),
        *_ids("payout_id", nullable=True),
        *_at("paid_at", nullable=True),
        *_whole("lines", "version"),
        sa.PrimaryKeyConstraint("id", name="pk_advance"),
        sa.UniqueConstraint("payout_id", name="uq_advance_payout_id"),
        _to("advance", "cooperative_id", "cooperative"),
        *_checks("advance", ADVANCE),
    )
    op.create_index(
        "uq_advance_open",
        "advance",
        ["cooperative_id", "purpose_id", "currency"],
        unique=True,
        postgresql_where=sa.text("state IN ('asked', 'granted')"),
    )
    for columns in (["cooperative_id", "currency", "state"], ["purpose_id", "currency", "state"]):
        op.create_index(f"ix_advance_{'_'.join(columns)}", "advance", columns)


def _lines() -> None:
    op.create_table(
        "advance_line",
        *_ids("advance_id"),
        *_whole("number"),
        *_words(("kind", 20)),
        *_whole("amount_minor", "outstanding_minor"),
        *_ids("settlement_id", "payout_id", nullable=True),
        *_words(("actor", 80), ("request_id", 80)),
        *_at("at"),
        sa.PrimaryKeyConstraint("advance_id", "number", name="pk_advance_line"),
        _to("advance_line", "advance_id", "advance"),
        *_checks("advance_line", LINE),
    )
    op.create_index(
        "uq_advance_line_settlement",
        "advance_line",
        ["settlement_id", "advance_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'repaid'"),
    )


def _consents() -> None:
    op.create_table(
        "evidence_consent",
        *_ids("id", "cooperative_id"),
        *_words(("lender", 200)),
        sa.Column("contents", sa.ARRAY(sa.String(20)), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=False),
        *_at("ends_at"),
        *_words(("text_en", 4_000), ("text_zh", 4_000), ("digest", 80), ("drafted_by", 80)),
        *_at("drafted_at"),
        *_words(("signed_by", 80), nullable=True),
        *_at("signed_at", nullable=True),
        sa.Column("code_digest", sa.LargeBinary()),
        *_words(("withdrawn_by", 80), nullable=True),
        *_at("withdrawn_at", nullable=True),
        *_whole("readings", "version"),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_consent"),
        sa.UniqueConstraint("code_digest", name="uq_evidence_consent_code_digest"),
        _to("evidence_consent", "cooperative_id", "cooperative"),
        *_checks("evidence_consent", CONSENT),
    )
    op.create_index("ix_evidence_consent_cooperative_id", "evidence_consent", ["cooperative_id"])


def _readings() -> None:
    op.create_table(
        "evidence_reading",
        *_ids("consent_id"),
        *_whole("number"),
        *_words(("form", 4), ("digest", 80), ("request_id", 80)),
        *_at("at"),
        sa.PrimaryKeyConstraint("consent_id", "number", name="pk_evidence_reading"),
        _to("evidence_reading", "consent_id", "evidence_consent"),
        *_checks("evidence_reading", READING),
    )


def _ids(*names: str, nullable: bool = False) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=nullable) for name in names]


def _words(*named: tuple[str, int], nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), nullable=nullable) for name, length in named]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
