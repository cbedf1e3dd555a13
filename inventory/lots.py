"""Lots: received, corrected, partly lost; and what of them is free."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Date, Select, cast, func, select
from sqlalchemy.orm import Session

from inventory import buckets, safety, stock_rules
from inventory.events import LotBegan
from inventory.models import ColdStore, Lot, Movement
from inventory.quality import keeping
from inventory.states import LotStatus, MovementKind, Storage
from inventory.stock_rules import Destination, Stock
from inventory.stores import cold_stores, rooms
from marketplace import audit, database, errors, events
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import GRAMS_MAX, new_id

_SEEING_ALL: Final = STAFF | {Role.SYSTEM, Role.SERVICE}


class LotNotFound(errors.NotFound):
    title = Text(en="There is no such lot.", zh="没有该批次。")


class LotCodeTaken(errors.Conflict):
    """The cooperative has another lot with this code."""

    title = Text(en="The cooperative has another lot with this code.", zh="该合作社已有相同编码的批次。")


class DaysOutOfOrder(errors.Invalid):
    """A best-before day lies before the harvest."""

    title = Text(en="The best-before day lies before the harvest.", zh="保质期早于采收日期。")


class FruitPromised(errors.Conflict):
    """More grams would leave the lot than are free: the rest is promised to somebody."""

    title = Text(en="The lot has less free fruit than that.", zh="该批次可用数量不足。")


class LotStatusForbids(errors.Conflict):
    """The lot is under quarantine or recalled, or not under the quarantine that should end."""

    title = Text(en="The lot's status does not allow this.", zh="该批次当前状态不允许此操作。")


class NotEnoughInStore(errors.Conflict):
    """The cooperative's lots have fewer whole boxes free than asked for; it says what keeps the others back."""

    title = Text(en="The cooperative has not that many boxes free.", zh="该合作社可用箱数不足。")
    code = "sold_out"


class LotTooLarge(errors.Conflict):
    """More grams than one lot may hold."""

    title = Text(en="One lot may not hold that much.", zh="单个批次数量超过上限。")


def receive(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    cold_store_id: uuid.UUID,
    code: str,
    variety: str,
    grade: str,
    size: str | None = None,
    harvested_on: date,
    best_before_on: date | None = None,
    quantity_grams: int,
    storage: str | None = None,
    room_id: uuid.UUID | None = None,
    plot: str | None = None,
    kind: str = MovementKind.RECEIVED,
) -> Lot:
    """Take a lot in; `storage` is the cold store's kind unless told, the best-before day follows from it.

    Raises CooperativeNotFound (also for a foreign one), ColdStoreNotFound, RoomNotFound, LotCodeTaken,
    DaysOutOfOrder, LotTooLarge, NoSpace.
    """
    if not may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)
    store = cold_stores.get(session, cold_store_id=cold_store_id)
    facts: dict[str, Any] = {
        "code": code,
        "variety": variety,
        "grade": grade,
        "size": size,
        "storage": storage,
        "harvested_on": harvested_on,
        "best_before_on": best_before_on,
        "quantity_grams": quantity_grams,
        "room_id": room_id,
        "plot": plot,
    }
    whole = {"cooperative_id": cooperative_id, "store": store, **facts}
    [lot] = receive_all(session, ctx, [whole], kind=MovementKind(kind))
    return lot


def receive_all(
    session: Session,
    ctx: Context,
    received: Iterable[Mapping[str, Any]],
    *,
    kind: MovementKind = MovementKind.RECEIVED,
) -> list[Lot]:
    """Lots of known cooperatives and cold stores, at once; `kind` says how they begin.

    Raises RoomNotFound, LotCodeTaken, DaysOutOfOrder, LotTooLarge, NoSpace.
    """
    made = [_lot(session, ctx, **facts) for facts in received]
    rooms.lock(session, {lot.cold_store_id for lot in made})
    add_all(session, made)
    for lot in made:
        grams = lot.on_hand_grams
        buckets.write_line(session, ctx, lot, kind, on_hand_delta_grams=grams)
        audit.record(session, ctx, "lot.receive", subject=("lot", lot.id), after={"on_hand_grams": grams})
        events.publish(session, ctx, LotBegan(lot=lot))
    return made


