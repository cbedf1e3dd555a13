"""The one statement that moves fruit between a lot's buckets: what it lets happen, and that the journal folds to it."""

import random
import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from inventory import buckets
from inventory.models import Hold, Lot, Movement
from inventory.models.lots import LEGAL
from inventory.quality import quality
from inventory.states import BEGINNINGS, GATES, LotStatus, MovementKind, lets
from marketplace import database
from tests.inventory.yard import PACK_GRAMS, Yard

K = MovementKind


def _move(yard: Yard, lot: Lot, kind: MovementKind, **deltas: object) -> Lot | None:
    return database.transact(
        lambda session: buckets.move_lot(session, yard.ctx, lot.id, kind, **deltas)  # type: ignore[arg-type]
    )


def _lines(lot: Lot) -> list[tuple[str, int, int, int, int]]:
    with database.reading() as session:
        rows = session.scalars(select(Movement).where(Movement.lot_id == lot.id).order_by(Movement.number))
        return [
            (row.kind, row.on_hand_grams, row.held_grams, row.committed_grams, row.packed_grams)
            for row in rows
        ]


def test_a_hold_is_committed_packed_and_shipped_in_parts(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(4)
    part, rest = PACK_GRAMS, 3 * PACK_GRAMS
    for kind, deltas in (
        (K.COMMITTED, {"held_grams": -4 * PACK_GRAMS, "committed_grams": 4 * PACK_GRAMS}),
        (K.PACKED, {"packed_grams": part}),
        (K.PACKED, {"packed_grams": rest}),
    ):
        assert _move(yard, lot, kind, hold_id=hold.id, **deltas) is not None
    assert _lines(lot) == [
        ("received", 50_000, 0, 0, 0),
        ("held", 50_000, 20_000, 0, 0),
        ("committed", 50_000, 0, 20_000, 0),
        ("packed", 50_000, 0, 20_000, 5_000),
        ("packed", 50_000, 0, 20_000, 20_000),
    ]
    stored = yard.stored(lot)
    assert (stored.free_grams, stored.available_grams, stored.version) == (30_000, 30_000, 5)
    assert yard.broken() == []
    shipped = {"on_hand_grams": -part, "committed_grams": -part, "packed_grams": -part}
    assert _move(yard, lot, K.SHIPPED, hold_id=hold.id, **shipped) is not None
    assert _lines(lot)[-1] == ("shipped", 45_000, 0, 15_000, 15_000)


@pytest.mark.parametrize(
    "deltas",
    [
        {"held_grams": 50_001},
        {"held_grams": -20_001},
        {"held_grams": -20_001, "committed_grams": 20_001},
        {"committed_grams": 30_001},
        {"committed_grams": 1, "packed_grams": 2},
        {"packed_grams": 1},
        {"packed_grams": -1},
        {"on_hand_grams": -30_001},
    ],
)
def test_what_a_lot_has_not_got_does_not_move(yard: Yard, deltas: dict[str, int]) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(4)
    assert _move(yard, lot, K.ADJUSTED, hold_id=hold.id, reason="x", **deltas) is None
    assert yard.stored(lot).version == 2


@pytest.mark.parametrize(
    ("kind", "deltas"),
    [
        (K.RECEIVED, {"on_hand_grams": 1}),
        (K.MOVED, {"on_hand_grams": 1}),
        (K.GRADED, {"on_hand_grams": 1}),
        (K.HELD, {"held_grams": -1}),
        (K.RELEASED, {"held_grams": 1}),
        (K.COMMITTED, {"committed_grams": 1}),
        (K.PACKED, {"committed_grams": 1, "packed_grams": 1}),
        (K.SHIPPED, {"held_grams": -1}),
        (K.SHIPPED, {"on_hand_grams": -1}),
        (K.SHRUNK, {"on_hand_grams": 1}),
        (K.CULLED, {"on_hand_grams": -2, "held_grams": -1}),
        (K.ADJUSTED, {"held_grams": 1}),
        (K.QUARANTINED, {"on_hand_grams": -1}),
        (K.ADJUSTED, {}),
    ],
)
def test_a_kind_that_changes_what_it_may_not_is_refused_by_the_database(
    yard: Yard, kind: MovementKind, deltas: dict[str, int]
) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(4)
    of_hold = kind in {K.HELD, K.RELEASED, K.COMMITTED, K.PACKED, K.SHIPPED} or "held_grams" in deltas
    with pytest.raises(IntegrityError, match="ck_movement"):
        _move(yard, lot, kind, hold_id=hold.id if of_hold else None, reason="x", **deltas)
    assert yard.stored(lot).version == 2


def test_every_kind_has_its_rule() -> None:
    assert all(f"WHEN '{kind}' THEN" in LEGAL for kind in MovementKind)
    assert {K.HELD, K.COMMITTED, K.PACKED, K.SHIPPED, K.MOVED, K.GRADED} <= set(GATES)
    for status in (LotStatus.QUARANTINED, LotStatus.RECALLED):
        assert not any(lets(status, kind) for kind in (K.HELD, K.COMMITTED, K.PACKED, K.SHIPPED, K.MOVED))
    assert not BEGINNINGS & {K.HELD, K.ADJUSTED}


@pytest.mark.parametrize("turn", [quality.quarantine, quality.recall])
def test_a_stopped_lot_neither_commits_nor_packs_nor_ships_but_releases(yard: Yard, turn: object) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(4)
    grams = 4 * PACK_GRAMS
    assert _move(yard, lot, K.COMMITTED, hold_id=hold.id, held_grams=-grams, committed_grams=grams)
    database.transact(
        lambda session: turn(session, yard.ctx, lot_id=lot.id, reason="a smell")  # type: ignore[operator]
    )
    refused = (
        (K.COMMITTED, {"held_grams": 0}),
        (K.PACKED, {"packed_grams": grams}),
        (K.SHIPPED, {"on_hand_grams": -grams, "committed_grams": -grams}),
    )
    for kind, deltas in refused:
        assert _move(yard, lot, kind, hold_id=hold.id, **deltas) is None
    assert _move(yard, lot, K.RELEASED, hold_id=hold.id, committed_grams=-grams) is not None


@dataclass
class Promise:
    hold: Hold
    held: int
    committed: int = 0
    packed: int = 0


@pytest.mark.parametrize("seed", range(3))
def test_random_lives_of_promises_fold_to_the_counters(yard: Yard, seed: int) -> None:
    """Commit and pack at random, in parts: the lot is the sum of its promises after each step."""
    dice = random.Random(seed)
    lot = yard.lot(boxes=40)
    promises = [
        Promise(hold, hold.quantity_grams) for hold in (yard.reserve(dice.randint(1, 8))[0] for _ in range(4))
    ]
    for _ in range(30):
        promise = dice.choice(promises)
        if dice.random() < 0.5:
            part = dice.randint(0, promise.held)
            kind, deltas = K.COMMITTED, {"held_grams": -part, "committed_grams": part}
            promise.held -= part
            promise.committed += part
        else:
            part = dice.randint(0, promise.committed - promise.packed)
            kind, deltas = K.PACKED, {"packed_grams": part}
            promise.packed += part
        if part:
            assert _move(yard, lot, kind, hold_id=promise.hold.id, **deltas) is not None
        stored = yard.stored(lot)
        assert (stored.held_grams, stored.committed_grams, stored.packed_grams) == (
            sum(each.held for each in promises),
            sum(each.committed for each in promises),
            sum(each.packed for each in promises),
        )
    assert yard.broken() == []


def test_what_another_promise_packed_is_found(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    [one], [other] = yard.reserve(2), yard.reserve(2)
    _move(yard, lot, K.COMMITTED, hold_id=one.id, held_grams=-PACK_GRAMS, committed_grams=PACK_GRAMS)
    assert yard.broken() == []
    _move(yard, lot, K.PACKED, hold_id=other.id, packed_grams=PACK_GRAMS)
    assert yard.broken() == ["S8"]


def test_a_lot_that_is_not_there_does_not_move(yard: Yard) -> None:
    missing = Lot(id=uuid.uuid4())
    assert _move(yard, missing, K.SHRUNK, on_hand_grams=-1, reason="x") is None
