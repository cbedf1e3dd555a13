"""The job that tells a buyer of a placed order: put in by the till's statement, which writes nothing more for it."""

from typing import Final

TELL_PLACED: Final = "orders.tell_placed"

PUT_IN: Final = f"""
    put_in AS (
        INSERT INTO job (name, arguments, state, due_at, attempts, enqueued_at)
        SELECT '{TELL_PLACED}', jsonb_build_object('order_id', r.id), 'waiting', statement_timestamp(), 0,
            statement_timestamp()
        FROM jsonb_to_recordset(%(placed)s::jsonb) AS r(id uuid)
    )"""  # noqa: S608 (a constant of our own)
"""A part of the statement that places orders: a job for each, which tells its buyer."""
