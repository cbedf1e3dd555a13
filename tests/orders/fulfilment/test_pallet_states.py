"""Which steps a pallet takes, and which parcels go on one."""

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.states import LotStatus
from orders.fulfilment.pallets import states
from orders.fulfilment.pallets.states import PalletState, PalletStateForbids, Standing, Unfit
from orders.fulfilment.states import ParcelState

PALLET, OTHER, COOPERATIVE, STORE = (uuid.UUID(int=each) for each in range(1, 5))
GOOD = Standing(
    state=ParcelState.PACKED,
    lot_status=LotStatus.AVAILABLE,
    cooperative_id=COOPERATIVE,
    cold_store_id=STORE,
    pallet_id=None,
)


def unfit(parcel: Standing) -> Unfit | None:
    return states.unfit(parcel, pallet_id=PALLET, cooperative_id=COOPERATIVE, cold_store_id=STORE)


def test_the_steps_of_a_pallet_are_these() -> None:
    allowed = {
        (before, after) for before in PalletState for after in PalletState if after in states.MOVES[before]
    }
    assert {f"{before} {after}" for before, after in allowed} == {
        "open closed",
        "open broken",
        "closed shipped",
        "closed broken",
        "shipped arrived",
        "arrived broken",
    }
    for before in PalletState:
        for after in PalletState:
            if (before, after) in allowed:
                states.check_move(before, after)
            else:
                with pytest.raises(PalletStateForbids):
                    states.check_move(before, after)


def test_a_packed_parcel_of_this_store_fits_also_if_it_lies_there_already() -> None:
    assert unfit(GOOD) is None
    assert unfit(replace(GOOD, pallet_id=PALLET)) is None


@pytest.mark.parametrize(
    ("parcel", "reason"),
    [
        (replace(GOOD, state=ParcelState.PLANNED), Unfit.NOT_PACKED),
        (replace(GOOD, state=ParcelState.SHIPPED), Unfit.NOT_PACKED),
        (replace(GOOD, state=ParcelState.DELIVERED), Unfit.NOT_PACKED),
        (replace(GOOD, lot_status=LotStatus.QUARANTINED), Unfit.STOPPED),
        (replace(GOOD, lot_status=LotStatus.RECALLED), Unfit.STOPPED),
        (replace(GOOD, cold_store_id=OTHER), Unfit.ELSEWHERE),
        (replace(GOOD, cooperative_id=OTHER), Unfit.FOREIGN),
        (replace(GOOD, pallet_id=OTHER), Unfit.ON_ANOTHER),
    ],
)
def test_each_thing_that_is_wrong_is_named(parcel: Standing, reason: Unfit) -> None:
    assert unfit(parcel) is reason
    assert states.REASONS[reason].zh


@given(
    st.sampled_from(ParcelState),
    st.sampled_from(LotStatus),
    st.sampled_from([COOPERATIVE, OTHER]),
    st.sampled_from([STORE, OTHER]),
    st.sampled_from([None, PALLET, OTHER]),
)
def test_whatever_fits_is_packed_ours_here_free_and_let(
    state: ParcelState,
    lot_status: LotStatus,
    cooperative_id: uuid.UUID,
    store_id: uuid.UUID,
    on: uuid.UUID | None,
) -> None:
    parcel = Standing(
        state=state,
        lot_status=lot_status,
        cooperative_id=cooperative_id,
        cold_store_id=store_id,
        pallet_id=on,
    )
    fits = parcel in (GOOD, replace(GOOD, pallet_id=PALLET))
    assert (unfit(parcel) is None) == fits
