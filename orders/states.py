"""Kinds and states of orders and shares, and the moves between them. Pure."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class OrderKind(StrEnum):
    SHOPPER_PRESALE = "shopper_presale"
    SPONSOR_BULK = "sponsor_bulk"
    GAME_REDEMPTION = "game_redemption"
    """Boxes of a sponsor's pool that a player or a gift's finder takes, for nothing or a token amount."""
    EXPORT = "export"
    """A company's boxes of a campaign that leave the country."""


class OrderState(StrEnum):
    DEPOSIT_DUE = "deposit_due"
    """A shopper's, or an approved export, to be paid; with full payment the deposit is the whole."""
    PROPOSED = "proposed"
    """A bulk order whose split is stored and held, or an export whose boxes are; it waits for an operator."""
    APPROVED = "approved"
    """Its cooperatives are asked."""
    SHORT = "short"
    """All have answered, and nobody is left for some of its boxes."""
    COMMITTED = "committed"
    """Paid, or split and confirmed: the buyer's boxes are promised."""
    DEPOSIT_PAID = "deposit_paid"
    """The boxes are the buyer's; until they are committed the deposit may go back, as its terms say."""
    BALANCE_DUE = "balance_due"
    """The price is final, and the rest of it is to be paid."""
    BALANCE_PAID = "balance_paid"
    """All of the price is paid."""
    PACKING = "packing"
    """Its boxes are bound to lots, and a wave sends them out."""
    SHIPPED = "shipped"
    """All its boxes are on their way."""
    DELIVERED = "delivered"
    """All its boxes are there; claims may still come."""
    CLOSED = "closed"
    """The time for claims is over."""
    BALANCE_DEFAULTED = "balance_defaulted"
    """The rest was not paid: the boxes went back, the deposit to the cooperatives that kept the fruit."""
    RELEASED = "released"
    """Its campaign failed or was cancelled: the boxes went back, and so does the money."""
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    PAYMENT_FAILED = "payment_failed"
    """No money came, and its boxes went back to the buyer's cart, for what was left of their time there."""
    CANCELLED = "cancelled"
    CUT = "cut"
    """It was committed, and a shortage left it without a box, at once or after waiting in vain for a later lot."""


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


class NextStep(StrEnum):
    """What the buyer of a shopper's order may do next."""

    PAY = "pay"
    WITHDRAW = "withdraw"
    CHOOSE_ADDRESS = "choose_address"


AFTER_SALE: Final = "after_sale"
"""Why money goes back of boxes that have arrived: their price stays what it was."""


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
        {
            OrderState.COMMITTED,
            OrderState.DEPOSIT_PAID,
            OrderState.WITHDRAWN,
            OrderState.EXPIRED,
            OrderState.PAYMENT_FAILED,
            OrderState.RELEASED,
        }
    ),
    OrderState.PROPOSED: frozenset({OrderState.APPROVED, OrderState.DEPOSIT_DUE, OrderState.CANCELLED}),
    OrderState.APPROVED: frozenset({OrderState.COMMITTED, OrderState.SHORT, OrderState.CANCELLED}),
    OrderState.SHORT: frozenset({OrderState.APPROVED, OrderState.COMMITTED, OrderState.CANCELLED}),
    OrderState.COMMITTED: frozenset(
        {
            OrderState.APPROVED,
            OrderState.SHORT,
            OrderState.BALANCE_DUE,
            OrderState.BALANCE_PAID,
            OrderState.PACKING,
            OrderState.RELEASED,
            OrderState.CUT,
            OrderState.CANCELLED,
        }
    ),
    OrderState.DEPOSIT_PAID: frozenset({OrderState.COMMITTED, OrderState.WITHDRAWN, OrderState.RELEASED}),
    OrderState.BALANCE_DUE: frozenset(
        {OrderState.BALANCE_PAID, OrderState.BALANCE_DEFAULTED, OrderState.RELEASED, OrderState.CUT}
    ),
    OrderState.BALANCE_PAID: frozenset({OrderState.PACKING, OrderState.RELEASED, OrderState.CUT}),
    OrderState.PACKING: frozenset(
        {OrderState.SHIPPED, OrderState.DELIVERED, OrderState.COMMITTED, OrderState.BALANCE_PAID}
    ),
    OrderState.SHIPPED: frozenset({OrderState.DELIVERED, OrderState.PACKING}),
    OrderState.DELIVERED: frozenset({OrderState.CLOSED}),
    OrderState.CLOSED: frozenset(),
    OrderState.RELEASED: frozenset(),
    OrderState.BALANCE_DEFAULTED: frozenset(),
    OrderState.WITHDRAWN: frozenset(),
    OrderState.EXPIRED: frozenset(),
    OrderState.PAYMENT_FAILED: frozenset(),
    OrderState.CANCELLED: frozenset(),
    OrderState.CUT: frozenset(),
}
"""A committed bulk order is open again when a cooperative takes confirmed boxes back; a shopper's never is. One with
a deposit goes on from there to its balance. An export that is approved is to be paid. A committed order is cancelled
only when a sponsor's time is over and no box was wanted. A shipped one is packed again if a dispatch is undone. What
is to be packed and is not there goes back to where it was; and an order of which the last parcel is never filled is as
far as its others."""

PROMISED: Final = frozenset(
    {OrderState.COMMITTED, OrderState.DEPOSIT_PAID, OrderState.BALANCE_DUE, OrderState.BALANCE_PAID}
)
"""States of a shopper's order in which its boxes are sold and no lot is chosen for them yet."""

SENT: Final = frozenset({OrderState.PACKING, OrderState.SHIPPED, OrderState.DELIVERED, OrderState.CLOSED})
"""States in which a wave has taken it up: its lots are chosen, and nothing ends it any more."""

BOUGHT: Final = PROMISED | SENT
"""States of a shopper's order in which its boxes are sold."""

CUTTABLE: Final = PROMISED - {OrderState.DEPOSIT_PAID}
"""Those of which a shortage takes boxes; a deposit is committed before that."""

ADDRESSABLE: Final = PROMISED | {OrderState.DEPOSIT_DUE}
"""While a buyer may say where a shopper's order goes: it is neither over nor packed."""

FREED_FOR_GOOD: Final = frozenset({OrderKind.EXPORT, OrderKind.GAME_REDEMPTION})
"""Kinds of orders whose boxes are free at once when they are not paid: late money is owed back."""


def next_steps(state: str, *, is_unconfirmed: bool) -> tuple[NextStep, ...]:
    """What would be let in; the doors decide. `is_unconfirmed`: the buyer has not said yet how it is paid."""
    steps: list[NextStep] = []
    if state == OrderState.DEPOSIT_DUE:
        steps = [NextStep.PAY, NextStep.WITHDRAW] if is_unconfirmed else [NextStep.WITHDRAW]
    elif state == OrderState.BALANCE_DUE:
        steps = [NextStep.PAY]
    elif state == OrderState.DEPOSIT_PAID:
        steps = [NextStep.WITHDRAW]
    return (*steps, NextStep.CHOOSE_ADDRESS) if state in ADDRESSABLE else tuple(steps)


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


def listed(states: Collection[OrderState]) -> str:
    """As the members of a SQL list."""
    return ", ".join(repr(state.value) for state in OrderState if state in states)


def check_move(before: str, after: OrderState) -> None:
    """Raises OrderStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[OrderState(before)]:
        raise OrderStateForbids(state=before)


def check_share_move(before: str, after: ShareState) -> None:
    """Raises ShareStateForbids unless `before → after` is a legal move."""
    if after not in SHARE_MOVES[ShareState(before)]:
        raise ShareStateForbids(state=before)
