"""A pallet's way: opened, loaded, closed, then with a carrier, at a hub, and broken.

Rows are taken in the order pallet, parcel. What lies on an open pallet is a list that people correct; it is told in the
county's chain when the pallet is closed. It leaves by a hand-over (`orders.fulfilment.hand_overs`).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.models import Lot
from inventory.provenance import numbering
from inventory.provenance import pallets as provenance
from inventory.stores import cold_stores
from marketplace import audit, database, errors
from marketplace.access import STAFF
from marketplace.catalogue import cooperatives, gs1
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders.fulfilment import parcels
from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets import lying, states
from orders.fulfilment.pallets.models import Pallet, PalletParcel
from orders.fulfilment.pallets.states import PARCELS_MAX, PalletState, ParcelOnPallet, Standing, Unfit


class PalletNotFound(errors.NotFound):
    title = Text(en="There is no such pallet.", zh="没有该托盘。")


class PalletEmpty(errors.Conflict):
    title = Text(en="Nothing lies on the pallet.", zh="托盘为空。")


class PalletFull(errors.Conflict):
    """`parcels_max`."""

    title = Text(en="So many parcels do not go on one pallet.", zh="超出单个托盘的包裹数上限。")


class ParcelsUnfit(errors.Conflict):
    """Nothing was put on it; `refused` counts, `errors` says why: each `parcel_id`, `code` and `detail`."""

    title = Text(en="Some of the parcels cannot be put on this pallet.", zh="部分包裹无法放上该托盘。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A pallet, and what lies on it."""

    pallet: Pallet
    parcels: Sequence[Parcel]

    @property
    def version(self) -> int:
        return self.pallet.version

    @property
    def parcel_ids(self) -> list[uuid.UUID]:
        return [each.id for each in self.parcels]

    @property
    def boxes(self) -> int:
        return sum(each.boxes for each in self.parcels)

    @property
    def quantity_grams(self) -> int:
        return sum(each.quantity_grams for each in self.parcels)


def open_one(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, cold_store_id: uuid.UUID
) -> Loaded:
    """An empty pallet, with its number. Raises CooperativeNotFound (also for a foreign one), ColdStoreNotFound."""
    if not lots.may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)
    cold_stores.get(session, cold_store_id=cold_store_id)
    pallet_id = new_id()
    pallet = Pallet(
        id=pallet_id,
        cooperative_id=cooperative_id,
        cold_store_id=cold_store_id,
        link=numbering.pallet(session, pallet_id),
        state=PalletState.OPEN,
        opened_at=ctx.now,
        version=1,
    )
    session.add(pallet)
    session.flush()
    after = {"cooperative_id": str(cooperative_id), "cold_store_id": str(cold_store_id), "link": pallet.link}
    audit.record(session, ctx, "pallet.open", subject=("pallet", pallet.id), after=after)
    return Loaded(pallet=pallet, parcels=())


def put_on(
    session: Session, ctx: Context, *, pallet_id: uuid.UUID, parcel_ids: Sequence[uuid.UUID]
) -> Loaded:
    """These parcels lie on it, those that did before as well; all of them, or none. Safe to send again.

    Raises PalletNotFound, PalletStateForbids, ParcelsUnfit, PalletFull.
    """
    pallet = locked(session, ctx, pallet_id)
    _check_open(pallet)
    wanted = set(parcel_ids)
    standings = _standings(session, _lock_parcels(session, ctx, wanted))
    wrong = dict.fromkeys(wanted - standings.keys(), Unfit.MISSING)
    for parcel_id, standing in standings.items():
        reason = states.unfit(
            standing,
            pallet_id=pallet.id,
            cooperative_id=pallet.cooperative_id,
            cold_store_id=pallet.cold_store_id,
        )
        if reason is not None:
            wrong[parcel_id] = reason
    if wrong:
        raise ParcelsUnfit(refused=len(wrong), errors=[_told(*each) for each in sorted(wrong.items())])
    new = sorted(each for each, standing in standings.items() if standing.pallet_id is None)
    for parcel_id in new:
        _put(session, ctx, pallet, parcel_id)
    with database.refusing({"uq_pallet_parcel_lies": ParcelOnPallet()}):
        session.flush()
    found = _loaded(session, pallet)
    if len(found.parcels) > PARCELS_MAX:
        raise PalletFull(parcels_max=PARCELS_MAX)
    return _changed(session, ctx, found, "put_on", new)


