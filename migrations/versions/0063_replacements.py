"""Replacements: claimed boxes are sent once more, out of boxes of the pool that nobody has bought.

Going down replacements are forgotten with all that they moved, which is possible only where there is none: the CHECKs
of before refuse what is left of one.
"""

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

TOLD = ("claim_to_replace", "claim_replaced")
ONLY_ON_HAND = "held_delta_grams = 0 AND committed_delta_grams = 0 AND packed_delta_grams = 0"
OUT_OF_PROMISES = (
    "held_delta_grams <= 0 AND committed_delta_grams <= 0"
    " AND packed_delta_grams BETWEEN committed_delta_grams AND 0"
)
UNCOMMITTED = (
    " WHEN 'uncommitted' THEN on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " AND committed_delta_grams = - held_delta_grams"
    " AND packed_delta_grams BETWEEN committed_delta_grams AND 0"
)
LEGAL = (
    "CASE kind"
    f" WHEN 'harvested' THEN on_hand_delta_grams > 0 AND {ONLY_ON_HAND}"
    f" WHEN 'received' THEN on_hand_delta_grams > 0 AND {ONLY_ON_HAND}"
    f" WHEN 'graded' THEN on_hand_delta_grams <> 0 AND {ONLY_ON_HAND}"
    f" WHEN 'moved' THEN on_hand_delta_grams <> 0 AND {ONLY_ON_HAND}"
    f" WHEN 'returned' THEN on_hand_delta_grams > 0 AND {ONLY_ON_HAND}"
    " WHEN 'held' THEN on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " AND committed_delta_grams = 0 AND packed_delta_grams = 0"
    " WHEN 'released' THEN on_hand_delta_grams = 0 AND held_delta_grams + committed_delta_grams < 0"
    f" AND {OUT_OF_PROMISES}"
    " WHEN 'committed' THEN on_hand_delta_grams = 0 AND held_delta_grams < 0"
    " AND committed_delta_grams = - held_delta_grams AND packed_delta_grams = 0"
    "{uncommitted}"
    " WHEN 'packed' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0 AND committed_delta_grams = 0"
    " AND packed_delta_grams > 0"
    " WHEN 'shipped' THEN on_hand_delta_grams < 0"
    f" AND held_delta_grams + committed_delta_grams = on_hand_delta_grams AND {OUT_OF_PROMISES}"
    f" WHEN 'shrunk' THEN on_hand_delta_grams < 0 AND {ONLY_ON_HAND}"
    " WHEN 'culled' THEN on_hand_delta_grams < 0 AND held_delta_grams IN (0, on_hand_delta_grams)"
    " AND committed_delta_grams = 0 AND packed_delta_grams = 0"
    f" WHEN 'adjusted' THEN on_hand_delta_grams <> 0 AND {ONLY_ON_HAND}"
    f" WHEN 'quarantined' THEN on_hand_delta_grams = 0 AND {ONLY_ON_HAND}"
    f" WHEN 'cleared' THEN on_hand_delta_grams = 0 AND {ONLY_ON_HAND}"
    f" WHEN 'recalled' THEN on_hand_delta_grams = 0 AND {ONLY_ON_HAND}"
    f" WHEN 'reconciled' THEN on_hand_delta_grams = 0 AND {ONLY_ON_HAND}"
    " ELSE false END"
)
OF_HOLDS = (
    "(kind IN ('held', 'released', 'committed'{uncommitted}, 'packed', 'shipped')"
    " OR kind = 'culled' AND held_delta_grams < 0) = (hold_id IS NOT NULL)"
)
HOLD = (
    "CASE WHEN kind IN ('allocation', 'pledge', 'quality')"
    " THEN num_nulls(cooperative_id, lot_id) = 0"
    " AND num_nonnulls(owner_id, pack_id, unit_price_minor, currency) = 0"
    " AND (kind = 'pledge') = (pool_id IS NOT NULL)"
    " WHEN kind = 'forecast' THEN num_nulls(cooperative_id, pool_id) = 0"
    " AND num_nonnulls(lot_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
    " WHEN kind IN ('cart', 'presale')"
    " THEN num_nulls(pool_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id) = 0"
    " WHEN kind IN ('game_soft', 'game_claim'{replacement})"
    " THEN num_nulls(pool_id, owner_id, pack_id, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id, unit_price_minor, currency) = 0"
    " ELSE false END"
)
PARCEL_STATE = "state IN ('planned', 'packed', 'shipped', 'delivered', 'lost'{cancelled})"
PARCEL_TIMES = (
    "num_nonnulls(packed_at, shipped_at, delivered_at, lost_at) = CASE state WHEN 'planned' THEN 0"
    " WHEN 'packed' THEN 1 WHEN 'shipped' THEN 2{cancelled} ELSE 3 END"
    " AND (lost_at IS NOT NULL) = (state = 'lost')"
)
CLAIM_STATE = "state IN ('open', 'answered', 'returning'{replacing}, 'refunded', 'rejected', 'withdrawn')"
CLAIM_AMOUNT = (
    "CASE WHEN remedy IS NULL OR remedy = 'reject' THEN num_nonnulls(refund_minor, borne_by) = 0{replace}"
    " ELSE num_nulls(refund_minor, borne_by) = 0 END"
)
CLAIM_REMEDY = (
    "CASE state WHEN 'open' THEN num_nonnulls(answer, remedy) = 0"
    " WHEN 'answered' THEN answer IS NOT NULL AND remedy IS NULL"
    " WHEN 'returning' THEN remedy = 'return' WHEN 'refunded' THEN remedy IN ('refund', 'return'){replacing}"
    " WHEN 'rejected' THEN remedy = 'reject' ELSE remedy IS NULL OR remedy = 'return' END"
)
BEFORE = {
    ("movement", "kind"): LEGAL.format(uncommitted=""),
    ("movement", "hold"): OF_HOLDS.format(uncommitted=""),
    ("hold", "kind"): HOLD.format(replacement=""),
    ("parcel", "state"): PARCEL_STATE.format(cancelled=""),
    ("parcel", "times"): PARCEL_TIMES.format(cancelled=""),
    ("claim", "state"): CLAIM_STATE.format(replacing=""),
    ("claim", "remedy"): "remedy IN ('refund', 'return', 'reject')",
    ("claim", "amount"): CLAIM_AMOUNT.format(replace=""),
    ("claim", "remedy_of_state"): CLAIM_REMEDY.format(replacing=""),
}
AFTER = {
    ("movement", "kind"): LEGAL.format(uncommitted=UNCOMMITTED),
    ("movement", "hold"): OF_HOLDS.format(uncommitted=", 'uncommitted'"),
    ("hold", "kind"): HOLD.format(replacement=", 'replacement'"),
    ("parcel", "state"): PARCEL_STATE.format(cancelled=", 'cancelled'"),
    ("parcel", "times"): PARCEL_TIMES.format(cancelled=" WHEN 'cancelled' THEN num_nonnulls(packed_at)"),
    ("claim", "state"): CLAIM_STATE.format(replacing=", 'replacing', 'replaced'"),
    ("claim", "remedy"): "remedy IN ('refund', 'return', 'replace', 'reject')",
    ("claim", "amount"): CLAIM_AMOUNT.format(
        replace=" WHEN remedy = 'replace' THEN refund_minor IS NULL AND borne_by IS NOT NULL"
    ),
    ("claim", "remedy_of_state"): CLAIM_REMEDY.format(
        replacing=" WHEN 'replacing' THEN remedy = 'replace' WHEN 'replaced' THEN remedy = 'replace'"
    ),
}
NEW = {
    ("parcel", "replacement"): "num_nulls(claim_id, replaces_id) IN (0, 2) AND replaces_id <> id",
    ("parcel", "shelf_days"): "shelf_days >= 0",
    ("parcel", "cancelled"): "(cancelled_at IS NOT NULL) = (state = 'cancelled')"
    " AND (cancelled_at IS NULL OR claim_id IS NOT NULL)",
    ("wave", "replacing"): "NOT is_replacing OR planned_at IS NOT NULL",
    ("claim", "delivered_on"): "(delivered_on IS NOT NULL) = (coalesce(remedy, '') = 'replace')",
}
PROMISED = """
    UPDATE parcel p SET shelf_days = greatest(i.shelf_days, coalesce(x.shelf_days, 0),
        CASE WHEN o.kind = 'export' THEN 30 ELSE CASE a.destination WHEN 'county' THEN 3 WHEN 'country' THEN 10
            WHEN 'abroad' THEN 30 ELSE 0 END END)
    FROM "order" o JOIN hold h ON h.id = o.hold_id JOIN campaign_item i ON i.id = h.purpose_id
    LEFT JOIN order_address a ON a.order_id = o.id LEFT JOIN export_terms x ON x.order_id = o.id
    WHERE o.id = p.order_id
"""
"""For so long the fruit of parcels that are there already was to keep."""


