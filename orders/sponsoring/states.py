"""The life of a sponsorship and of what is drawn on its pool, and what may be asked of each. Pure."""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class SponsorKind(StrEnum):
    PLATFORM = "platform"
    COMPANY = "company"
    COUNTY_FUND = "county_fund"


class SponsorshipState(StrEnum):
    DRAFT = "draft"
    SIGNED = "signed"
    """By the sponsor; the operator has not accepted it yet."""
    COMMITTED = "committed"
    """Both are bound; the sponsor pays into escrow."""
    FUNDED = "funded"
    """The agreed part is in escrow: it may be split."""
    ALLOCATING = "allocating"
    """Its bulk order is split, and cooperatives are asked."""
    DRAWING = "drawing"
    """Cooperatives have confirmed: the pool may be drawn on."""
    DELIVERING = "delivering"
    """Nothing is drawn any more; what is promised is still brought."""
    CLOSED = "closed"
    """All is delivered, and no money is left in escrow."""
    CANCELLED = "cancelled"


class SponsorshipEvent(StrEnum):
    """What is asked of a sponsorship, by a person or by what happened."""

    SIGN = "sign"
    REJECT = "reject"
    ACCEPT = "accept"
    FUND = "fund"
    ALLOCATE = "allocate"
    CONFIRM = "confirm"
    """Its bulk order is committed."""
    FAIL = "fail"
    """Its bulk order was given up: the money waits for another one, or goes back."""
    END = "end"
    CARRY = "carry"
    """Its time to draw is over, and begins again."""
    CLOSE = "close"
    CANCEL = "cancel"


class EndPolicy(StrEnum):
    """What becomes of boxes that nobody has drawn in the end."""

    DONATED = "donated"
    RETURNED = "returned"
    """Fruit to its cooperatives, money to the sponsor."""
    CARRIED_ON = "carried_on"
    """The pool is drawn on for so many days more, once; then the rest is donated."""


class DrawKind(StrEnum):
    GAME = "game"
    GIFT = "gift"
    DONATION = "donation"


class DrawState(StrEnum):
    OPEN = "open"
    """Boxes are held for somebody, or for whoever has the gift's code."""
    ORDERED = "ordered"
    """There is an order, and its payment of a token amount is awaited."""
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    RELEASED = "released"
    """Given back before its time was over."""


class SponsorshipStateForbids(errors.Conflict):
    """The sponsorship's state does not allow this step."""

    title = Text(en="The sponsorship's state does not allow this.", zh="赞助采购当前状态不允许此操作。")
    code = "sponsorship_state"


class DrawStateForbids(errors.Conflict):
    """The draw is not open any more, or not open yet for this."""

    title = Text(en="The draw's state does not allow this.", zh="该提取当前状态不允许此操作。")
    code = "draw_state"


class BoxesDelivered(errors.Conflict):
    """Boxes that are delivered stay in their share: `boxes_delivered` are."""

    title = Text(en="These boxes are delivered already.", zh="这些箱数已交付。")


_S, _E = SponsorshipState, SponsorshipEvent

MOVES: Final[dict[SponsorshipState, dict[SponsorshipEvent, SponsorshipState]]] = {
    _S.DRAFT: {_E.SIGN: _S.SIGNED, _E.CANCEL: _S.CANCELLED},
    _S.SIGNED: {_E.ACCEPT: _S.COMMITTED, _E.REJECT: _S.DRAFT, _E.CANCEL: _S.CANCELLED},
    _S.COMMITTED: {_E.FUND: _S.FUNDED, _E.CANCEL: _S.CANCELLED},
    _S.FUNDED: {_E.ALLOCATE: _S.ALLOCATING, _E.CANCEL: _S.CANCELLED},
    _S.ALLOCATING: {_E.CONFIRM: _S.DRAWING, _E.FAIL: _S.FUNDED},
    _S.DRAWING: {_E.CARRY: _S.DRAWING, _E.END: _S.DELIVERING},
    _S.DELIVERING: {_E.CLOSE: _S.CLOSED},
    _S.CLOSED: {},
    _S.CANCELLED: {},
}

PAYABLE: Final = frozenset({_S.COMMITTED, _S.FUNDED, _S.ALLOCATING, _S.DRAWING, _S.DELIVERING})
"""While the sponsor may pay into escrow."""

MOVING: Final = frozenset({_S.DRAWING, _S.DELIVERING})
"""While fruit is taken in and delivered."""

DRAW_MOVES: Final[dict[DrawState, frozenset[DrawState]]] = {
    DrawState.OPEN: frozenset({DrawState.ORDERED, DrawState.REDEEMED, DrawState.EXPIRED, DrawState.RELEASED}),
    DrawState.ORDERED: frozenset({DrawState.REDEEMED, DrawState.OPEN, DrawState.EXPIRED}),
    DrawState.REDEEMED: frozenset(),
    DrawState.EXPIRED: frozenset(),
    DrawState.RELEASED: frozenset(),
}
"""An order that is not paid gives its boxes back to the draw, as long as its time lasts."""


def after(before: str, event: SponsorshipEvent) -> SponsorshipState:
    """Raises SponsorshipStateForbids unless the event may happen now."""
    found = MOVES[SponsorshipState(before)].get(event)
    if found is None:
        raise SponsorshipStateForbids(state=before)
    return found


def check_draw_move(before: str, after_: DrawState) -> None:
    """Raises DrawStateForbids unless `before → after_` is a legal move."""
    if after_ not in DRAW_MOVES[DrawState(before)]:
        raise DrawStateForbids(state=before)
