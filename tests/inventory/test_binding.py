"""Late binding: which lots serve what was sold, by rule and by use case."""

import random
import uuid
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import binding, binding_rules, holds, lots, owing, refusals
from inventory.binding_rules import Pledged, TooFewPledged, Wish
from inventory.models import Pool
from inventory.quality import quality
from inventory.states import LotStatus
from inventory.stock_rules import REMAINING_DAYS, Destination
from marketplace import database
from tests.inventory.yard import Yard, at_once

DAY = date(2026, 1, 1)
COOPERATIVES = [uuid.UUID(int=number) for number in range(4)]
PLEDGES = st.lists(
    st.builds(
        Pledged,
        hold_id=st.uuids(),
        lot_id=st.uuids(),
        cooperative_id=st.sampled_from(COOPERATIVES),
        boxes=st.integers(1, 9),
        harvested_on=st.dates(DAY - timedelta(days=3), DAY),
        best_before_on=st.dates(DAY - timedelta(days=2), DAY + timedelta(days=40)),
        status=st.sampled_from(LotStatus),
    ),
    max_size=10,
    unique_by=lambda each: each.hold_id,
)
PLACES = st.sampled_from([None, *Destination])
RANKS = st.permutations(COOPERATIVES[:3]).map(lambda some: {each: place for place, each in enumerate(some)})


WISHES = st.lists(
    st.builds(
        Wish,
        id=st.uuids(),
        boxes=st.integers(1, 6),
        suppliers=st.dictionaries(st.sampled_from(COOPERATIVES), st.integers(1, 6), max_size=3),
        shelf_days=st.sampled_from((0, *REMAINING_DAYS.values())),
    ),
    max_size=8,
    unique_by=lambda each: each.id,
)


@given(PLEDGES, WISHES, st.randoms(use_true_random=False))
def test_every_order_is_served_whole_or_left_out_of_good_pledges_and_never_by_arrival(
    pledges: list[Pledged], wishes: list[Wish], chance: random.Random
) -> None:
    served = binding_rules.serve(pledges, wishes, delivered_on=DAY)
    of = {each.hold_id: each for each in pledges}
    wanted = {each.id: each for each in wishes}
    assert set(served.parts) | set(served.left) == set(wanted)
    assert not set(served.parts) & set(served.left)
    taken: dict[uuid.UUID, int] = {}
    for wish_id, parts in served.parts.items():
        wish = wanted[wish_id]
        assert sum(each.boxes for each in parts) == wish.boxes
        assert len({each.hold_id for each in parts}) == len(parts), "one parcel of a lot for an order"
        for each in parts:
            taken[each.hold_id] = taken.get(each.hold_id, 0) + each.boxes
            assert binding_rules.keeps(of[each.hold_id], DAY + timedelta(days=wish.shelf_days))
    assert all(boxes <= of[hold_id].boxes for hold_id, boxes in taken.items())
    for wish_id in served.left:
        wish = wanted[wish_id]
        there = sum(
            each.boxes for each in pledges if binding_rules.keeps(each, DAY + timedelta(days=wish.shelf_days))
        )
        others = sum(each.boxes for each in wishes if each.id != wish_id)
        assert there < wish.boxes + others, "nobody is left out while there is enough for all"
    shuffled, moved = [*pledges], [*wishes]
    chance.shuffle(shuffled)
    chance.shuffle(moved)
    assert binding_rules.serve(shuffled, moved, delivered_on=DAY) == served


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
def test_while_pledges_are_what_was_agreed_everybody_supplies_just_that(
    boxes: list[int], data: st.DataObject
) -> None:
    pledges = [
        Pledged(
            hold_id=uuid.UUID(int=10 + number),
            lot_id=uuid.UUID(int=20 + number),
            cooperative_id=COOPERATIVES[number],
            boxes=count,
            harvested_on=DAY,
            best_before_on=DAY + timedelta(days=data.draw(st.integers(0, 40))),
            status=LotStatus.AVAILABLE,
        )
        for number, count in enumerate(boxes)
    ]
    line = [COOPERATIVES[number] for number, count in enumerate(boxes) for _ in range(count)]
    wishes = []
    while line:
        size = data.draw(st.integers(1, len(line)))
        mine, line = line[:size], line[size:]
        suppliers = {each: mine.count(each) for each in mine}
        wishes.append(Wish(id=uuid.UUID(int=len(wishes)), boxes=size, suppliers=suppliers, shelf_days=0))
    served = binding_rules.serve(pledges, wishes, delivered_on=DAY)
    assert served.left == ()
    for wish in wishes:
        assert {each.cooperative_id: each.boxes for each in served.parts[wish.id]} == wish.suppliers