def take_off(
    session: Session, ctx: Context, *, pallet_id: uuid.UUID, parcel_ids: Sequence[uuid.UUID]
) -> Loaded:
    """These parcels lie on it no more; what does not lie on it is passed over. Safe to send again.

    Raises PalletNotFound, PalletStateForbids.
    """
    pallet = locked(session, ctx, pallet_id)
    _check_open(pallet)
    off = _empty(session, ctx, pallet, only=set(parcel_ids))
    return _changed(session, ctx, _loaded(session, pallet), "take_off", off)


def close(session: Session, ctx: Context, *, pallet_id: uuid.UUID) -> Loaded:
    """It stands ready to leave. Raises PalletNotFound, PalletStateForbids, PalletEmpty."""
    pallet = locked(session, ctx, pallet_id)
    states.check_move(pallet.state, PalletState.CLOSED)
    found = _loaded(session, pallet)
    if not found.parcels:
        raise PalletEmpty
    pallet.closed_at, pallet.parcels = ctx.now, len(found.parcels)
    _go(session, ctx, pallet, PalletState.CLOSED)
    provenance.closed(
        session,
        ctx,
        cooperative_of(session, pallet),
        cold_store_id=pallet.cold_store_id,
        pallet=pallet.link,
        parcel_ids=found.parcel_ids,
    )
    return found


def arrive(session: Session, ctx: Context, *, pallet_id: uuid.UUID, gln: str, is_complete: bool) -> Loaded:
    """It is at the hub with this GLN; `is_complete`: it was looked over there, and nothing is missing.

    Raises PalletNotFound, PalletStateForbids, GlnRefused.
    """
    pallet = locked(session, ctx, pallet_id)
    states.check_move(pallet.state, PalletState.ARRIVED)
    assert pallet.hand_over_id is not None, "it left by a hand-over"
    pallet.hub_gln = gs1.read_gln(gln)
    pallet.arrived_at = ctx.now
    _go(session, ctx, pallet, PalletState.ARRIVED)
    provenance.arrived(
        session,
        ctx,
        cooperative_of(session, pallet),
        hub_gln=pallet.hub_gln,
        pallet=pallet.link,
        hand_over_id=pallet.hand_over_id,
        is_complete=is_complete,
    )
    return _loaded(session, pallet)


def break_up(session: Session, ctx: Context, *, pallet_id: uuid.UUID) -> Loaded:
    """Nothing lies on it any more: in the store, where its parcels may go on another, or at a hub.

    Raises PalletNotFound, PalletStateForbids.
    """
    pallet = locked(session, ctx, pallet_id)
    states.check_move(pallet.state, PalletState.BROKEN)
    off = _empty(session, ctx, pallet)
    pallet.broken_at = ctx.now
    _go(session, ctx, pallet, PalletState.BROKEN)
    if pallet.closed_at is not None:  # of one that was never closed nothing was told
        provenance.broken(
            session,
            ctx,
            cooperative_of(session, pallet),
            cold_store_id=pallet.cold_store_id,
            hub_gln=pallet.hub_gln,
            pallet=pallet.link,
            parcel_ids=off,
        )
    return _loaded(session, pallet)


def ship(session: Session, ctx: Context, pallet: Pallet, *, hand_over_id: uuid.UUID) -> None:
    """A carrier has the locked pallet, and all that lies on it has been shipped. Raises PalletStateForbids."""
    states.check_move(pallet.state, PalletState.SHIPPED)
    pallet.shipped_at, pallet.hand_over_id = ctx.now, hand_over_id
    _go(session, ctx, pallet, PalletState.SHIPPED)
    provenance.shipped(
        session,
        ctx,
        cooperative_of(session, pallet),
        cold_store_id=pallet.cold_store_id,
        pallet=pallet.link,
        pallet_id=pallet.id,
        hand_over_id=hand_over_id,
    )


def get(session: Session, ctx: Context, *, pallet_id: uuid.UUID) -> Loaded:
    """Raises PalletNotFound."""
    return _loaded(session, _get(session, ctx, pallet_id))


def visible(ctx: Context) -> Select[Pallet]:
    """One's cooperatives' pallets, all for staff."""
    statement = select(Pallet)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(Pallet.cooperative_id.in_(ctx.actor.cooperative_ids))


