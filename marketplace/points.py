"""Marked points: places between two effects, where a process that ends leaves the most behind.

`passed` says that a process has come so far. Nobody listens in production, and to pass a point costs a look at an empty
list. Tests listen, and end the process there as a lost machine would (`make attack-money`).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final


class Point(StrEnum):
    """Named by what has just been done."""

    WORKED = "worked"
    """Any unit of work, before its COMMIT."""
    COMMITTED = "committed"
    """Any unit of work, after its COMMIT."""
    ANSWERING = "answering"
    """A door: everything is stored, and the caller has not heard of it."""

    KEY_MARKED = "key_marked"
    """A call in two transactions: the first is stored, and nobody was asked yet."""
    OPENED_THERE = "opened_there"
    """The payment service knows a payment, and we do not know that it does."""
    ASKED = "asked"
    """The payment service has answered, and nothing is written down of it."""
    CALL_STORED = "call_stored"
    """The second transaction is stored, and the caller has not heard of it."""
    GIVEN_UP = "given_up"
    """Nobody answered at the payment service, and that is written down."""

    CALL_BEGUN = "call_begun"
    """A job is about to ask the payment service."""
    CALL_ANSWERED = "call_answered"
    """A job has an answer of the payment service, and nothing is written down of it."""
    CALL_WRITTEN = "call_written"
    """A job has written it down, and has not committed."""
    EVENT_KEPT = "event_kept"
    """Rows of events and their jobs are written, and not committed."""
    EVENT_LOOKED = "event_looked"
    """What an event is about was looked at."""
    EVENT_MET = "event_met"
    """What was seen is written down, and not committed."""
    SWEPT = "swept"
    """The sweeper has put in its jobs, and has not committed."""

    JOB_TAKEN = "job_taken"
    """A job is in a worker's hands, and nothing is done."""
    JOB_WORKED = "job_worked"
    """A job's work is done, and the job is not."""
    JOB_DONE = "job_done"
    """Both are committed."""

    STATEMENT_KEPT = "statement_kept"
    """The row of a bank statement is there, its entries are not."""
    STATEMENT_COPIED = "statement_copied"
    """Its entries are there, the job that looks at them is not."""
    ENTRIES_SIFTED = "entries_sifted"
    """A batch of entries knows its payments, and the jobs that settle them are not there."""
    ENTRY_PAID = "entry_paid"
    """A payment is booked, the entry that brought it is not."""
    ENTRY_SETTLED = "entry_settled"
    """One of the entries of a file is settled, and not committed."""

    MONEY_CAME = "money_came"
    """A payment has succeeded, and its order does not know it."""
    LATE_MONEY_CAME = "late_money_came"
    """Money came that nobody waited for, and nothing is decided."""
    PAYMENT_CANCELED = "payment_canceled"
    """An order's payment is over, its boxes are still held."""
    REFUND_OWED = "refund_owed"
    """A refund is owed, and nobody was asked to pay it."""
    REFUND_PAID = "refund_paid"
    """A refund is paid, the books do not know it."""
    LEDGER_ENTERED = "ledger_entered"
    """Transfers and entries are written, balances are not."""
    LEDGER_KEPT = "ledger_kept"
    """Balances are written, and not committed."""
    BALANCES_OPENED = "balances_opened"
    """A batch of balances is asked for, and not committed."""
    BALANCES_CLOSED = "balances_closed"
    """A batch of balances is over, and not committed."""


Listener = Callable[[Point], None]

_listeners: Final[list[Listener]] = []


def passed(point: Point) -> None:
    """This process has come so far."""
    for listener in _listeners:
        listener(point)


def listen(listener: Listener) -> None:
    """Be told of every point that this process passes from now on. For tests alone."""
    _listeners.append(listener)
