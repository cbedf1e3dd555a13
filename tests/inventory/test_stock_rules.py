"""Laws of choosing lots: whole boxes, first expired first out, nothing old, nothing lost."""

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import stock_rules
from inventory.states import LotStatus
from inventory.stock_rules import REMAINING_DAYS, Destination, Stock, TooFewBoxes

DAY = date(2026, 1, 1)
COOPERATIVES = [uuid.UUID(int=number) for number in range(3)]


def _stock(
    code: str,
    *,
    best_before: int,
    harvested: int = 0,
    grams: int = 10_000,
    status: LotStatus = LotStatus.AVAILABLE,
) -> Stock:
    return Stock(
        lot_id=uuid.uuid4(),
        cooperative_id=COOPERATIVES[0],
        code=code,
        harvested_on=DAY - timedelta(days=100 - harvested),
        best_before_on=DAY + timedelta(days=best_before),
        free_grams=grams,
        status=status,
    )


STOCKS = st.lists(
    st.builds(
        Stock,
        lot_id=st.uuids(),
        cooperative_id=st.sampled_from(COOPERATIVES),
        code=st.text("AB12", min_size=1, max_size=3),
        harvested_on=st.dates(DAY - timedelta(days=100), DAY),
        best_before_on=st.dates(DAY - timedelta(days=5), DAY + timedelta(days=5)),
        free_grams=st.integers(0, 40_000),
        status=st.sampled_from(LotStatus),
    ),
    max_size=12,
    unique_by=lambda stock: stock.lot_id,
)
PACKS = st.integers(1, 7_000)
PLACES = st.sampled_from([None, *Destination])


@given(STOCKS, PACKS, st.data())
def test_what_is_counted_as_free_can_be_taken_to_the_last_box(
    stocks: list[Stock], pack_grams: int, data: st.DataObject
) -> None:
    free = sum(stock_rules.free_boxes(stocks, pack_grams=pack_grams, on=DAY).values())
    boxes = data.draw(st.integers(0, free))
    taken = stock_rules.take(stocks, boxes=boxes, pack_grams=pack_grams, on=DAY)
    assert sum(take.boxes for take in taken) == boxes
    with pytest.raises(TooFewBoxes) as short:
        stock_rules.take(stocks, boxes=free + 1, pack_grams=pack_grams, on=DAY)
    assert short.value.available_boxes == free


@given(STOCKS, PACKS, st.data())
def test_no_lot_gives_more_than_it_has_and_none_gives_twice(
    stocks: list[Stock], pack_grams: int, data: st.DataObject
) -> None:
    free = sum(stock_rules.free_boxes(stocks, pack_grams=pack_grams, on=DAY).values())
    taken = stock_rules.take(stocks, boxes=data.draw(st.integers(0, free)), pack_grams=pack_grams, on=DAY)
    by_id = {stock.lot_id: stock for stock in stocks}
    assert len({take.lot_id for take in taken}) == len(taken)
    for take in taken:
        assert 0 < take.boxes * pack_grams <= by_id[take.lot_id].free_grams
        assert by_id[take.lot_id].best_before_on >= DAY
        assert by_id[take.lot_id].status == LotStatus.AVAILABLE


@given(STOCKS, PACKS, st.data())
def test_a_lot_is_touched_only_when_every_earlier_one_is_emptied(
    stocks: list[Stock], pack_grams: int, data: st.DataObject
) -> None:
    free = sum(stock_rules.free_boxes(stocks, pack_grams=pack_grams, on=DAY).values())
    taken = stock_rules.take(stocks, boxes=data.draw(st.integers(0, free)), pack_grams=pack_grams, on=DAY)
    given_boxes = {take.lot_id: take.boxes for take in taken}
    if not taken:
        return
    by_id = {stock.lot_id: stock for stock in stocks}
    last = max(by_id[take.lot_id].best_before_on for take in taken)
    for stock in stocks:
        if stock_rules.is_offered(stock, DAY) and stock.best_before_on < last:
            assert given_boxes.get(stock.lot_id, 0) == stock.free_grams // pack_grams


def test_equal_best_before_days_go_by_harvest_and_then_by_code() -> None:
    old, late, other = (
        _stock("C", best_before=5, harvested=1),
        _stock("A", best_before=5, harvested=2),
        _stock("B", best_before=5, harvested=2),
    )
    taken = stock_rules.take([other, late, old], boxes=5, pack_grams=5_000, on=DAY)
    assert [(take.lot_id, take.boxes) for take in taken] == [
        (old.lot_id, 2),
        (late.lot_id, 2),
        (other.lot_id, 1),
    ]


def test_fruit_is_offered_up_to_its_best_before_day_and_not_after() -> None:
    assert stock_rules.is_offered(_stock("A", best_before=0), DAY)
    assert not stock_rules.is_offered(_stock("A", best_before=-1), DAY)