def new(ctx: Context, *, quantity_grams: int, **facts: Any) -> Lot:
    """A lot yet to be brought in: all of it is free, and its journal's first line is to be written."""
    return Lot(
        id=new_id(),
        on_hand_grams=quantity_grams,
        held_grams=0,
        committed_grams=0,
        packed_grams=0,
        status=LotStatus.AVAILABLE,
        version=1,
        created_at=ctx.now,
        **facts,
    )


def add_all(session: Session, made: Collection[Lot]) -> None:
    """Bring new lots into locked cold stores.

    Raises RoomNotFound, LotCodeTaken, DaysOutOfOrder, LotTooLarge, NoSpace.
    """
    session.add_all(made)
    meanings = {
        **rooms.meanings(),
        "uq_lot_cooperative_id_code": LotCodeTaken(),
        "ck_lot_days": DaysOutOfOrder(),
        "ck_lot_on_hand": LotTooLarge(grams_max=GRAMS_MAX),
    }
    with database.refusing(meanings):
        session.flush()
    arrived: Counter[tuple[uuid.UUID, uuid.UUID | None]] = Counter()
    for lot in made:
        arrived[lot.cold_store_id, lot.room_id] += lot.on_hand_grams
    rooms.check(session, arrived)


def _lot(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    store: ColdStore,
    quantity_grams: int,
    storage: str | None = None,
    best_before_on: date | None = None,
    **facts: Any,
) -> Lot:
    kind = Storage(storage or store.kind)
    if best_before_on is None:
        best_before_on = keeping.best_before(
            session, variety=facts["variety"], storage=kind, harvested_on=facts["harvested_on"]
        )
    return new(
        ctx,
        quantity_grams=quantity_grams,
        cooperative_id=cooperative_id,
        cold_store_id=store.id,
        storage=kind,
        best_before_on=best_before_on,
        **facts,
    )


def lose(
    session: Session,
    ctx: Context,
    *,
    lot_id: uuid.UUID,
    quantity_grams: int,
    reason: str,
    kind: str = MovementKind.SHRUNK,
) -> Lot:
    """Write fruit off that shrank or was culled; only free fruit can go. Raises LotNotFound, FruitPromised."""
    lot = _adjust(session, ctx, lot_id, MovementKind(kind), delta_grams=-quantity_grams, reason=reason)
    _audit(session, ctx, "lot.lose", lot, delta_grams=-quantity_grams, reason=reason)
    return lot


def correct(session: Session, ctx: Context, *, lot_id: uuid.UUID, delta_grams: int, reason: str) -> Lot:
    """Set a miscount right, up or down. Raises LotNotFound, FruitPromised, LotTooLarge, NoSpace."""
    lot = _adjust(session, ctx, lot_id, MovementKind.ADJUSTED, delta_grams=delta_grams, reason=reason)
    _audit(session, ctx, "lot.correct", lot, delta_grams=delta_grams, reason=reason)
    return lot


def get(session: Session, ctx: Context, *, lot_id: uuid.UUID) -> Lot:
    """The lot, for its cooperative's members and staff; raises LotNotFound."""
    lot = session.scalar(visible(ctx.actor).where(Lot.id == lot_id))
    if lot is None:
        raise LotNotFound
    return lot


def locked(session: Session, ctx: Context, *, lot_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Lot]:
    """Lots to work on, locked in the order of their ids, after their cold stores. Raises LotNotFound."""
    wanted = set(lot_ids)
    statement = visible(ctx.actor).where(Lot.id.in_(wanted)).order_by(Lot.id)
    found = session.scalars(
        statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    ).all()
    if len(found) < len(wanted) or not all(may_work_on(ctx.actor, lot.cooperative_id) for lot in found):
        raise LotNotFound
    return {lot.id: lot for lot in found}


