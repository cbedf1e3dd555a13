"""Transfers over the weighbridge: weighed out of a lot, weighed in as another, the gap between told or blocked.

Fruit on the road is in no lot: it left the one with a line `moved`, and begins the other with another.
"""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import buckets, lots
from inventory.events import RoadBegan, RoadEnded, StockDeviates
from inventory.families import parentage
from inventory.models import ColdStore, Lot, Transfer
from inventory.states import Descent, GapKind, LotStatus, MovementKind, TransferState
from inventory.stores import cold_stores, rooms
from inventory.transfers import rules
from marketplace import audit, database, errors, events
from marketplace.access import Role
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id


class TransferNotFound(errors.NotFound):
    title = Text(en="There is no such transfer.", zh="没有该调拨单。")


class TransferCodeTaken(errors.Conflict):
    """The code belongs to another lot of the cooperative, or to another transfer of this one."""

    title = Text(en="Another lot or transfer has this code.", zh="该编码已被其他批次或调拨单使用。")


class TransferEnded(errors.Conflict):
    """It has arrived or was cancelled, or it is disputed and only an operator can end it."""

    title = Text(en="The transfer's state does not allow this.", zh="该调拨单当前状态不允许此操作。")


class GapUnexplained(errors.Conflict):
    """Too much less (or more) was weighed in than out: it arrives when somebody says of which kind and why."""

    title = Text(
        en="The two weighings differ too much; say what became of the rest.",
        zh="两次过磅差额过大，须说明原因。",
    )


def dispatch(
    session: Session,
    ctx: Context,
    *,
    lot_id: uuid.UUID,
    code: str,
    to_cold_store_id: uuid.UUID,
    quantity_grams: int,
    to_room_id: uuid.UUID | None = None,
) -> Transfer:
    """Weigh free fruit out of a lot; `code` is the lot's that it becomes. The same again answers the same transfer.

    Raises LotNotFound, ColdStoreNotFound, RoomNotFound, FruitPromised, LotStatusForbids, TransferCodeTaken.
    """
    cold_stores.get(session, cold_store_id=to_cold_store_id)
    lot = lots.locked(session, ctx, lot_ids=[lot_id])[lot_id]
    facts: dict[str, Any] = {
        "lot_id": lot_id,
        "code": code,
        "to_cold_store_id": to_cold_store_id,
        "to_room_id": to_room_id,
        "out_grams": quantity_grams,
    }
    known = session.scalar(select(Transfer).where(Transfer.lot_id == lot_id, Transfer.code == code))
    if known is not None:
        if any(getattr(known, name) != value for name, value in facts.items()):
            raise TransferCodeTaken
        _audit(session, ctx, "transfer.dispatch", known, is_repeated=True)
        return known
    if session.scalar(select(Lot.id).where(Lot.cooperative_id == lot.cooperative_id, Lot.code == code)):
        raise TransferCodeTaken
    parentage.take_out(session, ctx, lot, MovementKind.MOVED, quantity_grams)
    transfer = Transfer(
        id=new_id(),
        state=TransferState.IN_TRANSIT,
        out_number=lot.version,
        tolerance_permille=rules.TOLERANCE_PERMILLE,
        dispatched_by=ctx.actor.label,
        dispatched_at=ctx.now,
        version=1,
        **facts,
    )
    session.add(transfer)
    with database.refusing({"fk_transfer_to_cold_store_id_to_room_id_room": rooms.RoomNotFound()}):
        session.flush()
    events.publish(session, ctx, RoadBegan(lot=lot, transfer=transfer))
    _audit(session, ctx, "transfer.dispatch", transfer, out_grams=quantity_grams)
    return transfer


def arrive(
    session: Session,
    ctx: Context,
    *,
    transfer_id: uuid.UUID,
    quantity_grams: int,
    gap_kind: str | None = None,
    gap_reason: str | None = None,
) -> Transfer:
    """Weigh the load in: a new lot in the cold store it went to; none if nothing came. Ends a dispute for operators.

    Raises TransferNotFound, TransferEnded, GapUnexplained, NoSpace, LotCodeTaken.
    """
    transfer = _locked(session, ctx, transfer_id)
    _check_may_end(ctx, transfer, TransferState.ARRIVED)
    out_grams, permille = transfer.out_grams, transfer.tolerance_permille
    kind = None if gap_kind is None else GapKind(gap_kind)
    if not rules.is_explained(out_grams, quantity_grams, kind, permille):
        raise GapUnexplained(
            out_grams=out_grams,
            in_grams=quantity_grams,
            gap_grams=out_grams - quantity_grams,
            tolerated_grams=rules.tolerated_grams(out_grams, permille),
        )
    transfer.gap_kind, transfer.gap_reason = kind, gap_reason
    store = cold_stores.get(session, cold_store_id=transfer.to_cold_store_id)
    _end(
        session,
        ctx,
        transfer,
        TransferState.ARRIVED,
        quantity_grams,
        store=store,
        room_id=transfer.to_room_id,
    )
    return transfer


