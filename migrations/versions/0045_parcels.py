"""Waves and parcels, the states of orders that are on their way, and what is told of them.

Going down no parcel may be there; what was told in words that are not known then is forgotten.
"""

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

STATES = (
    "state IN ('deposit_due', 'proposed', 'approved', 'short', 'committed', 'deposit_paid', 'balance_due',"
    " 'balance_paid', {sent}'balance_defaulted', 'released', 'withdrawn', 'expired', 'payment_failed', 'cancelled',"
    " 'cut')"
)
SENT = "'packing', 'shipped', 'delivered', 'closed', "
WAVE = {
    "counts": "number > 0 AND orders >= 0 AND boxes >= orders AND orders_left >= 0",
    "orders_max": "orders_max > 0 AND orders <= orders_max",
}
PARCEL = {
    "state": "state IN ('planned', 'packed', 'shipped', 'delivered')",
    "boxes": "boxes > 0 AND boxes <= 1000000 AND pack_grams > 0",
    "times": "num_nonnulls(packed_at, shipped_at, delivered_at) = CASE state WHEN 'planned' THEN 0"
    " WHEN 'packed' THEN 1 WHEN 'shipped' THEN 2 ELSE 3 END",
    "carrier": "(carrier IS NOT NULL) = (state IN ('shipped', 'delivered'))",
    "tracking": "tracking_number IS NULL OR carrier IS NOT NULL",
}
TOLD = ("parcel_shipped", "order_delivered")


def upgrade() -> None:
    messages.tell(TOLD)
    _states(SENT)
    _waves()
    _parcels()
    op.execute("REVOKE DELETE ON wave, parcel FROM marketplace_app")


def downgrade() -> None:
    op.drop_table("parcel")
    op.drop_table("wave")
    _states("")
    messages.forget(TOLD)


def _states(sent: str) -> None:
    name = op.f("ck_order_state")
    op.drop_constraint(name, "order")
    op.create_check_constraint(name, "order", STATES.format(sent=sent))


def _waves() -> None:
    op.create_table(
        "wave",
        *_ids("id", "campaign_id"),
        *_whole("number"),
        sa.Column("delivered_on", sa.Date(), nullable=False),
        *_whole("orders_max", nullable=True),
        *_whole("orders", "boxes", "orders_left"),
        sa.Column("last_order_id", sa.Uuid()),
        *_at("released_at"),
        *_at("planned_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_wave"),
        sa.UniqueConstraint("campaign_id", "number", name="uq_wave_campaign_id_number"),
        *_checks("wave", WAVE),
    )
    op.create_index(
        "uq_wave_planning", "wave", ["campaign_id"], unique=True, postgresql_where=sa.text("planned_at IS NULL")
    )


def _parcels() -> None:
    refers = ("wave_id", "wave"), ("order_id", "order"), ("cooperative_id", "cooperative"), ("lot_id", "lot")
    op.create_table(
        "parcel",
        *_ids("id", "wave_id", "order_id", "cooperative_id", "lot_id", "hold_id"),
        *_whole("boxes", "pack_grams"),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("carrier", sa.String(40)),
        sa.Column("tracking_number", sa.String(60)),
        *_at("packed_at", "shipped_at", "delivered_at", nullable=True),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_parcel"),
        sa.UniqueConstraint("order_id", "hold_id", name="uq_parcel_order_id_hold_id"),
        *(
            sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_parcel_{column}_{target}")
            for column, target in (*refers, ("hold_id", "hold"))
        ),
        *_checks("parcel", PARCEL),
    )
    for columns in (["lot_id"], ["hold_id"], ["wave_id", "id"], ["cooperative_id", "state", "id"]):
        op.create_index(f"ix_parcel_{'_'.join(columns)}", "parcel", columns)


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
