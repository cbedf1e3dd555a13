"""What happens to pallets becomes an event in their county's chain, in the transaction that did it.

A pallet is told of from when it is closed: what lies on an open one is still changed by hand.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from inventory.provenance import keys, numbering, telling
from inventory.provenance.telling import Event, When
from inventory.traces import recording
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context


def closed(
    session: Session,
    ctx: Context,
    cooperative: Cooperative,
    *,
    cold_store_id: uuid.UUID,
    pallet: str,
    parcel_ids: Sequence[uuid.UUID],
) -> None:
    """These parcels stand on the pallet with this link."""
    when = _in_store(session, ctx, cold_store_id)
    told = telling.pallet_closed(when, pallet=pallet, parcels=_names(session, parcel_ids))
    _record(session, ctx, cooperative, told)


def broken(
    session: Session,
    ctx: Context,
    cooperative: Cooperative,
    *,
    cold_store_id: uuid.UUID,
    hub_gln: str | None,
    pallet: str,
    parcel_ids: Sequence[uuid.UUID],
) -> None:
    """They were taken off it: at the hub where it is, else where it was built."""
    when = _in_store(session, ctx, cold_store_id) if hub_gln is None else _at_hub(ctx, hub_gln)
    told = telling.pallet_broken(when, pallet=pallet, parcels=_names(session, parcel_ids))
    _record(session, ctx, cooperative, told)


def shipped(
    session: Session,
    ctx: Context,
    cooperative: Cooperative,
    *,
    cold_store_id: uuid.UUID,
    pallet: str,
    pallet_id: uuid.UUID,
    hand_over_id: uuid.UUID,
) -> None:
    """A carrier has it."""
    told = telling.pallet_shipped(
        _in_store(session, ctx, cold_store_id),
        pallet=pallet,
        about=pallet_id,
        hand_over=hand_over_id,
        cooperative=numbering.party(session, cooperative),
    )
    _record(session, ctx, cooperative, told)


def arrived(
    session: Session,
    ctx: Context,
    cooperative: Cooperative,
    *,
    hub_gln: str,
    pallet: str,
    hand_over_id: uuid.UUID,
    is_complete: bool,
) -> None:
    """It is at a hub."""
    told = telling.pallet_arrived(
        _at_hub(ctx, hub_gln), pallet=pallet, hand_over=hand_over_id, is_complete=is_complete
    )
    _record(session, ctx, cooperative, told)


def _names(session: Session, parcel_ids: Sequence[uuid.UUID]) -> list[str]:
    return [numbering.parcel(session, each) for each in parcel_ids]


def _in_store(session: Session, ctx: Context, cold_store_id: uuid.UUID) -> When:
    store = numbering.store(session, cold_store_id)
    return When(at=ctx.now, store=store, place=store)


def _at_hub(ctx: Context, gln: str) -> When:
    place = keys.place(gln)
    return When(at=ctx.now, store=place, place=place)


def _record(session: Session, ctx: Context, cooperative: Cooperative, event: Event) -> None:
    recording.record(session, ctx, county_id=cooperative.county_id, events=[event], context=telling.CONTEXT)