def cancel(session: Session, ctx: Context, *, transfer_id: uuid.UUID) -> Transfer:
    """The load came back whole: a new lot where it left. Ends a dispute for operators.

    Raises TransferNotFound, TransferEnded, NoSpace, LotCodeTaken.
    """
    transfer = _locked(session, ctx, transfer_id)
    _check_may_end(ctx, transfer, TransferState.CANCELLED)
    lot = session.get_one(Lot, transfer.lot_id)
    store = cold_stores.get(session, cold_store_id=lot.cold_store_id)
    _end(
        session, ctx, transfer, TransferState.CANCELLED, transfer.out_grams, store=store, room_id=lot.room_id
    )
    return transfer


def dispute(session: Session, ctx: Context, *, transfer_id: uuid.UUID, reason: str) -> Transfer:
    """Somebody does not agree with the load; it stays on the road until an operator ends it.

    Publishes StockDeviates. Raises TransferNotFound, TransferEnded.
    """
    transfer = _locked(session, ctx, transfer_id)
    if not rules.may_move(transfer.state, TransferState.DISPUTED):
        raise TransferEnded(state=str(transfer.state))
    _turn(transfer, TransferState.DISPUTED)
    _audit(session, ctx, "transfer.dispute", transfer, reason=reason)
    deviation = StockDeviates(
        kind="transfer_disputed",
        subject=("transfer", transfer.id),
        cooperative_id=session.get_one(Lot, transfer.lot_id).cooperative_id,
        facts={"out_grams": transfer.out_grams, "reason": reason},
    )
    events.publish(session, ctx, deviation)
    return transfer


def get(session: Session, ctx: Context, *, transfer_id: uuid.UUID) -> Transfer:
    """Raises TransferNotFound (also for a foreign one)."""
    found = session.scalar(visible(ctx.actor).where(Transfer.id == transfer_id))
    if found is None:
        raise TransferNotFound
    return found


def visible(actor: Actor) -> Select[Transfer]:
    """The transfers of lots that the actor may see."""
    return select(Transfer).where(Transfer.lot_id.in_(lots.visible(actor).with_only_columns(Lot.id)))


def _end(
    session: Session,
    ctx: Context,
    transfer: Transfer,
    state: TransferState,
    in_grams: int,
    *,
    store: ColdStore,
    room_id: uuid.UUID | None,
) -> None:
    rooms.lock(session, [store.id])
    parent = lots.locked(session, ctx, lot_ids=[transfer.lot_id])[transfer.lot_id]
    if in_grams:
        transfer.child_id = _weigh_in(
            session, ctx, transfer, parent, in_grams, store=store, room_id=room_id
        ).id
    transfer.in_grams, transfer.gap_grams = in_grams, transfer.out_grams - in_grams
    transfer.ended_by, transfer.ended_at = ctx.actor.label, ctx.now
    _turn(transfer, state)
    session.flush()
    if transfer.gap_grams > 0:
        ended = RoadEnded(lot=parent, kind=transfer.gap_kind, gap_grams=transfer.gap_grams)
        events.publish(session, ctx, ended)
    verb = "arrive" if state == TransferState.ARRIVED else "cancel"
    _audit(
        session,
        ctx,
        f"transfer.{verb}",
        transfer,
        in_grams=in_grams,
        gap_grams=transfer.gap_grams,
        gap_reason=transfer.gap_reason,
    )


def _weigh_in(
    session: Session,
    ctx: Context,
    transfer: Transfer,
    parent: Lot,
    grams: int,
    *,
    store: ColdStore,
    room_id: uuid.UUID | None,
) -> Lot:
    """A stop of the parent holds for what was on the road as well."""
    fruit = parentage.fruit_of(parent)
    child = parentage.child_of(ctx, parent, fruit, code=transfer.code, grams=grams, room_id=room_id)
    child.cold_store_id, child.room_id, child.storage = store.id, room_id, store.kind
    parentage.bring_in(session, ctx, child, [(parent.id, grams)], Descent.CARRIED)
    stops = {
        LotStatus.QUARANTINED: MovementKind.QUARANTINED,
        LotStatus.RECALLED: MovementKind.RECALLED,
    }
    stop = stops.get(LotStatus(parent.status))
    if stop is not None:
        buckets.move_lot(session, ctx, child.id, stop, reason=f"as lot {parent.code}")
    return child


def _check_may_end(ctx: Context, transfer: Transfer, state: TransferState) -> None:
    is_for_operators = transfer.state == TransferState.DISPUTED
    if not rules.may_move(transfer.state, state) or (
        is_for_operators and not ctx.actor.has(Role.OPERATOR, Role.SYSTEM)
    ):
        raise TransferEnded(state=str(transfer.state))


def _locked(session: Session, ctx: Context, transfer_id: uuid.UUID) -> Transfer:
    """The transfer is locked before the cold store and the lot."""
    found = session.scalar(
        visible(ctx.actor)
        .where(Transfer.id == transfer_id)
        .with_for_update(of=Transfer, key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise TransferNotFound
    return found


def _turn(transfer: Transfer, state: TransferState) -> None:
    transfer.state = state
    transfer.version += 1


def _audit(session: Session, ctx: Context, action: str, transfer: Transfer, **after: Any) -> None:
    audit.record(session, ctx, action, subject=("transfer", transfer.id), after=after)
