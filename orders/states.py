"""Kinds and states of orders and shares, and the moves between them. Pure."""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class OrderKind(StrEnum):
    SHOPPER_PRESALE = "shopper_presale"
    SPONSOR_BULK = "sponsor_bulk"


class OrderState(StrEnum):
    DEPOSIT_DUE = "deposit_due"
    """A shopper's, to be paid; with full payment the deposit is the whole."""
    PROPOSED = "proposed"
    """A bulk order whose split is stored and held, and waits for an operator."""
    APPROVED = "approved"
    """Its cooperatives are asked."""
    SHORT = "short"
    """All have answered, and nobody is left for some of its boxes."""
    COMMITTED = "committed"
    """Paid, or split and confirmed: the buyer's boxes are promised."""
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    PAYMENT_FAILED = "payment_failed"
    """No money came, and its boxes went back to the buyer's cart, for what was left of their time there."""
    CANCELLED = "cancelled"
    CUT = "cut"
    """It was committed, and a shortage left it without a box."""


class ShareState(StrEnum):
    EMPTY = "empty"
    """The cooperative took part and got no box."""
    PROPOSED = "proposed"
    OFFERED = "offered"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    LAPSED = "lapsed"
    """Nobody answered in time, and silence is a no."""
    RELEASED = "released"
    """The order was cancelled."""


class Silence(StrEnum):
    """What no answer means."""

    DECLINES = "declines"
    CONFIRMS = "confirms"


class OrderStateForbids(errors.Conflict):
    """The order's state does not allow this step."""

    title = Text(en="The order's state does not allow this.", zh="订单当前状态不允许此操作。")
    code = "state"


class ShareStateForbids(errors.Conflict):
    """The share's state does not allow this step."""

    title = Text(en="The share's state does not allow this.", zh="份额当前状态不允许此操作。")
    code = "share_state"


MOVES: Final[dict[OrderState, frozenset[OrderState]]] = {
    OrderState.DEPOSIT_DUE: frozenset(
        {OrderState.COMMITTED, OrderState.WITHDRAWN, OrderState.EXPIRED, OrderState.PAYMENT_FAILED}
    ),
    OrderState.PROPOSED: frozenset({OrderState.APPROVED, OrderState.CANCELLED}),
    OrderState.APPROVED: frozenset({OrderState.COMMITTED, OrderState.SHORT, OrderState.CANCELLED}),
    OrderState.SHORT: frozenset({OrderState.APPROVED, OrderState.COMMITTED, OrderState.CANCELLED}),
    OrderState.COMMITTED: frozenset({OrderState.APPROVED, OrderState.SHORT, OrderState.CUT}),
    OrderState.WITHDRAWN: frozenset(),
    OrderState.EXPIRED: frozenset(),
    OrderState.PAYMENT_FAILED: frozenset(),
    OrderState.CANCELLED: frozenset(),
    OrderState.CUT: frozenset(),
}
"""A committed bulk order is open again when a cooperative takes confirmed boxes back; a shopper's never is, and only
it can be cut."""

LATE: Final = frozenset({OrderState.EXPIRED})
"""Orders that time ended: late money commits them after all, if their boxes can be taken again. What a buyer has
withdrawn stays withdrawn, and what was told to have failed has: the buyer may have ordered anew. Money for these is
owed back."""

SHARE_MOVES: Final[dict[ShareState, frozenset[ShareState]]] = {
    ShareState.EMPTY: frozenset(),
    ShareState.PROPOSED: frozenset({ShareState.OFFERED, ShareState.DECLINED, ShareState.RELEASED}),
    ShareState.OFFERED: frozenset(
        {ShareState.CONFIRMED, ShareState.DECLINED, ShareState.LAPSED, ShareState.RELEASED}
    ),
    ShareState.CONFIRMED: frozenset({ShareState.DECLINED, ShareState.RELEASED}),
    ShareState.DECLINED: frozenset(),
    ShareState.LAPSED: frozenset(),
    ShareState.RELEASED: frozenset(),
}

OPEN_SHARES: Final = frozenset({ShareState.PROPOSED, ShareState.OFFERED, ShareState.CONFIRMED})
"""Shares whose boxes are held."""


def check_move(before: str, after: OrderState) -> None:
    """Raises OrderStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[OrderState(before)]:
        raise OrderStateForbids(state=before)


def check_share_move(before: str, after: ShareState) -> None:
    """Raises ShareStateForbids unless `before → after` is a legal move."""
    if after not in SHARE_MOVES[ShareState(before)]:
        raise ShareStateForbids(state=before)