@pytest.mark.parametrize("status", [LotStatus.QUARANTINED, LotStatus.RECALLED])
def test_stopped_fruit_is_not_offered(status: LotStatus) -> None:
    assert not stock_rules.is_offered(_stock("A", best_before=9, status=status), DAY)


def test_the_farther_fruit_goes_the_longer_it_must_keep() -> None:
    days = [REMAINING_DAYS[place] for place in Destination]
    assert days == sorted(days)
    assert set(REMAINING_DAYS) == set(Destination)


@pytest.mark.parametrize("place", Destination)
def test_fruit_must_keep_for_the_days_of_its_destination_and_no_longer(place: Destination) -> None:
    days = REMAINING_DAYS[place]
    enough, short = _stock("A", best_before=days), _stock("B", best_before=days - 1)
    asked: dict[str, Any] = {"pack_grams": 5_000, "on": DAY, "destination": place}
    assert stock_rules.free_boxes([enough, short], **asked) == {COOPERATIVES[0]: 2}
    [taken] = stock_rules.take([enough, short], boxes=2, **asked)
    assert taken.lot_id == enough.lot_id
    withheld = stock_rules.withheld_boxes([enough, short], **asked)
    assert (withheld.too_old_boxes, withheld.good_until) == (2, DAY + timedelta(days=days))


@given(STOCKS, PACKS, PLACES)
def test_every_whole_box_is_either_offered_or_withheld_for_one_cause(
    stocks: list[Stock], pack_grams: int, place: Destination | None
) -> None:
    asked: dict[str, Any] = {"pack_grams": pack_grams, "on": DAY, "destination": place}
    free = sum(stock_rules.free_boxes(stocks, **asked).values())
    kept = stock_rules.withheld_boxes(stocks, **asked)
    whole = sum(stock.free_grams // pack_grams for stock in stocks)
    assert free + kept.quarantined_boxes + kept.recalled_boxes + kept.too_old_boxes == whole
    taken = stock_rules.take(stocks, boxes=free, **asked)
    by_id = {stock.lot_id: stock for stock in stocks}
    assert all(by_id[take.lot_id].best_before_on >= kept.good_until for take in taken)


SAFETY = st.dictionaries(st.sampled_from(COOPERATIVES), st.integers(0, 120_000))


@given(STOCKS, SAFETY, PLACES)
def test_safety_is_kept_to_the_gram_in_the_lots_that_expire_last(
    stocks: list[Stock], safety: dict[uuid.UUID, int], place: Destination | None
) -> None:
    day = stock_rules.good_until(DAY, place)
    kept = stock_rules.kept_back(stocks, on=day, safety=safety)
    for cooperative_id in COOPERATIVES:
        own = [each for each in stocks if each.cooperative_id == cooperative_id]
        offered = sorted(
            (each for each in own if stock_rules.is_offered(each, day)),
            key=stock_rules.order_of,
            reverse=True,
        )
        grams = [kept.get(each.lot_id, 0) for each in offered]
        whole = sum(each.free_grams for each in offered)
        assert sum(kept.get(each.lot_id, 0) for each in own) == min(whole, safety.get(cooperative_id, 0))
        partly = [each.free_grams != part for each, part in zip(offered, grams, strict=True)]
        first = partly.index(True) if True in partly else len(offered)
        assert not any(grams[first + 1 :]), "an earlier lot keeps although a later one gives"


@given(STOCKS, PACKS, SAFETY, PLACES)
def test_what_may_be_taken_leaves_the_safety_and_every_box_has_one_cause(
    stocks: list[Stock], pack_grams: int, safety: dict[uuid.UUID, int], place: Destination | None
) -> None:
    asked: dict[str, Any] = {"pack_grams": pack_grams, "on": DAY, "destination": place, "safety": safety}
    day = stock_rules.good_until(DAY, place)
    for cooperative_id in COOPERATIVES:
        own = [each for each in stocks if each.cooperative_id == cooperative_id]
        free = stock_rules.free_boxes(own, **asked).get(cooperative_id, 0)
        taken = stock_rules.take(own, boxes=free, **asked)
        offered = sum(each.free_grams for each in own if stock_rules.is_offered(each, day))
        assert offered - free * pack_grams >= min(offered, safety.get(cooperative_id, 0))
        assert sum(each.boxes for each in taken) == free
        withheld = stock_rules.withheld_boxes(own, **asked)
        whole = sum(each.free_grams // pack_grams for each in own)
        assert whole == free + sum(
            (
                withheld.quarantined_boxes,
                withheld.recalled_boxes,
                withheld.too_old_boxes,
                withheld.safety_boxes,
            )
        )
        with pytest.raises(TooFewBoxes):
            stock_rules.take(own, boxes=free + 1, **asked)


def test_boxes_never_mix_lots() -> None:
    halves = [_stock("A", best_before=1, grams=7_500), _stock("B", best_before=1, grams=7_500)]
    assert stock_rules.free_boxes(halves, pack_grams=5_000, on=DAY) == {COOPERATIVES[0]: 2}
