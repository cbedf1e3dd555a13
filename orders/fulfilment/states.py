"""States of a parcel, the moves between them, and the state of an order that follows from its parcels. Pure."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text
from orders.states import OrderState


class ParcelState(StrEnum):
    PLANNED = "planned"
    """Its lot owes its boxes."""
    PACKED = "packed"
    """They stand ready to leave."""
    SHIPPED = "shipped"
    """A carrier has them, and the store no longer does."""
    DELIVERED = "delivered"
    LOST = "lost"
    """It did not arrive, and all of it was refunded as missing, or what it was to replace was."""
    SHORT = "short"
    """Its boxes were not there when it was to be packed, and were refunded; the order goes on with its others."""
    WITHDRAWN = "withdrawn"
    """It was never filled: other parcels took its place, or its order waits for another wave."""
    CANCELLED = "cancelled"
    """Of a replacement that was given up before it left: its boxes are free again."""


class TrackingStatus(StrEnum):
    """What a carrier says of a parcel. Only `delivered` moves it; the others are told as they are."""

    ANNOUNCED = "announced"
    """It has a tracking number."""
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    RETURNED = "returned"
    """On its way back, or there."""
    LOST = "lost"


class ParcelStateForbids(errors.Conflict):
    """The parcel's state does not allow this step."""

    title = Text(en="The parcel's state does not allow this.", zh="包裹当前状态不允许此操作。")
    code = "parcel_state"


MOVES: Final[dict[ParcelState, frozenset[ParcelState]]] = {
    ParcelState.PLANNED: frozenset(
        {ParcelState.PACKED, ParcelState.SHORT, ParcelState.WITHDRAWN, ParcelState.CANCELLED}
    ),
    ParcelState.PACKED: frozenset({ParcelState.SHIPPED, ParcelState.CANCELLED}),
    ParcelState.SHIPPED: frozenset({ParcelState.DELIVERED, ParcelState.LOST}),
    ParcelState.DELIVERED: frozenset(),
    ParcelState.LOST: frozenset(),
    ParcelState.SHORT: frozenset(),
    ParcelState.WITHDRAWN: frozenset(),
    ParcelState.CANCELLED: frozenset(),
}
"""A parcel goes forward, one step after the other; that one is lost or cancelled, claims decide (`orders.claims`); that
its boxes are not there, whoever stands in the store (`shorts`)."""

HERE: Final = frozenset({ParcelState.PLANNED, ParcelState.PACKED})
"""Its boxes are in their store, and leave it."""

UNFILLED: Final = frozenset({ParcelState.SHORT, ParcelState.WITHDRAWN})
"""Its boxes were not there."""
NOT_SENT: Final = UNFILLED | {ParcelState.CANCELLED}
"""It holds nothing, and nobody works on it any more."""
OVER: Final = NOT_SENT | {ParcelState.DELIVERED, ParcelState.LOST}
GONE: Final = frozenset({ParcelState.SHIPPED, ParcelState.DELIVERED, ParcelState.LOST})
"""It has left its store with a carrier."""


def check_move(before: str, after: ParcelState) -> None:
    """Raises ParcelStateForbids unless `before → after` is the parcel's next step."""
    if after not in MOVES[ParcelState(before)]:
        raise ParcelStateForbids(state=before)


def order_state(parcels: Collection[str]) -> OrderState:
    """That of an order with these parcels: as far as the last of them has come."""
    if all(each in OVER for each in parcels):
        return OrderState.DELIVERED
    if all(each in OVER | GONE for each in parcels):
        return OrderState.SHIPPED
    return OrderState.PACKING
