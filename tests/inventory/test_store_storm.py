"""Everything that can happen to fruit in store at once: only refusals stand in its way, and no gram is lost."""

import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from inventory import holds, lots
from inventory.counting import stock_takes
from inventory.families import parentage
from inventory.models import (
    KeepingTime,
    Lot,
    LotParent,
    Movement,
    QualityReading,
    StockTake,
    StoragePrice,
    Transfer,
)
from inventory.quality import quality, quality_holds
from inventory.states import MovementKind
from inventory.stores import cold_stores, rooms
from inventory.transfers import transfers
from marketplace import database, errors
from tests.inventory.yard import PACK_GRAMS, Yard, at_once

Work = Callable[[Session], object]


class Storm:
    """Works on the yard's lots, drawn by dice."""

    def __init__(self, yard: Yard, seed: int) -> None:
        self.yard, self.ctx, self.dice = yard, yard.ctx, random.Random(seed)
        self.lot_ids = [yard.lot(f"L{number}", boxes=20).id for number in range(3)]
        self.far_id = database.transact(
            lambda session: cold_stores.create(session, yard.ctx, code="FAR", name_en="Far", name_zh="远库")
        ).id

    def work(self, number: int) -> Work:
        lot_id, grams = self.dice.choice(self.lot_ids), self.dice.randint(1, 3 * PACK_GRAMS)
        name = self.dice.choice(
            [
                "hold",
                "hold",
                "hold_release",
                "split",
                "merge",
                "carry",
                "count",
                "stop",
                "keep",
                "lose",
                "correct",
            ]
        )
        return lambda session: getattr(self, name)(session, number, lot_id, grams)

    def hold(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> list[Any]:
        return holds.place_on_lots(
            session,
            self.ctx,
            kind="allocation",
            cooperative_id=self.yard.cooperative_ids[0],
            boxes=1 + grams % 4,
            pack_grams=PACK_GRAMS,
            variety="Fuji",
            grade="A",
            purpose=("share", uuid.uuid4()),
        )

    def hold_release(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> None:
        for placed in self.hold(session, number, lot_id, grams):
            holds.release(session, self.ctx, hold_id=placed.id)

    def split(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> object:
        parts = [{"code": f"S{number}", "quantity_grams": grams, "room_id": None}]
        return parentage.split(session, self.ctx, lot_id=lot_id, parts=parts)

    def merge(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> object:
        parts = [{"lot_id": each, "quantity_grams": grams} for each in (lot_id, self.lot_ids[0])]
        return parentage.merge(session, self.ctx, code=f"M{number}", parts=parts)

    def carry(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> object:
        to = {"code": f"T{number}", "to_cold_store_id": self.far_id}
        made = transfers.dispatch(session, self.ctx, lot_id=lot_id, quantity_grams=grams, **to)
        if grams % 2:
            return made
        gap = {"gap_kind": "culled", "gap_reason": "bruised"} if grams > 1 else {}
        return transfers.arrive(
            session, self.ctx, transfer_id=made.id, quantity_grams=grams - bool(gap), **gap
        )

    def count(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> object:
        counted = lots.get(session, self.ctx, lot_id=lot_id).on_hand_grams + grams % 7 - 3
        return stock_takes.take(
            session, self.ctx, lot_id=lot_id, counted_grams=max(0, counted), reason="count"
        )

    def stop(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> None:
        quality.quarantine(session, self.ctx, lot_id=lot_id, reason="a smell")
        quality.clear(session, self.ctx, lot_id=lot_id, reason="nothing")

    def keep(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> object:
        kept = quality_holds.place(session, self.ctx, lot_id=lot_id, quantity_grams=grams, reason="soft")
        return quality_holds.cull(session, self.ctx, hold_id=kept.id, reason="rot")

    def lose(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> object:
        return lots.lose(session, self.ctx, lot_id=lot_id, quantity_grams=grams, reason="rot", kind="culled")

    def correct(self, session: Session, number: int, lot_id: uuid.UUID, grams: int) -> object:
        return lots.correct(session, self.ctx, lot_id=lot_id, delta_grams=grams % 50 + 1, reason="recount")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_meets_in_store_every_gram_is_accounted_for(yard: Yard, seed: int) -> None:
    storm = Storm(yard, seed)
    results = at_once(yard.app, [storm.work(number) for number in range(60)])
    refused = [result for result in results if isinstance(result, errors.Refusal)]
    assert len(refused) < len(results) // 2, "too little happened"
    assert not any(isinstance(each, database.DatabaseUnavailable) for each in refused), (
        "they waited in a circle"
    )
    assert yard.broken() == []
    with database.reading() as session:
        in_store = session.execute(select(func.sum(Lot.on_hand_grams))).scalar_one()
        outside = session.execute(
            select(func.coalesce(func.sum(Movement.on_hand_delta_grams), 0)).where(
                Movement.kind.in_(
                    [MovementKind.SHRUNK, MovementKind.CULLED, MovementKind.ADJUSTED, MovementKind.RECEIVED]
                )
            )
        ).scalar_one()
        road = session.execute(
            select(func.coalesce(func.sum(func.coalesce(Transfer.gap_grams, Transfer.out_grams)), 0))
        ).scalar_one()
    assert in_store == outside - road


def test_a_store_that_is_nearly_full_is_never_overfilled_by_arrivals(yard: Yard) -> None:
    storm = Storm(yard, 0)
    far_id, lot_id = storm.far_id, storm.lot_ids[0]
    made = [
        database.transact(
            lambda session, number=number: transfers.dispatch(  # type: ignore[misc]
                session,
                yard.ctx,
                lot_id=lot_id,
                code=f"T{number}",
                to_cold_store_id=far_id,
                quantity_grams=PACK_GRAMS,
            )
        )
        for number in range(8)
    ]
    database.transact(
        lambda session: rooms.set_capacity(
            session, yard.ctx, cold_store_id=far_id, capacity_grams=3 * PACK_GRAMS + 1
        )
    )

    def arriving(transfer: Transfer) -> Work:
        return lambda session: transfers.arrive(
            session, yard.ctx, transfer_id=transfer.id, quantity_grams=PACK_GRAMS
        )

    results = at_once(yard.app, [arriving(each) for each in made])
    assert sum(isinstance(result, Transfer) for result in results) == 3
    assert sum(isinstance(result, rooms.NoSpace) for result in results) == 5
    assert yard.broken() == []


@pytest.mark.parametrize("table", [StoragePrice, LotParent, QualityReading, KeepingTime, StockTake])
def test_the_app_may_not_rewrite_what_is_only_added_to(yard: Yard, table: Any) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(delete(table))
