"""Many at once, on the real database: never oversold, never lost, nobody waits for ever."""

import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from inventory import holds, lots, pools
from inventory.models import Hold, Lot
from marketplace import errors
from tests.inventory.yard import PACK_GRAMS, Yard, at_once, place


def _of(kind: type, results: list[object]) -> list[object]:
    return [result for result in results if isinstance(result, kind)]


@pytest.mark.parametrize("seed", range(3))
def test_sixty_four_buyers_for_twenty_boxes_never_oversell(yard: Yard, seed: int) -> None:
    pool = yard.full_pool(20)
    dice = random.Random(seed)

    def buying(boxes: int) -> Callable[[Session], Hold]:
        shopper = yard.shopper()
        return lambda session: place(session, shopper, pool.id, boxes)

    results = at_once(yard.app, [buying(dice.randint(1, 3)) for _ in range(64)])
    sold = sum(result.boxes for result in results if isinstance(result, Hold))
    refused = [result for result in results if isinstance(result, errors.Refusal)]
    stored = yard.stored(pool)
    assert stored.boxes_held == sold
    assert stored.version == 2 + len(_of(Hold, list(results)))
    assert sold == 20, "what was left was refused although somebody wanted it"
    assert all(isinstance(each, holds.SoldOut) for each in refused)
    assert yard.broken() == []


def test_bulk_reservations_of_the_same_lots_take_each_box_once(yard: Yard) -> None:
    stocked = [yard.lot(f"L{number}", boxes=7) for number in range(4)]

    def reserving() -> Callable[[Session], list[Hold]]:
        purpose = ("share", uuid.uuid4())
        return lambda session: holds.place_on_lots(
            session,
            yard.ctx,
            kind="allocation",
            cooperative_id=yard.cooperative_ids[0],
            boxes=3,
            pack_grams=PACK_GRAMS,
            variety="Fuji",
            grade="A",
            purpose=purpose,
        )

    results = at_once(yard.app, [reserving() for _ in range(16)])
    assert len(_of(list, list(results))) == 9
    assert len(_of(lots.NotEnoughInStore, list(results))) == 7
    assert sum(yard.stored(lot).held_grams for lot in stocked) == 27 * PACK_GRAMS
    assert yard.broken() == []


def test_locked_free_boxes_stay_free_until_they_are_held(yard: Yard) -> None:
    """As bulk orders do: count under lock, decide, hold; only one of the rivals finds all the boxes."""
    for number in range(4):
        yard.lot(f"L{number}", boxes=5, cooperative=number % 2)

    def all_of_it(session: Session) -> int:
        free = lots.free_boxes(session, variety="Fuji", grade="A", pack_grams=PACK_GRAMS, locked=True)
        for cooperative_id, boxes in free.items():
            if boxes:
                holds.place_on_lots(
                    session,
                    yard.ctx,
                    kind="allocation",
                    cooperative_id=cooperative_id,
                    boxes=boxes,
                    pack_grams=PACK_GRAMS,
                    variety="Fuji",
                    grade="A",
                    purpose=("share", uuid.uuid4()),
                )
        return sum(free.values())

    results = at_once(yard.app, [all_of_it] * 8)
    assert sorted(result for result in results if isinstance(result, int)) == [0] * 7 + [20]
    assert yard.broken() == []


def test_one_buyers_requests_at_once_make_one_hold(yard: Yard) -> None:
    pool = yard.full_pool(50, per_buyer=5)
    shopper = yard.shopper()
    works = [
        lambda session, boxes=boxes: place(session, shopper, pool.id, boxes)
        for boxes in (1, 2, 3, 4, 5, 6, 7, 8) * 3
    ]
    results = at_once(yard.app, works)
    placed = _of(Hold, list(results))
    assert {hold.id for hold in placed} == {placed[0].id}
    assert len(placed) == 15
    assert len(_of(holds.HoldLimit, list(results))) == 9
    assert yard.stored(pool).boxes_held == yard.stored(placed[0]).boxes <= 5
    assert yard.broken() == []