@given(PLEDGES, st.integers(1, 60), PLACES, RANKS)
def test_all_boxes_or_none_out_of_good_pledges_in_order(
    pledges: list[Pledged], boxes: int, place: Destination | None, ranks: dict[uuid.UUID, int]
) -> None:
    asked = {"delivered_on": DAY, "destination": place}
    good = {each.hold_id: each for each in pledges if binding_rules.is_good(each, **asked)}
    there = sum(each.boxes for each in good.values())
    if boxes > there:
        with pytest.raises(TooFewPledged) as short:
            binding_rules.choose(pledges, boxes=boxes, ranks=ranks, **asked)
        assert short.value.available_boxes == there
        return
    bound = binding_rules.choose(pledges, boxes=boxes, ranks=ranks, **asked)
    assert sum(each.boxes for each in bound) == boxes
    assert all(0 < each.boxes <= good[each.hold_id].boxes for each in bound)
    assert all(each.boxes == good[each.hold_id].boxes for each in bound[:-1]), "emptied one after the other"
    days = REMAINING_DAYS[place] if place else 0
    for each in bound:
        assert good[each.hold_id].best_before_on >= DAY + timedelta(days=days)
        assert good[each.hold_id].status == LotStatus.AVAILABLE

    def place_in_line(pledged: Pledged) -> tuple[date, date, int]:
        return pledged.best_before_on, pledged.harvested_on, ranks.get(pledged.cooperative_id, 3)

    used = {each.hold_id for each in bound}
    last = max(place_in_line(good[hold_id]) for hold_id in used)
    assert all(place_in_line(each) >= last for hold_id, each in good.items() if hold_id not in used)
    assert binding_rules.choose(list(reversed(pledges)), boxes=boxes, ranks=ranks, **asked) == bound


def pledged(lot: int, *, best_before: int = 20, harvested: int = 0, cooperative: int = 0) -> Pledged:
    return Pledged(
        hold_id=uuid.UUID(int=100 + lot),
        lot_id=uuid.UUID(int=lot),
        cooperative_id=COOPERATIVES[cooperative],
        boxes=2,
        harvested_on=DAY - timedelta(days=50 - harvested),
        best_before_on=DAY + timedelta(days=best_before),
        status=LotStatus.AVAILABLE,
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pledged(9, best_before=19), pledged(1)),
        (pledged(9), pledged(1, harvested=1)),
        (pledged(9, cooperative=1), pledged(1, cooperative=0)),
        (pledged(9, cooperative=1), pledged(1, cooperative=3)),
        (pledged(1), pledged(2)),
    ],
    ids=["best_before", "harvest", "furthest_behind", "without_a_rank_last", "lot_id"],
)
def test_what_decides_between_two(first: Pledged, second: Pledged) -> None:
    ranks = {COOPERATIVES[1]: 0, COOPERATIVES[0]: 1}
    for order in ([first, second], [second, first]):
        [bound] = binding_rules.choose(order, boxes=1, delivered_on=DAY, destination=None, ranks=ranks)
        assert bound.hold_id == first.hold_id


def sold(yard: Yard, pool: Pool, boxes: int) -> None:
    hold = yard.hold(pool, shopper := yard.shopper(), boxes)
    database.transact(lambda session: holds.start_payment(session, shopper, hold_id=hold.id))
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=hold.id))


def bind(yard: Yard, pool: Pool, boxes: int, **named):
    facts = {"delivered_on": yard.today, "ranks": {}, **named}
    return database.transact(
        lambda session: binding.bind(session, yard.ctx, pool_id=pool.id, boxes=boxes, **facts)
    )


def test_sold_boxes_come_from_the_lots_that_must_go_first(yard: Yard) -> None:
    late = yard.lot("L1", boxes=5)
    soon = yard.lot("L2", boxes=3, cooperative=1, best_before_on=yard.today + timedelta(days=9))
    pool = yard.pool()
    yard.pledge(pool, 5)
    yard.pledge(pool, 3, cooperative=1)
    sold(yard, pool, 6)
    assert [(each.lot_id, each.boxes) for each in bind(yard, pool, 4)] == [(soon.id, 3), (late.id, 1)]
    assert yard.buckets(soon) == (3, 0, 3, 0)
    assert yard.buckets(late) == (5, 4, 1, 0)
    stored = yard.stored(pool)
    assert (stored.boxes_pledged, stored.boxes_sold) == (8, 6)
    with pytest.raises(refusals.NotSoldYet) as refused:
        bind(yard, pool, 3)
    assert refused.value.facts == {"requested_boxes": 3, "unbound_boxes": 2}
    bind(yard, pool, 2)
    assert yard.broken() == []


