"""Allocation of campaigns: terms, items, runs, commitments, supplies; the season's account knows commitments, too."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def _key(name: str) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _whole(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _word(name: str, length: int = 20) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _to(table: str, column: str, target: str, target_column: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.{target_column}"], name=f"fk_{table}_{column}_{target}"
    )


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _terms()
    _runs()
    _commitments()
    _supplies()
    op.execute("REVOKE UPDATE, DELETE ON campaign_allocation FROM marketplace_app")
    op.execute("REVOKE UPDATE, DELETE ON allotment_run FROM marketplace_app")
    op.add_column("season_entry", sa.Column("purpose_id", sa.Uuid()))
    op.drop_constraint(op.f("ck_season_entry_run"), "season_entry")
    op.create_check_constraint(
        op.f("ck_season_entry_cause"),
        "season_entry",
        "num_nonnulls(run_id, purpose_id) = CASE reason WHEN 'opening' THEN 0 ELSE 1 END",
    )


def _terms() -> None:
    table = "campaign_allocation"
    op.create_table(
        table,
        _key("campaign_id"),
        _word("season"),
        _word("rule"),
        sa.Column("strict", sa.Boolean(), nullable=False),
        _word("silence"),
        _whole("answer_hours"),
        _word("seed", 100),
        _at("created_at"),
        sa.PrimaryKeyConstraint("campaign_id", name=f"pk_{table}"),
        _to(table, "campaign_id", "campaign"),
        _check(table, "answer_hours", "answer_hours BETWEEN 1 AND 240"),
        _check(table, "silence", "silence IN ('declines', 'confirms')"),
        _check(table, "rule", "rule IN ('nearest', 'lowest', 'lowest_after')"),
    )
    table = "allotted_item"
    op.create_table(
        table,
        _key("item_id"),
        _key("campaign_id"),
        _whole("boxes"),
        sa.PrimaryKeyConstraint("item_id", name=f"pk_{table}"),
        _to(table, "item_id", "campaign_item"),
        _to(table, "campaign_id", "campaign_allocation", "campaign_id"),
        _check(table, "boxes", "boxes >= 0"),
    )
    op.create_index("ix_allotted_item_campaign_id", table, ["campaign_id"])


def _runs() -> None:
    table = "allotment_run"
    op.create_table(
        table,
        _key("id"),
        _key("item_id"),
        _whole("number"),
        sa.Column("problem", JSONB(), nullable=False),
        sa.Column("result", JSONB(), nullable=False),
        _word("digest", 80),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        _to(table, "item_id", "allotted_item", "item_id"),
        sa.UniqueConstraint("item_id", "number", name="uq_allotment_run_item_id_number"),
    )


def _commitments() -> None:
    table = "commitment"
    op.create_table(
        table,
        _key("id"),
        _key("run_id"),
        _key("item_id"),
        _key("campaign_id"),
        _key("cooperative_id"),
        _word("code", 40),
        _whole("boxes"),
        _whole("boxes_given_back"),
        _whole("pack_grams"),
        _word("limited_by"),
        _word("state"),
        _at("answer_due_at", nullable=True),
        _at("answered_at", nullable=True),
        sa.Column("answered_by", sa.String(80)),
        sa.Column("reason", sa.String(200)),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        _to(table, "run_id", "allotment_run"),
        _to(table, "item_id", "allotted_item", "item_id"),
        _to(table, "campaign_id", "campaign_allocation", "campaign_id"),
        _to(table, "cooperative_id", "cooperative"),
        sa.UniqueConstraint("run_id", "cooperative_id", name="uq_commitment_run_id_cooperative_id"),
        _check(table, "boxes", "boxes >= 0 AND pack_grams > 0"),
        _check(table, "given_back", "boxes_given_back >= 0 AND boxes_given_back <= boxes"),
        _check(
            table, "state", "state IN ('empty', 'offered', 'confirmed', 'declined', 'lapsed', 'released')"
        ),
        _check(table, "empty", "(state = 'empty') = (boxes = 0)"),
        _check(
            table,
            "ended",
            "state NOT IN ('declined', 'lapsed', 'released') OR boxes_given_back = boxes",
        ),
        _check(table, "open", "state NOT IN ('offered', 'confirmed') OR boxes_given_back < boxes"),
        _check(table, "due", "state <> 'offered' OR answer_due_at IS NOT NULL"),
    )
    for columns in (["item_id"], ["campaign_id"], ["cooperative_id"], ["state", "answer_due_at"]):
        op.create_index(f"ix_commitment_{'_'.join(columns)}", table, columns)


def _supplies() -> None:
    table = "supply"
    op.create_table(
        table,
        _key("order_id"),
        _key("cooperative_id"),
        _key("item_id"),
        _whole("boxes"),
        sa.PrimaryKeyConstraint("order_id", "cooperative_id", name=f"pk_{table}"),
        _to(table, "order_id", "order"),
        _to(table, "cooperative_id", "cooperative"),
        _to(table, "item_id", "allotted_item", "item_id"),
        _check(table, "boxes", "boxes > 0"),
    )
    columns = ["item_id", "cooperative_id", "order_id"]
    op.create_index("ix_supply_item_id_cooperative_id_order_id", table, columns)


def downgrade() -> None:
    op.execute("DELETE FROM season_entry WHERE purpose_id IS NOT NULL")
    op.drop_constraint(op.f("ck_season_entry_cause"), "season_entry")
    op.drop_column("season_entry", "purpose_id")
    op.create_check_constraint(
        op.f("ck_season_entry_run"), "season_entry", "(reason = 'opening') = (run_id IS NULL)"
    )
    for table in ("supply", "commitment", "allotment_run", "allotted_item", "campaign_allocation"):
        op.drop_table(table)
