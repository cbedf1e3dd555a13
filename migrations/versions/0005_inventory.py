"""Cold stores, lots, movements, pools, holds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _cold_store()
    _lot()
    _pool()
    _hold()
    _movement()
    op.execute("REVOKE UPDATE, DELETE ON movement FROM marketplace_app")


def _cold_store() -> None:
    op.create_table(
        "cold_store",
        _id("id"),
        _text("code", 40),
        _text("name_en", 200),
        _text("name_zh", 200),
        _id("county_id", nullable=True),
        _text("kind", 30),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_cold_store"),
        sa.UniqueConstraint("code", name="uq_cold_store_code"),
        _to("cold_store", "county_id", "county"),
        _check("cold_store", "kind", "kind IN ('cold', 'controlled_atmosphere')"),
    )


def _lot() -> None:
    op.create_table(
        "lot",
        _id("id"),
        _id("cooperative_id"),
        _id("cold_store_id"),
        _text("code", 40),
        _text("variety", 60),
        _text("grade", 20),
        _text("size", 20, nullable=True),
        _text("storage", 30),
        sa.Column("harvested_on", sa.Date(), nullable=False),
        sa.Column("best_before_on", sa.Date(), nullable=False),
        _whole("on_hand_grams"),
        _whole("held_grams"),
        _whole("version"),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_lot"),
        sa.UniqueConstraint("cooperative_id", "code", name="uq_lot_cooperative_id_code"),
        _to("lot", "cooperative_id", "cooperative"),
        _to("lot", "cold_store_id", "cold_store"),
        _check("lot", "held", "held_grams >= 0 AND held_grams <= on_hand_grams"),
        _check("lot", "on_hand", "on_hand_grams <= 10000000000000"),
        _check("lot", "days", "best_before_on >= harvested_on"),
        _check("lot", "version", "version > 0"),
        _check("lot", "storage", "storage IN ('cold', 'controlled_atmosphere')"),
    )
    op.create_index("ix_lot_cold_store_id", "lot", ["cold_store_id"])
    op.create_index("ix_lot_variety_grade_cooperative_id", "lot", ["variety", "grade", "cooperative_id"])


def _pool() -> None:
    op.create_table(
        "pool",
        _id("id"),
        _id("pack_id"),
        _whole("pack_grams"),
        _text("variety", 60),
        _text("grade", 20),
        _text("purpose_kind", 40),
        _id("purpose_id"),
        _whole("boxes_pledged"),
        _whole("boxes_held"),
        _whole("boxes_sold"),
        _whole("version"),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_pool"),
        sa.UniqueConstraint(
            "purpose_kind", "purpose_id", "pack_id", name="uq_pool_purpose_kind_purpose_id_pack_id"
        ),
        _to("pool", "pack_id", "pack"),
        _check("pool", "pack_grams", "pack_grams > 0"),
        _check("pool", "not_negative", "boxes_held >= 0 AND boxes_sold >= 0"),
        _check("pool", "never_oversold", "boxes_held + boxes_sold <= boxes_pledged"),
        _check("pool", "version", "version > 0"),
    )


def _hold() -> None:
    op.create_table(
        "hold",
        _id("id"),
        _text("kind", 20),
        _text("state", 20),
        _id("cooperative_id", nullable=True),
        _id("lot_id", nullable=True),
        _id("pool_id", nullable=True),
        _id("owner_id", nullable=True),
        _id("pack_id", nullable=True),
        _whole("boxes"),
        _whole("pack_grams"),
        _whole("quantity_grams"),
        _whole("unit_price_minor", nullable=True),
        _text("currency", 3, nullable=True),
        _text("purpose_kind", 40),
        _id("purpose_id"),
        _at("created_at"),
        _at("expires_at", nullable=True),
        _at("resolved_at", nullable=True),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
        _to("hold", "cooperative_id", "cooperative"),
        _to("hold", "lot_id", "lot"),
        _to("hold", "pool_id", "pool"),
        _to("hold", "owner_id", "account"),
        _to("hold", "pack_id", "pack"),
        _check("hold", "boxes", "boxes > 0 AND boxes <= 1000000"),
        _check("hold", "quantity", "pack_grams > 0 AND quantity_grams = boxes * pack_grams"),
        _check("hold", "unit_price", "unit_price_minor >= 0 AND unit_price_minor <= 1000000000"),
        _check("hold", "expires", "expires_at > created_at"),
        _check("hold", "version", "version > 0"),
        _check(
            "hold",
            "kind",
            "CASE WHEN kind IN ('allocation', 'pledge')"
            " THEN num_nulls(cooperative_id, lot_id) = 0"
            " AND num_nonnulls(owner_id, pack_id, unit_price_minor, currency) = 0"
            " AND (kind = 'pledge') = (pool_id IS NOT NULL)"
            " WHEN kind = 'cart'"
            " THEN num_nulls(pool_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
            " AND num_nonnulls(cooperative_id, lot_id) = 0"
            " ELSE false END",
        ),
        _check("hold", "state", "state IN ('active', 'converting', 'consumed', 'released', 'expired')"),
        _check("hold", "converting", "state <> 'converting' OR kind = 'cart'"),
        _check("hold", "resolved", "(resolved_at IS NULL) = (state IN ('active', 'converting'))"),
    )
    op.create_index("ix_hold_purpose_kind_purpose_id_owner_id", "hold", ["purpose_kind", "purpose_id", "owner_id"])
    op.create_index("ix_hold_owner_id", "hold", ["owner_id"])
    op.create_index("ix_hold_lot_id", "hold", ["lot_id"])
    op.create_index("ix_hold_pool_id_state", "hold", ["pool_id", "state"])
    op.create_index("ix_hold_due", "hold", ["expires_at"], postgresql_where=sa.text("state = 'active'"))


def _movement() -> None:
    op.create_table(
        "movement",
        _id("id"),
        _id("lot_id"),
        _whole("number"),
        _text("kind", 20),
        _whole("on_hand_delta_grams"),
        _whole("held_delta_grams"),
        _whole("on_hand_grams"),
        _whole("held_grams"),
        _text("reason", 200, nullable=True),
        _id("hold_id", nullable=True),
        _text("actor", 80),
        _at("at"),
        sa.PrimaryKeyConstraint("id", name="pk_movement"),
        sa.UniqueConstraint("lot_id", "number", name="uq_movement_lot_id_number"),
        _to("movement", "lot_id", "lot"),
        _to("movement", "hold_id", "hold"),
        _check("movement", "number", "number > 0"),
        _check("movement", "held", "held_grams >= 0 AND held_grams <= on_hand_grams"),
        _check(
            "movement",
            "kind",
            "CASE kind"
            " WHEN 'receive' THEN on_hand_delta_grams > 0 AND held_delta_grams = 0 AND number = 1"
            " WHEN 'loss' THEN on_hand_delta_grams < 0 AND held_delta_grams = 0"
            " WHEN 'correction' THEN on_hand_delta_grams <> 0 AND held_delta_grams = 0"
            " WHEN 'hold' THEN on_hand_delta_grams = 0 AND held_delta_grams > 0"
            " WHEN 'release' THEN on_hand_delta_grams = 0 AND held_delta_grams < 0"
            " WHEN 'ship' THEN on_hand_delta_grams < 0 AND held_delta_grams = on_hand_delta_grams"
            " ELSE false END",
        ),
        _check("movement", "hold", "(kind IN ('hold', 'release', 'ship')) = (hold_id IS NOT NULL)"),
        _check("movement", "reason", "kind NOT IN ('loss', 'correction') OR reason IS NOT NULL"),
    )


def downgrade() -> None:
    for table in ("movement", "hold", "pool", "lot", "cold_store"):
        op.drop_table(table)
