"""A pool that has stopped selling keeps the moment of its end, and the line for its boxes ends with it.

Going down, places that ended are read as left, and pools that do not sell forget when they end.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WINDOW = "sells_from IS NULL OR num_nulls(sells_until, unit_price_minor) = 0 AND sells_until > sells_from"
OLD_WINDOW = (
    "num_nulls(sells_from, sells_until) IN (0, 2)"
    " AND (sells_from IS NULL OR sells_until > sells_from AND unit_price_minor IS NOT NULL)"
)
STATE = "state IN ('waiting', 'offered', 'taken', 'passed', 'left'{ended})"
HOLD = (
    "CASE WHEN state IN ('waiting', 'left'{ended}) THEN hold_id IS NULL"
    " WHEN state IN ('offered', 'taken') THEN hold_id IS NOT NULL ELSE true END"
)
ENDED = ", 'ended'"


def upgrade() -> None:
    _check("pool", "window", WINDOW)
    _check("waitlist_entry", "state", STATE.format(ended=ENDED))
    _check("waitlist_entry", "hold", HOLD.format(ended=ENDED))
    op.execute(
        """
        UPDATE pool p SET sells_until = CASE c.state WHEN 'paused' THEN c.closes_at ELSE least(c.closes_at,
            (SELECT max(t.at) FROM campaign_transition t WHERE t.campaign_id = c.id AND t.after = c.state)) END
        FROM campaign_item i JOIN campaign c ON c.id = i.campaign_id
        WHERE i.pool_id = p.id AND p.sells_from IS NULL AND c.state IN ('paused', 'deposit_closed', 'cancelled')
        """
    )
    op.execute(
        """
        UPDATE waitlist_entry w SET state = 'ended', version = w.version + 1, resolved_at = now()
        FROM pool p WHERE p.id = w.pool_id AND w.state = 'waiting' AND p.sells_until <= now()
        """
    )


def downgrade() -> None:
    op.execute("UPDATE pool SET sells_until = NULL WHERE sells_from IS NULL")
    op.execute("UPDATE waitlist_entry SET state = 'left' WHERE state = 'ended'")
    _check("waitlist_entry", "hold", HOLD.format(ended=""))
    _check("waitlist_entry", "state", STATE.format(ended=""))
    _check("pool", "window", OLD_WINDOW)


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
