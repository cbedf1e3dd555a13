"""Kinds and states of a claim, and the moves between them. Pure."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class ClaimKind(StrEnum):
    WEIGHT = "weight"
    DAMAGE = "damage"
    QUALITY = "quality"
    MISSING = "missing"


class ClaimState(StrEnum):
    OPEN = "open"
    """Nobody has answered yet."""
    ANSWERED = "answered"
    """The cooperative has; an operator decides."""
    RETURNING = "returning"
    """The boxes come back; with them the refund is owed."""
    REPLACING = "replacing"
    """Other boxes are sent in place of them."""
    REPLACED = "replaced"
    """They have arrived."""
    REFUNDED = "refunded"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    """By the buyer."""


class Answer(StrEnum):
    """What the cooperative says of it."""

    AGREE = "agree"
    DISAGREE = "disagree"


class Remedy(StrEnum):
    """What an operator decides on."""

    REFUND = "refund"
    RETURN = "return"
    """Refunded when the boxes are received."""
    REPLACE = "replace"
    """Other boxes of the same pool are sent."""
    REJECT = "reject"


class BorneBy(StrEnum):
    """Who pays for it in the end."""

    COOPERATIVE = "cooperative"
    PLATFORM = "platform"
    """A carrier's fault as well: what it owes the platform stands in no book here."""


class ClaimStateForbids(errors.Conflict):
    """The claim's state does not allow this step; `state`."""

    title = Text(en="The claim's state does not allow this.", zh="售后申请当前状态不允许此操作。")
    code = "claim_state"


MOVES: Final[dict[ClaimState, frozenset[ClaimState]]] = {
    ClaimState.OPEN: frozenset(
        {
            ClaimState.ANSWERED,
            ClaimState.RETURNING,
            ClaimState.REPLACING,
            ClaimState.REFUNDED,
            ClaimState.REJECTED,
            ClaimState.WITHDRAWN,
        }
    ),
    ClaimState.ANSWERED: frozenset(
        {
            ClaimState.RETURNING,
            ClaimState.REPLACING,
            ClaimState.REFUNDED,
            ClaimState.REJECTED,
            ClaimState.WITHDRAWN,
        }
    ),
    ClaimState.RETURNING: frozenset({ClaimState.REFUNDED, ClaimState.REJECTED, ClaimState.WITHDRAWN}),
    ClaimState.REPLACING: frozenset({ClaimState.REPLACED, ClaimState.REFUNDED}),
    ClaimState.REPLACED: frozenset(),
    ClaimState.REFUNDED: frozenset(),
    ClaimState.REJECTED: frozenset(),
    ClaimState.WITHDRAWN: frozenset(),
}
"""Boxes that were to come back and do not: the claim is rejected, or its buyer keeps them and withdraws it. Boxes that
were to replace others and are not sent, or are lost: the claim is refunded.
"""

WAITING: Final = frozenset({ClaimState.OPEN, ClaimState.ANSWERED, ClaimState.RETURNING, ClaimState.REPLACING})
"""States in which its order is not closed."""

UNDECIDED: Final = frozenset({ClaimState.OPEN, ClaimState.ANSWERED})
"""States in which photos are added."""

GRANTED: Final = frozenset({ClaimState.REFUNDED, ClaimState.REPLACING, ClaimState.REPLACED})
"""States in which its buyer has, or gets, money or other boxes: what was claimed as missing does not come any more."""

COUNTED: Final = WAITING | GRANTED
"""States in which its boxes are not claimed once more."""

AFTER: Final[dict[Remedy, ClaimState]] = {
    Remedy.REFUND: ClaimState.REFUNDED,
    Remedy.RETURN: ClaimState.RETURNING,
    Remedy.REPLACE: ClaimState.REPLACING,
    Remedy.REJECT: ClaimState.REJECTED,
}
"""Where a decision leads."""


def check_move(before: str, after: ClaimState) -> None:
    """Raises ClaimStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[ClaimState(before)]:
        raise ClaimStateForbids(state=before)


def listed(states: Collection[ClaimState]) -> str:
    """As the members of a SQL list."""
    return ", ".join(repr(state.value) for state in ClaimState if state in states)
