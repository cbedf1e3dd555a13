"""The states of promotions and of their uses, and which moves there are. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class PromotionState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


PROMOTION_MOVES: Final = frozenset(
    {
        (PromotionState.DRAFT, PromotionState.ACTIVE),
        (PromotionState.DRAFT, PromotionState.ENDED),
        (PromotionState.ACTIVE, PromotionState.PAUSED),
        (PromotionState.ACTIVE, PromotionState.ENDED),
        (PromotionState.PAUSED, PromotionState.ACTIVE),
        (PromotionState.PAUSED, PromotionState.ENDED),
    }
)


class UseState(StrEnum):
    RESERVED = "reserved"
    CONSUMED = "consumed"
    GIVEN_BACK = "given_back"
    """It ended unpaid, or what was paid was refunded: the use is there for somebody else."""


class UseMove(StrEnum):
    RESERVED = "reserved"
    CONSUMED = "consumed"
    RELEASED = "released"
    """Given back before it was paid."""
    RETURNED = "returned"
    """Given back after it was paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a move leads to, and how many uses it adds to what is reserved and to what is consumed."""

    after: UseState
    reserved: int
    consumed: int


EFFECTS: Final[dict[UseMove, tuple[UseState | None, Effect]]] = {
    UseMove.RESERVED: (None, Effect(after=UseState.RESERVED, reserved=1, consumed=0)),
    UseMove.CONSUMED: (UseState.RESERVED, Effect(after=UseState.CONSUMED, reserved=-1, consumed=1)),
    UseMove.RELEASED: (UseState.RESERVED, Effect(after=UseState.GIVEN_BACK, reserved=-1, consumed=0)),
    UseMove.RETURNED: (UseState.CONSUMED, Effect(after=UseState.GIVEN_BACK, reserved=0, consumed=-1)),
}
"""From which state each move starts, and its effect."""


def giving_back(state: UseState) -> UseMove | None:
    """The move that gives a use back; None: it was given back already, and is not given back twice."""
    return {UseState.RESERVED: UseMove.RELEASED, UseState.CONSUMED: UseMove.RETURNED}.get(state)
