"""States of a campaign, the moves between them, and what each move asks for. Pure.

`MOVES` is the one table of the life cycle: state, event, next state. Pictures and tests are made from it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class CampaignKind(StrEnum):
    PRESALE = "presale"


class CutRule(StrEnum):
    """How too few boxes are shared out among the orders."""

    EQUAL_AWARDS = "equal_awards"
    """Everybody up to the same number: first boxes are safe, large orders give most."""
    PROPORTIONAL = "proportional"


class CampaignState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    DEPOSIT_OPEN = "deposit_open"
    """On sale. With full payment the deposit is the whole price."""
    PAUSED = "paused"
    DEPOSIT_CLOSED = "deposit_closed"
    """The window is over: is the goal reached?"""
    FAILED = "failed"
    """It is not, or nothing is left to deliver: everybody gets the money back."""
    ALLOCATING = "allocating"
    """The sold boxes are split over the cooperatives, which are asked."""
    ALLOCATED = "allocated"
    """Every sold box has a cooperative that has said yes."""
    HARVESTED = "harvested"
    """What was expected is weighed, or was in store all along."""
    SHORTFALL = "shortfall"
    """Less was weighed than is promised."""
    BALANCE_OPEN = "balance_open"
    """How many boxes each order gets is final; the rest of the price is due."""
    BALANCE_CLOSED = "balance_closed"
    FULFILLING = "fulfilling"
    COMPLETED = "completed"
    """Every box is delivered, claimed or refunded; claims may still come."""
    SETTLED = "settled"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    """Failed or cancelled, and all money is back."""


class CampaignEvent(StrEnum):
    """What is asked for, by the clock or a person; guards decide."""

    SCHEDULE = "schedule"
    OPEN = "open"
    PAUSE = "pause"
    RESUME = "resume"
    CLOSE = "close"
    ALLOCATE = "allocate"
    CONFIRM = "confirm"
    HARVEST = "harvest"
    FALL_SHORT = "fall_short"
    OPEN_BALANCE = "open_balance"
    CLOSE_BALANCE = "close_balance"
    FULFIL = "fulfil"
    COMPLETE = "complete"
    SETTLE = "settle"
    FAIL = "fail"
    CANCEL = "cancel"
    END = "end"


class CampaignStateForbids(errors.Conflict):
    """The campaign's state does not allow this step."""

    title = Text(en="The campaign's state does not allow this.", zh="活动当前状态不允许此操作。")
    code = "state"


class CampaignNotReady(errors.Conflict):
    """Something that a scheduled campaign must have is missing; `missing` lists it."""

    title = Text(en="The campaign is not ready to be scheduled.", zh="活动尚未具备上线条件。")
    code = "not_ready"


class BalanceTooEarly(errors.Conflict):
    """Buyers were told another time; `possible_at` says when."""

    title = Text(en="It is too early for that step of the balance.", zh="尾款步骤尚未到时间。")


class ShortageOpen(errors.Conflict):
    """A shortage of the campaign is open: how many boxes its orders will have is not known yet."""

    title = Text(en="A shortage of the campaign is not settled yet.", zh="该活动的缺货处理尚未完成。")


_S = CampaignState
_E = CampaignEvent

MOVES: Final[dict[CampaignState, dict[CampaignEvent, CampaignState]]] = {
    _S.DRAFT: {_E.SCHEDULE: _S.SCHEDULED, _E.CANCEL: _S.CANCELLED},
    _S.SCHEDULED: {_E.OPEN: _S.DEPOSIT_OPEN, _E.CANCEL: _S.CANCELLED},
    _S.DEPOSIT_OPEN: {_E.PAUSE: _S.PAUSED, _E.CLOSE: _S.DEPOSIT_CLOSED},
    _S.PAUSED: {_E.RESUME: _S.DEPOSIT_OPEN, _E.CANCEL: _S.CANCELLED},
    _S.DEPOSIT_CLOSED: {_E.ALLOCATE: _S.ALLOCATING, _E.FAIL: _S.FAILED, _E.CANCEL: _S.CANCELLED},
    _S.ALLOCATING: {_E.CONFIRM: _S.ALLOCATED, _E.FAIL: _S.FAILED, _E.CANCEL: _S.CANCELLED},
    _S.ALLOCATED: {_E.HARVEST: _S.HARVESTED, _E.CANCEL: _S.CANCELLED},
    _S.HARVESTED: {
        _E.FALL_SHORT: _S.SHORTFALL,
        _E.OPEN_BALANCE: _S.BALANCE_OPEN,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.SHORTFALL: {_E.OPEN_BALANCE: _S.BALANCE_OPEN, _E.FAIL: _S.FAILED, _E.CANCEL: _S.CANCELLED},
    _S.BALANCE_OPEN: {
        _E.CLOSE_BALANCE: _S.BALANCE_CLOSED,
        _E.FAIL: _S.FAILED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.BALANCE_CLOSED: {_E.FULFIL: _S.FULFILLING, _E.FAIL: _S.FAILED, _E.CANCEL: _S.CANCELLED},
    _S.FULFILLING: {_E.COMPLETE: _S.COMPLETED},
    _S.COMPLETED: {_E.SETTLE: _S.SETTLED},
    _S.SETTLED: {},
    _S.FAILED: {_E.END: _S.CLOSED},
    _S.CANCELLED: {_E.END: _S.CLOSED},
    _S.CLOSED: {},
}
"""From each state, what may happen and where it leads. Who wants to cancel an open sale pauses it first, so that
nobody buys meanwhile."""

PUBLIC: Final = frozenset(CampaignState) - {
    CampaignState.DRAFT,
    CampaignState.CANCELLED,
    CampaignState.CLOSED,
}
"""What a passer-by may see."""

PLEDGEABLE: Final = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.DEPOSIT_OPEN})
"""While a cooperative may still put fruit up."""


