"""Pallets, hand-overs, and what carriers say of parcels.

Going down, what was told of pallets stays in the chain; that these numbers were theirs is forgotten.
"""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

KINDS = ("fruit", "location", "lot", "parcel")
PALLET = {
    "state": "state IN ('open', 'closed', 'shipped', 'arrived', 'broken')",
    "times": "CASE state WHEN 'open' THEN num_nonnulls(closed_at, shipped_at, arrived_at, broken_at) = 0"
    " WHEN 'closed' THEN closed_at IS NOT NULL AND num_nonnulls(shipped_at, arrived_at, broken_at) = 0"
    " WHEN 'shipped' THEN num_nonnulls(closed_at, shipped_at) = 2 AND num_nonnulls(arrived_at, broken_at) = 0"
    " WHEN 'arrived' THEN num_nonnulls(closed_at, shipped_at, arrived_at) = 3 AND broken_at IS NULL"
    " ELSE broken_at IS NOT NULL AND num_nonnulls(shipped_at, arrived_at) IN (0, 2)"
    " AND (closed_at IS NOT NULL OR shipped_at IS NULL) END",
    "hand_over": "(hand_over_id IS NOT NULL) = (shipped_at IS NOT NULL)",
    "parcels": "(parcels IS NOT NULL) = (closed_at IS NOT NULL) AND coalesce(parcels, 1) > 0",
    "hub": "(hub_gln IS NOT NULL) = (arrived_at IS NOT NULL)",
}
HAND_OVER = {"counts": "pallets >= 0 AND parcels > 0 AND boxes >= parcels AND quantity_grams > 0"}
TRACKING = {
    "status": "status IN ('announced', 'in_transit', 'delivered', 'returned', 'lost')",
    "announced": "status <> 'announced' OR tracking_number IS NOT NULL",
}


def upgrade() -> None:
    _number_kinds((*KINDS, "pallet"))
    op.execute("CREATE SEQUENCE trace_number_pallet")
    op.execute("GRANT USAGE ON SEQUENCE trace_number_pallet TO marketplace_app")
    _hand_overs()
    _pallets()
    _what_lies_and_left()
    _tracking()
    op.execute("REVOKE DELETE ON pallet, pallet_parcel FROM marketplace_app")
    op.execute("REVOKE UPDATE, DELETE ON hand_over, hand_over_parcel, parcel_tracking FROM marketplace_app")


def downgrade() -> None:
    for table in ("parcel_tracking", "hand_over_parcel", "pallet_parcel", "pallet", "hand_over"):
        op.drop_table(table)
    op.execute("DELETE FROM trace_number WHERE kind = 'pallet'")
    op.execute("DROP SEQUENCE trace_number_pallet")
    _number_kinds(KINDS)


def _number_kinds(kinds: tuple[str, ...]) -> None:
    name = op.f("ck_trace_number_kind")
    op.drop_constraint(name, "trace_number")
    op.create_check_constraint(name, "trace_number", f"kind IN ({', '.join(repr(kind) for kind in kinds)})")


def _hand_overs() -> None:
    op.create_table(
        "hand_over",
        *_ids("id", "cooperative_id"),
        sa.Column("carrier", sa.String(40), nullable=False),
        sa.Column("reference", sa.String(60), nullable=False),
        *_whole("pallets", "parcels", "boxes", "quantity_grams"),
        *_at("handed_over_at"),
        sa.PrimaryKeyConstraint("id", name="pk_hand_over"),
        *_refers("hand_over", "cooperative"),
        *_checks("hand_over", HAND_OVER),
    )
    op.create_index("ix_hand_over_cooperative_id_id", "hand_over", ["cooperative_id", "id"])


def _pallets() -> None:
    op.create_table(
        "pallet",
        *_ids("id", "cooperative_id", "cold_store_id"),
        sa.Column("link", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        *_at("opened_at"),
        *_at("closed_at", "shipped_at", "arrived_at", "broken_at", nullable=True),
        sa.Column("hand_over_id", sa.Uuid()),
        sa.Column("parcels", sa.BigInteger()),
        sa.Column("hub_gln", sa.String(13)),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_pallet"),
        sa.UniqueConstraint("link", name="uq_pallet_link"),
        *_refers("pallet", "cooperative", "cold_store", "hand_over"),
        *_checks("pallet", PALLET),
    )
    op.create_index("ix_pallet_hand_over_id", "pallet", ["hand_over_id"])
    op.create_index("ix_pallet_cooperative_id_state_id", "pallet", ["cooperative_id", "state", "id"])


def _what_lies_and_left() -> None:
    op.create_table(
        "pallet_parcel",
        *_ids("pallet_id", "parcel_id"),
        *_at("put_at"),
        *_at("off_at", nullable=True),
        sa.PrimaryKeyConstraint("pallet_id", "parcel_id", name="pk_pallet_parcel"),
        *_refers("pallet_parcel", "pallet", "parcel"),
    )
    op.create_index(
        "uq_pallet_parcel_lies",
        "pallet_parcel",
        ["parcel_id"],
        unique=True,
        postgresql_where=sa.text("off_at IS NULL"),
    )
    op.create_table(
        "hand_over_parcel",
        *_ids("parcel_id", "hand_over_id"),
        sa.Column("pallet_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("parcel_id", name="pk_hand_over_parcel"),
        *_refers("hand_over_parcel", "parcel", "hand_over", "pallet"),
    )
    op.create_index("ix_hand_over_parcel_hand_over_id", "hand_over_parcel", ["hand_over_id"])


def _tracking() -> None:
    op.create_table(
        "parcel_tracking",
        *_ids("id", "parcel_id"),
        sa.Column("status", sa.String(20), nullable=False),
        *_at("at"),
        sa.Column("tracking_number", sa.String(60)),
        sa.Column("carrier", sa.String(20), nullable=False),
        *_at("reported_at"),
        sa.PrimaryKeyConstraint("id", name="pk_parcel_tracking"),
        sa.UniqueConstraint("parcel_id", "status", "at", name="uq_parcel_tracking_parcel_id_status_at"),
        *_refers("parcel_tracking", "parcel"),
        *_checks("parcel_tracking", TRACKING),
    )


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _refers(table: str, *targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            [f"{target}_id"], [f"{target}.id"], name=op.f(f"fk_{table}_{target}_id_{target}")
        )
        for target in targets
    ]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
