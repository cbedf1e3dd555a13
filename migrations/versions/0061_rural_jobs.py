"""Rural jobs: workers, shifts of a wave, who was there when, boxes that were scanned, signed wage sheets."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

WORKER = {
    "sealed": "octet_length(sealed) BETWEEN 33 AND 2000",
    "village": "village <> ''",
}
SHIFT = {
    "kind": "kind IN ('packing', 'haulage')",
    "state": "state IN ('open', 'closed', 'signed', 'paid')",
    "currency": "currency ~ '^[A-Z]{3}$'",
    "times": "ends_at > begins_at AND ends_at - begins_at <= interval '24 hours'",
    "rates": "piece_rate_minor BETWEEN 0 AND 1000000 AND hourly_floor_minor BETWEEN 0 AND 10000000",
    "places": "places BETWEEN 1 AND 500 AND workers BETWEEN 0 AND places",
    "version": "version > 0",
}
ATTENDANCE = {
    "times": "checked_out_at IS NULL OR (checked_in_at IS NOT NULL AND checked_out_at > checked_in_at)",
}
SCAN = {
    "box": "CASE kind WHEN 'packing' THEN num_nulls(box, serial) = 1 AND boxes = 1"
    " ELSE num_nulls(box, serial) = 2 AND boxes > 0 END",
    "box_number": "box > 0",
}
SUM = "least(minutes, boxes, piece_minor, top_up_minor) >= 0 AND total_minor = piece_minor + top_up_minor"
SHEET = {
    "sum": SUM,
    "paid_how": "paid_how IS NULL OR paid_how IN ('cash', 'bank_transfer', 'mobile_wallet')",
    "paid": "num_nulls(paid_how, paid_on, marked_by, marked_at) IN (0, 4)"
    " AND (paid_note IS NULL OR paid_how IS NOT NULL)",
}
NUMBERS = ("minutes", "boxes", "piece_minor", "top_up_minor", "total_minor")
TABLES = ("worker", "shift", "shift_worker", "shift_scan", "wage_sheet", "wage_line")


def upgrade() -> None:
    _worker()
    _shift()
    _shift_worker()
    _shift_scan()
    _wage_sheet()
    _wage_line()
    op.execute("REVOKE DELETE ON worker, shift, wage_sheet FROM marketplace_app")
    op.execute("REVOKE UPDATE, DELETE ON shift_scan, wage_line FROM marketplace_app")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _worker() -> None:
    op.create_table(
        "worker",
        *_ids("id", "cooperative_id"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_text(60, "village"),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *_at("created_at"),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
        _refers("worker", "cooperative_id", "cooperative"),
        *_checks("worker", WORKER),
    )
    op.create_index("ix_worker_cooperative_id_id", "worker", ["cooperative_id", "id"])


def _shift() -> None:
    op.create_table(
        "shift",
        *_ids("id", "wave_id", "cooperative_id"),
        *_text(20, "kind"),
        *_days("works_on"),
        *_at("begins_at", "ends_at"),
        *_text(3, "currency"),
        *_whole("piece_rate_minor", "hourly_floor_minor", "places", "workers"),
        *_text(20, "state"),
        *_text(80, "planned_by"),
        *_at("planned_at"),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_shift"),
        sa.UniqueConstraint("id", "kind", name="uq_shift_id_kind"),
        _refers("shift", "wave_id", "wave"),
        _refers("shift", "cooperative_id", "cooperative"),
        *_checks("shift", SHIFT),
    )
    op.create_index("ix_shift_wave_id_cooperative_id_id", "shift", ["wave_id", "cooperative_id", "id"])
    op.create_index("ix_shift_cooperative_id_id", "shift", ["cooperative_id", "id"])


def _shift_worker() -> None:
    op.create_table(
        "shift_worker",
        *_ids("shift_id", "worker_id"),
        *_at("checked_in_at", "checked_out_at", nullable=True),
        sa.PrimaryKeyConstraint("shift_id", "worker_id", name="pk_shift_worker"),
        _refers("shift_worker", "shift_id", "shift"),
        _refers("shift_worker", "worker_id", "worker"),
        *_checks("shift_worker", ATTENDANCE),
    )
    op.create_index("ix_shift_worker_worker_id", "shift_worker", ["worker_id"])


def _shift_scan() -> None:
    op.create_table(
        "shift_scan",
        *_ids("shift_id", "id"),
        *_text(20, "kind"),
        *_ids("worker_id", "parcel_id"),
        *_whole("box", nullable=True),
        *_text(20, "serial", nullable=True),
        *_whole("boxes"),
        *_at("scanned_at"),
        *_text(80, "actor"),
        *_at("at"),
        sa.PrimaryKeyConstraint("shift_id", "id", name="pk_shift_scan"),
        sa.ForeignKeyConstraint(
            ["shift_id", "kind"], ["shift.id", "shift.kind"], name="fk_shift_scan_shift_id_kind_shift"
        ),
        sa.ForeignKeyConstraint(
            ["shift_id", "worker_id"],
            ["shift_worker.shift_id", "shift_worker.worker_id"],
            name="fk_shift_scan_shift_id_worker_id_shift_worker",
        ),
        _refers("shift_scan", "parcel_id", "parcel"),
        *_checks("shift_scan", SCAN),
    )
    for name, columns, kind in (
        ("box", ["parcel_id", "box"], "packing"),
        ("serial", ["serial"], "packing"),
        ("parcel", ["parcel_id"], "haulage"),
    ):
        op.create_index(
            f"uq_shift_scan_{name}",
            "shift_scan",
            columns,
            unique=True,
            postgresql_where=sa.text(f"kind = '{kind}'"),
        )
    op.create_index("ix_shift_scan_shift_id_worker_id", "shift_scan", ["shift_id", "worker_id"])


def _wage_sheet() -> None:
    op.create_table(
        "wage_sheet",
        *_ids("shift_id"),
        *_whole(*NUMBERS),
        *_text(80, "signed_by"),
        *_at("signed_at"),
        *_text(20, "paid_how", nullable=True),
        *_days("paid_on", nullable=True),
        *_text(200, "paid_note", nullable=True),
        *_text(80, "marked_by", nullable=True),
        *_at("marked_at", nullable=True),
        sa.PrimaryKeyConstraint("shift_id", name="pk_wage_sheet"),
        _refers("wage_sheet", "shift_id", "shift"),
        *_checks("wage_sheet", SHEET),
    )
    op.create_index("ix_wage_sheet_signed_at", "wage_sheet", ["signed_at"])


def _wage_line() -> None:
    op.create_table(
        "wage_line",
        *_ids("shift_id", "worker_id"),
        *_text(60, "village"),
        *_whole(*NUMBERS),
        sa.PrimaryKeyConstraint("shift_id", "worker_id", name="pk_wage_line"),
        sa.ForeignKeyConstraint(
            ["shift_id"], ["wage_sheet.shift_id"], name="fk_wage_line_shift_id_wage_sheet"
        ),
        _refers("wage_line", "worker_id", "worker"),
        *_checks("wage_line", {"sum": SUM}),
    )
    op.create_index("ix_wage_line_worker_id", "wage_line", ["worker_id"])


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _text(length: int, *names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), nullable=nullable) for name in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _days(*names: str, nullable: bool = False) -> list[sa.Column[sa.Date]]:
    return [sa.Column(name, sa.Date(), nullable=nullable) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
