"""States of a pledge, what may happen in each, and where it leads. Pure.

`MOVES` is the one table of its life; None is the state of what is not there yet.
"""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class PledgeState(StrEnum):
    INVITED = "invited"
    """An operator asks a cooperative for boxes, until a moment."""
    OFFERED = "offered"
    """A cooperative offers boxes; an operator answers."""
    ACCEPTED = "accepted"
    """Its boxes stand in the item's pool."""
    DECLINED = "declined"
    LAPSED = "lapsed"
    """Nobody answered in time, or before the sale was over."""
    WITHDRAWN = "withdrawn"
    """Whoever asked or gave took all of it back."""
    RELEASED = "released"
    """The campaign needs none of its boxes: they went back to the cooperative, or never came."""


class PledgeEvent(StrEnum):
    INVITE = "invite"
    OFFER = "offer"
    PUT_UP = "put_up"
    """Stored fruit stands in the pool at once, without anybody's answer."""
    ACCEPT = "accept"
    DECLINE = "decline"
    LAPSE = "lapse"
    RAISE = "raise"
    LOWER = "lower"
    WITHDRAW = "withdraw"
    REDUCE = "reduce"
    """The campaign lets go of some boxes: not needed, or not there."""
    RELEASE = "release"
    """It lets go of all that were left."""


class PledgeStateForbids(errors.Conflict):
    """The pledge's state does not allow this step."""

    title = Text(en="The pledge's state does not allow this.", zh="承诺货源当前状态不允许此操作。")
    code = "pledge_state"


_S = PledgeState
_E = PledgeEvent
_ASKED: Final = {
    _E.ACCEPT: _S.ACCEPTED,
    _E.DECLINE: _S.DECLINED,
    _E.LAPSE: _S.LAPSED,
    _E.WITHDRAW: _S.WITHDRAWN,
}

MOVES: Final[dict[PledgeState | None, dict[PledgeEvent, PledgeState]]] = {
    None: {_E.INVITE: _S.INVITED, _E.OFFER: _S.OFFERED, _E.PUT_UP: _S.ACCEPTED},
    _S.INVITED: _ASKED,
    _S.OFFERED: _ASKED,
    _S.ACCEPTED: {
        _E.RAISE: _S.ACCEPTED,
        _E.LOWER: _S.ACCEPTED,
        _E.WITHDRAW: _S.WITHDRAWN,
        _E.REDUCE: _S.ACCEPTED,
        _E.RELEASE: _S.RELEASED,
    },
    _S.DECLINED: {},
    _S.LAPSED: {},
    _S.WITHDRAWN: {},
    _S.RELEASED: {},
}

OPEN: Final = frozenset({PledgeState.INVITED, PledgeState.OFFERED})
"""Somebody must answer."""


def after(before: str | None, event: PledgeEvent) -> PledgeState:
    """The state to which the event leads; raises PledgeStateForbids where it may not happen."""
    found = MOVES[None if before is None else PledgeState(before)].get(event)
    if found is None:
        raise PledgeStateForbids(state=before, asked=str(event))
    return found
