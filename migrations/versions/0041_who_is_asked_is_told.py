"""Told, too: that a paused campaign goes on, and that a bulk order has a share for a cooperative."""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

BEFORE = (
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
    "shortage_reminder",
    "shortage_spared",
    "shortage_offered",
    "shortage_carried",
    "later_lot_came",
    "group_full",
    "group_lapsed",
    "balance_settled",
    "sponsorship_signed",
    "sponsorship_rejected",
    "sponsorship_accepted",
    "sponsorship_funded",
    "sponsorship_allocated",
    "sponsorship_short",
    "sponsorship_given_up",
    "sponsorship_carried",
    "sponsorship_ended",
    "sponsorship_closed",
    "sponsorship_cancelled",
    "tranche_released",
)
NEW = ("campaign_resumed", "share_offered")


def upgrade() -> None:
    _kinds((*BEFORE, *NEW))


def downgrade() -> None:
    """What was told in words that are not known then is forgotten."""
    told = ", ".join(map(repr, NEW))
    op.execute(
        "DELETE FROM notification_delivery WHERE notification_id IN"
        f" (SELECT id FROM notification WHERE kind IN ({told}))"  # noqa: S608 (our own words)
    )
    for table in ("notification", "notification_refusal"):
        op.execute(f"DELETE FROM {table} WHERE kind IN ({told})")  # noqa: S608 (our own words)
    _kinds(BEFORE)


def _kinds(words: tuple[str, ...]) -> None:
    for table in ("notification", "notification_refusal"):
        name = op.f(f"ck_{table}_kind")
        op.drop_constraint(name, table)
        op.create_check_constraint(name, table, f"kind IN ({', '.join(map(repr, words))})")