@pytest.mark.parametrize("seed", range(3))
def test_expiry_against_payment_has_one_winner(yard: Yard, seed: int) -> None:
    """Holds on both sides of their end are paid, swept and given back at once; each ends in one way."""
    pool = yard.full_pool(24)
    shoppers = [yard.shopper() for _ in range(24)]
    held = [yard.hold(pool, shopper) for shopper in shoppers]
    yard.let_expire(*held[:12])

    works: list[Callable[[Session], object]] = []
    for shopper, hold in zip(shoppers, held, strict=True):
        works.append(
            lambda session, ctx=shopper, hold=hold: holds.start_payment(session, ctx, hold_id=hold.id)
        )
        works.append(lambda session, ctx=shopper, hold=hold: holds.release_own(session, ctx, hold_id=hold.id))
    works += [lambda session: holds.expire_due(session, yard.ctx, batch=5)] * 12
    random.Random(seed).shuffle(works)
    at_once(yard.app, works)
    at_once(yard.app, [lambda session: holds.expire_due(session, yard.ctx)])

    stored = [yard.stored(hold) for hold in held]
    assert all(hold.state in ("released", "expired") for hold in stored[:12])
    assert all(hold.state in ("released", "converting") for hold in stored[12:])
    paid = [hold for hold in stored if hold.state == "converting"]
    assert yard.stored(pool).boxes_held == len(paid)
    assert yard.broken() == []


def test_a_hold_is_paid_by_one_of_many_tries(yard: Yard) -> None:
    hold = yard.hold(yard.full_pool(), shopper := yard.shopper())
    works = [lambda session: holds.start_payment(session, shopper, hold_id=hold.id)] * 12
    results = at_once(yard.app, works)
    assert len(_of(Hold, list(results))) == 1
    assert len(_of(holds.HoldNotActive, list(results))) == 11


def test_everybody_wants_the_expired_boxes(yard: Yard) -> None:
    pool = yard.full_pool(10)
    yard.let_expire(*(yard.hold(pool, yard.shopper(), 2) for _ in range(5)))
    shoppers = [yard.shopper() for _ in range(16)]
    works: list[Callable[[Session], object]] = [
        lambda session, ctx=shopper: place(session, ctx, pool.id, 1) for shopper in shoppers
    ]
    works += [lambda session: holds.expire_due(session, yard.ctx)] * 4
    results = at_once(yard.app, works)
    assert len(_of(Hold, list(results))) == 10
    assert yard.stored(pool).available_boxes == 0
    assert yard.broken() == []


def test_losses_and_holds_at_once_never_take_the_same_fruit(yard: Yard) -> None:
    lot = yard.lot(boxes=10)

    def losing(session: Session) -> Lot:
        return lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=PACK_GRAMS, reason="rot")

    def reserving(session: Session) -> list[Hold]:
        return holds.place_on_lots(
            session,
            yard.ctx,
            kind="allocation",
            cooperative_id=yard.cooperative_ids[0],
            boxes=1,
            pack_grams=PACK_GRAMS,
            variety="Fuji",
            grade="A",
            purpose=("share", uuid.uuid4()),
        )

    results = at_once(yard.app, [losing, reserving] * 10)
    lost = len(_of(Lot, list(results)))
    reserved = len(_of(list, list(results)))
    assert lost + reserved == 10
    stored = yard.stored(lot)
    assert (stored.on_hand_grams, stored.free_grams) == ((10 - lost) * PACK_GRAMS, 0)
    assert yard.broken() == []


def test_pledging_selling_and_taking_back_at_once_keeps_the_pool_covered(yard: Yard) -> None:
    for number in range(3):
        yard.lot(f"L{number}", boxes=8)
    pool = yard.pool()
    yard.pledge(pool, 4)
    soon = replace(yard.ctx, now=yard.ctx.now - timedelta(minutes=5))
    shoppers = [yard.shopper() for _ in range(12)]
    works: list[Callable[[Session], object]] = [
        lambda session, ctx=shopper: place(session, ctx, pool.id, 1) for shopper in shoppers
    ]
    works += [
        lambda session: pools.pledge(
            session, yard.ctx, pool_id=pool.id, cooperative_id=yard.cooperative_ids[0], boxes=4
        )
    ] * 4
    works += [
        lambda session: pools.pledge(
            session,
            soon,
            pool_id=pool.id,
            cooperative_id=yard.cooperative_ids[0],
            boxes=2,
            until=soon.now + timedelta(minutes=1),
        )
    ] * 2
    works += [lambda session: pools.release_pledges(session, yard.ctx, pool_id=pool.id)] * 2
    works += [lambda session: holds.expire_due(session, yard.ctx)] * 4
    random.Random(7).shuffle(works)
    at_once(yard.app, works)
    stored = yard.stored(pool)
    assert 0 <= stored.boxes_held <= stored.boxes_pledged <= 24
    assert yard.broken() == []
