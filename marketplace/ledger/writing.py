"""The statements that book: transfers with their entries, and the counters of balances, many in a few round trips.

Locks are taken in one order. First a slot (`MINE`): while a transaction has it, nobody else adds to its counters, so
that accounts without a floor are never waited for. Then guarded counters, by account.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

SLOTS: Final = 32
_LOCK: Final = 0x1ED6E2
"""Names the slots among all advisory locks."""

MINE: Final = f"""
    SELECT s.slot FROM (SELECT (pg_backend_pid() + n) %% {SLOTS} AS slot FROM generate_series(0, {SLOTS - 1}) AS n) AS s
    WHERE pg_try_advisory_xact_lock({_LOCK}, s.slot) LIMIT 1
    """  # noqa: S608 (our own numbers)
"""A slot that nobody has, or that this transaction has already; none if all are taken."""

WAIT_FOR_MINE: Final = f"""
    WITH chosen AS MATERIALIZED (SELECT pg_backend_pid() %% {SLOTS} AS slot)
    SELECT slot, waited FROM (SELECT slot, pg_advisory_xact_lock({_LOCK}, slot) AS waited FROM chosen OFFSET 0) AS s
    """  # noqa: S608 (our own numbers)

ACCOUNTS: Final = """
    SELECT id, has_floor, normal_side FROM ledger_account WHERE id = ANY(%(ids)s::uuid[])
    """

OPEN: Final = """
    WITH opened AS (
        INSERT INTO ledger_account (id, code, owner_kind, owner_id, currency, normal_side, has_floor, opened_at)
        SELECT r.id, r.code, r.owner_kind, r.owner_id, r.currency, r.normal_side, r.has_floor, %(at)s::timestamptz
        FROM jsonb_to_recordset(%(accounts)s::jsonb) AS r(id uuid, code text, owner_kind text, owner_id uuid,
            currency text, normal_side text, has_floor boolean)
        ORDER BY r.id
        ON CONFLICT DO NOTHING RETURNING id, normal_side, has_floor
    )
    INSERT INTO ledger_balance (account_id, slot, guard, debits_posted, credits_posted, debits_pending, credits_pending)
    SELECT id, 0, normal_side, 0, 0, 0, 0 FROM opened WHERE has_floor
    """
"""Whoever opens the same account in the same moment is met at its id or at its name: both are no error."""

BOOK: Final = """
    WITH booked AS (
        INSERT INTO ledger_transfer (id, kind, source_id, phase, pending_id, corrects_id, currency, reason, actor,
            request_id, at)
        SELECT r.id, r.kind, r.source_id, r.phase, r.pending_id, r.corrects_id, r.currency, r.reason, %(actor)s,
            %(request_id)s, %(at)s::timestamptz
        FROM jsonb_to_recordset(%(transfers)s::jsonb) AS r(id uuid, kind text, source_id uuid, phase text,
            pending_id uuid, corrects_id uuid, currency text, reason text)
        ORDER BY r.kind, r.source_id
        ON CONFLICT DO NOTHING RETURNING id, phase
    ), entered AS (
        INSERT INTO ledger_entry (transfer_id, number, account_id, side, amount_minor, phase, at)
        SELECT r.transfer_id, r.number, r.account_id, r.side, r.amount_minor, b.phase, %(at)s::timestamptz
        FROM jsonb_to_recordset(%(entries)s::jsonb) AS r(transfer_id uuid, number smallint, account_id uuid, side text,
            amount_minor bigint)
        JOIN booked b ON b.id = r.transfer_id
    )
    SELECT id FROM booked
    """
"""Answers those that were not booked before."""

SPREAD: Final = """
    INSERT INTO ledger_balance AS b (account_id, slot, debits_posted, credits_posted, debits_pending, credits_pending)
    SELECT r.account_id, %(slot)s, r.debits_posted, r.credits_posted, r.debits_pending, r.credits_pending
    FROM jsonb_to_recordset(%(changes)s::jsonb) AS r(account_id uuid, debits_posted bigint, credits_posted bigint,
        debits_pending bigint, credits_pending bigint)
    ORDER BY r.account_id
    ON CONFLICT (account_id, slot) DO UPDATE SET debits_posted = b.debits_posted + excluded.debits_posted,
        credits_posted = b.credits_posted + excluded.credits_posted,
        debits_pending = b.debits_pending + excluded.debits_pending,
        credits_pending = b.credits_pending + excluded.credits_pending
    """

LOCK_GUARDED: Final = """
    SELECT account_id FROM ledger_balance WHERE account_id = ANY(%(ids)s::uuid[]) AND slot = 0
    ORDER BY account_id FOR UPDATE
    """

GUARDED: Final = """
    UPDATE ledger_balance b SET debits_posted = b.debits_posted + r.debits_posted,
        credits_posted = b.credits_posted + r.credits_posted, debits_pending = b.debits_pending + r.debits_pending,
        credits_pending = b.credits_pending + r.credits_pending
    FROM jsonb_to_recordset(%(changes)s::jsonb) AS r(account_id uuid, debits_posted bigint, credits_posted bigint,
        debits_pending bigint, credits_pending bigint)
    WHERE b.account_id = r.account_id AND b.account_id = ANY(%(ids)s::uuid[]) AND b.slot = 0 AND CASE b.guard
        WHEN 'credit' THEN b.debits_posted + r.debits_posted + b.debits_pending + r.debits_pending
            <= b.credits_posted + r.credits_posted
        ELSE b.credits_posted + r.credits_posted + b.credits_pending + r.credits_pending
            <= b.debits_posted + r.debits_posted END
    RETURNING b.account_id
    """
"""Answers those whose floor holds; the others are as they were."""

FOUND: Final = """
    SELECT t.id, t.kind, t.source_id, t.phase, t.currency,
        (SELECT jsonb_agg(jsonb_build_array(e.account_id, e.side, e.amount_minor)) FROM ledger_entry e
            WHERE e.transfer_id = t.id) AS entries
    FROM jsonb_to_recordset(%(asked)s::jsonb) AS r(kind text, source_id uuid)
    JOIN ledger_transfer t ON t.kind = r.kind AND t.source_id = r.source_id AND t.phase IN ('single', 'pending')
    """
"""What stands under these facts already."""

ENDED: Final = """
    SELECT t.id, t.phase, (SELECT jsonb_agg(jsonb_build_array(e.account_id, e.side, e.amount_minor))
        FROM ledger_entry e WHERE e.transfer_id = t.id) AS entries
    FROM ledger_transfer t WHERE t.pending_id = %(pending_id)s
    """
"""What became of a reservation."""

WITH_LINES: Final = """
    SELECT t.id, t.kind, t.source_id, t.phase, t.currency, e.side, e.amount_minor, a.code, a.owner_kind, a.owner_id
    FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id JOIN ledger_account a ON a.id = e.account_id
    WHERE t.id = %(id)s ORDER BY e.number
    """


def rows(session: Session, sql: str, **values: Any) -> list[Any]:
    """All rows of one statement in the transaction of the session."""
    found = session.connection().exec_driver_sql(sql, values)
    return list(found) if found.returns_rows else []


def slot(session: Session) -> int:
    """This transaction's, the same whenever it asks, unless another has become free meanwhile."""
    mine = rows(session, MINE) or rows(session, WAIT_FOR_MINE)
    return int(mine[0].slot)


def told(row: Any) -> frozenset[tuple[str, str, int]]:
    """The entries of a stored transfer, to be compared."""
    return frozenset((account_id, side, amount) for account_id, side, amount in row.entries)


def as_row(account_id: Any, change: Any) -> Mapping[str, Any]:
    return {
        "account_id": account_id,
        "debits_posted": change.debits_posted,
        "credits_posted": change.credits_posted,
        "debits_pending": change.debits_pending,
        "credits_pending": change.credits_pending,
    }
