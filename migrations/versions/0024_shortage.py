"""Shortages: offers to neighbours, elections, cuts; sold boxes that are taken back, and money that goes back in part.

Going down, an order that was cut is read as cancelled; what its pool's journal says of cuts must not be there.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

APPEND_ONLY = ("part_refund", "shortage_cut")
TABLES = (
    "shortage_cut", "shortage_election", "shortage_offer", "shortage_standing", "shortage", "part_refund"
)  # fmt: skip
ORDER_STATES = (
    "state IN ('deposit_due', 'proposed', 'approved', 'short', 'committed', 'deposit_paid', 'balance_due',"
    " 'balance_paid', 'balance_defaulted', 'withdrawn', 'expired', 'payment_failed', 'cancelled'{cut})"
)
LINE = (
    "CASE kind"
    " WHEN 'opened' THEN number = 1 AND pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'pledged' THEN pledged_delta > 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'withdrawn' THEN pledged_delta < 0 AND held_delta = 0 AND sold_delta = 0"
    " WHEN 'held' THEN pledged_delta = 0 AND held_delta > 0 AND sold_delta = 0"
    " WHEN 'resized' THEN pledged_delta = 0 AND held_delta <> 0 AND sold_delta = 0"
    " WHEN 'released' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'expired' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'superseded' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
    " WHEN 'sold' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = - held_delta"
    " WHEN 'returned' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta < 0"
    "{cut}"
    " WHEN 'reconciled' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
    " ELSE false END"
)
CUT_LINE = " WHEN 'cut' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta < 0"


def upgrade() -> None:
    _check("order", "state", ORDER_STATES.format(cut=", 'cut'"))
    _check("pool_movement", "kind", LINE.format(cut=CUT_LINE))
    _refunds()
    _shortages()
    _standings()
    _offers()
    _elections()
    _cuts()
    for table in APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM marketplace_app")


def _refunds() -> None:
    op.create_table(
        "part_refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_part_refund"),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name="fk_part_refund_payment_id_payment"),
        sa.UniqueConstraint(
            "payment_id", "kind", "source_id", name="uq_part_refund_payment_id_kind_source_id"
        ),
        *_checks(
            "part_refund",
            amount="amount_minor > 0 AND amount_minor <= 10000000000000",
            kind="kind IN ('refund', 'compensation')",
        ),
    )


def _shortages() -> None:
    op.create_table(
        "shortage",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("evidence", sa.String(200)),
        sa.Column("policy", sa.String(20), nullable=False),
        *_whole("earnest_permille", "committed_boxes", "supply_boxes", "covered_boxes"),
        sa.Column("answers_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("season", sa.String(20), nullable=False),
        *_whole("election_hours"),
        sa.Column("elections_due_at", sa.DateTime(timezone=True)),
        sa.Column("seed_hash", sa.String(64), nullable=False),
        sa.Column("seed", sa.String(200), nullable=False),
        sa.Column("problem", JSONB()),
        sa.Column("result", JSONB()),
        sa.Column("digest", sa.String(80)),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        *_whole("version"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shortage"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_shortage_campaign_id_campaign"),
        sa.ForeignKeyConstraint(
            ["item_id"], ["campaign_item.id"], name="fk_shortage_item_id_campaign_item"
        ),
        *_checks(
            "shortage",
            state="state IN ('offering', 'electing', 'settled')",
            cause="cause IN ('force_majeure', 'fault')",
            evidence="cause <> 'force_majeure' OR evidence IS NOT NULL",
            policy="policy IN ('equal_awards', 'proportional')",
            earnest="earnest_permille BETWEEN 0 AND 200",
            boxes="supply_boxes >= 0 AND covered_boxes >= 0 AND committed_boxes > supply_boxes",
            election_hours="election_hours BETWEEN 1 AND 240",
            electing="state <> 'electing' OR elections_due_at IS NOT NULL",
            settled="num_nulls(problem, result, digest, settled_at)"
            " = CASE state WHEN 'settled' THEN 0 ELSE 4 END",
        ),
    )
    op.create_index("ix_shortage_campaign_id", "shortage", ["campaign_id"])
    op.create_index(
        "uq_shortage_open",
        "shortage",
        ["item_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'settled'"),
    )


def _standings() -> None:
    op.create_table(
        "shortage_standing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shortage_id", sa.Uuid(), nullable=False),
        sa.Column("cooperative_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        *_whole("pledged_boxes", "there_boxes"),
        sa.Column("carried_boxes", sa.BigInteger()),
        sa.Column("carried_minor", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_shortage_standing"),
        sa.UniqueConstraint("shortage_id", "cooperative_id", name="uq_shortage_standing_shortage_id_cooperative_id"),
        *_refers("shortage_standing", shortage_id="shortage", cooperative_id="cooperative"),
        *_checks(
            "shortage_standing",
            there="there_boxes >= 0 AND there_boxes <= pledged_boxes",
            carried="num_nulls(carried_boxes, carried_minor) IN (0, 2)",
            not_negative="carried_boxes >= 0 AND carried_minor >= 0",
        ),
    )
    op.create_index("ix_shortage_standing_cooperative_id", "shortage_standing", ["cooperative_id"])


def _offers() -> None:
    op.create_table(
        "shortage_offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shortage_id", sa.Uuid(), nullable=False),
        sa.Column("cooperative_id", sa.Uuid(), nullable=False),
        *_whole("round", "boxes", "accepted_boxes"),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason_en", sa.String(4_000), nullable=False),
        sa.Column("reason_zh", sa.String(4_000), nullable=False),
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("answered_by", sa.String(80)),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_shortage_offer"),
        sa.UniqueConstraint(
            "shortage_id", "cooperative_id", "round", name="uq_shortage_offer_shortage_id_cooperative_id_round"
        ),
        *_refers("shortage_offer", shortage_id="shortage", cooperative_id="cooperative"),
        *_checks(
            "shortage_offer",
            boxes="boxes > 0 AND round > 0",
            state="state IN ('offered', 'accepted', 'declined', 'lapsed')",
            accepted="accepted_boxes BETWEEN 0 AND boxes",
            given="(state = 'accepted') = (accepted_boxes > 0)",
            answered="num_nulls(answered_at, answered_by) IN (0, 2)",
            open="(state = 'offered') = (answered_at IS NULL)",
        ),
    )
    op.create_index("ix_shortage_offer_cooperative_id", "shortage_offer", ["cooperative_id"])


def _elections() -> None:
    op.create_table(
        "shortage_election",
        sa.Column("shortage_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("choice", sa.String(20), nullable=False),
        sa.Column("wanted_boxes", sa.BigInteger()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_whole("version"),
        sa.PrimaryKeyConstraint("shortage_id", "order_id", name="pk_shortage_election"),
        *_refers("shortage_election", shortage_id="shortage", order_id="order"),
        *_checks(
            "shortage_election",
            choice="choice IN ('no_preference', 'wait', 'other_grade', 'fewer', 'refund')",
            wanted="(choice = 'fewer') = (wanted_boxes IS NOT NULL) AND coalesce(wanted_boxes, 1) > 0",
        ),
    )


def _cuts() -> None:
    op.create_table(
        "shortage_cut",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shortage_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        *_whole("boxes_before", "boxes_after", "boxes_given_up", "boxes_cut"),
        *_whole("paid_minor", "refund_minor", "compensation_minor"),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason_en", sa.String(4_000), nullable=False),
        sa.Column("reason_zh", sa.String(4_000), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shortage_cut"),
        sa.UniqueConstraint("shortage_id", "order_id", name="uq_shortage_cut_shortage_id_order_id"),
        *_refers("shortage_cut", shortage_id="shortage", order_id="order"),
        *_checks(
            "shortage_cut",
            boxes="boxes_after >= 0 AND boxes_given_up >= 0 AND boxes_cut >= 0 AND boxes_before > 0",
            sum="boxes_after + boxes_given_up + boxes_cut = boxes_before",
            money="refund_minor BETWEEN 0 AND paid_minor AND compensation_minor >= 0",
        ),
    )
    op.create_index("ix_shortage_cut_order_id", "shortage_cut", ["order_id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    _check("pool_movement", "kind", LINE.format(cut=""))
    op.execute("UPDATE \"order\" SET state = 'cancelled' WHERE state = 'cut'")
    _check("order", "state", ORDER_STATES.format(cut=""))


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def _checks(table: str, **rules: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _refers(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")
        for column, other in columns.items()
    ]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
