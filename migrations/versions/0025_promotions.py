"""Promotions: their terms and counters, each use of one, and the journal that the counters are the sums of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

PROMOTION = {
    "kind": "kind IN ('quantity_break', 'early_bird', 'group_buy', 'coupon', 'free_freight', 'voucher')",
    "state": "state IN ('draft', 'active', 'paused', 'ended')",
    "funder": "funder IN ('platform', 'county', 'sponsor', 'cooperative')",
    "measure": "num_nonnulls(amount_minor, permille) = CASE WHEN kind IN ('free_freight', 'voucher') THEN 0 ELSE 1 END",
    "amount": "amount_minor > 0 AND amount_minor <= 10000000000000",
    "permille": "permille BETWEEN 1 AND 1000",
    "boxes_min": "boxes_min BETWEEN 1 AND 1000000",
    "uses_max": "uses_max > 0 AND uses_max <= 1000000000",
    "uses_per_person": "uses_per_person_max > 0 AND uses_per_person_max <= 1000000",
    "boxes_max": "boxes_max > 0 AND boxes_max <= 1000000000",
    "budget": "minor_reserved >= 0 AND minor_consumed >= 0 AND minor_reserved + minor_consumed <= budget_minor"
    " AND budget_minor <= 10000000000000",
    "uses": "uses_reserved >= 0 AND uses_consumed >= 0"
    " AND (uses_max IS NULL OR uses_reserved + uses_consumed <= uses_max)",
    "boxes": "boxes_reserved >= 0 AND boxes_consumed >= 0"
    " AND (boxes_max IS NULL OR boxes_reserved + boxes_consumed <= boxes_max)",
}
USE = {
    "state": "state IN ('reserved', 'consumed', 'given_back')",
    "minor": "minor > 0 AND minor <= 10000000000000",
    "boxes": "boxes > 0 AND boxes <= 1000000",
}
MOVEMENT = {
    "kind": "kind IN ('reserved', 'consumed', 'released', 'returned')",
    "number": "number > 0",
    "positive": "minor > 0 AND boxes > 0",
}


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _at(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _words(size: int, *names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(size), nullable=False) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def upgrade() -> None:
    op.create_table(
        "promotion",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        *_words(20, "kind", "state", "funder"),
        *_words(200, "title_en", "title_zh"),
        *_whole("amount_minor", "permille", nullable=True),
        sa.Column("stacks_with", JSONB(), nullable=False),
        *_whole("boxes_min"),
        _at("ends_at", nullable=True),
        *_whole("budget_minor"),
        *_whole("uses_max", "uses_per_person_max", "boxes_max", nullable=True),
        *_whole("minor_reserved", "minor_consumed", "uses_reserved", "uses_consumed"),
        *_whole("boxes_reserved", "boxes_consumed"),
        _at("created_at"),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_promotion"),
        _refers("promotion", "campaign_id", "campaign"),
        *_checks("promotion", PROMOTION),
    )
    op.create_index("ix_promotion_campaign_id", "promotion", ["campaign_id"])
    _uses()
    _journal()


def _uses() -> None:
    op.create_table(
        "promotion_use",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("id", "promotion_id", "person_id", "hold_id")),
        *_words(20, "state"),
        *_whole("minor", "boxes"),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_promotion_use"),
        _refers("promotion_use", "promotion_id", "promotion"),
        _refers("promotion_use", "person_id", "account"),
        _refers("promotion_use", "hold_id", "hold"),
        *_checks("promotion_use", USE),
    )
    op.create_index(
        "ix_promotion_use_promotion_id_person_id", "promotion_use", ["promotion_id", "person_id"]
    )
    op.create_index(
        "uq_promotion_use_live",
        "promotion_use",
        ["hold_id", "promotion_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('reserved', 'consumed')"),
    )
    op.create_index(
        "ix_promotion_use_reserved",
        "promotion_use",
        ["promotion_id"],
        postgresql_where=sa.text("state = 'reserved'"),
    )
    op.execute("REVOKE DELETE ON promotion_use, promotion FROM marketplace_app")


def _journal() -> None:
    op.create_table(
        "promotion_movement",
        sa.Column("promotion_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=False),
        *_words(20, "kind"),
        *_whole("minor", "boxes"),
        *_words(80, "actor"),
        _at("at"),
        sa.PrimaryKeyConstraint("promotion_id", "number", name="pk_promotion_movement"),
        sa.UniqueConstraint("use_id", "kind", name="uq_promotion_movement_use_id_kind"),
        _refers("promotion_movement", "promotion_id", "promotion"),
        _refers("promotion_movement", "use_id", "promotion_use"),
        *_checks("promotion_movement", MOVEMENT),
    )
    op.execute("REVOKE UPDATE, DELETE ON promotion_movement FROM marketplace_app")


def downgrade() -> None:
    for table in ("promotion_movement", "promotion_use", "promotion"):
        op.drop_table(table)
