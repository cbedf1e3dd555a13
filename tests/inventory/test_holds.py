"""Holds and pools, by use case: what each step does to stock, and what it refuses."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import hold_policy, holds, jobs, lots, pools, sweeping
from inventory.models import Hold, Pool
from inventory.module import module
from inventory.quality import quality
from inventory.stock_rules import REMAINING_DAYS, Destination
from marketplace import database, errors
from marketplace.context import Context
from marketplace.jobs.models import StoredJob
from tests.inventory.yard import PACK_GRAMS, PURPOSE, Yard, place


def _start(ctx: Context, hold: Hold) -> Hold:
    return database.transact(lambda session: holds.start_payment(session, ctx, hold_id=hold.id))


def _consume(ctx: Context, hold: Hold) -> Hold:
    return database.transact(lambda session: holds.consume(session, ctx, hold_id=hold.id))


def _release(ctx: Context, hold: Hold) -> Hold:
    return database.transact(lambda session: holds.release(session, ctx, hold_id=hold.id))


def _release_own(ctx: Context, hold: Hold) -> Hold:
    return database.transact(lambda session: holds.release_own(session, ctx, hold_id=hold.id))


def _expire(yard: Yard, **options: int) -> int:
    return database.transact(lambda session: holds.expire_due(session, yard.ctx, **options))


def test_lots_are_emptied_first_expired_first(yard: Yard) -> None:
    late = yard.lot("L1", boxes=5)
    soon = yard.lot("L2", boxes=5, best_before_on=yard.today + timedelta(days=5))
    placed = yard.reserve(7)
    assert [(hold.lot_id, hold.boxes) for hold in placed] == [(soon.id, 5), (late.id, 2)]
    assert yard.stored(late).held_grams == 2 * PACK_GRAMS
    assert yard.broken() == []


def test_fruit_too_old_at_delivery_is_not_held(yard: Yard) -> None:
    fresh = yard.lot("L1", boxes=5)
    yard.lot("L2", boxes=5, best_before_on=yard.today + timedelta(days=5))
    placed = yard.reserve(5, delivered_on=yard.today + timedelta(days=6))
    assert [hold.lot_id for hold in placed] == [fresh.id]


def test_fruit_that_would_not_keep_at_its_destination_is_neither_counted_nor_held(yard: Yard) -> None:
    until = yard.today + timedelta(days=REMAINING_DAYS[Destination.COUNTRY])
    keeps = yard.lot("L1", boxes=5, best_before_on=until)
    yard.lot("L2", boxes=4, best_before_on=until - timedelta(days=1))
    with database.reading() as session:
        free = lots.free_boxes(
            session,
            variety="Fuji",
            grade="A",
            pack_grams=PACK_GRAMS,
            locked=False,
            destination=Destination.COUNTRY,
        )
    assert free == {yard.cooperative_ids[0]: 5}
    placed = yard.reserve(5, destination=Destination.COUNTRY)
    assert [hold.lot_id for hold in placed] == [keeps.id]


def test_a_refusal_says_what_keeps_the_other_boxes_back(yard: Yard) -> None:
    yard.lot("L1", boxes=1)
    yard.lot("L2", boxes=2, best_before_on=yard.today + timedelta(days=29))
    for code, boxes, turn in (("L3", 3, quality.quarantine), ("L4", 4, quality.recall)):
        lot_id = yard.lot(code, boxes=boxes).id
        with database.transaction() as session:
            turn(session, yard.ctx, lot_id=lot_id, reason="a smell")
    with pytest.raises(lots.NotEnoughInStore) as refused:
        yard.reserve(2, destination=Destination.ABROAD)
    assert refused.value.facts == {
        "cooperative_id": yard.cooperative_ids[0],
        "requested_boxes": 2,
        "available_boxes": 1,
        "quarantined_boxes": 3,
        "recalled_boxes": 4,
        "too_old_boxes": 2,
        "safety_boxes": 0,
        "good_until": yard.today + timedelta(days=30),
    }


def test_a_cooperative_with_too_few_boxes_is_refused_with_the_number_it_has(yard: Yard) -> None:
    lot = yard.lot(boxes=5)
    yard.lot(boxes=50, cooperative=1)
    with pytest.raises(lots.NotEnoughInStore) as refused:
        yard.reserve(6)
    assert refused.value.code == "sold_out"
    assert refused.value.facts["available_boxes"] == 5
    assert yard.stored(lot).held_grams == 0


def test_released_fruit_is_free_and_consumed_fruit_has_left(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    [first] = yard.reserve(4)
    [second] = yard.reserve(3)
    _release(yard.ctx, first)
    _consume(yard.ctx, second)
    stored = yard.stored(lot)
    assert (stored.on_hand_grams, stored.held_grams) == (7 * PACK_GRAMS, 0)
    assert yard.broken() == []


def test_a_hold_on_a_lot_ends_once(yard: Yard) -> None:
    yard.lot(boxes=10)
    [hold] = yard.reserve(4)
    _release(yard.ctx, hold)
    for again in (_release, _consume):
        with pytest.raises(holds.HoldNotActive):
            again(yard.ctx, hold)
    assert yard.broken() == []


def test_nobody_releases_what_does_not_exist(yard: Yard) -> None:
    with pytest.raises(holds.HoldNotFound):
        _release(yard.ctx, Hold(id=uuid.uuid4()))


def test_a_pledge_fills_the_pool_and_holds_the_lots(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    pool = yard.pool()
    [hold] = yard.pledge(pool, 6)
    assert (hold.kind, hold.pool_id, hold.lot_id) == ("pledge", pool.id, lot.id)
    assert yard.stored(pool).available_boxes == 6
    assert yard.stored(pool).version == 2
    assert yard.stored(lot).held_grams == 6 * PACK_GRAMS
    with pytest.raises(lots.NotEnoughInStore):
        yard.pledge(pool, 5)
    assert yard.broken() == []


def test_a_pledge_needs_a_pool(yard: Yard) -> None:
    with pytest.raises(pools.PoolNotFound):
        yard.pledge(Pool(id=uuid.uuid4()), 1)


def test_one_purpose_has_one_pool_of_a_pack(yard: Yard) -> None:
    yard.pool(purpose=PURPOSE)
    with pytest.raises(pools.PoolExists):
        yard.pool(purpose=PURPOSE)


def test_pledges_come_back_unless_buyers_need_them(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    pool = yard.pool()
    yard.pledge(pool, 4)
    yard.pledge(pool, 6)
    hold = yard.hold(pool, shopper := yard.shopper(), 5)
    with pytest.raises(holds.PledgeNeeded):
        database.transact(lambda session: pools.release_pledges(session, yard.ctx, pool_id=pool.id))
    _release_own(shopper, hold)
    done = database.transact(lambda session: pools.release_pledges(session, yard.ctx, pool_id=pool.id))
    assert done == 2
    assert yard.stored(pool).boxes_pledged == 0
    assert yard.stored(lot).held_grams == 0
    assert yard.broken() == []


def test_a_shoppers_hold_carries_price_pack_and_time(yard: Yard) -> None:
    pool = yard.full_pool()
    hold = yard.hold(pool, shopper := yard.shopper(), 3, minutes=10)
    assert (hold.owner_id, hold.pack_id, hold.boxes) == (shopper.actor.id, yard.pack_id, 3)
    assert (hold.unit_price_minor, hold.currency) == (3_000, "CNY")
    assert hold.expires_at == hold.created_at + timedelta(minutes=10)
    assert yard.stored(pool).available_boxes == 17


def test_a_paid_hold_is_sold(yard: Yard) -> None:
    pool = yard.full_pool()
    hold = yard.hold(pool, shopper := yard.shopper(), 3)
    assert _start(shopper, hold).state == "converting"
    assert _consume(yard.ctx, hold).state == "consumed"
    stored = yard.stored(pool)
    assert (stored.boxes_held, stored.boxes_sold, stored.available_boxes) == (0, 3, 17)
    assert yard.broken() == []


def test_a_hold_is_not_sold_before_its_payment_runs(yard: Yard) -> None:
    hold = yard.hold(yard.full_pool(), yard.shopper())
    with pytest.raises(holds.HoldNotActive):
        _consume(yard.ctx, hold)


def test_only_the_owner_pays_and_gives_back(yard: Yard) -> None:
    hold = yard.hold(yard.full_pool(), yard.shopper())
    stranger = yard.shopper()
    for step in (_start, _release_own):
        with pytest.raises(holds.HoldNotFound):
            step(stranger, hold)
        with pytest.raises(holds.HoldNotFound):
            step(stranger, Hold(id=uuid.uuid4()))


def test_a_hold_without_an_owner_is_nobodys(yard: Yard) -> None:
    yard.lot()
    [hold] = yard.reserve(1)
    with pytest.raises(holds.HoldNotFound):
        _start(yard.ctx, hold)


def test_a_hold_is_paid_once(yard: Yard) -> None:
    hold = yard.hold(yard.full_pool(), shopper := yard.shopper())
    _start(shopper, hold)
    with pytest.raises(holds.HoldNotActive):
        _start(shopper, hold)


def test_the_owner_cannot_give_back_what_is_being_paid_but_the_system_can(yard: Yard) -> None:
    pool = yard.full_pool()
    hold = yard.hold(pool, shopper := yard.shopper())
    _start(shopper, hold)
    with pytest.raises(holds.HoldNotActive):
        _release_own(shopper, hold)
    _release(yard.ctx, hold)
    assert yard.stored(pool).available_boxes == 20
    assert yard.broken() == []


def test_sold_out_says_what_is_left(yard: Yard) -> None:
    pool = yard.full_pool(5)
    first = yard.hold(pool, yard.shopper(), 3)
    with pytest.raises(holds.SoldOut) as refused:
        yard.hold(pool, yard.shopper(), 3)
    assert refused.value.facts == {
        "requested_boxes": 3,
        "available_boxes": 2,
        "next_expires_at": first.expires_at,
    }


def test_a_pool_that_does_not_exist_is_not_sold_out(yard: Yard) -> None:
    shopper = yard.shopper()
    with pytest.raises(holds.PoolNotFound):
        database.transact(lambda session: place(session, shopper, uuid.uuid4(), 1))


def test_nobody_in_particular_holds_nothing(yard: Yard) -> None:
    pool = yard.full_pool()
    with pytest.raises(errors.Forbidden):
        yard.hold(pool, yard.ctx)


def test_the_limit_counts_what_a_buyer_holds_has_bought_and_let_lapse(yard: Yard) -> None:
    pool, other = yard.full_pool(per_buyer=5), yard.full_pool(per_buyer=5)
    shopper = yard.shopper()
    first = yard.hold(pool, shopper, 2)
    with pytest.raises(holds.HoldLimit) as refused:
        yard.hold(pool, shopper, 6)
    assert refused.value.facts == {"requested_boxes": 6, "counted_boxes": 0, "boxes_max": 5}
    yard.hold(other, shopper, 2)
    yard.hold(pool, yard.shopper(), 2)
    _start(shopper, first)
    second = yard.hold(pool, shopper, 2)
    assert second.id != first.id
    _consume(yard.ctx, first)
    yard.let_expire(second)
    with pytest.raises(holds.HoldLimit) as refused:
        yard.hold(pool, shopper, 2)
    assert refused.value.facts == {"requested_boxes": 2, "counted_boxes": 4, "boxes_max": 5}
    yard.let_expire(second, minutes_ago=11)
    _expire(yard)
    assert yard.hold(pool, shopper, 3).boxes == 3
    assert yard.broken() == []


def test_a_hold_is_resized_up_and_down_and_its_time_has_an_end(yard: Yard) -> None:
    pool = yard.full_pool(10)
    shopper = yard.shopper()
    first = yard.hold(pool, shopper, 4)
    for boxes in (7, 2, 10):
        again = yard.hold(pool, shopper, boxes)
        assert (again.id, again.boxes, again.quantity_grams) == (first.id, boxes, boxes * PACK_GRAMS)
        assert yard.stored(pool).boxes_held == boxes
    assert again.expires_at >= first.expires_at
    assert again.expires_at_max == first.expires_at_max == first.created_at + hold_policy.LONGEST_CART
    longer = yard.hold(pool, shopper, 10, minutes=60)
    assert longer.expires_at == first.expires_at_max
    assert yard.broken() == []


def test_nothing_is_held_of_a_pool_that_does_not_sell(yard: Yard) -> None:
    pool = yard.full_pool()
    shopper = yard.shopper()
    for window in (None, (yard.ctx.now - timedelta(2), yard.ctx.now - timedelta(1))):
        database.transact(
            lambda session, window=window: pools.set_window(session, yard.ctx, pool_id=pool.id, window=window)
        )
        with pytest.raises(holds.PoolNotSelling):
            yard.hold(pool, shopper)


def test_an_expired_hold_is_not_paid_though_nobody_swept(yard: Yard) -> None:
    hold = yard.hold(yard.full_pool(), shopper := yard.shopper())
    yard.let_expire(hold)
    with pytest.raises(holds.HoldExpired) as refused:
        _start(shopper, hold)
    assert refused.value.code == "hold_expired"
    _expire(yard)
    with pytest.raises(holds.HoldExpired):
        _start(shopper, hold)


def test_expired_boxes_are_free_for_others_at_once(yard: Yard) -> None:
    pool = yard.full_pool(5)
    yard.let_expire(yard.hold(pool, yard.shopper(), 2), yard.hold(pool, yard.shopper(), 2))
    yard.hold(pool, yard.shopper(), 5)
    assert yard.states(pool) == {"expired": 2, "active": 1}
    assert yard.broken() == []


def test_the_sweeper_writes_expiry_down_in_batches(yard: Yard) -> None:
    pool, other = yard.full_pool(10), yard.full_pool(10)
    yard.let_expire(*(yard.hold(each, yard.shopper()) for each in (pool, pool, pool, other, other)))
    living = yard.hold(pool, yard.shopper())
    assert _expire(yard, batch=4) == 4
    assert _expire(yard, batch=4) == 1
    assert _expire(yard) == 0
    assert yard.stored(living).state == "active"
    assert yard.stored(pool).available_boxes == 9
    assert yard.stored(other).available_boxes == 10
    assert yard.broken() == []


def test_a_full_batch_calls_for_the_next_at_once(yard: Yard) -> None:
    pool = yard.full_pool(300)
    yard.let_expire(*yard.holds_of_many(pool, jobs.SWEPT + 1))
    [job] = [each for each in module.jobs if each.name == "inventory.expire_holds"]
    assert database.transact(lambda session: job.run(session, yard.ctx)) == jobs.SWEPT
    with database.reading() as session:
        assert session.scalars(select(StoredJob.name)).all() == [job.name]
    assert database.transact(lambda session: job.run(session, yard.ctx)) == 1
    assert yard.stored(pool).available_boxes == 300
    assert yard.broken() == []


def test_a_buyer_of_many_finds_room_behind_many_expired_holds(yard: Yard) -> None:
    pool = yard.full_pool(sweeping.BATCH + 1)
    yard.let_expire(*yard.holds_of_many(pool, sweeping.BATCH + 1))
    assert yard.hold(pool, yard.shopper(), sweeping.BATCH + 1).boxes == sweeping.BATCH + 1
    assert yard.broken() == []


def test_what_is_being_paid_does_not_expire(yard: Yard) -> None:
    hold = yard.hold(yard.full_pool(), shopper := yard.shopper())
    _start(shopper, hold)
    yard.let_expire(hold)
    assert _expire(yard) == 0
    assert _consume(yard.ctx, hold).state == "consumed"


def test_a_pledge_lapses_only_when_no_buyer_needs_it(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    pool = yard.pool()
    until = yard.ctx.now + timedelta(days=1)
    pledges = [*yard.pledge(pool, 6, until=until), *yard.pledge(pool, 4, until=until)]
    hold = yard.hold(pool, shopper := yard.shopper(), 5)
    yard.let_expire(*pledges)
    assert _expire(yard) == 1
    assert yard.stored(pool).boxes_pledged in (4, 6)
    _release_own(shopper, hold)
    assert _expire(yard) == 1
    assert yard.stored(pool).boxes_pledged == 0
    assert yard.stored(lot).held_grams == 0
    assert yard.broken() == []


def test_a_refused_hold_leaves_no_trace(yard: Yard) -> None:
    pool = yard.full_pool(5)
    shopper = yard.shopper()

    def work(session: Session) -> None:
        place(session, shopper, pool.id, 3)
        place(session, yard.shopper_in(session), pool.id, 3)

    with pytest.raises(holds.SoldOut):
        database.transact(work)
    assert yard.stored(pool).available_boxes == 5
    assert yard.states(pool) == {}