def test_bound_boxes_are_packed_and_shipped_and_not_bound_again(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=6)
    pool = yard.pool()
    [pledge] = yard.pledge(pool, 6)
    sold(yard, pool, 4)
    bind(yard, pool, 3)
    database.transact(lambda session: owing.pack(session, yard.ctx, hold_id=pledge.id, boxes=2))
    assert yard.buckets(lot) == (6, 3, 3, 2)
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=pledge.id, boxes=2))
    assert yard.buckets(lot) == (4, 3, 1, 0)
    with pytest.raises(refusals.NotSoldYet) as refused:
        bind(yard, pool, 2)
    assert refused.value.facts == {"requested_boxes": 2, "unbound_boxes": 1}
    assert bind(yard, pool, 1)[0].boxes == 1
    assert yard.buckets(lot) == (4, 2, 2, 0)
    assert yard.broken() == []


def test_bound_boxes_of_a_lot_that_is_recalled_are_not_packed_and_stay_owed(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=2)
    pool = yard.pool()
    [pledge] = yard.pledge(pool, 2)
    sold(yard, pool, 2)
    bind(yard, pool, 2)
    database.transact(lambda session: quality.recall(session, yard.ctx, lot_id=lot.id, reason="residues"))
    with pytest.raises(lots.LotStatusForbids):
        database.transact(lambda session: owing.pack(session, yard.ctx, hold_id=pledge.id))
    with pytest.raises(refusals.PledgeNeeded):
        database.transact(lambda session: holds.release(session, yard.ctx, hold_id=pledge.id))
    yard.lot("L2", boxes=2)
    yard.pledge(pool, 2)
    database.transact(lambda session: holds.release(session, yard.ctx, hold_id=pledge.id))
    assert [each.boxes for each in bind(yard, pool, 2)] == [2], "other fruit takes its place"
    assert yard.buckets(lot) == (2, 0, 0, 0)
    assert yard.broken() == []


def test_fruit_that_does_not_keep_or_is_stopped_is_not_chosen(yard: Yard) -> None:
    yard.lot("L1", boxes=2, best_before_on=yard.today + timedelta(days=9))
    good = yard.lot("L2", boxes=2)
    stopped = yard.lot("L3", boxes=2, best_before_on=yard.today + timedelta(days=50))
    pool = yard.pool()
    yard.pledge(pool, 6)
    sold(yard, pool, 6)
    database.transact(
        lambda session: quality.quarantine(session, yard.ctx, lot_id=stopped.id, reason="a smell")
    )
    far = {"destination": Destination.COUNTRY}
    with pytest.raises(refusals.TooFewGoodBoxes) as refused:
        bind(yard, pool, 3, **far)
    assert refused.value.facts["available_boxes"] == 2
    assert [each.lot_id for each in bind(yard, pool, 2, **far)] == [good.id]
    assert yard.broken() == []


def test_boxes_are_bound_once_by_many_at_once(yard: Yard) -> None:
    yard.lot("L1", boxes=4)
    yard.lot("L2", boxes=4)
    pool = yard.pool()
    yard.pledge(pool, 8)
    sold(yard, pool, 5)
    results = at_once(
        yard.app,
        [
            lambda session: binding.bind(
                session, yard.ctx, pool_id=pool.id, boxes=2, delivered_on=yard.today, ranks={}
            )
        ]
        * 5,
    )
    assert sum(isinstance(each, list) for each in results) == 2
    assert sum(isinstance(each, refusals.NotSoldYet) for each in results) == 3
    assert yard.broken() == []


def test_nothing_is_given_for_nothing_that_sold_boxes_need(yard: Yard) -> None:
    """A pool counts pledges of stopped lots: what is there goes to those who bought."""
    kept, stopped = (yard.lot(f"L{number}", boxes=5, cooperative=number) for number in range(2))
    pool = yard.pool()
    for number in range(2):
        yard.pledge(pool, 5, cooperative=number)
    sold(yard, pool, 4)
    assert yard.stored(pool).available_boxes == 6
    owner_id = yard.shopper().actor.id
    assert owner_id is not None

    def give(boxes: int) -> int:
        wish = Wish(id=uuid.uuid4(), boxes=boxes, suppliers={}, shelf_days=0)
        found = database.transact(
            lambda session: binding.give_free(
                session,
                yard.ctx,
                pool_id=pool.id,
                owner_id=owner_id,
                wish=wish,
                delivered_on=yard.today,
                purpose=("claim", wish.id),
            )
        )
        return sum(each.boxes for each in found)

    database.transact(
        lambda session: quality.quarantine(session, yard.ctx, lot_id=stopped.id, reason="a smell")
    )
    assert give(3) == 1, "four of the five that are there are sold"
    assert give(1) == 0
    assert yard.buckets(kept) == (5, 4, 1, 0)
    assert yard.broken() == []
