"""Rooms of cold stores, and the space that is left in both.

Whoever brings fruit in locks the cold store first (`lock`), then its lots, and asks at the end whether all of it
fits (`check`): so two who bring fruit at once cannot both take the last space. Fruit that leaves needs no lock.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.models import ColdStore, Lot, Room
from inventory.stores import cold_stores
from inventory.stores.space_rules import Space
from marketplace import audit, database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class RoomNotFound(errors.NotFound):
    title = Text(en="The cold store has no such room.", zh="该冷库没有此库房。")


class RoomCodeTaken(errors.Conflict):
    """The cold store has another room with this code."""

    title = Text(en="The cold store has another room with this code.", zh="该冷库已有相同编码的库房。")


class NoSpace(errors.Conflict):
    """More fruit than still fits into the cold store or the room; it says how much does."""

    title = Text(en="That much does not fit.", zh="剩余库容不足。")


class CapacityTooSmall(errors.Conflict):
    """More fruit lies there than the capacity would be."""

    title = Text(en="More fruit lies there already.", zh="已存放数量超过该容量。")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSpace:
    room: Room
    space: Space


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpace:
    store: ColdStore
    space: Space
    rooms: tuple[RoomSpace, ...]


def create(
    session: Session,
    ctx: Context,
    *,
    cold_store_id: uuid.UUID,
    code: str,
    capacity_grams: int | None = None,
) -> Room:
    """Raises ColdStoreNotFound, RoomCodeTaken."""
    cold_stores.get(session, cold_store_id=cold_store_id)
    room = Room(
        id=new_id(),
        cold_store_id=cold_store_id,
        code=code,
        capacity_grams=capacity_grams,
        created_at=ctx.now,
    )
    session.add(room)
    with database.refusing({"uq_room_cold_store_id_code": RoomCodeTaken()}):
        session.flush()
    audit.record(session, ctx, "room.create", subject=("room", room.id), after={"code": code})
    return room


def set_capacity(
    session: Session,
    ctx: Context,
    *,
    cold_store_id: uuid.UUID,
    capacity_grams: int | None,
    room_id: uuid.UUID | None = None,
) -> StoreSpace:
    """How much fits into the store, or into one of its rooms; never less than what lies there.

    Raises ColdStoreNotFound, RoomNotFound, CapacityTooSmall.
    """
    store = cold_stores.get(session, cold_store_id=cold_store_id, locked=True)
    place: ColdStore | Room = store
    if room_id is not None:
        place = _room(session, cold_store_id, room_id)
    before, place.capacity_grams = place.capacity_grams, capacity_grams
    session.flush()
    found = space_of(session, cold_store_id=cold_store_id)
    for _, space in _places(found):
        if space.is_overfull:
            raise CapacityTooSmall(capacity_grams=space.capacity_grams, lying_grams=space.lying_grams)
    audit.record(
        session,
        ctx,
        f"{place.__tablename__}.set_capacity",
        subject=(place.__tablename__, place.id),
        before={"capacity_grams": before},
        after={"capacity_grams": capacity_grams},
    )
    return found


def space_of(session: Session, *, cold_store_id: uuid.UUID) -> StoreSpace:
    """What lies in the store and in each of its rooms, and what still fits. Raises ColdStoreNotFound."""
    store = cold_stores.get(session, cold_store_id=cold_store_id)
    lying: dict[uuid.UUID | None, int] = {
        room_id: int(grams)
        for room_id, grams in session.execute(
            select(Lot.room_id, func.sum(Lot.on_hand_grams))
            .where(Lot.cold_store_id == cold_store_id)
            .group_by(Lot.room_id)
        )
    }
    statement = select(Room).where(Room.cold_store_id == cold_store_id).order_by(Room.code)
    rooms = session.scalars(statement.execution_options(populate_existing=True))
    return StoreSpace(
        store=store,
        space=Space(capacity_grams=store.capacity_grams, lying_grams=sum(lying.values())),
        rooms=tuple(
            RoomSpace(
                room=room,
                space=Space(capacity_grams=room.capacity_grams, lying_grams=lying.get(room.id, 0)),
            )
            for room in rooms
        ),
    )


def lock(session: Session, cold_store_ids: Iterable[uuid.UUID]) -> None:
    """Nobody else brings fruit into these cold stores until the commit; in the order of their ids, before any lot.

    What was read of them before is read anew: their capacity may have been set meanwhile.
    """
    statement = select(ColdStore).where(ColdStore.id.in_(set(cold_store_ids))).order_by(ColdStore.id)
    locked = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    session.scalars(locked).all()


def check(session: Session, arrived: Mapping[tuple[uuid.UUID, uuid.UUID | None], int]) -> None:
    """Whether what has arrived in each locked store and room fits. Raises NoSpace."""
    for cold_store_id in sorted({store_id for store_id, _ in arrived}):
        of_rooms = {
            room_id: grams for (store_id, room_id), grams in arrived.items() if store_id == cold_store_id
        }
        found = space_of(session, cold_store_id=cold_store_id)
        for place, space in _places(found):
            grams = sum(of_rooms.values()) if isinstance(place, ColdStore) else of_rooms.get(place.id, 0)
            if grams and space.is_overfull:
                raise NoSpace(
                    place=place.__tablename__,
                    place_code=place.code,
                    capacity_grams=space.capacity_grams,
                    free_grams=space.before(grams).free_grams,
                    requested_grams=grams,
                )


def _places(found: StoreSpace) -> list[tuple[ColdStore | Room, Space]]:
    return [(found.store, found.space), *((each.room, each.space) for each in found.rooms)]


def _room(session: Session, cold_store_id: uuid.UUID, room_id: uuid.UUID) -> Room:
    room = session.get(Room, room_id)
    if room is None or room.cold_store_id != cold_store_id:
        raise RoomNotFound
    return room


def meanings() -> dict[str, Any]:
    """What the violation of a lot's tie to its room means."""
    return {"fk_lot_cold_store_id_room_id_room": RoomNotFound()}
