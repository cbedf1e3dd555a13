"""The life of a storage bill, and of each cooperative's part of it. Pure: tables and guards."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text
from marketplace.values import instant_text

DAYS_MAX: Final = 366
"""A bill is of a year at most."""
COMPLETE_AFTER: Final = timedelta(hours=1)
"""After a day's end so long its journal may still get lines: of units of work that began before it."""


class BillState(StrEnum):
    RECORDED = "recorded"
    PARTED = "parted"
    """Each cooperative's part is fixed."""
    WITHDRAWN = "withdrawn"
    """It was wrong, or is not to be paid by cooperatives; no settlement had used it."""


class PartState(StrEnum):
    OPEN = "open"
    """Taken by the cooperative's next settlement in this currency."""
    TAKEN = "taken"
    """By a settlement that is looked at or final."""
    WITHDRAWN = "withdrawn"
    """With its bill."""


class StorageBillStateForbids(errors.Conflict):
    """The storage bill's state does not allow this step; `state` names it."""

    title = Text(en="The storage bill's state does not allow this.", zh="仓储账单当前状态不允许此操作。")
    code = "storage_bill_state"


class StorageDaysOpen(errors.Conflict):
    """The bill's last day is not over: what lies there may still change. `complete_at` says when it may be parted."""

    title = Text(en="The days of this bill are not over yet.", zh="账单所属期间尚未结束。")


BILL_MOVES: Final[dict[BillState, frozenset[BillState]]] = {
    BillState.RECORDED: frozenset({BillState.PARTED, BillState.WITHDRAWN}),
    BillState.PARTED: frozenset({BillState.WITHDRAWN}),
    BillState.WITHDRAWN: frozenset(),
}


def check_bill_move(before: str, then: BillState) -> None:
    """Raises StorageBillStateForbids unless `before → then` is a legal move."""
    if then not in BILL_MOVES[BillState(before)]:
        raise StorageBillStateForbids(state=before)


def complete_at(ends_on: date) -> datetime:
    """From then on nothing more is written of these days."""
    return datetime.combine(ends_on + timedelta(days=1), time.min, UTC) + COMPLETE_AFTER


def check_over(ends_on: date, *, now: datetime) -> None:
    """Raises StorageDaysOpen."""
    if now < complete_at(ends_on):
        raise StorageDaysOpen(complete_at=instant_text(complete_at(ends_on)))
