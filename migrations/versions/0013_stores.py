"""Cold storage, complete: the journal's words say what happened; committed and packed fruit have buckets.

The rules stand here as they were when this step was made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

WORDS = {
    "receive": "received",
    "loss": "shrunk",
    "correction": "adjusted",
    "hold": "held",
    "release": "released",
    "ship": "shipped",
    "quarantine": "quarantined",
    "clear": "cleared",
    "recall": "recalled",
}
BACK = {after: before for before, after in WORDS.items()} | {"harvested": "receive", "culled": "loss"}

ALONE = "held_delta_grams = 0 AND committed_delta_grams = 0 AND packed_delta_grams = 0"
OUT = (
    "held_delta_grams <= 0 AND committed_delta_grams <= 0"
    " AND packed_delta_grams BETWEEN committed_delta_grams AND 0"
)
RULES = {
    "harvested": f"on_hand_delta_grams > 0 AND {ALONE}",
    "received": f"on_hand_delta_grams > 0 AND {ALONE}",
    "graded": f"on_hand_delta_grams <> 0 AND {ALONE}",
    "moved": f"on_hand_delta_grams <> 0 AND {ALONE}",
    "returned": f"on_hand_delta_grams > 0 AND {ALONE}",
    "held": "on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " AND committed_delta_grams = 0 AND packed_delta_grams = 0",
    "released": f"on_hand_delta_grams = 0 AND held_delta_grams + committed_delta_grams < 0 AND {OUT}",
    "committed": "on_hand_delta_grams = 0 AND held_delta_grams < 0"
    " AND committed_delta_grams = - held_delta_grams AND packed_delta_grams = 0",
    "packed": "on_hand_delta_grams = 0 AND held_delta_grams = 0 AND committed_delta_grams = 0"
    " AND packed_delta_grams > 0",
    "shipped": "on_hand_delta_grams < 0"
    f" AND held_delta_grams + committed_delta_grams = on_hand_delta_grams AND {OUT}",
    "shrunk": f"on_hand_delta_grams < 0 AND {ALONE}",
    "culled": "on_hand_delta_grams < 0 AND held_delta_grams IN (0, on_hand_delta_grams)"
    " AND committed_delta_grams = 0 AND packed_delta_grams = 0",
    "adjusted": f"on_hand_delta_grams <> 0 AND {ALONE}",
    "quarantined": f"on_hand_delta_grams = 0 AND {ALONE}",
    "cleared": f"on_hand_delta_grams = 0 AND {ALONE}",
    "recalled": f"on_hand_delta_grams = 0 AND {ALONE}",
}
BUCKETS = (
    "held_grams >= 0 AND packed_grams >= 0 AND packed_grams <= committed_grams"
    " AND held_grams + committed_grams <= on_hand_grams"
)
JOURNAL = {
    "buckets": BUCKETS,
    "kind": "CASE kind" + "".join(f" WHEN '{kind}' THEN {rule}" for kind, rule in RULES.items()) + " ELSE false END",
    "first": "(kind IN ('graded', 'harvested', 'moved', 'received', 'returned') AND on_hand_delta_grams > 0)"
    " = (number = 1)",
    "hold": "(kind IN ('held', 'released', 'committed', 'packed', 'shipped')"
    " OR kind = 'culled' AND held_delta_grams < 0) = (hold_id IS NOT NULL)",
    "reason": "NOT kind IN ('returned', 'shrunk', 'culled', 'adjusted', 'quarantined', 'cleared', 'recalled')"
    " OR reason IS NOT NULL",
}
BEFORE = {
    "held": "held_grams >= 0 AND held_grams <= on_hand_grams",
    "kind": "CASE kind"
    " WHEN 'receive' THEN on_hand_delta_grams > 0 AND held_delta_grams = 0 AND number = 1"
    " WHEN 'loss' THEN on_hand_delta_grams < 0 AND held_delta_grams = 0"
    " WHEN 'correction' THEN on_hand_delta_grams <> 0 AND held_delta_grams = 0"
    " WHEN 'hold' THEN on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " WHEN 'release' THEN on_hand_delta_grams = 0 AND held_delta_grams < 0"
    " WHEN 'ship' THEN on_hand_delta_grams < 0 AND held_delta_grams = on_hand_delta_grams"
    " WHEN 'quarantine' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0"
    " WHEN 'clear' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0"
    " WHEN 'recall' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0"
    " ELSE false END",
    "hold": "(kind IN ('hold', 'release', 'ship')) = (hold_id IS NOT NULL)",
    "reason": "kind NOT IN ('loss', 'correction', 'quarantine', 'clear', 'recall') OR reason IS NOT NULL",
}


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _buckets_up()


def downgrade() -> None:
    """Refused by the journal's CHECK once a journal holds what the old words cannot say."""
    _buckets_down()


def _buckets_up() -> None:
    _drop_checks("movement", BEFORE)
    op.drop_constraint(op.f("ck_lot_held"), "lot")
    for table, columns in (
        ("lot", ("committed_grams", "packed_grams")),
        (
            "movement",
            ("committed_delta_grams", "packed_delta_grams", "committed_grams", "packed_grams"),
        ),
    ):
        for column in columns:
            op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
            op.alter_column(table, column, server_default=None)
    _reword(WORDS)
    op.create_check_constraint(op.f("ck_lot_buckets"), "lot", BUCKETS)
    _create_checks("movement", JOURNAL)
    op.create_index("ix_movement_hold_id", "movement", ["hold_id"])


def _buckets_down() -> None:
    op.drop_index("ix_movement_hold_id", "movement")
    _drop_checks("movement", JOURNAL)
    op.drop_constraint(op.f("ck_lot_buckets"), "lot")
    _reword(BACK)
    for table, columns in (
        ("lot", ("committed_grams", "packed_grams")),
        (
            "movement",
            ("committed_delta_grams", "packed_delta_grams", "committed_grams", "packed_grams"),
        ),
    ):
        for column in columns:
            op.drop_column(table, column)
    op.create_check_constraint(op.f("ck_lot_held"), "lot", BEFORE["held"])
    _create_checks("movement", BEFORE)


def _reword(words: dict[str, str]) -> None:
    cases = " ".join(f"WHEN '{before}' THEN '{after}'" for before, after in words.items())
    op.execute(f"UPDATE movement SET kind = CASE kind {cases} ELSE kind END")


def _drop_checks(table: str, checks: dict[str, str]) -> None:
    for name in checks:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)


def _create_checks(table: str, checks: dict[str, str]) -> None:
    for name, rule in checks.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
