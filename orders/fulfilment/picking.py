"""Pick lists of a wave: for each cold store which lots to fetch, what keeps for the shortest time first.

Which lot serves which order was decided when the wave was planned; here its parcels are only laid out by where their
fruit lies. From a stopped lot (quarantine, recall) nothing is fetched until it is cleared. What has been packed is told
beside what is still to be fetched: a list may be asked for again at any time.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.models import ColdStore, Lot, Room
from inventory.states import LotStatus
from marketplace import errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.csv_cells import file_of
from marketplace.language import Text
from orders.fulfilment import parcels
from orders.fulfilment.models import Parcel, Wave
from orders.fulfilment.states import NOT_SENT, ParcelState

HEADER: Final = (
    "cold store 冷库",
    "room 库间",
    "lot 批次",
    "variety 品种",
    "grade 等级",
    "best before 最佳食用期",
    "boxes to fetch 待取箱数",
    "boxes stopped 停用箱数",
    "boxes packed 已装箱数",
    "parcels 包裹数",
)


class WaveNotFound(errors.NotFound):
    title = Text(en="There is no such wave.", zh="没有该发货批次。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """What of a lot goes into parcels of the wave."""

    lot: Lot
    room: str | None
    boxes_planned: int
    """Not packed yet."""
    boxes_packed: int
    """Packed, or gone already."""
    parcels: int

    @property
    def boxes(self) -> int:
        """To be fetched now."""
        return self.boxes_planned if self.lot.status == LotStatus.AVAILABLE else 0

    @property
    def boxes_stopped(self) -> int:
        """They wait until the lot is cleared."""
        return self.boxes_planned - self.boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class PickList:
    cold_store: ColdStore
    picks: Sequence[Pick]

    @property
    def boxes(self) -> int:
        return sum(each.boxes for each in self.picks)

    @property
    def boxes_stopped(self) -> int:
        return sum(each.boxes_stopped for each in self.picks)

    @property
    def boxes_packed(self) -> int:
        return sum(each.boxes_packed for each in self.picks)


def of_wave(session: Session, ctx: Context, *, wave_id: uuid.UUID) -> list[PickList]:
    """For staff all, for members what is theirs; stores by code. Raises WaveNotFound (also where nothing is theirs)."""
    if session.get(Wave, wave_id) is None:
        raise WaveNotFound
    is_planned = Parcel.state == ParcelState.PLANNED
    of_wave = Parcel.wave_id == wave_id, Parcel.state.not_in(sorted(NOT_SENT))
    own = parcels.visible(ctx).where(*of_wave).subquery()
    rows = session.execute(
        select(
            Lot,
            Room.code,
            func.coalesce(func.sum(Parcel.boxes).filter(is_planned), 0),
            func.coalesce(func.sum(Parcel.boxes).filter(~is_planned), 0),
            func.count(),
        )
        .join(own, own.c.id == Parcel.id)
        .join(Lot, Lot.id == Parcel.lot_id)
        .outerjoin(Room, Room.id == Lot.room_id)
        .group_by(Lot.id, Room.code)
    ).all()
    if not rows and not ctx.actor.has(*STAFF):
        raise WaveNotFound
    picks = [
        Pick(lot=lot, room=room, boxes_planned=int(boxes), boxes_packed=int(packed), parcels=count)
        for lot, room, boxes, packed, count in rows
    ]
    stores = {
        each.id: each
        for each in session.scalars(
            select(ColdStore).where(ColdStore.id.in_({each.lot.cold_store_id for each in picks}))
        )
    }
    return [
        PickList(
            cold_store=store,
            picks=sorted(
                (each for each in picks if each.lot.cold_store_id == store.id),
                key=lambda each: (each.lot.best_before_on, each.room or "", each.lot.code),
            ),
        )
        for store in sorted(stores.values(), key=lambda store: store.code)
    ]


def csv_of(lists: Sequence[PickList]) -> bytes:
    """One row for each lot."""
    return file_of(
        HEADER,
        [
            (
                f"{found.cold_store.code} {found.cold_store.name_zh}",
                each.room or "",
                each.lot.code,
                each.lot.variety,
                each.lot.grade,
                each.lot.best_before_on.isoformat(),
                each.boxes,
                each.boxes_stopped,
                each.boxes_packed,
                each.parcels,
            )
            for found in lists
            for each in found.picks
        ],
    )
