"""States of a pallet, the moves between them, and which parcels may be put on one. Pure."""

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inventory.states import LotStatus
from marketplace import errors
from marketplace.language import Text
from orders.fulfilment.states import ParcelState

PARCELS_MAX: Final = 200
"""On one pallet: its events name them all, and they are handed over in one unit of work."""


class PalletState(StrEnum):
    OPEN = "open"
    """Parcels are put on it and taken off; nothing of it is told yet."""
    CLOSED = "closed"
    """It stands ready to leave."""
    SHIPPED = "shipped"
    """A carrier has it."""
    ARRIVED = "arrived"
    """It is at a hub, from where its parcels go on one by one."""
    BROKEN = "broken"
    """Nothing lies on it any more."""


class PalletStateForbids(errors.Conflict):
    """The pallet's state does not allow this step."""

    title = Text(en="The pallet's state does not allow this.", zh="托盘当前状态不允许此操作。")
    code = "pallet_state"


class ParcelOnPallet(errors.Conflict):
    """It leaves with its pallet, not by itself; `pallet_id`."""

    title = Text(en="The parcel lies on a pallet.", zh="包裹在托盘上，请随托盘交接或先取下。")


MOVES: Final[dict[PalletState, frozenset[PalletState]]] = {
    PalletState.OPEN: frozenset({PalletState.CLOSED, PalletState.BROKEN}),
    PalletState.CLOSED: frozenset({PalletState.SHIPPED, PalletState.BROKEN}),
    PalletState.SHIPPED: frozenset({PalletState.ARRIVED}),
    PalletState.ARRIVED: frozenset({PalletState.BROKEN}),
    PalletState.BROKEN: frozenset(),
}
"""On the road nobody takes anything off it."""


def check_move(before: str, after: PalletState) -> None:
    """Raises PalletStateForbids unless `before → after` is one of the pallet's next steps."""
    if after not in MOVES[PalletState(before)]:
        raise PalletStateForbids(state=before)


class Unfit(StrEnum):
    """Why a parcel cannot be put on a pallet."""

    MISSING = "parcel_not_found"
    NOT_PACKED = "parcel_state"
    STOPPED = "lot_status_forbids"
    ELSEWHERE = "store_differs"
    FOREIGN = "cooperative_differs"
    ON_ANOTHER = "parcel_on_pallet"


REASONS: Final[dict[Unfit, Text]] = {
    Unfit.MISSING: Text(en="There is no such parcel.", zh="没有该包裹。"),
    Unfit.NOT_PACKED: Text(en="It is not packed, or has left.", zh="包裹未打包或已发出。"),
    Unfit.STOPPED: Text(en="Its lot is under quarantine or recalled.", zh="其批次已隔离或召回。"),
    Unfit.ELSEWHERE: Text(en="Its fruit lies in another cold store.", zh="其果品在另一冷库。"),
    Unfit.FOREIGN: Text(en="It is another cooperative's.", zh="该包裹属于其他合作社。"),
    Unfit.ON_ANOTHER: Text(en="It lies on another pallet.", zh="该包裹在另一托盘上。"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is asked of a parcel before it is put on a pallet."""

    state: str
    lot_status: str
    cooperative_id: uuid.UUID
    cold_store_id: uuid.UUID
    pallet_id: uuid.UUID | None
    """On which it lies."""


def unfit(
    parcel: Standing, *, pallet_id: uuid.UUID, cooperative_id: uuid.UUID, cold_store_id: uuid.UUID
) -> Unfit | None:
    """Why it cannot be put on the pallet of this cooperative in this store; None if it can, or lies there already."""
    if parcel.cooperative_id != cooperative_id:
        return Unfit.FOREIGN
    if parcel.state != ParcelState.PACKED:
        return Unfit.NOT_PACKED
    if parcel.cold_store_id != cold_store_id:
        return Unfit.ELSEWHERE
    if parcel.pallet_id not in (None, pallet_id):
        return Unfit.ON_ANOTHER
    if parcel.lot_status != LotStatus.AVAILABLE:
        return Unfit.STOPPED
    return None
