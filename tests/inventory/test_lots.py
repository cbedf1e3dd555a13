"""Lots and their journal, by use case."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import ProgrammingError

from inventory import lots
from inventory.models import Lot, Movement
from inventory.stores import cold_stores
from marketplace import database
from marketplace.access import Role
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.context import Actor
from marketplace.values import GRAMS_MAX
from tests.inventory.yard import PACK_GRAMS, Yard


def _journal(lot: Lot) -> list[tuple[int, str, int, int]]:
    with database.reading() as session:
        rows = session.scalars(select(Movement).where(Movement.lot_id == lot.id).order_by(Movement.number))
        return [(row.number, row.kind, row.on_hand_grams, row.held_grams) for row in rows]


def _free(yard: Yard, **options: object) -> dict[uuid.UUID, int]:
    with database.reading() as session:
        return lots.free_boxes(
            session,
            variety="Fuji",
            grade="A",
            pack_grams=PACK_GRAMS,
            locked=False,
            **options,  # type: ignore[arg-type]
        )


def test_the_journal_tells_a_lots_whole_life(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    database.transact(
        lambda session: lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=2_000, reason="rot")
    )
    database.transact(
        lambda session: lots.correct(session, yard.ctx, lot_id=lot.id, delta_grams=500, reason="recount")
    )
    yard.reserve(3)
    assert _journal(lot) == [
        (1, "received", 50_000, 0),
        (2, "shrunk", 48_000, 0),
        (3, "adjusted", 48_500, 0),
        (4, "held", 48_500, 15_000),
    ]
    assert yard.stored(lot).version == 4
    assert yard.broken() == []


def test_the_app_may_not_rewrite_the_journal(yard: Yard) -> None:
    yard.lot()
    for rewriting in (update(Movement).values(reason="never"), delete(Movement)):
        with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
            session.execute(rewriting)


def test_promised_fruit_cannot_be_written_off(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    yard.reserve(9)
    with pytest.raises(lots.FruitPromised) as refused:
        database.transact(
            lambda session: lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=5_001, reason="rot")
        )
    assert refused.value.facts == {"requested_grams": 5_001, "available_grams": 5_000}
    database.transact(
        lambda session: lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=5_000, reason="rot")
    )
    assert yard.stored(lot).free_grams == 0


def test_neither_a_lot_nor_a_correction_can_pass_the_bound(yard: Yard) -> None:
    with pytest.raises(lots.LotTooLarge):
        yard.lot("L0", quantity_grams=GRAMS_MAX + 1)
    lot = yard.lot()
    with pytest.raises(lots.LotTooLarge):
        database.transact(
            lambda session: lots.correct(
                session, yard.ctx, lot_id=lot.id, delta_grams=GRAMS_MAX, reason="recount"
            )
        )
    assert _journal(lot) == [(1, "received", 100_000, 0)]


def test_storage_is_the_cold_stores_unless_told(yard: Yard) -> None:
    assert yard.lot("L1").storage == "cold"
    assert yard.lot("L2", storage="controlled_atmosphere").storage == "controlled_atmosphere"


def test_a_member_may_not_receive_for_others(yard: Yard) -> None:
    actor = Actor(
        kind="account",
        roles=frozenset({Role.COOPERATIVE}),
        cooperative_ids=frozenset(yard.cooperative_ids[:1]),
    )
    member = replace(yard, ctx=replace(yard.ctx, actor=actor))
    assert member.lot("L1").cooperative_id == yard.cooperative_ids[0]
    with pytest.raises(CooperativeNotFound):
        member.lot("L2", cooperative=1)


def test_codes_are_a_cooperatives_own(yard: Yard) -> None:
    yard.lot("L1")
    yard.lot("L1", cooperative=1)
    with pytest.raises(lots.LotCodeTaken):
        yard.lot("L1")


def test_a_lot_must_name_what_exists(yard: Yard) -> None:
    with pytest.raises(cold_stores.ColdStoreNotFound):
        replace(yard, cold_store_id=uuid.uuid4()).lot()
    with pytest.raises(CooperativeNotFound):
        replace(yard, cooperative_ids=(uuid.uuid4(),)).lot()
    with pytest.raises(lots.DaysOutOfOrder):
        yard.lot(best_before_on=yard.today - timedelta(days=31))


def test_free_boxes_are_counted_lot_by_lot_for_each_cooperative(yard: Yard) -> None:
    yard.lot("L1", quantity_grams=7_500)
    yard.lot("L2", quantity_grams=7_500)
    yard.lot("L3", boxes=4, cooperative=1)
    yard.lot("L4", boxes=4, grade="B")
    yard.reserve(1, cooperative=1)
    first, second = yard.cooperative_ids
    assert _free(yard) == {first: 2, second: 3}


def test_fruit_too_old_for_the_day_of_delivery_is_not_free(yard: Yard) -> None:
    yard.lot("L1", boxes=3)
    yard.lot("L2", boxes=4, best_before_on=yard.today + timedelta(days=10))
    first = yard.cooperative_ids[0]
    assert _free(yard) == {first: 7}
    assert _free(yard, on=yard.today + timedelta(days=10)) == {first: 7}
    assert _free(yard, on=yard.today + timedelta(days=11)) == {first: 3}


def test_cold_stores_are_found_by_code(yard: Yard) -> None:
    with database.reading() as session:
        found = cold_stores.find_by_code(session, code="COLD-1")
        assert found is not None
        assert found.id == yard.cold_store_id
        assert cold_stores.find_by_code(session, code="COLD-2") is None
