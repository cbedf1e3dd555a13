"""Lots may be put under quarantine, cleared, and recalled."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KIND = (
    "CASE kind"
    " WHEN 'receive' THEN on_hand_delta_grams > 0 AND held_delta_grams = 0 AND number = 1"
    " WHEN 'loss' THEN on_hand_delta_grams < 0 AND held_delta_grams = 0"
    " WHEN 'correction' THEN on_hand_delta_grams <> 0 AND held_delta_grams = 0"
    " WHEN 'hold' THEN on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " WHEN 'release' THEN on_hand_delta_grams = 0 AND held_delta_grams < 0"
    " WHEN 'ship' THEN on_hand_delta_grams < 0 AND held_delta_grams = on_hand_delta_grams"
    "{turns} ELSE false END"
)
TURNS = "".join(
    f" WHEN '{kind}' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0"
    for kind in ("quarantine", "clear", "recall")
)


def upgrade() -> None:
    op.add_column("lot", sa.Column("status", sa.String(20), nullable=False, server_default="available"))
    op.alter_column("lot", "status", server_default=None)
    op.create_check_constraint(
        op.f("ck_lot_status"), "lot", "status IN ('available', 'quarantined', 'recalled')"
    )
    _movement_checks(
        KIND.format(turns=TURNS),
        "kind NOT IN ('loss', 'correction', 'quarantine', 'clear', 'recall') OR reason IS NOT NULL",
    )


def downgrade() -> None:
    """Refused by the journal's CHECK once a lot was stopped: a journal is not rewritten."""
    _movement_checks(KIND.format(turns=""), "kind NOT IN ('loss', 'correction') OR reason IS NOT NULL")
    op.drop_constraint(op.f("ck_lot_status"), "lot")
    op.drop_column("lot", "status")


def _movement_checks(kind: str, reason: str) -> None:
    for name, rule in (("kind", kind), ("reason", reason)):
        op.drop_constraint(op.f(f"ck_movement_{name}"), "movement")
        op.create_check_constraint(op.f(f"ck_movement_{name}"), "movement", rule)
