"""Holds in parts, renewed, taken over, failed to be paid; and what use cases place on pools."""

import uuid
from datetime import timedelta

import pytest

from inventory import extending, hold_policy, holds, lots, placing
from inventory.models import Hold, Pool
from inventory.quality import quality
from inventory.states import HoldKind
from marketplace import database
from marketplace.context import Context
from tests.inventory.yard import PACK_GRAMS, Yard


def do(use_case, *args, **named):
    return database.transact(lambda session: use_case(session, *args, **named))


def paying(yard: Yard, pool: Pool, boxes: int = 2) -> tuple[Hold, Context]:
    hold = yard.hold(pool, shopper := yard.shopper(), boxes)
    return do(holds.start_payment, shopper, hold_id=hold.id), shopper


def place(
    yard: Yard, pool: Pool, kind: HoldKind, boxes: int = 2, *, days: int | None = None, **named
) -> Hold:
    until = None if days is None else yard.ctx.now + timedelta(days=days)
    owner_id = yard.shopper().actor.id
    return do(
        placing.place_for,
        yard.ctx,
        kind=kind,
        pool_id=pool.id,
        owner_id=owner_id,
        boxes=boxes,
        until=until,
        **named,
    )


def parts(hold: Hold) -> tuple[str, int, int, int]:
    return str(hold.state), hold.consumed_boxes, hold.released_boxes, hold.open_boxes


