"""What of an order is due when, and what its buyer may still do. Pure.

Each box costs no more than was shown when it was ordered. A deposit counts as what it is worth, which may be more than
was paid; the rest is the balance. Discounts are taken off the balance, never off the deposit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from inventory.deposit_rules import Deposit, DepositType
from orders.states import OrderState

REMINDER_HOURS: Final = (72, 24, 2)
"""So long before the end who has not paid a balance is reminded."""


AHEAD: Final = (
    OrderState.DEPOSIT_DUE,
    OrderState.DEPOSIT_PAID,
    OrderState.COMMITTED,
    OrderState.BALANCE_DUE,
)
"""So is an order whose balance is still to come, or due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An order's money at one price: now, later, and what somebody else pays of it."""

    now_minor: int
    later_minor: int
    bonus_minor: int
    discount_minor: int = 0
    """What is taken off: all that was promised, or as much as is left to pay."""

    @property
    def total_minor(self) -> int:
        return self.now_minor + self.later_minor + self.bonus_minor + self.discount_minor


def due(*, boxes: int, unit_price_minor: int, deposit: Deposit | None, discount_minor: int = 0) -> Due:
    """What boxes cost at this price; neither the bonus nor what was promised to be taken off pays more than is left."""
    price = boxes * unit_price_minor
    if deposit is None:
        off = min(discount_minor, price)
        return Due(now_minor=price - off, later_minor=0, bonus_minor=0, discount_minor=off)
    now = boxes * deposit.per_box_minor
    bonus = max(0, min(boxes * deposit.bonus_minor, price - now))
    left = max(0, price - now - bonus)
    off = min(discount_minor, left)
    return Due(now_minor=now, later_minor=left - off, bonus_minor=bonus, discount_minor=off)


def final_price(*, shown_minor: int, step_minor: int) -> int:
    """Nobody pays more for a box than was shown when it was ordered."""
    return min(shown_minor, step_minor)


def may_withdraw(deposit: Deposit, *, state: str, free_until: datetime | None, now: datetime) -> bool:
    """Whether a paid deposit goes back: an advance until the boxes are committed, earnest money for the free hours."""
    if state != OrderState.DEPOSIT_PAID:
        return False
    if deposit.type == DepositType.ADVANCE:
        return True
    return free_until is not None and now < free_until


def is_ahead(*, state: str, balance_minor: int | None) -> bool:
    """Whether an order with a deposit has a balance to pay, now or later: it is not known, or not nothing."""
    return state in AHEAD and balance_minor != 0


def reminder_due(*, now: datetime, due_at: datetime) -> int | None:
    """Of which hour it is time to remind: of two that have passed, the later one only; None before and after."""
    passed = [hours for hours in REMINDER_HOURS if due_at - timedelta(hours=hours) <= now < due_at]
    return min(passed, default=None)