def upgrade() -> None:
    messages.tell(TOLD)
    op.add_column("wave", sa.Column("is_replacing", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "uq_wave_replacing",
        "wave",
        ["campaign_id", "delivered_on"],
        unique=True,
        postgresql_where=sa.text("is_replacing"),
    )
    op.add_column("claim", sa.Column("delivered_on", sa.Date()))
    for name in ("claim_id", "replaces_id"):
        op.add_column("parcel", sa.Column(name, sa.Uuid()))
    op.add_column("parcel", sa.Column("shelf_days", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("parcel", sa.Column("cancelled_at", sa.DateTime(timezone=True)))
    op.execute(PROMISED)
    op.alter_column("parcel", "shelf_days", server_default=None)
    op.create_foreign_key("fk_parcel_claim_id_claim", "parcel", "claim", ["claim_id"], ["id"])
    op.create_foreign_key("fk_parcel_replaces_id_parcel", "parcel", "parcel", ["replaces_id"], ["id"])
    op.create_index(
        "ix_parcel_claim_id", "parcel", ["claim_id"], postgresql_where=sa.text("claim_id IS NOT NULL")
    )
    op.drop_constraint("uq_parcel_order_id_hold_id", "parcel")
    op.create_unique_constraint(
        "uq_parcel_order_id_hold_id_claim_id",
        "parcel",
        ["order_id", "hold_id", "claim_id"],
        postgresql_nulls_not_distinct=True,
    )
    _checks(AFTER)
    for (table, name), rule in NEW.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def downgrade() -> None:
    for table, name in NEW:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    _checks(BEFORE)
    op.drop_constraint("uq_parcel_order_id_hold_id_claim_id", "parcel")
    op.create_unique_constraint("uq_parcel_order_id_hold_id", "parcel", ["order_id", "hold_id"])
    op.drop_index("ix_parcel_claim_id", "parcel")
    for name in ("claim_id", "replaces_id", "shelf_days", "cancelled_at"):
        op.drop_column("parcel", name)
    op.drop_column("claim", "delivered_on")
    op.drop_index("uq_wave_replacing", "wave")
    op.drop_column("wave", "is_replacing")
    messages.forget(TOLD)


def _checks(rules: dict[tuple[str, str], str]) -> None:
    for (table, name), rule in rules.items():
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
