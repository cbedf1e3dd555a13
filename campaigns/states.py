"""States of a campaign, the moves between them, and what each move asks for. Pure.

The words are those of the presale life cycle; what follows `deposit_closed` belongs to forecast fruit and comes
with it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class CampaignKind(StrEnum):
    PRESALE = "presale"


class CampaignState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    DEPOSIT_OPEN = "deposit_open"
    """On sale. With full payment the deposit is the whole price."""
    PAUSED = "paused"
    DEPOSIT_CLOSED = "deposit_closed"
    CANCELLED = "cancelled"


class CampaignStateForbids(errors.Conflict):
    """The campaign's state does not allow this step."""

    title = Text(en="The campaign's state does not allow this.", zh="活动当前状态不允许此操作。")
    code = "state"


class CampaignNotReady(errors.Conflict):
    """Something that a scheduled campaign must have is missing; `missing` lists it."""

    title = Text(en="The campaign is not ready to be scheduled.", zh="活动尚未具备上线条件。")
    code = "not_ready"


MOVES: Final[dict[CampaignState, frozenset[CampaignState]]] = {
    CampaignState.DRAFT: frozenset({CampaignState.SCHEDULED, CampaignState.CANCELLED}),
    CampaignState.SCHEDULED: frozenset({CampaignState.DEPOSIT_OPEN, CampaignState.CANCELLED}),
    CampaignState.DEPOSIT_OPEN: frozenset({CampaignState.PAUSED, CampaignState.DEPOSIT_CLOSED}),
    CampaignState.PAUSED: frozenset({CampaignState.DEPOSIT_OPEN, CampaignState.DEPOSIT_CLOSED}),
    CampaignState.DEPOSIT_CLOSED: frozenset(),
    CampaignState.CANCELLED: frozenset(),
}

PUBLIC: Final = frozenset(
    {
        CampaignState.SCHEDULED,
        CampaignState.DEPOSIT_OPEN,
        CampaignState.PAUSED,
        CampaignState.DEPOSIT_CLOSED,
    }
)
"""What a passer-by may see."""

PLEDGEABLE: Final = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.DEPOSIT_OPEN})
"""While a cooperative may still put fruit up."""


SELLING: Final = frozenset({CampaignState.SCHEDULED, CampaignState.DEPOSIT_OPEN})
"""In these boxes may be held while the window is open, whether or not the opening has been written down yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What decides whether a campaign may be scheduled: its window, and the boxes pledged for each item."""

    opens_at: datetime
    closes_at: datetime
    pledged_boxes: tuple[int, ...]


def check_move(before: str, after: CampaignState) -> None:
    """Raises CampaignStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[CampaignState(before)]:
        raise CampaignStateForbids(state=before, asked=str(after))


def check_ready(plan: Plan, *, now: datetime) -> None:
    """Raises CampaignNotReady with everything that is missing."""
    missing = []
    if not plan.pledged_boxes:
        missing.append(Text(en="It sells nothing: add an item.", zh="没有销售项目。"))
    if any(boxes == 0 for boxes in plan.pledged_boxes):
        missing.append(Text(en="An item has no pledged fruit.", zh="有项目尚无承诺货源。"))
    if plan.closes_at <= now:
        missing.append(Text(en="Its window is already over.", zh="活动时间已过。"))
    if missing:
        raise CampaignNotReady(missing=missing)


def due_move(state: str, *, opens_at: datetime, closes_at: datetime, now: datetime) -> CampaignState | None:
    """The move that the clock asks for, if any."""
    if state == CampaignState.SCHEDULED and now >= opens_at:
        return CampaignState.DEPOSIT_OPEN
    if state in (CampaignState.DEPOSIT_OPEN, CampaignState.PAUSED) and now >= closes_at:
        return CampaignState.DEPOSIT_CLOSED
    return None


def state_at(state: str, *, opens_at: datetime, closes_at: datetime, now: datetime) -> CampaignState:
    """The state a reader sees: what the clock asks for has happened, whether or not it was written down."""
    seen = CampaignState(state)
    while (due := due_move(seen, opens_at=opens_at, closes_at=closes_at, now=now)) is not None:
        seen = due
    return seen
