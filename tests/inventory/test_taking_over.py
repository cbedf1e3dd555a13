"""What lots hold goes into a pool: holds first, then the pool, then the lots, so that nobody waits in a circle."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from inventory import pools, room
from inventory.models import Lot
from inventory.refusals import PoolNotFound
from marketplace import database
from tests.builders import until_somebody_waits
from tests.inventory.yard import PACK_GRAMS, Yard

SHARES = [("share", uuid.uuid4()) for _ in range(2)]


def test_all_purposes_go_into_the_pool_at_once_and_keep_their_names(yard: Yard) -> None:
    lots = [yard.lot(f"L{number}", boxes=10, cooperative=number) for number in range(2)]
    pool = yard.pool()
    for number, purpose in enumerate(SHARES):
        yard.reserve(4 + number, cooperative=number, purpose=purpose)
    taken = database.transact(
        lambda session: pools.take_over(session, yard.ctx, pool_id=pool.id, purposes=SHARES)
    )
    assert taken == yard.stored(pool).boxes_pledged == 9
    assert [yard.stored(lot).held_grams for lot in lots] == [4 * PACK_GRAMS, 5 * PACK_GRAMS]
    with database.reading() as session:
        assert [pools.has_pledged(session, purpose=purpose) for purpose in SHARES] == [True, True]
    again = database.transact(
        lambda session: pools.take_over(session, yard.ctx, pool_id=pool.id, purposes=SHARES)
    )
    assert again == 0
    assert yard.broken() == []


def test_without_its_pool_nothing_is_taken_over(yard: Yard) -> None:
    yard.lot(boxes=10)
    yard.reserve(4, purpose=SHARES[0])
    with pytest.raises(PoolNotFound):
        database.transact(
            lambda session: pools.take_over(session, yard.ctx, pool_id=uuid.uuid4(), purposes=SHARES)
        )
    assert yard.broken() == []


def test_who_waits_for_the_pool_has_no_lot(yard: Yard) -> None:
    """Somebody has the pool and then wants the lot, as whoever pledges, binds or releases does; they all go on."""
    lot: Lot = yard.lot(boxes=10)
    pool = yard.pool()
    yard.reserve(4, purpose=SHARES[0])

    def taking() -> int:
        with yard.app.app_context():
            return database.transact(
                lambda session: pools.take_over(session, yard.ctx, pool_id=pool.id, purposes=SHARES)
            )

    with ThreadPoolExecutor(max_workers=1) as threads:
        running: list[Any] = []

        def pool_then_lot(session: Session) -> None:
            room.locked(session, pool.id)
            running.append(threads.submit(taking))
            until_somebody_waits(session)
            session.execute(  # refused at once if the other had it: each would wait for the other
                text("SELECT 1 FROM lot WHERE id = :id FOR NO KEY UPDATE NOWAIT"), {"id": lot.id}
            )

        database.transact(pool_then_lot)
        assert [each.result(timeout=30) for each in running] == [4]
    assert yard.stored(pool).boxes_pledged == 4
    assert yard.broken() == []
