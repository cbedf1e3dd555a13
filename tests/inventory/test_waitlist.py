"""The line for boxes that come free: who has waited longest and fits is first, and nobody overtakes."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from inventory import bell, extending, holds, placing, pools, refusals, waitlist
from inventory.models import Hold, Pool, WaitlistEntry
from inventory.states import HoldKind
from marketplace import database
from marketplace.audit import AuditEntry
from marketplace.context import Context
from marketplace.jobs.models import StoredJob
from tests.inventory.yard import Yard, at_once, place


def do(use_case, *args, **named):
    return database.transact(lambda session: use_case(session, *args, **named))


def join(yard: Yard, pool: Pool, boxes: int = 1, *, ctx: Context | None = None) -> WaitlistEntry:
    return yard.stored(do(waitlist.join, ctx or yard.shopper(), pool_id=pool.id, boxes=boxes))


def serve(yard: Yard, pool: Pool) -> int:
    return do(waitlist.serve, yard.ctx, pool_id=pool.id)


def bells() -> int:
    """How many jobs that offer freed boxes wait and are due."""
    with database.reading() as session:
        due = select(func.count()).where(
            StoredJob.name == bell.OFFER_FREED,
            StoredJob.state == "waiting",
            StoredJob.due_at <= func.clock_timestamp(),
        )
        return session.scalar(due) or 0


def states(yard: Yard, *entries: WaitlistEntry) -> list[str]:
    return [str(yard.stored(entry).state) for entry in entries]


def full(yard: Yard, boxes: int = 5, **options) -> tuple[Pool, Hold, Context]:
    """A pool all of whose boxes somebody holds."""
    pool = yard.full_pool(boxes, **options)
    hold = yard.hold(pool, holder := yard.shopper(), boxes)
    return yard.stored(pool), hold, holder


def test_one_waits_only_for_what_is_not_there(yard: Yard) -> None:
    pool = yard.full_pool(5)
    yard.hold(pool, yard.shopper(), 3)
    with pytest.raises(refusals.BoxesThere) as refused:
        join(yard, pool, 2)
    assert refused.value.facts == {"available_boxes": 2}
    entry = join(yard, pool, 3)
    assert (entry.state, entry.number, entry.boxes) == ("waiting", 1, 3)


def test_boxes_of_lapsed_holds_are_there(yard: Yard) -> None:
    pool, hold, _ = full(yard)
    yard.let_expire(hold)
    with pytest.raises(refusals.BoxesThere):
        join(yard, pool, 5)


def test_one_waits_once_and_no_more_than_one_may_buy(yard: Yard) -> None:
    pool, _, _ = full(yard, 4, per_buyer=4)
    shopper = yard.shopper()
    join(yard, pool, 2, ctx=shopper)
    with pytest.raises(refusals.AlreadyWaiting):
        join(yard, pool, 1, ctx=shopper)
    with pytest.raises(refusals.HoldLimit):
        join(yard, pool, 5)
    with pytest.raises(refusals.PoolNotFound):
        join(yard, Pool(id=uuid.uuid4()))


def test_nobody_waits_for_what_does_not_sell(yard: Yard) -> None:
    pool, _, _ = full(yard)
    do(pools.set_window, yard.ctx, pool_id=pool.id, window=None)
    with pytest.raises(refusals.PoolNotSelling):
        join(yard, pool)


def test_the_place_tells_how_many_wait_in_front(yard: Yard) -> None:
    pool, _, _ = full(yard)
    shoppers = [yard.shopper() for _ in range(3)]
    entries = [join(yard, pool, ctx=shopper) for shopper in shoppers]

    def ahead() -> list[int | None]:
        with database.reading() as session:
            return [
                waitlist.place_of(session, yard.ctx, waitlist.get(session, ctx, entry_id=entry.id)).ahead
                for ctx, entry in zip(shoppers, entries, strict=True)
            ]

    assert ahead() == [0, 1, 2]
    do(waitlist.leave, shoppers[0], entry_id=entries[0].id)
    assert ahead() == [None, 0, 1]
    with pytest.raises(refusals.NotWaiting):
        do(waitlist.leave, shoppers[0], entry_id=entries[0].id)
    for entry_id in (entries[1].id, uuid.uuid4()):
        with pytest.raises(refusals.PlaceNotFound):
            do(waitlist.leave, shoppers[0], entry_id=entry_id)
    assert join(yard, pool, ctx=shoppers[0]).number == 4


def test_freed_boxes_are_offered_to_the_first_in_line_whose_number_fits(yard: Yard) -> None:
    pool, hold, holder = full(yard, 5)
    large, small, later = join(yard, pool, 4), join(yard, pool, 2), join(yard, pool, 1)
    yard.hold(pool, holder, 3)
    assert bells() == 1
    assert serve(yard, pool) == 1
    assert states(yard, large, small, later) == ["waiting", "offered", "waiting"]
    offer = yard.stored(Hold(id=yard.stored(small).hold_id))
    assert (offer.kind, offer.state, offer.boxes, offer.owner_id) == ("cart", "active", 2, small.owner_id)
    assert offer.expires_at - offer.created_at == waitlist.OFFER_LASTS
    do(holds.release_own, holder, hold_id=hold.id)
    serve(yard, pool)
    assert states(yard, large, small, later) == ["waiting", "offered", "offered"]
    assert yard.stored(pool).available_boxes == 2
    assert yard.broken() == []


def free_by_release(yard: Yard, pool: Pool, hold: Hold, holder: Context) -> None:
    do(holds.release_own, holder, hold_id=hold.id)


def free_by_resizing(yard: Yard, pool: Pool, hold: Hold, holder: Context) -> None:
    yard.hold(pool, holder, hold.boxes - 2)


def free_by_sweeping(yard: Yard, pool: Pool, hold: Hold, holder: Context) -> None:
    yard.let_expire(hold)
    do(holds.expire_due, yard.ctx)


def free_by_pledge(yard: Yard, pool: Pool, hold: Hold, holder: Context) -> None:
    yard.lot(code="L-more", boxes=2)
    yard.pledge(pool, 2)


def free_by_withdrawal(yard: Yard, pool: Pool, hold: Hold, holder: Context) -> None:
    do(holds.start_payment, holder, hold_id=hold.id)
    do(holds.release, yard.ctx, hold_id=hold.id)


def free_by_failed_payment(yard: Yard, pool: Pool, hold: Hold, holder: Context) -> None:
    do(holds.start_payment, holder, hold_id=hold.id)
    yard.let_expire(hold)
    do(holds.stop_payment, yard.ctx, hold_id=hold.id)


FREEING = [
    free_by_release,
    free_by_resizing,
    free_by_sweeping,
    free_by_pledge,
    free_by_withdrawal,
    free_by_failed_payment,
]


@pytest.mark.parametrize("free", FREEING)
def test_the_bell_rings_whatever_frees_boxes(yard: Yard, free: Callable[..., None]) -> None:
    pool, hold, holder = full(yard)
    entry = join(yard, pool, 2)
    assert bells() == 0
    free(yard, pool, hold, holder)
    assert bells() == 1
    serve(yard, pool)
    assert states(yard, entry) == ["offered"]
    assert yard.broken() == []


@pytest.mark.parametrize("free", FREEING)
def test_the_bell_is_silent_while_nobody_waits(yard: Yard, free: Callable[..., None]) -> None:
    pool, hold, holder = full(yard)
    free(yard, pool, hold, holder)
    assert bells() == 0


@pytest.mark.parametrize("free", FREEING)
def test_nobody_overtakes_though_no_worker_is_there(yard: Yard, free: Callable[..., None]) -> None:
    """Whoever asks next serves the line first, and gets what the line leaves."""
    pool, hold, holder = full(yard)
    entry = join(yard, pool, 2)
    free(yard, pool, hold, holder)
    left = yard.stored(pool).available_boxes - 2
    passer_by = yard.shopper()
    with pytest.raises(holds.SoldOut):
        yard.hold(pool, passer_by, left + 1)
    if left:
        assert yard.hold(pool, passer_by, left).boxes == left
        assert states(yard, entry) == ["offered"]
    assert yard.broken() == []


def test_boxes_that_nobody_in_line_can_take_are_not_kept_from_others(yard: Yard) -> None:
    pool, _, holder = full(yard, 5)
    entry = join(yard, pool, 4)
    yard.hold(pool, holder, 2)
    assert yard.hold(pool, yard.shopper(), 3).boxes == 3
    assert states(yard, entry) == ["waiting"]


def test_who_lapses_is_offered_to_the_line_before_the_passer_by(yard: Yard) -> None:
    pool, hold, _ = full(yard, 5)
    entry = join(yard, pool, 5)
    yard.let_expire(hold)
    with pytest.raises(holds.SoldOut):
        yard.hold(pool, yard.shopper(), 1)
    serve(yard, pool)
    assert states(yard, entry) == ["offered"]
    assert yard.states(pool) == {"expired": 1, "active": 1}


def test_an_offer_that_lapses_goes_to_the_next_and_one_that_is_paid_is_taken(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    first, second = yard.shopper(), yard.shopper()
    entries = [join(yard, pool, 2, ctx=ctx) for ctx in (first, second)]
    do(holds.release_own, holder, hold_id=hold.id)
    serve(yard, pool)
    yard.let_expire(Hold(id=yard.stored(entries[0]).hold_id))
    with database.reading() as session:
        seen = waitlist.place_of(session, yard.ctx, waitlist.get(session, first, entry_id=entries[0].id))
        assert seen.state == "passed", "a reader sees it before anybody has written it down"
    assert serve(yard, pool) == 1
    assert states(yard, *entries) == ["passed", "offered"]
    do(holds.start_payment, second, hold_id=yard.stored(entries[1]).hold_id)
    assert serve(yard, pool) == 0
    assert states(yard, *entries) == ["passed", "taken"]
    assert join(yard, pool, 1, ctx=first).number == 3
    assert yard.broken() == []


def test_an_offer_calls_for_a_look_when_it_ends(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    entry = join(yard, pool, 2)
    do(holds.release_own, holder, hold_id=hold.id)
    do(
        lambda session: session.execute(
            update(StoredJob).values(state="done", finished_at=func.now(), started_at=func.now(), attempts=1)
        )
    )
    serve(yard, pool)
    with database.reading() as session:
        due_at = session.scalar(
            select(StoredJob.due_at).where(
                StoredJob.state == "waiting", StoredJob.name == "inventory.offer_freed"
            )
        )
    assert due_at is not None
    assert due_at >= yard.stored(entry).offered_at + waitlist.OFFER_LASTS - timedelta(seconds=1)


def test_an_offer_is_turned_down_by_releasing_it(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    shopper = yard.shopper()
    entry, following = join(yard, pool, 2, ctx=shopper), join(yard, pool, 1)
    do(holds.release_own, holder, hold_id=hold.id)
    serve(yard, pool)
    offer_id = yard.stored(entry).hold_id
    with pytest.raises(refusals.NotWaiting):
        do(waitlist.leave, shopper, entry_id=entry.id)
    do(holds.release_own, shopper, hold_id=offer_id)
    serve(yard, pool)
    assert states(yard, entry, following) == ["passed", "offered"]


def test_an_offer_may_not_be_prolonged_past_its_end(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    shopper = yard.shopper()
    entry = join(yard, pool, 2, ctx=shopper)
    do(holds.release_own, holder, hold_id=hold.id)
    serve(yard, pool)
    offer = yard.stored(Hold(id=yard.stored(entry).hold_id))
    longer = do(extending.extend, shopper, hold_id=offer.id, minutes=60)
    assert longer.expires_at == offer.expires_at


def test_who_has_bought_as_much_meanwhile_is_passed(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2, per_buyer=2)
    shopper = yard.shopper()
    entry, following = join(yard, pool, 2, ctx=shopper), join(yard, pool, 1)
    yard.lot(code="L-more", boxes=1)
    do(
        lambda session: session.execute(
            update(WaitlistEntry).values(boxes=2).where(WaitlistEntry.id == following.id)
        )
    )
    yard.pledge(pool, 1)
    yard.hold(pool, shopper, 1)
    do(holds.release_own, holder, hold_id=hold.id)
    serve(yard, pool)
    assert states(yard, entry, following) == ["passed", "offered"]
    assert yard.broken() == []


def test_nothing_is_offered_while_it_does_not_sell_and_opening_rings(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    entry = join(yard, pool, 2)
    window = (yard.ctx.now - timedelta(days=1), yard.ctx.now + timedelta(days=1))
    do(pools.set_window, yard.ctx, pool_id=pool.id, window=None)
    do(holds.release_own, holder, hold_id=hold.id)
    assert serve(yard, pool) == 0
    do(
        lambda session: session.execute(
            update(StoredJob).values(state="done", finished_at=func.now(), started_at=func.now(), attempts=1)
        )
    )
    do(pools.set_window, yard.ctx, pool_id=pool.id, window=window)
    assert bells() == 1
    serve(yard, pool)
    assert states(yard, entry) == ["offered"]


def close_window(yard: Yard, pool: Pool) -> None:
    """The window is over by the clock alone: nobody is told."""
    window = {"sells_from": func.now() - timedelta(days=2), "sells_until": func.now() - timedelta(hours=1)}
    do(lambda session: session.execute(update(Pool).where(Pool.id == pool.id).values(window)))


def seen(yard: Yard, entry: WaitlistEntry) -> tuple[str, int | None]:
    with database.reading() as session:
        place_now = waitlist.place_of(session, yard.ctx, session.get_one(WaitlistEntry, entry.id))
        return str(place_now.state), place_now.ahead


def test_when_the_window_is_over_a_place_reads_ended_though_nobody_has_written_it_down(yard: Yard) -> None:
    pool, _, _ = full(yard, 2)
    shopper = yard.shopper()
    entry = join(yard, pool, 2, ctx=shopper)
    close_window(yard, pool)
    assert seen(yard, entry) == ("ended", None)
    with pytest.raises(refusals.NotWaiting) as refused:
        do(waitlist.leave, shopper, entry_id=entry.id)
    assert refused.value.facts == {"state": "ended"}
    with pytest.raises(refusals.PoolNotSelling):
        join(yard, pool, 2)
    assert states(yard, entry) == ["waiting"], "as it was written last"


def test_boxes_that_come_free_after_the_sale_are_offered_to_nobody_and_the_job_ends_the_line(
    yard: Yard,
) -> None:
    pool, hold, holder = full(yard, 2)
    entries = [join(yard, pool, 1), join(yard, pool, 2)]
    close_window(yard, pool)
    do(holds.release_own, holder, hold_id=hold.id)
    assert bells() == 1
    assert serve(yard, pool) == 0
    assert states(yard, *entries) == ["ended", "ended"]
    assert all(yard.stored(entry).resolved_at and yard.stored(entry).version == 2 for entry in entries)
    with database.reading() as session:
        told = session.scalars(select(AuditEntry.subject_id).where(AuditEntry.action == "waitlist.end"))
        assert set(told) == {str(entry.id) for entry in entries}
    assert yard.stored(pool).available_boxes == 2
    assert serve(yard, pool) == 0
    assert all(yard.stored(entry).version == 2 for entry in entries), "once"
    assert yard.broken() == []


def test_a_long_line_ends_in_batches(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waitlist, "BATCH_ENDED", 2)
    pool, _, _ = full(yard, 1)
    entries = [join(yard, pool) for _ in range(5)]
    close_window(yard, pool)
    left = []
    for _ in range(3):
        serve(yard, pool)
        left.append(states(yard, *entries).count("waiting"))
    assert left == [3, 1, 0]
    assert bells() == 1, "a full batch calls for the next"


def test_a_pause_keeps_the_line_and_its_end_is_the_sales(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    entry = join(yard, pool, 2)
    later = yard.ctx.now + timedelta(days=1)
    do(pools.set_window, yard.ctx, pool_id=pool.id, window=None, ends_at=later)
    do(holds.release_own, holder, hold_id=hold.id)
    assert serve(yard, pool) == 0
    assert seen(yard, entry) == ("waiting", 0)
    do(pools.set_window, yard.ctx, pool_id=pool.id, window=None, ends_at=yard.ctx.now - timedelta(days=1))
    assert seen(yard, entry) == ("ended", None)
    serve(yard, pool)
    assert states(yard, entry) == ["ended"]
    assert yard.broken() == []


def test_who_was_offered_boxes_before_the_end_may_still_buy_them(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    shopper = yard.shopper()
    entry = join(yard, pool, 2, ctx=shopper)
    do(holds.release_own, holder, hold_id=hold.id)
    serve(yard, pool)
    close_window(yard, pool)
    serve(yard, pool)
    assert states(yard, entry) == ["offered"]
    do(holds.start_payment, shopper, hold_id=yard.stored(entry).hold_id)
    serve(yard, pool)
    assert states(yard, entry) == ["taken"]
    assert yard.broken() == []


def test_a_look_before_the_end_calls_for_one_at_the_end(yard: Yard) -> None:
    """A clock that is ahead of the database's, or a pause: the sale is not over yet, and the line must end later."""
    pool, _, _ = full(yard, 2)
    join(yard, pool, 2)
    later = yard.ctx.now + timedelta(hours=1)
    do(pools.set_window, yard.ctx, pool_id=pool.id, window=None, ends_at=later)
    done = {"state": "done", "finished_at": func.now(), "started_at": func.now(), "attempts": 1}
    do(lambda session: session.execute(update(StoredJob).values(done)))
    assert serve(yard, pool) == 0
    with database.reading() as session:
        due = session.scalars(select(StoredJob.due_at).where(StoredJob.state == "waiting")).all()
    assert due == [later]


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_left_waiting_by_a_sale_that_ends_while_they_join(yard: Yard, seed: int) -> None:
    pool, _, _ = full(yard, 1)
    newcomers = [yard.shopper() for _ in range(9)]

    def joining(ctx: Context) -> Callable[[Session], object]:
        return lambda session: waitlist.join(session, ctx, pool_id=pool.id, boxes=1)

    def ending(session: Session) -> None:
        ended_at = holds.clock(session)
        pools.set_window(session, yard.ctx, pool_id=pool.id, window=None, ends_at=ended_at)

    works: list[Callable[[Session], object]] = [joining(ctx) for ctx in newcomers]
    works.insert(3 * seed, ending)
    at_once(yard.app, works)
    if bells():
        serve(yard, pool)
    with database.reading() as session:
        assert set(session.scalars(select(WaitlistEntry.state))) <= {"ended"}
    assert yard.broken() == []