def test_a_lots_hold_ends_in_parts_and_its_boxes_with_them(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(6)
    steps = [
        (holds.consume, 2, ("active", 2, 0, 4), 8, 4),
        (holds.release, 1, ("active", 2, 1, 3), 8, 3),
        (holds.consume, 2, ("active", 4, 1, 1), 6, 1),
        (holds.release, None, ("released", 4, 2, 0), 6, 0),
    ]
    for use_case, boxes, after, on_hand, held in steps:
        assert parts(do(use_case, yard.ctx, hold_id=hold.id, boxes=boxes)) == after
        stored = yard.stored(lot)
        assert (stored.on_hand_grams, stored.held_grams) == (on_hand * PACK_GRAMS, held * PACK_GRAMS)
        assert yard.broken() == []
    for use_case in (holds.consume, holds.release):
        with pytest.raises(holds.HoldNotActive):
            do(use_case, yard.ctx, hold_id=hold.id)


@pytest.mark.parametrize("boxes", [0, -1, 7])
def test_no_more_boxes_leave_a_hold_than_are_open(yard: Yard, boxes: int) -> None:
    yard.lot(boxes=10)
    [hold] = yard.reserve(6)
    with pytest.raises(holds.HoldPart) as refused:
        do(holds.consume, yard.ctx, hold_id=hold.id, boxes=boxes)
    assert refused.value.facts == {"open_boxes": 6}


def test_a_cart_is_not_taken_apart(yard: Yard) -> None:
    hold, _ = paying(yard, yard.full_pool(), 3)
    with pytest.raises(holds.HoldPart):
        do(holds.consume, yard.ctx, hold_id=hold.id, boxes=2)
    assert parts(do(holds.consume, yard.ctx, hold_id=hold.id)) == ("consumed", 3, 0, 0)


def test_what_was_shipped_of_a_stopped_lots_hold_stays_shipped_and_the_rest_stays(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(6)
    do(holds.consume, yard.ctx, hold_id=hold.id, boxes=1)
    do(quality.quarantine, yard.ctx, lot_id=lot.id, reason="a smell")
    with pytest.raises(lots.LotStatusForbids):
        do(holds.consume, yard.ctx, hold_id=hold.id, boxes=1)
    assert parts(yard.stored(hold)) == ("active", 1, 0, 5)
    assert parts(do(holds.release, yard.ctx, hold_id=hold.id, reason="quarantined")) == ("released", 1, 5, 0)
    assert yard.stored(hold).reason == "quarantined"
    assert yard.broken() == []


def test_a_pledge_gives_back_what_is_not_sold_and_ships_what_is(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    pool = yard.pool()
    [pledge] = yard.pledge(pool, 10)
    sold, _ = paying(yard, pool, 4)
    do(holds.consume, yard.ctx, hold_id=sold.id)
    with pytest.raises(holds.PledgeNeeded):
        do(holds.release, yard.ctx, hold_id=pledge.id, boxes=7)
    assert parts(do(holds.release, yard.ctx, hold_id=pledge.id, boxes=6)) == ("active", 0, 6, 4)
    assert yard.stored(pool).boxes_pledged == 4
    assert parts(do(holds.consume, yard.ctx, hold_id=pledge.id, boxes=4)) == ("consumed", 4, 6, 0)
    stored = yard.stored(pool)
    assert (stored.boxes_pledged, stored.boxes_sold, stored.available_boxes) == (4, 4, 0)
    assert (yard.stored(lot).on_hand_grams, yard.stored(lot).held_grams) == (6 * PACK_GRAMS, 0)
    assert yard.broken() == []


def test_a_failed_payment_lets_the_hold_live_again(yard: Yard) -> None:
    pool = yard.full_pool()
    hold, shopper = paying(yard, pool)
    again = do(holds.stop_payment, yard.ctx, hold_id=hold.id)
    assert (again.state, again.expires_at) == ("active", hold.expires_at)
    assert yard.stored(pool).boxes_held == 2
    assert do(holds.start_payment, shopper, hold_id=hold.id).state == "converting"
    assert yard.broken() == []


def test_a_failed_payment_after_the_holds_time_frees_its_boxes(yard: Yard) -> None:
    pool = yard.full_pool()
    hold, _ = paying(yard, pool)
    yard.let_expire(hold)
    assert do(holds.stop_payment, yard.ctx, hold_id=hold.id).state == "expired"
    assert yard.stored(pool).available_boxes == 20
    with pytest.raises(holds.HoldNotActive):
        do(holds.stop_payment, yard.ctx, hold_id=hold.id)
    assert yard.broken() == []


@pytest.mark.parametrize("state", ["active", "consumed", "released"])
def test_only_a_running_payment_fails(yard: Yard, state: str) -> None:
    pool = yard.full_pool()
    hold, _ = paying(yard, pool)
    end = {"active": holds.stop_payment, "consumed": holds.consume, "released": holds.release}[state]
    do(end, yard.ctx, hold_id=hold.id)
    with pytest.raises(holds.HoldNotActive):
        do(holds.stop_payment, yard.ctx, hold_id=hold.id)


def test_its_owner_extends_a_hold_to_its_end_of_ends_and_no_further(yard: Yard) -> None:
    hold = yard.hold(yard.full_pool(), shopper := yard.shopper(), minutes=5)
    first_end, first_version = hold.expires_at, hold.version
    longer = do(extending.extend, shopper, hold_id=hold.id, minutes=20)
    assert first_end < longer.expires_at < longer.expires_at_max
    assert longer.version == first_version + 1
    for _ in range(2):
        longest = do(extending.extend, shopper, hold_id=hold.id, minutes=60)
        assert longest.expires_at == longest.expires_at_max == hold.created_at + hold_policy.LONGEST_CART
        assert longest.version == first_version + 2


def test_guests_extend_by_less_than_who_has_bought(yard: Yard) -> None:
    pool = yard.full_pool()
    shopper = yard.shopper()
    hold = yard.hold(pool, shopper, minutes=1)
    short = do(extending.extend, shopper, hold_id=hold.id, minutes=20, minutes_guest=5)
    do(holds.start_payment, shopper, hold_id=hold.id)
    do(holds.consume, yard.ctx, hold_id=hold.id)
    second = yard.hold(pool, shopper, minutes=1)
    long = do(extending.extend, shopper, hold_id=second.id, minutes=20, minutes_guest=5)
    assert short.expires_at - hold.created_at < timedelta(minutes=6)
    assert long.expires_at - second.created_at > timedelta(minutes=19)


def test_who_may_not_extend(yard: Yard) -> None:
    pool = yard.full_pool()
    hold = yard.hold(pool, shopper := yard.shopper())
    for ctx, hold_id in ((yard.shopper(), hold.id), (shopper, uuid.uuid4())):
        with pytest.raises(holds.HoldNotFound):
            do(extending.extend, ctx, hold_id=hold_id, minutes=10)
    running, payer = paying(yard, pool)
    with pytest.raises(holds.HoldNotActive):
        do(extending.extend, payer, hold_id=running.id, minutes=10)
    game = place(yard, pool, HoldKind.GAME_SOFT)
    with pytest.raises(holds.HoldNotExtendable):
        do(extending.extend, yard.of_account(game.owner_id), hold_id=game.id, minutes=10)
    yard.let_expire(hold)
    with pytest.raises(holds.HoldExpired):
        do(extending.extend, shopper, hold_id=hold.id, minutes=10)


@pytest.mark.parametrize(
    ("kind", "days", "price"),
    [(HoldKind.PRESALE, 60, 3_000), (HoldKind.GAME_SOFT, None, None), (HoldKind.GAME_CLAIM, None, None)],
)
def test_use_cases_hold_boxes_of_a_pool_for_the_time_of_their_kind(
    yard: Yard, kind: HoldKind, days: int | None, price: int | None
) -> None:
    pool = yard.full_pool(5)
    hold = place(yard, pool, kind, 3, days=days, reason="from a tree")
    assert (hold.kind, hold.state, hold.unit_price_minor, hold.reason) == (
        kind,
        "active",
        price,
        "from a tree",
    )
    lives = hold_policy.POLICIES[kind].lives or hold.expires_at - hold.created_at
    assert hold.expires_at - hold.created_at == lives
    assert yard.stored(pool).available_boxes == 2
    with pytest.raises(holds.SoldOut) as refused:
        place(yard, pool, kind, 3, days=days)
    assert refused.value.facts["available_boxes"] == 2
    with pytest.raises(holds.HoldNotActive):
        do(holds.start_payment, yard.of_account(hold.owner_id), hold_id=hold.id)
    assert parts(do(holds.consume, yard.ctx, hold_id=hold.id)) == ("consumed", 3, 0, 0)
    assert yard.stored(pool).boxes_sold == 3
    assert yard.broken() == []


def test_nothing_is_placed_on_a_pool_that_does_not_exist(yard: Yard) -> None:
    with pytest.raises(holds.PoolNotFound):
        place(yard, Pool(id=uuid.uuid4()), HoldKind.GAME_SOFT)


def test_lapsed_holds_of_every_kind_make_room_at_once(yard: Yard) -> None:
    pool = yard.full_pool(6)
    some = [place(yard, pool, HoldKind.GAME_SOFT), place(yard, pool, HoldKind.PRESALE, days=9)]
    yard.let_expire(*some, yard.hold(pool, yard.shopper(), 2))
    yard.hold(pool, yard.shopper(), 3)
    place(yard, pool, HoldKind.GAME_CLAIM, 3)
    assert [yard.stored(hold).state for hold in some] == ["expired", "expired"]
    assert yard.broken() == []


def test_another_hold_takes_boxes_over_and_nobody_gets_in_between(yard: Yard) -> None:
    pool = yard.full_pool(2)
    soft = place(yard, pool, HoldKind.GAME_SOFT)
    claim = do(placing.supersede, yard.ctx, hold_id=soft.id, kind=HoldKind.GAME_CLAIM)
    assert parts(yard.stored(soft)) == ("superseded", 0, 2, 0)
    assert (claim.kind, claim.boxes, claim.owner_id) == (HoldKind.GAME_CLAIM, 2, soft.owner_id)
    assert yard.stored(pool).boxes_held == 2
    with pytest.raises(holds.HoldNotActive):
        do(placing.supersede, yard.ctx, hold_id=soft.id, kind=HoldKind.GAME_CLAIM)
    assert yard.broken() == []


def test_a_cart_with_its_deposit_paid_becomes_a_presale(yard: Yard) -> None:
    pool = yard.full_pool(4, per_buyer=4)
    cart, shopper = paying(yard, pool, 3)
    until = yard.ctx.now + timedelta(days=60)
    kept = do(placing.supersede, yard.ctx, hold_id=cart.id, kind=HoldKind.PRESALE, until=until)
    assert (kept.expires_at, kept.unit_price_minor) == (until, 3_000)
    with pytest.raises(holds.HoldLimit):
        yard.hold(pool, shopper, 2)
    assert parts(do(holds.release, yard.ctx, hold_id=kept.id, boxes=1, reason="cut")) == ("active", 0, 1, 2)
    assert yard.hold(pool, shopper, 2).boxes == 2
    assert yard.broken() == []


def test_what_has_lapsed_is_not_taken_over(yard: Yard) -> None:
    soft = place(yard, yard.full_pool(2), HoldKind.GAME_SOFT)
    yard.let_expire(soft)
    with pytest.raises(holds.HoldExpired):
        do(placing.supersede, yard.ctx, hold_id=soft.id, kind=HoldKind.GAME_CLAIM)


def test_play_renews_a_growing_tree_and_nothing_else(yard: Yard) -> None:
    pool = yard.full_pool()
    soft, claim = place(yard, pool, HoldKind.GAME_SOFT), place(yard, pool, HoldKind.GAME_CLAIM)
    far = yard.ctx.now + timedelta(days=900)
    first_end = soft.expires_at
    assert do(extending.renew, yard.ctx, hold_id=soft.id).expires_at > first_end
    assert do(extending.renew, yard.ctx, hold_id=soft.id, until=far).expires_at == soft.expires_at_max
    for hold in (claim, yard.hold(pool, yard.shopper())):
        with pytest.raises(holds.HoldNotExtendable):
            do(extending.renew, yard.ctx, hold_id=hold.id, until=far)
    yard.let_expire(soft)
    with pytest.raises(holds.HoldExpired):
        do(extending.renew, yard.ctx, hold_id=soft.id)


@pytest.mark.parametrize("end", ["expired", "released"])
def test_boxes_are_sold_again_to_whom_they_were_promised_if_they_are_free(yard: Yard, end: str) -> None:
    pool = yard.full_pool(3, per_buyer=3)
    old = yard.hold(pool, shopper := yard.shopper(), 3)
    if end == "expired":
        yard.let_expire(old)
        do(holds.expire_due, yard.ctx)
    else:
        do(holds.release_own, shopper, hold_id=old.id)
    again = do(placing.take_again, yard.ctx, hold_id=old.id)
    assert isinstance(again, Hold)
    assert (again.state, again.boxes, again.owner_id) == ("consumed", 3, old.owner_id)
    assert yard.stored(pool).boxes_sold == 3
    assert yard.broken() == []


def test_boxes_are_not_taken_again_from_others_or_past_the_limit(yard: Yard) -> None:
    pool = yard.full_pool(5, per_buyer=3)
    old = yard.hold(pool, shopper := yard.shopper(), 3)
    do(holds.release_own, shopper, hold_id=old.id)
    newer = yard.hold(pool, shopper, 2)
    assert do(placing.take_again, yard.ctx, hold_id=old.id) == placing.NotTaken.OVER_LIMIT
    do(holds.release_own, shopper, hold_id=newer.id)
    yard.hold(pool, yard.shopper(), 3)
    assert do(placing.take_again, yard.ctx, hold_id=old.id) == placing.NotTaken.SOLD_OUT
    with pytest.raises(holds.HoldNotActive):
        do(placing.take_again, yard.ctx, hold_id=yard.hold(pool, shopper, 1).id)
    assert yard.broken() == []
