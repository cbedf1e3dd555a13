"""The job that tells buyers of placed orders: put in by the till's statement, which writes nothing more for it."""

from typing import Final

TELL_PLACED: Final = "orders.tell_placed"

PUT_IN: Final = f"""
    put_in AS (
        INSERT INTO job (name, arguments, state, due_at, attempts, enqueued_at)
        SELECT '{TELL_PLACED}', jsonb_build_object('order_ids', jsonb_agg(r.id ORDER BY r.id)), 'waiting',
            statement_timestamp(), 0, statement_timestamp()
        FROM jsonb_to_recordset(%(placed)s::jsonb) AS r(id uuid) HAVING count(*) > 0
    )"""  # noqa: S608 (a constant of our own)
"""A part of the statement that places orders: one job for all of them, so that a rush puts in few."""