def test_use_cases_and_late_payers_do_not_overtake_either(yard: Yard) -> None:
    pool, hold, holder = full(yard, 2)
    entry = join(yard, pool, 2)
    do(holds.release_own, holder, hold_id=hold.id)
    assert do(placing.take_again, yard.ctx, hold_id=hold.id) == placing.NotTaken.SOLD_OUT
    assert states(yard, entry) == ["offered"]
    with pytest.raises(holds.SoldOut):
        do(
            placing.place_for,
            yard.ctx,
            kind=HoldKind.GAME_SOFT,
            pool_id=pool.id,
            owner_id=holder.actor.id,
            boxes=1,
        )


@pytest.mark.parametrize("seed", range(2))
def test_joining_freeing_serving_and_passing_by_at_once(yard: Yard, seed: int) -> None:
    """No bell is missed: when all is done and the job has run, nobody waits for boxes that are free."""
    pool = yard.full_pool(12)
    held = [(yard.hold(pool, ctx := yard.shopper(), 3), ctx) for _ in range(4)]
    newcomers = [yard.shopper() for _ in range(8)]

    def joining(ctx: Context, boxes: int) -> Callable[[Session], object]:
        return lambda session: waitlist.join(session, ctx, pool_id=pool.id, boxes=boxes)

    def freeing(ctx: Context, hold: Hold) -> Callable[[Session], object]:
        return lambda session: holds.release_own(session, ctx, hold_id=hold.id)

    def passing(ctx: Context) -> Callable[[Session], object]:
        return lambda session: place(session, ctx, pool.id, 2)

    works: list[Callable[[Session], object]] = []
    for number in range(4):
        works.append(joining(newcomers[number], 1 + (number + seed) % 3))
        works.append(freeing(held[number][1], held[number][0]))
        works.append(passing(newcomers[4 + number]))
        works.append(lambda session: waitlist.serve(session, yard.ctx, pool_id=pool.id))
    at_once(yard.app, works)
    if bells():
        serve(yard, pool)
    with database.reading() as session:
        waiting = session.scalars(select(WaitlistEntry.boxes).where(WaitlistEntry.state == "waiting")).all()
    free = yard.stored(pool).available_boxes
    assert all(boxes > free for boxes in waiting), (waiting, free)
    assert yard.broken() == []
