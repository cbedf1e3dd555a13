"""Shortages of orders with deposits, in batches; what is owed back stands in one place, each sum with its reason.

Going down, rows of refunds that were not for boxes are forgotten; the payments still say how much goes back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
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
KINDS = (
    *KINDS_BEFORE,
    "shortage_reminder",
    "shortage_spared",
    "shortage_offered",
    "shortage_carried",
    "later_lot_came",
)
STATES = "state IN ('offering', 'electing', {cutting}'settled')"
SETTLED = (
    "num_nulls(problem, result, digest) = CASE WHEN state IN ('cutting', 'settled') THEN 0 ELSE 3 END"
    " AND (settled_at IS NOT NULL) = (state = 'settled')"
)
SETTLED_BEFORE = "num_nulls(problem, result, digest, settled_at) = CASE state WHEN 'settled' THEN 0 ELSE 4 END"


def upgrade() -> None:
    _balances()
    _shortages()
    _waits()
    _refunds()
    _kinds(KINDS)


def _balances() -> None:
    op.add_column("deposit_terms", sa.Column("balance_boxes", sa.BigInteger()))
    op.execute(
        'UPDATE deposit_terms t SET balance_boxes = o.boxes FROM "order" o'
        " WHERE o.id = t.order_id AND t.balance_minor IS NOT NULL"
    )
    _check(
        "deposit_terms",
        "balance",
        "num_nulls(final_unit_price_minor, bonus_minor, balance_boxes, balance_minor, balance_due_at) IN (0, 5)",
    )
    _check(
        "deposit_terms",
        "final",
        "final_unit_price_minor > 0 AND bonus_minor >= 0 AND balance_boxes > 0 AND balance_minor >= 0",
    )


def _shortages() -> None:
    _check("shortage", "state", STATES.format(cutting="'cutting', "))
    _check("shortage", "settled", SETTLED)
    for name in ("boxes_moved", "bonus_minor"):
        op.add_column("shortage_cut", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("shortage_cut", sa.Column("moved_to_item_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_shortage_cut_moved_to_item_id_campaign_item"),
        "shortage_cut",
        "campaign_item",
        ["moved_to_item_id"],
        ["id"],
    )
    op.create_check_constraint(
        op.f("ck_shortage_cut_moved"),
        "shortage_cut",
        "boxes_moved BETWEEN 0 AND boxes_after AND (moved_to_item_id IS NULL OR boxes_moved > 0)",
    )
    op.add_column("shortage", sa.Column("later_lot_on", sa.Date()))
    op.add_column("shortage_election", sa.Column("other_item_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_shortage_election_other_item_id_campaign_item"),
        "shortage_election",
        "campaign_item",
        ["other_item_id"],
        ["id"],
    )
    op.create_check_constraint(
        op.f("ck_shortage_election_other_item"),
        "shortage_election",
        "(choice = 'other_grade') = (other_item_id IS NOT NULL)",
    )
    _check(
        "shortage_cut",
        "money",
        "refund_minor BETWEEN 0 AND paid_minor AND compensation_minor >= 0 AND bonus_minor >= 0",
    )


def _waits() -> None:
    table = "shortage_wait"
    rules = {
        "boxes": "boxes > 0 AND place > 0",
        "state": "state IN ('waiting', 'served', 'refunded', 'ended')",
        "resolved": "(state = 'waiting') = (resolved_at IS NULL)",
        "refunded": "num_nulls(refund_minor, compensation_minor, reason_en, reason_zh)"
        " = CASE state WHEN 'refunded' THEN 0 ELSE 4 END",
        "money": "refund_minor >= 0 AND compensation_minor >= 0",
    }
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shortage_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("boxes", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.Column("refund_minor", sa.BigInteger()),
        sa.Column("compensation_minor", sa.BigInteger()),
        sa.Column("reason_en", sa.String(4_000)),
        sa.Column("reason_zh", sa.String(4_000)),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shortage_wait"),
        sa.UniqueConstraint("order_id", name="uq_shortage_wait_order_id"),
        sa.UniqueConstraint("shortage_id", "place", name="uq_shortage_wait_shortage_id_place"),
        sa.ForeignKeyConstraint(["shortage_id"], ["shortage.id"], name="fk_shortage_wait_shortage_id_shortage"),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name="fk_shortage_wait_order_id_order"),
        *[sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()],
    )
    op.create_index(
        "ix_shortage_wait_waiting",
        table,
        ["promised_on"],
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _refunds() -> None:
    op.drop_constraint(op.f("uq_part_refund_payment_id_kind_source_id"), "part_refund")
    op.create_unique_constraint(
        op.f("uq_part_refund_payment_id_kind_reason_source_id"),
        "part_refund",
        ["payment_id", "kind", "reason", "source_id"],
    )
    # What was owed as a whole so far gets its row first; then what was owed for boxes joins the payment's sum.
    op.execute("""
        INSERT INTO part_refund (id, payment_id, kind, amount_minor, currency, reason, source_id, at)
        SELECT gen_random_uuid(), id, 'refund', refund_due_minor, currency, refund_reason, order_id,
            coalesce(resolved_at, created_at)
        FROM payment WHERE refund_due_minor > 0
    """)
    op.execute("""
        UPDATE payment p SET refund_due_minor = r.minor, refund_reason = coalesce(p.refund_reason, 'shortage')
        FROM (SELECT payment_id, sum(amount_minor) AS minor FROM part_refund WHERE kind = 'refund'
            GROUP BY payment_id) r
        WHERE r.payment_id = p.id AND r.minor <> p.refund_due_minor
    """)


def _kinds(words: tuple[str, ...]) -> None:
    for table in ("notification", "notification_refusal"):
        _check(table, "kind", f"kind IN ({', '.join(map(repr, words))})")


def downgrade() -> None:
    _before(tuple(word for word in KINDS if word not in KINDS_BEFORE))
    _kinds(KINDS_BEFORE)
    op.execute("""
        UPDATE payment p SET refund_due_minor = p.refund_due_minor - r.minor, refund_reason =
            CASE WHEN p.refund_due_minor > r.minor THEN p.refund_reason END
        FROM (SELECT payment_id, sum(amount_minor) AS minor FROM part_refund
            WHERE kind = 'refund' AND reason = 'shortage' GROUP BY payment_id) r
        WHERE r.payment_id = p.id
    """)
    op.execute("DELETE FROM part_refund WHERE reason <> 'shortage'")
    op.drop_constraint(op.f("uq_part_refund_payment_id_kind_reason_source_id"), "part_refund")
    op.create_unique_constraint(
        op.f("uq_part_refund_payment_id_kind_source_id"), "part_refund", ["payment_id", "kind", "source_id"]
    )
    op.drop_table("shortage_wait")
    op.drop_constraint(op.f("ck_shortage_election_other_item"), "shortage_election")
    op.drop_column("shortage_election", "other_item_id")
    op.drop_column("shortage", "later_lot_on")
    op.drop_constraint(op.f("ck_shortage_cut_moved"), "shortage_cut")
    op.drop_column("shortage_cut", "moved_to_item_id")
    _check("shortage_cut", "money", "refund_minor BETWEEN 0 AND paid_minor AND compensation_minor >= 0")
    for name in ("boxes_moved", "bonus_minor"):
        op.drop_column("shortage_cut", name)
    _check("shortage", "settled", SETTLED_BEFORE)
    _check("shortage", "state", STATES.format(cutting=""))
    _check("deposit_terms", "final", "final_unit_price_minor > 0 AND bonus_minor >= 0 AND balance_minor >= 0")
    _check(
        "deposit_terms",
        "balance",
        "num_nulls(final_unit_price_minor, bonus_minor, balance_minor, balance_due_at) IN (0, 4)",
    )
    op.drop_column("deposit_terms", "balance_boxes")


def _before(words: tuple[str, ...]) -> None:
    """What was told in words that are not known then is forgotten."""
    told = ", ".join(map(repr, words))
    op.execute(
        "DELETE FROM notification_delivery WHERE notification_id IN"
        f" (SELECT id FROM notification WHERE kind IN ({told}))"  # noqa: S608 (our own words)
    )
    for table in ("notification", "notification_refusal"):
        op.execute(f"DELETE FROM {table} WHERE kind IN ({told})")  # noqa: S608 (our own words)


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
