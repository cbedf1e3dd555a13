"""More of what happens is told: fruit past its best-before day, and parcels whose dispatch is undone.

The rules stand here as they were when this step was made. Going down is refused while a dispatch has been undone: the
older journal has no line for it.
"""

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

TOLD = ("shipment_voided",)
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
    "uncommitted": "on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " AND committed_delta_grams = - held_delta_grams AND packed_delta_grams BETWEEN committed_delta_grams AND 0",
    "packed": "on_hand_delta_grams = 0 AND held_delta_grams = 0 AND committed_delta_grams = 0"
    " AND packed_delta_grams > 0",
    "shipped": "on_hand_delta_grams < 0"
    f" AND held_delta_grams + committed_delta_grams = on_hand_delta_grams AND {OUT}",
    "shipment_voided": "on_hand_delta_grams > 0 AND held_delta_grams = 0"
    " AND committed_delta_grams = on_hand_delta_grams AND packed_delta_grams = on_hand_delta_grams",
    "shrunk": f"on_hand_delta_grams < 0 AND {ALONE}",
    "culled": "on_hand_delta_grams < 0 AND held_delta_grams IN (0, on_hand_delta_grams)"
    " AND committed_delta_grams = 0 AND packed_delta_grams = 0",
    "adjusted": f"on_hand_delta_grams <> 0 AND {ALONE}",
    "quarantined": f"on_hand_delta_grams = 0 AND {ALONE}",
    "cleared": f"on_hand_delta_grams = 0 AND {ALONE}",
    "recalled": f"on_hand_delta_grams = 0 AND {ALONE}",
    "reconciled": f"on_hand_delta_grams = 0 AND {ALONE}",
}
OF_HOLDS = ("held", "released", "committed", "uncommitted", "packed", "shipped", "shipment_voided")
REASONED = (
    "shipment_voided",
    "returned",
    "shrunk",
    "culled",
    "adjusted",
    "quarantined",
    "cleared",
    "recalled",
    "reconciled",
)


def upgrade() -> None:
    op.add_column("lot", sa.Column("expired_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_lot_expired"), "lot", "(expired_at AT TIME ZONE 'UTC')::date > best_before_on"
    )
    op.create_index(
        "ix_lot_unexpired",
        "lot",
        ["best_before_on", "id"],
        postgresql_where=sa.text("expired_at IS NULL"),
    )
    _journal(list(RULES))
    messages.tell(TOLD)
    op.add_column("hand_over_parcel", sa.Column("undone_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_hand_over_parcel_undone"), "hand_over_parcel", "undone_at IS NULL OR pallet_id IS NULL"
    )
    op.drop_constraint("pk_hand_over_parcel", "hand_over_parcel")
    op.create_primary_key("pk_hand_over_parcel", "hand_over_parcel", ["parcel_id", "hand_over_id"])
    op.create_index(
        "uq_hand_over_parcel_left",
        "hand_over_parcel",
        ["parcel_id"],
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )
    op.execute("GRANT UPDATE (undone_at) ON hand_over_parcel TO marketplace_app")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (undone_at) ON hand_over_parcel FROM marketplace_app")
    op.drop_index("uq_hand_over_parcel_left", "hand_over_parcel")
    op.drop_constraint("pk_hand_over_parcel", "hand_over_parcel")
    op.create_primary_key("pk_hand_over_parcel", "hand_over_parcel", ["parcel_id"])
    op.drop_column("hand_over_parcel", "undone_at")
    messages.forget(TOLD)
    _journal([kind for kind in RULES if kind != "shipment_voided"])
    op.drop_index("ix_lot_unexpired", "lot")
    op.drop_column("lot", "expired_at")


def _journal(kinds: list[str]) -> None:
    """Which lines there may be."""
    cases = "".join(f" WHEN '{kind}' THEN {RULES[kind]}" for kind in kinds)
    checks = {
        "kind": f"CASE kind{cases} ELSE false END",
        "hold": f"(kind IN ({_listed(OF_HOLDS, kinds)}) OR kind = 'culled' AND held_delta_grams < 0)"
        " = (hold_id IS NOT NULL)",
        "reason": f"NOT kind IN ({_listed(REASONED, kinds)}) OR reason IS NOT NULL",
    }
    for name, rule in checks.items():
        op.drop_constraint(op.f(f"ck_movement_{name}"), "movement")
        op.create_check_constraint(op.f(f"ck_movement_{name}"), "movement", rule)


def _listed(among: tuple[str, ...], kinds: list[str]) -> str:
    return ", ".join(repr(kind) for kind in among if kind in kinds)
