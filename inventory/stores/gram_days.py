"""What lay in a cold store over some days, by cooperative: one statement over the journals of its lots.

The same days as in `gram_day_rules`: each counts with what lies there at its end (UTC). What is over never changes: a
journal's lines are of the moment in which they are written.
"""

import uuid
from datetime import date, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

GRAM_DAYS: Final = text("""
    WITH level AS (
        SELECT DISTINCT ON (m.lot_id, (m.at AT TIME ZONE 'UTC')::date) l.cooperative_id, m.lot_id,
            (m.at AT TIME ZONE 'UTC')::date AS day, m.on_hand_grams AS grams
        FROM lot l JOIN movement m ON m.lot_id = l.id
        WHERE l.cold_store_id = :cold_store_id AND m.on_hand_delta_grams <> 0
            AND (m.at AT TIME ZONE 'UTC')::date < :until
        ORDER BY m.lot_id, (m.at AT TIME ZONE 'UTC')::date, m.number DESC
    ), span AS (
        SELECT cooperative_id, grams, greatest(day, :start) AS first,
            coalesce(lead(day) OVER (PARTITION BY lot_id ORDER BY day), :until) AS until
        FROM level
    )
    SELECT cooperative_id, sum(grams * (until - first))::bigint AS gram_days FROM span
    WHERE first < until AND grams > 0 GROUP BY cooperative_id ORDER BY cooperative_id
""")


def of_store(
    session: Session, *, cold_store_id: uuid.UUID, starts_on: date, ends_on: date
) -> dict[uuid.UUID, int]:
    """Grams times days of each cooperative that had any, from the first to the last day, both of them counted."""
    asked = {"cold_store_id": cold_store_id, "start": starts_on, "until": ends_on + timedelta(days=1)}
    return {row.cooperative_id: row.gram_days for row in session.execute(GRAM_DAYS, asked)}
