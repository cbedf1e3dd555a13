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
    """To be paid; with full payment the deposit is the whole."""
    COMMITTED = "committed"
    """Paid, or split and held: the buyer's boxes are promised."""
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ShareState(StrEnum):
    PROPOSED = "proposed"


class OrderStateForbids(errors.Conflict):
    """The order's state does not allow this step."""

    title = Text(en="The order's state does not allow this.", zh="订单当前状态不允许此操作。")
    code = "state"


MOVES: Final[dict[OrderState, frozenset[OrderState]]] = {
    OrderState.DEPOSIT_DUE: frozenset({OrderState.COMMITTED, OrderState.WITHDRAWN, OrderState.EXPIRED}),
    OrderState.COMMITTED: frozenset(),
    OrderState.WITHDRAWN: frozenset(),
    OrderState.EXPIRED: frozenset(),
}


def check_move(before: str, after: OrderState) -> None:
    """Raises OrderStateForbids unless `before → after` is a legal move."""
    if after not in MOVES[OrderState(before)]:
        raise OrderStateForbids(state=before)
