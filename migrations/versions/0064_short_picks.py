"""Short picks: parcels without their boxes, fruit that is owed and lies nowhere, orders that are taken back.

Going down nothing of a short pick may have happened: what it made has no place in the older tables.
"""

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

TOLD = ("short_boxes_refunded", "pick_short")

_STATES = "state IN ('planned', 'packed', 'shipped', 'delivered', 'lost'{more}, 'cancelled')"
_PARCEL_BEFORE = {
    "state": _STATES.format(more=""),
    "times": "num_nonnulls(packed_at, shipped_at, delivered_at, lost_at) = CASE state WHEN 'planned' THEN 0"
    " WHEN 'packed' THEN 1 WHEN 'shipped' THEN 2 WHEN 'cancelled' THEN num_nonnulls(packed_at) ELSE 3 END"
    " AND (lost_at IS NOT NULL) = (state = 'lost')",
}
_PARCEL_AFTER = {
    "state": _STATES.format(more=", 'short', 'withdrawn'"),
    "times": "num_nonnulls(packed_at, shipped_at, delivered_at, lost_at) = CASE"
    " WHEN state IN ('planned', 'short', 'withdrawn') THEN 0"
    " WHEN state = 'packed' THEN 1 WHEN state = 'shipped' THEN 2"
    " WHEN state = 'cancelled' THEN num_nonnulls(packed_at) ELSE 3 END"
    " AND (lost_at IS NOT NULL) = (state = 'lost')"
    " AND (unfilled_at IS NOT NULL) = (state IN ('short', 'withdrawn'))",
}
_HOLD_KIND = (
    "CASE WHEN kind IN ('allocation', 'pledge', 'quality')"
    " THEN num_nulls(cooperative_id, lot_id) = 0"
    " AND num_nonnulls(owner_id, pack_id, unit_price_minor, currency) = 0"
    " AND (kind = 'pledge') = (pool_id IS NOT NULL)"
    " WHEN kind = 'forecast' THEN num_nulls(cooperative_id, pool_id) = 0"
    " AND num_nonnulls(lot_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
    "{missing}"
    " WHEN kind IN ('cart', 'presale')"
    " THEN num_nulls(pool_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id) = 0"
    " WHEN kind IN ('game_soft', 'game_claim', 'replacement')"
    " THEN num_nulls(pool_id, owner_id, pack_id, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id, unit_price_minor, currency) = 0"
    " ELSE false END"
)
_MISSING = (
    " WHEN kind = 'missing' THEN num_nulls(cooperative_id, pool_id, reason) = 0"
    " AND num_nonnulls(lot_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
)
_AUTOMATIC = "NOT is_automatic OR (kind {kinds} AND state = 'refunded' AND remedy = 'refund')"
_COUNTS = (
    "boxes_planned > boxes_found AND boxes_found >= 0 AND pack_grams > 0"
    " AND boxes_written_off IN (0, boxes_planned - boxes_found)"
    " AND boxes_substituted >= 0 AND boxes_taken_back >= 0 AND boxes_refunded >= 0"
    " AND boxes_substituted + boxes_taken_back + boxes_refunded >= boxes_planned - boxes_found"
)


def upgrade() -> None:
    op.add_column("parcel", sa.Column("unfilled_at", sa.DateTime(timezone=True)))
    _checks("parcel", _PARCEL_AFTER)
    op.drop_constraint("uq_parcel_order_id_hold_id_claim_id", "parcel")
    op.create_index(
        "uq_parcel_order_id_hold_id_claim_id",
        "parcel",
        ["order_id", "hold_id", "claim_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'withdrawn'"),
        postgresql_nulls_not_distinct=True,
    )
    _checks("hold", {"kind": _HOLD_KIND.format(missing=_MISSING)})
    _pledge_index("'pledge', 'forecast', 'missing'")
    _checks("claim", {"automatic": _AUTOMATIC.format(kinds="IN ('weight', 'missing')")})
    _short_picks()
    op.execute("REVOKE UPDATE, DELETE ON short_pick, short_parcel FROM marketplace_app")
    messages.tell(TOLD)


def downgrade() -> None:
    messages.forget(TOLD)
    op.drop_table("short_parcel")
    op.drop_table("short_pick")
    _checks("claim", {"automatic": _AUTOMATIC.format(kinds="= 'weight'")})
    _pledge_index("'pledge', 'forecast'")
    _checks("hold", {"kind": _HOLD_KIND.format(missing="")})
    op.drop_index("uq_parcel_order_id_hold_id_claim_id", "parcel")
    op.create_unique_constraint(
        "uq_parcel_order_id_hold_id_claim_id",
        "parcel",
        ["order_id", "hold_id", "claim_id"],
        postgresql_nulls_not_distinct=True,
    )
    _checks("parcel", _PARCEL_BEFORE)
    op.drop_column("parcel", "unfilled_at")


def _checks(table: str, rules: dict[str, str]) -> None:
    for name, rule in rules.items():
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def _pledge_index(kinds: str) -> None:
    op.drop_index("ix_hold_pledge", "hold")
    op.create_index("ix_hold_pledge", "hold", ["pool_id"], postgresql_where=sa.text(f"kind IN ({kinds})"))


def _short_picks() -> None:
    op.create_table(
        "short_pick",
        *_ids("id", "wave_id", "lot_id", "cooperative_id"),
        *_whole(
            "pack_grams",
            "boxes_planned",
            "boxes_found",
            "boxes_written_off",
            "boxes_substituted",
            "boxes_taken_back",
            "boxes_refunded",
        ),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_short_pick"),
        *_refers("short_pick", "wave", "lot", "cooperative"),
        sa.CheckConstraint(_COUNTS, name=op.f("ck_short_pick_counts")),
    )
    op.create_index("ix_short_pick_wave_id_id", "short_pick", ["wave_id", "id"])
    op.create_index("ix_short_pick_lot_id", "short_pick", ["lot_id"])
    op.create_table(
        "short_parcel",
        *_ids("parcel_id", "short_pick_id", "order_id"),
        *_whole("boxes"),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("parcel_id", name="pk_short_parcel"),
        *_refers("short_parcel", "parcel", "short_pick", "order"),
        sa.CheckConstraint("boxes > 0", name=op.f("ck_short_parcel_boxes")),
        sa.CheckConstraint(
            "outcome IN ('substituted', 'taken_back', 'refunded')", name=op.f("ck_short_parcel_outcome")
        ),
    )
    op.create_index("ix_short_parcel_short_pick_id", "short_parcel", ["short_pick_id"])


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _refers(table: str, *targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            [f"{target}_id"], [f"{target}.id"], name=op.f(f"fk_{table}_{target}_id_{target}")
        )
        for target in targets
    ]