ENDED: Final = frozenset({CampaignState.FAILED, CampaignState.CANCELLED, CampaignState.CLOSED})
"""Nothing is delivered, and nobody puts anything up any more."""

ENDING: Final = frozenset({CampaignState.FAILED, CampaignState.CANCELLED})
"""Its orders end and everybody's money goes back; when all of it has, the campaign is closed."""

SALE_RUNNING: Final = frozenset({CampaignState.DEPOSIT_OPEN, CampaignState.PAUSED})
"""The sale has begun and is not over, though it may stand still."""

BEFORE_CLOSING: Final = SALE_RUNNING | {CampaignState.DRAFT, CampaignState.SCHEDULED}
"""While something is still to be bought: what is asked for it may still be added to."""
SHORT_IN: Final = frozenset(
    {
        CampaignState.SHORTFALL,
        CampaignState.BALANCE_OPEN,
        CampaignState.BALANCE_CLOSED,
        CampaignState.FULFILLING,
    }
)
"""While shortages of the campaign may be open. A shortage that is found once balances are due does not bring it back
to `shortfall`: who owes a balance may pay it meanwhile, and is given the time; what is in parcels goes its way."""

SELLING: Final = frozenset({CampaignState.SCHEDULED, CampaignState.DEPOSIT_OPEN})
"""In these boxes may be held while the window is open, whether or not the opening has been written down yet."""

BY_CLOCK: Final = frozenset({CampaignState.SCHEDULED, CampaignState.DEPOSIT_OPEN})
"""States that a window ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What decides whether a campaign may be scheduled: its window, its goal, and what is pledged for each item;
    and that its policy is agreed on."""

    opens_at: datetime
    closes_at: datetime
    pledged_boxes: tuple[int, ...]
    pledged_grams: int = 0
    goal_boxes: int | None = None
    goal_grams: int | None = None
    is_policy_signed: bool = True


def after(before: str, event: CampaignEvent) -> CampaignState:
    """The state to which the event leads; raises CampaignStateForbids where it may not happen."""
    found = MOVES[CampaignState(before)].get(event)
    if found is None:
        raise CampaignStateForbids(state=before, asked=str(event))
    return found


def check_ready(plan: Plan, *, now: datetime) -> None:
    """Raises CampaignNotReady with everything that is missing."""
    missing = []
    if not plan.pledged_boxes:
        missing.append(Text(en="It sells nothing: add an item.", zh="没有销售项目。"))
    if any(boxes == 0 for boxes in plan.pledged_boxes):
        missing.append(Text(en="An item has no pledged fruit.", zh="有项目尚无承诺货源。"))
    if sum(plan.pledged_boxes) < (plan.goal_boxes or 0) or plan.pledged_grams < (plan.goal_grams or 0):
        missing.append(Text(en="Less is pledged than the goal asks for.", zh="承诺货源不足以达到目标。"))
    if plan.closes_at <= now:
        missing.append(Text(en="Its window is already over.", zh="活动时间已过。"))
    if not plan.is_policy_signed:
        missing.append(Text(en="Nobody has signed its policy.", zh="公平政策尚未签署。"))
    if missing:
        raise CampaignNotReady(missing=missing)


def due_event(state: str, *, opens_at: datetime, closes_at: datetime, now: datetime) -> CampaignEvent | None:
    """What the clock asks for, if anything. A pause stops it: who resumes after the end closes at once."""
    if state == CampaignState.SCHEDULED and now >= opens_at:
        return CampaignEvent.OPEN
    if state == CampaignState.DEPOSIT_OPEN and now >= closes_at:
        return CampaignEvent.CLOSE
    return None


def next_change(
    state: str, *, opens_at: datetime, closes_at: datetime
) -> tuple[CampaignEvent, datetime] | None:
    """What the clock will ask for next, and when; None: it waits for a person."""
    if state == CampaignState.SCHEDULED:
        return CampaignEvent.OPEN, opens_at
    if state == CampaignState.DEPOSIT_OPEN:
        return CampaignEvent.CLOSE, closes_at
    return None


def state_at(state: str, *, opens_at: datetime, closes_at: datetime, now: datetime) -> CampaignState:
    """The state a reader sees: what the clock asks for has happened, whether or not it was written down."""
    seen = CampaignState(state)
    while (due := due_event(seen, opens_at=opens_at, closes_at=closes_at, now=now)) is not None:
        seen = after(seen, due)
    return seen
