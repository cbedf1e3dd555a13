"""The stored counters beside what journals and holds tell, read in one statement: of one moment, without locks."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from inventory.models import Hold, Lot, Movement, Pool, PoolMovement
from inventory.reconciling import rules
from inventory.reconciling.rules import Boxes, Buckets, Counters, Difference
from inventory.states import OPEN, PLEDGES


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFacts:
    lot_id: uuid.UUID
    cooperative_id: uuid.UUID
    stored: Buckets
    journal: Buckets
    promised_by_holds: int

    @property
    def differences(self) -> list[Difference]:
        return rules.lot_differences(
            self.stored, journal=self.journal, promised_by_holds=self.promised_by_holds
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    pool_id: uuid.UUID
    stored: Counters
    journal: Counters
    holds: Boxes

    @property
    def differences(self) -> list[Difference]:
        return rules.pool_differences(self.stored, journal=self.journal, holds=self.holds)


def lots_after(session: Session, cursor: uuid.UUID | None, *, batch: int) -> list[LotFacts]:
    """The next lots in the order of their ids."""
    page = select(Lot.id).order_by(Lot.id).limit(batch)
    return list(_lots(session, page if cursor is None else page.where(Lot.id > cursor)))


def pools_after(session: Session, cursor: uuid.UUID | None, *, batch: int) -> list[PoolFacts]:
    page = select(Pool.id).order_by(Pool.id).limit(batch)
    return list(_pools(session, page if cursor is None else page.where(Pool.id > cursor)))


def of_lot(session: Session, lot_id: uuid.UUID) -> LotFacts:
    return next(_lots(session, select(Lot.id).where(Lot.id == lot_id)))


def of_pool(session: Session, pool_id: uuid.UUID) -> PoolFacts:
    return next(_pools(session, select(Pool.id).where(Pool.id == pool_id)))


def _lots(session: Session, page: Select[uuid.UUID]) -> Iterator[LotFacts]:
    told = (
        select(
            _sum(Movement.on_hand_delta_grams).label("on_hand"),
            _sum(Movement.held_delta_grams).label("held"),
            _sum(Movement.committed_delta_grams).label("committed"),
            _sum(Movement.packed_delta_grams).label("packed"),
            func.coalesce(func.max(Movement.number), 0).label("last"),
        )
        .where(Movement.lot_id == Lot.id)
        .lateral()
    )
    promised = (
        select(
            _sum((Hold.boxes - Hold.consumed_boxes - Hold.released_boxes) * Hold.pack_grams).label("grams")
        )
        .where(Hold.lot_id == Lot.id, Hold.state.in_(sorted(OPEN)))
        .lateral()
    )
    statement = (
        select(
            Lot.id,
            Lot.cooperative_id,
            Lot.on_hand_grams,
            Lot.held_grams,
            Lot.committed_grams,
            Lot.packed_grams,
            Lot.version,
            told.c.on_hand,
            told.c.held,
            told.c.committed,
            told.c.packed,
            told.c.last,
            promised.c.grams,
        )
        .select_from(Lot)
        .join(told, true())
        .join(promised, true())
        .where(Lot.id.in_(page))
        .order_by(Lot.id)
    )
    for row in session.execute(statement):
        yield LotFacts(
            lot_id=row.id,
            cooperative_id=row.cooperative_id,
            stored=Buckets(
                on_hand_grams=row.on_hand_grams,
                held_grams=row.held_grams,
                committed_grams=row.committed_grams,
                packed_grams=row.packed_grams,
                version=row.version,
            ),
            journal=Buckets(
                on_hand_grams=int(row.on_hand),
                held_grams=int(row.held),
                committed_grams=int(row.committed),
                packed_grams=int(row.packed),
                version=row.last,
            ),
            promised_by_holds=int(row.grams),
        )


def _pools(session: Session, page: Select[uuid.UUID]) -> Iterator[PoolFacts]:
    """The holds of a whole page are summed in one pass: no index leads from a pool to all of its holds."""
    told = (
        select(
            _sum(PoolMovement.pledged_delta).label("pledged"),
            _sum(PoolMovement.held_delta).label("held"),
            _sum(PoolMovement.sold_delta).label("sold"),
            func.coalesce(func.max(PoolMovement.number), 0).label("last"),
        )
        .where(PoolMovement.pool_id == Pool.id)
        .lateral()
    )
    promised = (
        select(
            Hold.pool_id,
            _sum(Hold.boxes - Hold.released_boxes, Hold.kind.in_(sorted(PLEDGES))).label("pledged"),
            _sum(
                Hold.boxes - Hold.consumed_boxes - Hold.released_boxes,
                Hold.owner_id.is_not(None),
                Hold.state.in_(sorted(OPEN)),
            ).label("held"),
            _sum(Hold.consumed_boxes, Hold.owner_id.is_not(None)).label("sold"),
        )
        .where(Hold.pool_id.in_(page))
        .group_by(Hold.pool_id)
        .subquery()
    )
    statement = (
        select(
            Pool.id,
            Pool.boxes_pledged,
            Pool.boxes_held,
            Pool.boxes_sold,
            Pool.version,
            told.c.pledged,
            told.c.held,
            told.c.sold,
            told.c.last,
            func.coalesce(promised.c.pledged, 0).label("pledged_by_holds"),
            func.coalesce(promised.c.held, 0).label("held_by_holds"),
            func.coalesce(promised.c.sold, 0).label("sold_by_holds"),
        )
        .select_from(Pool)
        .join(told, true())
        .outerjoin(promised, promised.c.pool_id == Pool.id)
        .where(Pool.id.in_(page))
        .order_by(Pool.id)
    )
    for row in session.execute(statement):
        yield PoolFacts(
            pool_id=row.id,
            stored=Counters(
                boxes_pledged=row.boxes_pledged,
                boxes_held=row.boxes_held,
                boxes_sold=row.boxes_sold,
                version=row.version,
            ),
            journal=Counters(
                boxes_pledged=int(row.pledged),
                boxes_held=int(row.held),
                boxes_sold=int(row.sold),
                version=row.last,
            ),
            holds=Boxes(
                boxes_pledged=int(row.pledged_by_holds),
                boxes_held=int(row.held_by_holds),
                boxes_sold=int(row.sold_by_holds),
            ),
        )


def _sum(
    column: ColumnElement[int] | InstrumentedAttribute[int], *conditions: ColumnElement[bool]
) -> ColumnElement[int]:
    total = func.sum(column)
    return func.coalesce(total.filter(*conditions) if conditions else total, 0)
