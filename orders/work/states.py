"""Kinds and states of a shift, the moves between them, and what makes its times good. Pure."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text

SHIFT_HOURS_MAX: Final = 24


class ShiftKind(StrEnum):
    PACKING = "packing"
    """Boxes are scanned one by one as they are packed."""
    HAULAGE = "haulage"
    """Parcels are scanned as they are loaded, with all of their boxes."""


class ShiftState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    """Nothing is scanned any more."""
    SIGNED = "signed"
    """Its wage sheet is frozen."""
    PAID = "paid"


class PaidHow(StrEnum):
    CASH = "cash"
    BANK_TRANSFER = "bank_transfer"
    MOBILE_WALLET = "mobile_wallet"


MOVES: Final[dict[ShiftState, frozenset[ShiftState]]] = {
    ShiftState.OPEN: frozenset({ShiftState.CLOSED}),
    ShiftState.CLOSED: frozenset({ShiftState.OPEN, ShiftState.SIGNED}),
    ShiftState.SIGNED: frozenset({ShiftState.PAID}),
    ShiftState.PAID: frozenset(),
}
FROZEN: Final = frozenset({ShiftState.SIGNED, ShiftState.PAID})


class ShiftStateForbids(errors.Conflict):
    """The shift's state does not allow this step; `state` names it."""

    title = Text(en="The shift's state does not allow this.", zh="班次当前状态不允许此操作。")
    code = "shift_state"


class ShiftTimesNotValid(errors.Invalid):
    """A shift begins on its day (of whoever works there), ends after it began and within a day, in whole minutes."""

    title = Text(en="These are no times of a shift.", zh="班次时间有误。")


def check_move(before: str, after: ShiftState) -> None:
    """Raises ShiftStateForbids."""
    if after not in MOVES[ShiftState(before)]:
        raise ShiftStateForbids(state=before)


def check_open(state: str) -> None:
    """Raises ShiftStateForbids."""
    if state != ShiftState.OPEN:
        raise ShiftStateForbids(state=state)


def check_times(on: date, begins_at: datetime, ends_at: datetime) -> None:
    """Days are those of the place, times those of the world: a day apart at most. Raises ShiftTimesNotValid."""
    wrong = [name for name, at in (("begins_at", begins_at), ("ends_at", ends_at)) if not is_whole_minute(at)]
    if not timedelta() < ends_at - begins_at <= timedelta(hours=SHIFT_HOURS_MAX):
        wrong.append("ends_at")
    if abs((begins_at.date() - on).days) > 1:
        wrong.append("on")
    if wrong:
        detail = "Is not a time of this shift. 班次时间有误。"
        raise ShiftTimesNotValid(
            errors=[{"pointer": f"/{name}", "detail": detail} for name in sorted(set(wrong))]
        )


def is_whole_minute(at: datetime) -> bool:
    return at.second == at.microsecond == 0