def visible(actor: Actor) -> Select[Lot]:
    """The lots that the actor may see; a service key's scope is checked at the door."""
    if actor.has(*_SEEING_ALL):
        return select(Lot)
    return select(Lot).where(Lot.cooperative_id.in_(sorted(actor.cooperative_ids)))


def may_see(actor: Actor, cooperative_id: uuid.UUID) -> bool:
    """Whether the cooperative's lots are among the visible ones."""
    return actor.has(*_SEEING_ALL) or actor.belongs_to(cooperative_id)


def movements(lot_id: uuid.UUID) -> Select[Movement]:
    """The lot's journal."""
    return select(Movement).where(Movement.lot_id == lot_id)


def free_boxes(
    session: Session,
    *,
    variety: str,
    grade: str,
    pack_grams: int,
    locked: bool,
    on: date | None = None,
    destination: Destination | None = None,
) -> dict[uuid.UUID, int]:
    """Whole boxes that each cooperative has free; `on` is the day of delivery, the database's today unless told.

    `destination`: where the fruit must keep for the days that stock_rules asks there.
    `locked`: nobody else can take from these lots until the caller's transaction ends.
    """
    stocks = offered(session, variety=variety, grade=grade, locked=locked)
    return stock_rules.free_boxes(
        stocks,
        pack_grams=pack_grams,
        on=on or _today(session),
        destination=destination,
        safety=safety.kept(session, variety=variety, grade=grade),
    )


def offered(
    session: Session, *, variety: str, grade: str, locked: bool, cooperative_id: uuid.UUID | None = None
) -> list[Stock]:
    """The lots of a variety and grade as the rules see them, locked in the order of their ids if asked.

    Stopped lots are among them: who frees their holds must have them locked in their order too.
    """
    statement = (
        select(
            Lot.id,
            Lot.cooperative_id,
            Lot.code,
            Lot.harvested_on,
            Lot.best_before_on,
            Lot.free_grams,
            Lot.status,
        )
        .where(Lot.variety == variety, Lot.grade == grade)
        .order_by(Lot.id)
    )
    if cooperative_id is not None:
        statement = statement.where(Lot.cooperative_id == cooperative_id)
    if locked:
        statement = statement.with_for_update(key_share=True)
    return [
        Stock(
            lot_id=row.id,
            cooperative_id=row.cooperative_id,
            code=row.code,
            harvested_on=row.harvested_on,
            best_before_on=row.best_before_on,
            free_grams=row.free_grams,
            status=LotStatus(row.status),
        )
        for row in session.execute(statement)
    ]


def _adjust(
    session: Session, ctx: Context, lot_id: uuid.UUID, kind: MovementKind, *, delta_grams: int, reason: str
) -> Lot:
    seen = get(session, ctx, lot_id=lot_id)
    if not may_work_on(ctx.actor, seen.cooperative_id):
        raise LotNotFound
    if delta_grams > 0:
        rooms.lock(session, [seen.cold_store_id])
    with database.refusing({"ck_lot_on_hand": LotTooLarge(grams_max=GRAMS_MAX)}):
        lot = buckets.move_lot(session, ctx, lot_id, kind, on_hand_grams=delta_grams, reason=reason)
    if lot is None:
        session.refresh(seen)
        raise FruitPromised(requested_grams=-delta_grams, available_grams=seen.free_grams)
    if delta_grams > 0:
        rooms.check(session, {(lot.cold_store_id, lot.room_id): delta_grams})
    return lot


def _audit(session: Session, ctx: Context, action: str, lot: Lot, *, delta_grams: int, reason: str) -> None:
    audit.record(
        session,
        ctx,
        action,
        subject=("lot", lot.id),
        before={"on_hand_grams": lot.on_hand_grams - delta_grams},
        after={"on_hand_grams": lot.on_hand_grams, "reason": reason},
    )


def may_work_on(actor: Actor, cooperative_id: uuid.UUID) -> bool:
    """Whether the actor may change the cooperative's lots."""
    return actor.has(Role.OPERATOR, Role.SYSTEM) or actor.belongs_to(cooperative_id)


def _today(session: Session) -> date:
    return session.execute(select(cast(func.clock_timestamp(), Date))).scalar_one()
