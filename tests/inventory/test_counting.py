"""Gram-days, expected shrink, counts of lots, and what storing costs: exact against the slow way of counting."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from inventory import buckets, cases, holds, lots
from inventory.counting import shrink_rules, stock_takes
from inventory.events import StockDeviates
from inventory.models import Lot, StockTake
from inventory.states import MovementKind, Storage
from inventory.stores import gram_day_rules, rooms, storage_cost_rules, storage_costs, storage_prices
from inventory.stores.storage_cost_rules import Leaving, Price
from marketplace import database
from marketplace.access import Role
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard

AsRole = Callable[..., Caller]
DAY = date(2026, 1, 1)
OFFSETS = st.integers(0, 60)
LINES = st.lists(st.tuples(OFFSETS, st.integers(0, 10**9)), min_size=1, max_size=12).map(
    lambda pairs: [
        (DAY + timedelta(days=offset), grams) for offset, grams in sorted(pairs, key=lambda each: each[0])
    ]
)
PRICES = st.dictionaries(OFFSETS, st.integers(0, 5_000), max_size=5).map(
    lambda found: [
        Price(valid_from=DAY + timedelta(days=at), minor_per_tonne_day=minor) for at, minor in found.items()
    ]
)


def _on(lines: list[tuple[date, int]], day: date) -> int:
    return next((grams for at, grams in reversed(lines) if at <= day), 0)


def _priced(prices: list[Price], day: date) -> int:
    valid = [each for each in prices if each.valid_from <= day]
    return max(valid, key=lambda each: each.valid_from).minor_per_tonne_day if valid else 0


def _days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=number) for number in range((end - start).days)]


@given(LINES, OFFSETS, OFFSETS)
def test_gram_days_are_what_lies_there_at_the_end_of_each_day(
    lines: list[tuple[date, int]], first: int, length: int
) -> None:
    start = DAY + timedelta(days=first)
    end = start + timedelta(days=length)
    found = gram_day_rules.gram_days(gram_day_rules.levels(lines), start, end)
    assert found == sum(_on(lines, day) for day in _days(start, end))


@given(LINES, PRICES, OFFSETS)
def test_the_cost_is_the_sum_of_each_days_price_and_parts_add_up(
    lines: list[tuple[date, int]], prices: list[Price], length: int
) -> None:
    until = DAY + timedelta(days=length)
    levels = gram_day_rules.levels(lines)
    exact = storage_cost_rules.accrued(levels, prices, until)
    assert exact == sum(_on(lines, day) * _priced(prices, day) for day in _days(DAY, until))
    halves = storage_cost_rules.exact(
        [
            *gram_day_rules.spans(levels, DAY, DAY + timedelta(days=9)),
            *gram_day_rules.spans(levels, DAY + timedelta(days=9), until),
        ],
        prices,
    )
    assert halves == exact or until < DAY + timedelta(days=9)
    assert (
        abs(storage_cost_rules.rounded(exact) * storage_cost_rules.MICRO - exact) * 2
        <= storage_cost_rules.MICRO
    )


@given(st.lists(st.tuples(OFFSETS, st.integers(1, 10**9)), max_size=5), PRICES, OFFSETS)
def test_what_going_early_saves_is_the_price_of_the_days_that_it_did_not_lie(
    goes: list[tuple[int, int]], prices: list[Price], last: int
) -> None:
    best_before_on = DAY + timedelta(days=last)
    leaving = [Leaving(day=DAY + timedelta(days=offset), grams=grams) for offset, grams in goes]
    assert storage_cost_rules.saved(leaving, prices, best_before_on) == sum(
        each.grams * _priced(prices, day) for each in leaving for day in _days(each.day, best_before_on)
    )


@given(
    st.integers(0, 10**16),
    st.sampled_from(Storage),
    st.integers(0, 10**10),
    st.integers(0, 10**10),
    st.integers(0, 10**8),
)
def test_a_count_that_finds_what_is_expected_never_deviates(
    gram_days: int, storage: Storage, book: int, counted: int, written_off: int
) -> None:
    judged = shrink_rules.judge(
        gram_days=gram_days,
        storage=storage,
        written_off_grams=written_off,
        book_grams=book,
        counted_grams=counted,
    )
    assert judged.deviation_grams == written_off + book - counted - judged.expected_grams
    assert 0 <= judged.expected_grams * 30_000 <= gram_days * shrink_rules.PERMILLE_IN_30_DAYS[storage]
    assert judged.is_too_far == (abs(judged.deviation_grams) > judged.tolerated_grams)


def test_controlled_atmosphere_loses_less_and_thirty_days_lose_the_rate() -> None:
    assert set(shrink_rules.PERMILLE_IN_30_DAYS) == set(Storage)
    for storage, permille in shrink_rules.PERMILLE_IN_30_DAYS.items():
        assert shrink_rules.expected_grams(1_000_000 * 30, storage) == permille * 1_000
    assert (
        shrink_rules.PERMILLE_IN_30_DAYS[Storage.CONTROLLED_ATMOSPHERE]
        < shrink_rules.PERMILLE_IN_30_DAYS[Storage.COLD]
    )


def _later(yard: Yard, days: int) -> Yard:
    return replace(yard, ctx=replace(yard.ctx, now=yard.ctx.now + timedelta(days=days)))


def _count(yard: Yard, lot: Lot, grams: int) -> StockTake:
    return database.transact(
        lambda session: stock_takes.take(
            session, yard.ctx, lot_id=lot.id, counted_grams=grams, reason="count"
        )
    )


@pytest.fixture
def heard(app: Flask) -> Any:
    told: list[StockDeviates] = []
    subscribers = app.extensions["events"][StockDeviates]
    subscribers.append(lambda _session, _ctx, event: told.append(event))
    yield told
    subscribers.pop()


def test_a_count_near_the_expected_loss_sets_the_book_right_and_is_quiet(
    yard: Yard, heard: list[StockDeviates]
) -> None:
    lot = yard.lot("L1", quantity_grams=1_000_000)
    taken = _count(_later(yard, 30), lot, 993_000)
    assert (taken.expected_grams, taken.found_grams, taken.deviation_grams, taken.tolerated_grams) == (
        6_000,
        7_000,
        1_000,
        5_000,
    )
    assert (taken.is_too_far, heard, yard.stored(lot).on_hand_grams) == (False, [], 993_000)
    assert yard.broken() == []


@pytest.mark.parametrize(("counted", "kind"), [(980_000, "shrunk"), (1_001_000, "adjusted")])
def test_a_count_too_far_from_it_either_way_is_told(
    yard: Yard, heard: list[StockDeviates], counted: int, kind: str
) -> None:
    lot = yard.lot("L1", quantity_grams=1_000_000)
    taken = _count(_later(yard, 30), lot, counted)
    [event] = heard
    assert (event.kind, event.subject) == ("shrink_deviates", ("lot", lot.id))
    assert event.facts["deviation_grams"] == taken.deviation_grams == 1_000_000 - counted - 6_000
    assert (taken.number, yard.stored(lot).on_hand_grams) == (2, counted)
    with database.reading() as session:
        [case] = session.scalars(cases.visible(yard.ctx.actor))
    assert (case.kind, case.subject_id, case.state) == ("shrink_deviation", lot.id, "open")
    assert (case.facts, case.cooperative_id) == (event.facts, lot.cooperative_id)
    assert yard.broken() == []


def test_each_count_begins_where_the_last_one_ended_and_counts_what_was_written_off(yard: Yard) -> None:
    lot = yard.lot("L1", quantity_grams=1_000_000)
    _count(_later(yard, 30), lot, 994_000)
    late = _later(yard, 40)
    database.transact(
        lambda session: lots.lose(session, late.ctx, lot_id=lot.id, quantity_grams=1_000, reason="dried")
    )
    taken = _count(_later(yard, 60), lot, 993_000)
    assert (taken.since_on, taken.found_grams, taken.number) == (yard.today + timedelta(days=30), 1_000, None)
    assert taken.expected_grams == (994_000 * 10 + 993_000 * 20) * 6 // 30_000
    assert yard.broken() == []


def test_less_than_is_promised_cannot_be_counted_away(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    yard.reserve(8)
    with pytest.raises(lots.FruitPromised):
        _count(yard, lot, 39_999)
    assert yard.stored(lot).version == 2
    assert _count(yard, lot, 40_000).found_grams == 10_000


def test_more_than_fits_cannot_be_counted_in(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    database.transact(
        lambda session: rooms.set_capacity(
            session, yard.ctx, cold_store_id=yard.cold_store_id, capacity_grams=50_000
        )
    )
    with pytest.raises(rooms.NoSpace):
        _count(yard, lot, 50_001)


def _priced_yard(yard: Yard, *told: tuple[int, int]) -> None:
    for after, minor in told:
        database.transact(
            lambda session, after=after, minor=minor: storage_prices.set_price(  # type: ignore[misc]
                session,
                yard.ctx,
                cold_store_id=yard.cold_store_id,
                valid_from=yard.today + timedelta(days=after),
                minor_per_tonne_day=minor,
                currency="CNY",
            )
        )


def test_a_lots_cost_follows_its_journal_and_the_prices(yard: Yard) -> None:
    lot = yard.lot("L1", quantity_grams=1_000_000, best_before_on=yard.today + timedelta(days=50))
    _priced_yard(yard, (0, 300), (20, 400))
    [hold] = yard.reserve(100)
    shipping = _later(yard, 10)
    database.transact(lambda session: holds.consume(session, shipping.ctx, hold_id=hold.id))
    with database.reading() as session:
        cost = storage_costs.of_lot(session, _later(yard, 30).ctx, lot_id=lot.id)
    assert (cost.currency, cost.accrued_minor) == ("CNY", 10 * 300 + 5 * 300 + 5 * 400)
    assert cost.gram_days == 10 * 1_000_000 + 20 * 500_000
    assert cost.saved_minor == (10 * 300 + 30 * 400) // 2


def test_committed_fruit_saves_the_days_that_are_left(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=200, best_before_on=yard.today + timedelta(days=20))
    _priced_yard(yard, (0, 300))
    [hold] = yard.reserve(100)
    grams = 100 * PACK_GRAMS
    deltas = {"held_grams": -grams, "committed_grams": grams}
    database.transact(
        lambda session: buckets.move_lot(
            session, yard.ctx, lot.id, MovementKind.COMMITTED, hold_id=hold.id, **deltas
        )
    )
    with database.reading() as session:
        assert storage_costs.of_lot(session, yard.ctx, lot_id=lot.id).saved_minor == 20 * 300 // 2
        assert storage_costs.of_lot(session, _later(yard, 30).ctx, lot_id=lot.id).saved_minor == 0


def test_the_doors_count_and_tell_the_cost(yard: Yard, as_role: AsRole, anyone: Caller) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    lot, foreign = yard.lot("L1", boxes=10), yard.lot("L2", cooperative=1)
    path = f"/v1/lots/{lot.id}"
    made = member.post(f"{path}/stock-takes", {"counted": 45_000, "reason": "monthly"})
    assert made.status_code == 201, made.json
    assert made.json["number"] == 2
    assert (made.json["found_grams"], made.json["deviation_grams"], made.json["is_too_far"]) == (
        5_000,
        5_000,
        True,
    )
    assert [each["counted_grams"] for each in member.get(f"{path}/stock-takes").json["items"]] == [45_000]
    assert member.post(f"{path}/stock-takes", {"counted": -1, "reason": "x"}).status_code == 422
    assert member.post(f"{path}/stock-takes", {"counted": 1}).status_code == 422
    for way in ("stock-takes", "storage-cost"):
        assert member.get(f"/v1/lots/{foreign.id}/{way}").json["code"] == "lot_not_found"
        assert anyone.get(f"{path}/{way}").status_code == 401
    cost = member.get(f"{path}/storage-cost").json
    assert (cost["currency"], cost["accrued_minor"]) == (None, 0)
    _priced_yard(yard, (0, 300))
    asked = f"/v1/storage-costs?cooperative_id={yard.cooperative_ids[0]}"
    assert [each["currency"] for each in member.get(asked).json["items"]] == ["CNY"]
    other = member.get(f"/v1/storage-costs?cooperative_id={yard.cooperative_ids[1]}")
    assert (other.status_code, other.json["code"]) == (404, "cooperative_not_found")
    assert as_role(Role.SHOPPER).get(asked).status_code == 403
    assert yard.broken() == []