def loaded(session: Session, found: Sequence[Pallet]) -> list[Loaded]:
    """Each with what lies on it."""
    on = lying.on_pallets(session, [each.id for each in found])
    return [Loaded(pallet=each, parcels=on[each.id]) for each in found]


def locked(session: Session, ctx: Context, pallet_id: uuid.UUID) -> Pallet:
    """Raises PalletNotFound."""
    _get(session, ctx, pallet_id)
    return session.get_one(Pallet, pallet_id, with_for_update=True, populate_existing=True)


def cooperative_of(session: Session, pallet: Pallet) -> Cooperative:
    return session.get_one(Cooperative, pallet.cooperative_id)


def _get(session: Session, ctx: Context, pallet_id: uuid.UUID) -> Pallet:
    found = session.scalar(visible(ctx).where(Pallet.id == pallet_id))
    if found is None:
        raise PalletNotFound
    return found


def _loaded(session: Session, pallet: Pallet) -> Loaded:
    return loaded(session, [pallet])[0]


def _check_open(pallet: Pallet) -> None:
    if pallet.state != PalletState.OPEN:
        raise states.PalletStateForbids(state=pallet.state)


def _lock_parcels(session: Session, ctx: Context, wanted: set[uuid.UUID]) -> set[uuid.UUID]:
    """Those of them that are there for the actor."""
    statement = parcels.visible(ctx).where(Parcel.id.in_(wanted)).order_by(Parcel.id)
    found = session.scalars(statement.with_for_update().execution_options(populate_existing=True))
    return {each.id for each in found}


def _standings(session: Session, wanted: set[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """Of the locked parcels: asked for after the locks, so that nothing is older than they."""
    lies = lying.pallets_of(session, wanted)
    rows = session.execute(
        select(Parcel.id, Parcel.state, Parcel.cooperative_id, Lot.status, Lot.cold_store_id)
        .join(Lot, Lot.id == Parcel.lot_id)
        .where(Parcel.id.in_(wanted))
    )
    return {
        row.id: Standing(
            state=row.state,
            lot_status=row.status,
            cooperative_id=row.cooperative_id,
            cold_store_id=row.cold_store_id,
            pallet_id=lies.get(row.id),
        )
        for row in rows
    }


def _told(parcel_id: uuid.UUID, reason: Unfit) -> dict[str, Any]:
    return {"parcel_id": str(parcel_id), "code": str(reason), "detail": states.REASONS[reason]}


def _put(session: Session, ctx: Context, pallet: Pallet, parcel_id: uuid.UUID) -> None:
    row = session.get(PalletParcel, (pallet.id, parcel_id))
    if row is None:
        row = PalletParcel(pallet_id=pallet.id, parcel_id=parcel_id)
        session.add(row)
    row.put_at, row.off_at = ctx.now, None


def _empty(
    session: Session, ctx: Context, pallet: Pallet, *, only: set[uuid.UUID] | None = None
) -> list[uuid.UUID]:
    """Take off all that lies on it, or only these; which."""
    statement = select(PalletParcel).where(PalletParcel.pallet_id == pallet.id, PalletParcel.off_at.is_(None))
    rows = session.scalars(statement.order_by(PalletParcel.parcel_id)).all()
    off = [row for row in rows if only is None or row.parcel_id in only]
    for row in off:
        row.off_at = ctx.now
    session.flush()
    return [row.parcel_id for row in off]


def _changed(session: Session, ctx: Context, found: Loaded, verb: str, which: Sequence[uuid.UUID]) -> Loaded:
    if which:
        found.pallet.version += 1
        session.flush()
    after = {"parcel_ids": [str(each) for each in which]}
    audit.record(session, ctx, f"pallet.{verb}", subject=("pallet", found.pallet.id), after=after)
    return found


def _go(session: Session, ctx: Context, pallet: Pallet, after: PalletState) -> None:
    before = pallet.state
    pallet.state = after
    pallet.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"pallet.{_VERBS[after]}",
        subject=("pallet", pallet.id),
        before={"state": before},
        after={"state": str(after)},
    )


_VERBS: Final = {
    PalletState.CLOSED: "close",
    PalletState.SHIPPED: "ship",
    PalletState.ARRIVED: "arrive",
    PalletState.BROKEN: "break",
}
