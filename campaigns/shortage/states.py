"""States of a shortage and of its offers to neighbours, and the moves between them. Pure."""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class ShortageState(StrEnum):
    OFFERING = "offering"
    """Neighbours are asked."""
    ELECTING = "electing"
    """Buyers may choose."""
    CUTTING = "cutting"
    """The run is made and stored, the seed is told; the orders follow, batch by batch."""
    SETTLED = "settled"
    """It was cut, or covered, and every order has followed."""


class OfferState(StrEnum):
    OFFERED = "offered"
    ACCEPTED = "accepted"
    """All of it or a part; what was left out is offered to others."""
    DECLINED = "declined"
    LAPSED = "lapsed"
    """Nobody answered in time."""


class WaitState(StrEnum):
    """Of an order that waits for a later lot."""

    WAITING = "waiting"
    SERVED = "served"
    REFUNDED = "refunded"
    """The later lot did not come by its day."""
    ENDED = "ended"
    """The order was over before: not paid for, or its campaign was given up."""


MOVES: Final[dict[ShortageState, frozenset[ShortageState]]] = {
    ShortageState.OFFERING: frozenset({ShortageState.ELECTING, ShortageState.CUTTING}),
    ShortageState.ELECTING: frozenset({ShortageState.CUTTING}),
    ShortageState.CUTTING: frozenset({ShortageState.SETTLED}),
    ShortageState.SETTLED: frozenset(),
}
"""Neighbours may cover all of it: then nobody has to choose."""

DECIDED: Final = frozenset({ShortageState.CUTTING, ShortageState.SETTLED})
"""The run is stored, and nothing of it changes any more."""

OFFER_MOVES: Final[dict[OfferState, frozenset[OfferState]]] = {
    OfferState.OFFERED: frozenset({OfferState.ACCEPTED, OfferState.DECLINED, OfferState.LAPSED}),
    OfferState.ACCEPTED: frozenset(),
    OfferState.DECLINED: frozenset(),
    OfferState.LAPSED: frozenset(),
}


WAIT_MOVES: Final[dict[WaitState, frozenset[WaitState]]] = {
    WaitState.WAITING: frozenset({WaitState.SERVED, WaitState.REFUNDED, WaitState.ENDED}),
    WaitState.SERVED: frozenset(),
    WaitState.REFUNDED: frozenset(),
    WaitState.ENDED: frozenset(),
}


class ShortageStateForbids(errors.Conflict):
    """The shortage's state does not allow this step."""

    title = Text(en="The shortage's state does not allow this.", zh="缺货处理当前状态不允许此操作。")
    code = "shortage_state"


class OfferAnswered(errors.Conflict):
    """The offer was answered before, or has lapsed."""

    title = Text(en="This offer was answered already.", zh="该补货邀约已答复或已失效。")


def check_move(before: str, after: ShortageState) -> None:
    """Raises ShortageStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[ShortageState(before)]:
        raise ShortageStateForbids(state=before)


class WaitOver(Exception):
    """A wait that was over is moved: a broken promise of our code, never of the caller."""


def check_wait_move(before: str, after: WaitState) -> None:
    """Raises WaitOver unless `before → after` is a legal move."""
    if after not in WAIT_MOVES[WaitState(before)]:
        raise WaitOver(before, after)


def check_offer_move(before: str, after: OfferState) -> None:
    """Raises OfferAnswered unless `before → after` is a legal move."""
    if after not in OFFER_MOVES[OfferState(before)]:
        raise OfferAnswered(state=before)
