"""Cases; capacity, its revisions, promises and weighings; reconciliations and the lines that repairs write; rows of phones."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "case_note",
    "capacity_revision",
    "weighing",
    "capacity_line",
    "reconciliation_finding",
    "reconciliation_repair",
    "lot_intake",
)
TABLES = (
    "lot_intake",
    "reconciliation_repair",
    "reconciliation_finding",
    "reconciliation",
    "capacity_line",
    "weighing",
    "capacity_revision",
    "capacity",
    "case_note",
    "case",
)

BAND = "0 <= low_grams AND low_grams <= likely_grams AND likely_grams <= high_grams AND high_grams <= 10000000000000"
HAIRCUT = "haircut_permille BETWEEN 0 AND 1000"
PRUDENT = "prudent_grams = low_grams * (1000 - haircut_permille) / 1000"

POOL_KIND = (
    "CASE kind"
    " WHEN 'opened' THEN number = 1"
    " AND pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'pledged' THEN pledged_delta > 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'withdrawn' THEN pledged_delta < 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'held' THEN pledged_delta = 0 AND held_delta > 0 AND sold_delta = 0"
    " WHEN 'resized' THEN pledged_delta = 0 AND held_delta <> 0 AND sold_delta = 0"
    " WHEN 'released' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'expired' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'sold' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = - held_delta"
    "{more} ELSE false END"
)
POOL_RECONCILED = " WHEN 'reconciled' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"


def _id(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _whole(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _json(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, JSONB(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _cases()
    _capacity()
    _weighing()
    _reconciliation()
    _intake()
    _checks(
        "pool_movement",
        kind=POOL_KIND.format(more=POOL_RECONCILED),
        hold="(kind IN ('opened', 'reconciled')) = (hold_id IS NULL)",
    )
    for table in APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM marketplace_app")


def _cases() -> None:
    op.create_table(
        "case",
        _id("id"),
        _text("kind", 30),
        _text("subject_kind", 40),
        _id("subject_id"),
        _id("cooperative_id", nullable=True),
        _json("facts"),
        _text("state", 20),
        _text("decision", 200, nullable=True),
        _text("settled_by", 80, nullable=True),
        _at("settled_at", nullable=True),
        _whole("version"),
        _at("created_at"),
        _key("case"),
        _to("case", "cooperative_id", "cooperative"),
        _check(
            "case",
            "kind",
            "kind IN ('shrink_deviation', 'weighbridge_gap', 'shortfall', 'reconciliation', 'late_payment')",
        ),
        _check("case", "state", "state IN ('open', 'settled')"),
        _check(
            "case",
            "settled",
            "num_nulls(decision, settled_by, settled_at) = CASE state WHEN 'settled' THEN 0 ELSE 3 END",
        ),
        _check("case", "version", "version > 0"),
    )
    op.create_index(
        "uq_case_open",
        "case",
        ["kind", "subject_kind", "subject_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_case_cooperative_id", "case", ["cooperative_id"])
    op.create_index("ix_case_subject_kind_subject_id", "case", ["subject_kind", "subject_id"])
    op.create_table(
        "case_note",
        _id("id"),
        _id("case_id"),
        _whole("number"),
        _text("kind", 20),
        _text("words", 200, nullable=True),
        _json("facts", nullable=True),
        _text("actor", 80),
        _at("at"),
        _key("case_note"),
        sa.UniqueConstraint("case_id", "number", name="uq_case_note_case_id_number"),
        _to("case_note", "case_id", "case"),
        _check("case_note", "number", "number > 0 AND (kind = 'opened') = (number = 1)"),
        _check("case_note", "kind", "kind IN ('opened', 'repeated', 'changed', 'said', 'settled')"),
        _check("case_note", "words", "(kind IN ('said', 'settled')) = (words IS NOT NULL)"),
    )


def _capacity() -> None:
    op.create_table(
        "capacity",
        _id("id"),
        _id("cooperative_id"),
        _text("variety", 60),
        _text("grade", 20),
        sa.Column("week_on", sa.Date(), nullable=False),
        _text("state", 20),
        _whole("low_grams"),
        _whole("likely_grams"),
        _whole("high_grams"),
        _whole("haircut_permille"),
        _whole("prudent_grams"),
        _whole("promised_grams"),
        _whole("converted_grams"),
        _whole("weighed_grams"),
        _whole("short_grams"),
        _whole("revisions_count"),
        _whole("lines_count"),
        _whole("weighings_count"),
        _whole("version"),
        _at("created_at"),
        _key("capacity"),
        sa.UniqueConstraint(
            "cooperative_id", "variety", "grade", "week_on", name="uq_capacity_cooperative_id_variety_grade_week_on"
        ),
        _to("capacity", "cooperative_id", "cooperative"),
        _check("capacity", "state", "state IN ('open', 'closed')"),
        _check("capacity", "monday", "extract(isodow FROM week_on) = 1"),
        _check("capacity", "band", BAND),
        _check("capacity", "haircut", HAIRCUT),
        _check("capacity", "prudent", PRUDENT),
        _check(
            "capacity",
            "not_negative",
            "promised_grams >= 0 AND converted_grams >= 0 AND short_grams >= 0",
        ),
        _check("capacity", "converted", "converted_grams <= weighed_grams"),
        _check("capacity", "weighed", "weighed_grams <= 10000000000000"),
        _check(
            "capacity",
            "never_oversold",
            "short_grams = greatest(promised_grams - CASE WHEN state = 'closed' THEN 0"
            " ELSE greatest(prudent_grams - weighed_grams, 0) END, 0)",
        ),
        _check(
            "capacity",
            "version",
            "revisions_count > 0 AND lines_count >= 0 AND weighings_count >= 0 AND version > 0",
        ),
    )
    op.create_table(
        "capacity_revision",
        _id("id"),
        _id("capacity_id"),
        _whole("number"),
        _whole("low_grams"),
        _whole("likely_grams"),
        _whole("high_grams"),
        _whole("haircut_permille"),
        _whole("prudent_grams"),
        _whole("promised_grams"),
        _text("reason", 200),
        _text("actor", 80),
        _at("at"),
        _key("capacity_revision"),
        sa.UniqueConstraint("capacity_id", "number", name="uq_capacity_revision_capacity_id_number"),
        _to("capacity_revision", "capacity_id", "capacity"),
        _check("capacity_revision", "number", "number > 0"),
        _check("capacity_revision", "band", BAND),
        _check("capacity_revision", "haircut", HAIRCUT),
        _check("capacity_revision", "prudent", PRUDENT),
    )


def _weighing() -> None:
    op.create_table(
        "weighing",
        _id("id"),
        _id("capacity_id"),
        _whole("number"),
        _id("lot_id"),
        _text("code", 40),
        _whole("gross_grams"),
        _whole("tare_grams"),
        _whole("net_grams"),
        _whole("converted_grams"),
        _json("facts"),
        _text("actor", 80),
        _at("at"),
        _key("weighing"),
        sa.UniqueConstraint("capacity_id", "number", name="uq_weighing_capacity_id_number"),
        sa.UniqueConstraint("lot_id", name="uq_weighing_lot_id"),
        _to("weighing", "capacity_id", "capacity"),
        _to("weighing", "lot_id", "lot"),
        _check("weighing", "number", "number > 0"),
        _check("weighing", "net", "tare_grams >= 0 AND net_grams > 0 AND net_grams = gross_grams - tare_grams"),
        _check("weighing", "converted", "converted_grams >= 0 AND converted_grams <= net_grams"),
    )
    op.create_table(
        "capacity_line",
        _id("id"),
        _id("capacity_id"),
        _whole("number"),
        _text("kind", 20),
        _whole("grams"),
        _text("purpose_kind", 40),
        _id("purpose_id"),
        _whole("promised_grams"),
        _whole("converted_grams"),
        _id("weighing_id", nullable=True),
        _id("hold_id", nullable=True),
        _text("actor", 80),
        _at("at"),
        _key("capacity_line"),
        sa.UniqueConstraint("capacity_id", "number", name="uq_capacity_line_capacity_id_number"),
        sa.UniqueConstraint("hold_id", name="uq_capacity_line_hold_id"),
        _to("capacity_line", "capacity_id", "capacity"),
        _to("capacity_line", "weighing_id", "weighing"),
        _to("capacity_line", "hold_id", "hold"),
        _check("capacity_line", "number", "number > 0"),
        _check("capacity_line", "kind", "kind IN ('promise', 'give_back', 'convert')"),
        _check("capacity_line", "grams", "grams > 0 AND promised_grams >= 0 AND converted_grams >= 0"),
        _check(
            "capacity_line",
            "weighing",
            "num_nonnulls(weighing_id, hold_id) = CASE kind WHEN 'convert' THEN 2 ELSE 0 END",
        ),
    )
    op.create_index("ix_capacity_line_weighing_id", "capacity_line", ["weighing_id"])


def _reconciliation() -> None:
    op.create_table(
        "reconciliation",
        _id("id"),
        _at("started_at"),
        _at("finished_at", nullable=True),
        sa.Column("seconds", sa.BigInteger(), nullable=True),
        _text("phase", 10),
        _id("cursor", nullable=True),
        _whole("lots_checked"),
        _whole("pools_checked"),
        _whole("differences"),
        _text("actor", 80),
        _key("reconciliation"),
        _check("reconciliation", "phase", "phase IN ('lots', 'pools', 'done')"),
        _check(
            "reconciliation",
            "finished",
            "num_nulls(finished_at, seconds) = CASE phase WHEN 'done' THEN 0 ELSE 2 END",
        ),
        _check("reconciliation", "counts", "lots_checked >= 0 AND pools_checked >= 0 AND differences >= 0"),
        _check("reconciliation", "differences", "differences <= lots_checked + pools_checked"),
    )
    op.create_table(
        "reconciliation_finding",
        _id("id"),
        _id("reconciliation_id"),
        _whole("number"),
        _text("subject_kind", 40),
        _id("subject_id"),
        _json("differences"),
        _id("case_id"),
        _at("at"),
        _key("reconciliation_finding"),
        sa.UniqueConstraint(
            "reconciliation_id", "number", name="uq_reconciliation_finding_reconciliation_id_number"
        ),
        _to("reconciliation_finding", "reconciliation_id", "reconciliation"),
        _to("reconciliation_finding", "case_id", "case"),
        _check("reconciliation_finding", "number", "number > 0"),
        _check("reconciliation_finding", "subject_kind", "subject_kind IN ('lot', 'pool')"),
    )
    op.create_index(
        "ix_reconciliation_finding_subject_kind_subject_id",
        "reconciliation_finding",
        ["subject_kind", "subject_id"],
    )
    op.create_table(
        "reconciliation_repair",
        _id("id"),
        _id("finding_id"),
        _text("reason", 200),
        _json("before"),
        _json("after"),
        _id("movement_id", nullable=True),
        _id("pool_id", nullable=True),
        sa.Column("pool_line_number", sa.BigInteger(), nullable=True),
        _text("actor", 80),
        _at("at"),
        _key("reconciliation_repair"),
        sa.UniqueConstraint("finding_id", name="uq_reconciliation_repair_finding_id"),
        _to("reconciliation_repair", "finding_id", "reconciliation_finding"),
        _to("reconciliation_repair", "movement_id", "movement"),
        sa.ForeignKeyConstraint(
            ["pool_id", "pool_line_number"],
            ["pool_movement.pool_id", "pool_movement.number"],
            name="fk_reconciliation_repair_pool_id_pool_line_number_pool_movement",
        ),
        _check(
            "reconciliation_repair",
            "line",
            "num_nonnulls(movement_id, pool_id) = 1 AND num_nonnulls(movement_id, pool_line_number) = 1",
        ),
    )


def _intake() -> None:
    op.create_table(
        "lot_intake",
        _id("cooperative_id"),
        _id("id"),
        _id("lot_id"),
        _json("facts"),
        _text("actor", 80),
        _at("at"),
        sa.PrimaryKeyConstraint("cooperative_id", "id", name="pk_lot_intake"),
        sa.UniqueConstraint("lot_id", name="uq_lot_intake_lot_id"),
        _to("lot_intake", "cooperative_id", "cooperative"),
        _to("lot_intake", "lot_id", "lot"),
    )


def _checks(table: str, **rules: str) -> None:
    """Each of these rules of the table is put in place of the one of that name."""
    for name, rule in rules.items():
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def downgrade() -> None:
    """Refused by the pools' journal once a counter was set right: a journal is not rewritten."""
    _checks("pool_movement", kind=POOL_KIND.format(more=""), hold="(kind = 'opened') = (hold_id IS NULL)")
    for table in TABLES:
        op.drop_table(table)
