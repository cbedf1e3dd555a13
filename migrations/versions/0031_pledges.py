"""Pledges with a life: invited, offered, accepted, raised, withdrawn; forecast fruit in pools; the end of a harvest.

Boxes that stand in pools already become one accepted pledge for each cooperative and item, and their holds are for it.
Going down asks that no forecast stands in a pool and nobody was told of what there are no words for any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

KINDS = (
    "order_placed",
    "payment_received",
    "order_committed",
    "order_expired",
    "order_withdrawn",
    "boxes_offered",
    "campaign_opened",
    "campaign_paused",
    "campaign_closed",
    "campaign_failed",
    "campaign_cancelled",
    "balance_due",
    "balance_reminder",
    "balance_defaulted",
    "shortage_election",
    "shortage_cut",
    "refund_due",
    "refund_paid",
    "pledge_invited",
    "pledge_accepted",
    "pledge_lapsed",
    "commitment_asked",
)
NEW_KINDS = ("pledge_accepted", "pledge_lapsed")
HOLD = (
    "CASE WHEN kind IN ('allocation', 'pledge', 'quality')"
    " THEN num_nulls(cooperative_id, lot_id) = 0"
    " AND num_nonnulls(owner_id, pack_id, unit_price_minor, currency) = 0"
    " AND (kind = 'pledge') = (pool_id IS NOT NULL)"
    "{forecast}"
    " WHEN kind IN ('cart', 'presale')"
    " THEN num_nulls(pool_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id) = 0"
    " WHEN kind IN ('game_soft', 'game_claim')"
    " THEN num_nulls(pool_id, owner_id, pack_id, expires_at) = 0"
    " AND num_nonnulls(cooperative_id, lot_id, unit_price_minor, currency) = 0"
    " ELSE false END"
)
FORECAST = (
    " WHEN kind = 'forecast' THEN num_nulls(cooperative_id, pool_id) = 0"
    " AND num_nonnulls(lot_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
)
STATES = ("invited", "offered", "accepted", "declined", "lapsed", "withdrawn", "released")
EVENTS = (
    "invite",
    "offer",
    "put_up",
    "accept",
    "decline",
    "lapse",
    "raise",
    "lower",
    "withdraw",
    "reduce",
    "release",
)


def upgrade() -> None:
    op.add_column("campaign", sa.Column("harvest_ends_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_campaign_harvest"),
        "campaign",
        "harvest_ends_at >= closes_at AND harvest_ends_at <= coalesce(balance_opens_at, harvest_ends_at)",
    )
    _holds()
    _kinds(KINDS)
    _pledges()
    _moves()
    _take_over()


def _holds() -> None:
    op.add_column("hold", sa.Column("capacity_id", sa.Uuid()))
    op.create_foreign_key(op.f("fk_hold_capacity_id_capacity"), "hold", "capacity", ["capacity_id"], ["id"])
    op.create_index(
        "ix_hold_capacity_id", "hold", ["capacity_id"], postgresql_where=sa.text("capacity_id IS NOT NULL")
    )
    _index_of_pledges("kind IN ('pledge', 'forecast')")
    _check("hold", "kind", HOLD.format(forecast=FORECAST))
    op.create_check_constraint(
        op.f("ck_hold_capacity"), "hold", "(kind = 'forecast') = (capacity_id IS NOT NULL)"
    )


def _pledges() -> None:
    op.create_table(
        "pledge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("cooperative_id", sa.Uuid(), nullable=False),
        sa.Column("capacity_id", sa.Uuid()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("wanted_boxes", sa.BigInteger(), nullable=False),
        sa.Column("boxes", sa.BigInteger(), nullable=False),
        sa.Column("answer_due_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pledge"),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=f"fk_pledge_{column}_{table}")
            for column, table in (
                ("campaign_id", "campaign"),
                ("item_id", "campaign_item"),
                ("cooperative_id", "cooperative"),
                ("capacity_id", "capacity"),
            )
        ),
        *_checks(
            "pledge",
            state=_one_of("state", STATES),
            wanted="wanted_boxes > 0 AND wanted_boxes <= 1000000",
            boxes="boxes >= 0 AND (state = 'accepted') = (boxes > 0)",
            invited="state <> 'invited' OR answer_due_at IS NOT NULL",
            version="version > 0",
        ),
    )
    for column in ("campaign_id", "item_id", "cooperative_id"):
        op.create_index(f"ix_pledge_{column}", "pledge", [column])
    op.create_index(
        "uq_pledge_open",
        "pledge",
        ["item_id", "cooperative_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('invited', 'offered')"),
    )


def _moves() -> None:
    op.create_table(
        "pledge_move",
        sa.Column("pledge_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("before", sa.String(20)),
        sa.Column("after", sa.String(20), nullable=False),
        sa.Column("boxes_before", sa.BigInteger(), nullable=False),
        sa.Column("boxes_after", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("request_id", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pledge_id", "number", name="pk_pledge_move"),
        sa.ForeignKeyConstraint(["pledge_id"], ["pledge.id"], name="fk_pledge_move_pledge_id_pledge"),
        *_checks(
            "pledge_move",
            number="number > 0 AND (number = 1) = (before IS NULL)",
            event=_one_of("event", EVENTS),
            boxes="boxes_before >= 0 AND boxes_after >= 0",
        ),
    )
    op.execute("REVOKE UPDATE, DELETE ON pledge_move FROM marketplace_app")


def _take_over() -> None:
    """One pledge for each cooperative and item that has pledged; what was given back since is its second move."""
    op.execute("""
        CREATE TEMPORARY TABLE standing ON COMMIT DROP AS
        SELECT gen_random_uuid() AS pledge_id, i.id AS item_id, i.campaign_id, h.pool_id, h.cooperative_id,
            least(sum(h.boxes), 1000000) AS put_up, sum(h.boxes - h.released_boxes) AS boxes,
            min(h.created_at) AS at, coalesce(max(h.resolved_at), min(h.created_at)) AS ended_at
        FROM hold h JOIN campaign_item i ON i.pool_id = h.pool_id WHERE h.kind = 'pledge'
        GROUP BY i.id, i.campaign_id, h.pool_id, h.cooperative_id
    """)
    op.execute("""
        INSERT INTO pledge (id, campaign_id, item_id, cooperative_id, state, wanted_boxes, boxes, created_at, version)
        SELECT pledge_id, campaign_id, item_id, cooperative_id, CASE WHEN boxes > 0 THEN 'accepted' ELSE 'released' END,
            put_up, boxes, at, CASE WHEN boxes < put_up THEN 2 ELSE 1 END FROM standing
    """)
    op.execute("""
        INSERT INTO pledge_move (pledge_id, number, event, before, after, boxes_before, boxes_after, reason, actor,
            request_id, at)
        SELECT pledge_id, 1, 'put_up', NULL, 'accepted', 0, greatest(put_up, boxes), 'migration 0031', 'system',
            'migration-0031', at FROM standing
        UNION ALL
        SELECT pledge_id, 2, CASE WHEN boxes > 0 THEN 'reduce' ELSE 'release' END, 'accepted',
            CASE WHEN boxes > 0 THEN 'accepted' ELSE 'released' END, put_up, boxes, 'migration 0031', 'system',
            'migration-0031', ended_at FROM standing WHERE boxes < put_up
    """)
    op.execute("""
        UPDATE hold h SET purpose_kind = 'pledge', purpose_id = s.pledge_id FROM standing s
        WHERE h.pool_id = s.pool_id AND h.cooperative_id = s.cooperative_id AND h.kind = 'pledge'
    """)


def downgrade() -> None:
    op.execute("""
        UPDATE hold h SET purpose_kind = p.purpose_kind, purpose_id = p.purpose_id FROM pool p
        WHERE p.id = h.pool_id AND h.kind = 'pledge'
    """)
    op.drop_table("pledge_move")
    op.drop_table("pledge")
    _kinds(tuple(word for word in KINDS if word not in NEW_KINDS))
    op.drop_constraint(op.f("ck_hold_capacity"), "hold")
    _check("hold", "kind", HOLD.format(forecast=""))
    _index_of_pledges("kind = 'pledge'")
    op.drop_index("ix_hold_capacity_id", "hold")
    op.drop_column("hold", "capacity_id")
    op.drop_constraint(op.f("ck_campaign_harvest"), "campaign")
    op.drop_column("campaign", "harvest_ends_at")


def _kinds(words: tuple[str, ...]) -> None:
    for table in ("notification", "notification_refusal"):
        _check(table, "kind", _one_of("kind", words))


def _index_of_pledges(which: str) -> None:
    op.drop_index("ix_hold_pledge", "hold")
    op.create_index("ix_hold_pledge", "hold", ["pool_id"], postgresql_where=sa.text(which))


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def _checks(table: str, **rules: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(map(repr, words))})"
