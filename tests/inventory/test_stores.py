"""Cold stores: rooms, space that is never overfull, prices that only grow in number."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from inventory import lots
from inventory.models import Lot, Room, StoragePrice
from inventory.stores import cold_stores, rooms, storage_prices
from inventory.stores.space_rules import Space
from marketplace import database, errors
from marketplace.access import Role
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, at_once

AsRole = Callable[..., Caller]


def _room(yard: Yard, code: str = "R1", capacity_grams: int | None = None) -> Room:
    return database.transact(
        lambda session: rooms.create(
            session, yard.ctx, cold_store_id=yard.cold_store_id, code=code, capacity_grams=capacity_grams
        )
    )


def _fits(yard: Yard, capacity_grams: int | None, room_id: uuid.UUID | None = None) -> rooms.StoreSpace:
    return database.transact(
        lambda session: rooms.set_capacity(
            session,
            yard.ctx,
            cold_store_id=yard.cold_store_id,
            capacity_grams=capacity_grams,
            room_id=room_id,
        )
    )


@given(st.none() | st.integers(1, 100), st.lists(st.integers(1, 40), max_size=8))
def test_what_fits_is_what_is_free_and_no_more(capacity: int | None, arrivals: list[int]) -> None:
    lying = 0
    for grams in arrivals:
        free = Space(capacity_grams=capacity, lying_grams=lying).free_grams
        after = Space(capacity_grams=capacity, lying_grams=lying + grams)
        assert after.is_overfull == (free is not None and grams > free)
        assert after.before(grams).free_grams == free
        if not after.is_overfull:
            lying += grams
    assert capacity is None or lying <= capacity


def test_fruit_that_does_not_fit_into_the_store_is_refused_and_says_what_does(yard: Yard) -> None:
    yard.lot("L1", boxes=6)
    _fits(yard, 10 * PACK_GRAMS)
    with pytest.raises(rooms.NoSpace) as refused:
        yard.lot("L2", boxes=5)
    assert refused.value.facts == {
        "place": "cold_store",
        "place_code": "COLD-1",
        "capacity_grams": 50_000,
        "free_grams": 20_000,
        "requested_grams": 25_000,
    }
    yard.lot("L2", boxes=4)
    assert yard.broken() == []


def test_a_room_has_a_space_of_its_own(yard: Yard) -> None:
    room = _room(yard, capacity_grams=2 * PACK_GRAMS)
    yard.lot("L1", boxes=9)
    with pytest.raises(rooms.NoSpace) as refused:
        yard.lot("L2", boxes=3, room_id=room.id)
    assert (refused.value.facts["place_code"], refused.value.facts["free_grams"]) == ("R1", 10_000)
    lot = yard.lot("L2", boxes=2, room_id=room.id)
    assert yard.stored(lot).room_id == room.id
    assert yard.broken() == []


def test_a_room_of_another_store_is_no_room(yard: Yard) -> None:
    with pytest.raises(rooms.RoomNotFound):
        yard.lot(room_id=uuid.uuid4())
    with pytest.raises(rooms.RoomNotFound):
        _fits(yard, 1, room_id=uuid.uuid4())


def test_a_correction_upwards_must_fit_and_one_downwards_makes_space(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=6)
    _fits(yard, 6 * PACK_GRAMS)

    def correct(delta: int) -> Lot:
        return database.transact(
            lambda session: lots.correct(
                session, yard.ctx, lot_id=lot.id, delta_grams=delta, reason="recount"
            )
        )

    with pytest.raises(rooms.NoSpace):
        correct(1)
    correct(-100)
    assert correct(100).on_hand_grams == 30_000
    assert yard.broken() == []


def test_a_capacity_below_what_lies_there_is_refused(yard: Yard) -> None:
    room = _room(yard)
    yard.lot("L1", boxes=2, room_id=room.id)
    for where in (None, room.id):
        with pytest.raises(rooms.CapacityTooSmall) as refused:
            _fits(yard, 9_999, where)
        assert refused.value.facts == {"capacity_grams": 9_999, "lying_grams": 10_000}
    assert _fits(yard, 10_000, room.id).rooms[0].space.free_grams == 0
    assert _fits(yard, None, room.id).rooms[0].space.free_grams is None


def test_many_who_bring_fruit_at_once_never_overfill(yard: Yard) -> None:
    _fits(yard, 7 * PACK_GRAMS)

    def bringing(number: int) -> Callable[[Any], Lot]:
        return lambda session: lots.receive(
            session,
            yard.ctx,
            cooperative_id=yard.cooperative_ids[number % 2],
            cold_store_id=yard.cold_store_id,
            code=f"L{number}",
            variety="Fuji",
            grade="A",
            harvested_on=yard.today,
            quantity_grams=PACK_GRAMS,
        )

    results = at_once(yard.app, [bringing(number) for number in range(16)])
    assert sum(isinstance(result, Lot) for result in results) == 7
    assert sum(isinstance(result, rooms.NoSpace) for result in results) == 9
    assert yard.broken() == []


def test_a_capacity_set_while_fruit_comes_in_is_kept(yard: Yard) -> None:
    def bringing(session: Any) -> Lot:
        return lots.receive(
            session,
            yard.ctx,
            cooperative_id=yard.cooperative_ids[0],
            cold_store_id=yard.cold_store_id,
            code=f"L{uuid.uuid4().hex[:8]}",
            variety="Fuji",
            grade="A",
            harvested_on=yard.today,
            quantity_grams=PACK_GRAMS,
        )

    def limiting(session: Any) -> rooms.StoreSpace:
        return rooms.set_capacity(
            session, yard.ctx, cold_store_id=yard.cold_store_id, capacity_grams=3 * PACK_GRAMS
        )

    at_once(yard.app, [*[bringing] * 4, limiting, *[bringing] * 6])
    assert yard.broken() == []


def test_a_capacity_set_after_the_store_was_looked_at_still_counts(yard: Yard) -> None:
    def limit() -> None:
        with yard.app.app_context():
            _fits(yard, PACK_GRAMS)

    def receive_late(session: Session) -> Lot:
        seen = cold_stores.get(session, cold_store_id=yard.cold_store_id)
        assert seen.capacity_grams is None
        with ThreadPoolExecutor(max_workers=1) as pool:
            pool.submit(limit).result()
        return lots.receive(
            session,
            yard.ctx,
            cooperative_id=yard.cooperative_ids[0],
            cold_store_id=yard.cold_store_id,
            code="L1",
            variety="Fuji",
            grade="A",
            harvested_on=yard.today,
            quantity_grams=PACK_GRAMS + 1,
        )

    with pytest.raises(rooms.NoSpace):
        database.transact(receive_late)
    assert yard.broken() == []


def _price(yard: Yard, minor: int, *, after: int = 0, currency: str = "CNY") -> StoragePrice:
    return database.transact(
        lambda session: storage_prices.set_price(
            session,
            yard.ctx,
            cold_store_id=yard.cold_store_id,
            valid_from=yard.today + timedelta(days=after),
            minor_per_tonne_day=minor,
            currency=currency,
        )
    )


def test_prices_are_added_one_for_a_day_in_one_currency(yard: Yard) -> None:
    _price(yard, 300)
    _price(yard, 350, after=30)
    with pytest.raises(storage_prices.PriceDayTaken):
        _price(yard, 400)
    with pytest.raises(storage_prices.PriceCurrencyDiffers) as refused:
        _price(yard, 400, after=1, currency="USD")
    assert refused.value.facts == {"currency": "CNY"}
    assert yard.broken() == []


def test_the_app_may_not_rewrite_prices(yard: Yard) -> None:
    _price(yard, 300)
    for rewriting in (update(StoragePrice).values(minor_per_tonne_day=1), delete(StoragePrice)):
        with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
            session.execute(rewriting)


def test_two_currencies_at_once_become_one(yard: Yard) -> None:
    def pricing(currency: str, after: int) -> Callable[[Any], StoragePrice]:
        return lambda session: storage_prices.set_price(
            session,
            yard.ctx,
            cold_store_id=yard.cold_store_id,
            valid_from=yard.today + timedelta(days=after),
            minor_per_tonne_day=1,
            currency=currency,
        )

    results = at_once(yard.app, [pricing(("CNY", "USD")[number % 2], number) for number in range(8)])
    assert any(isinstance(result, errors.Refusal) for result in results)
    assert yard.broken() == []


def test_the_doors_add_rooms_say_what_fits_and_show_it(yard: Yard, as_role: AsRole) -> None:
    operator = as_role(Role.OPERATOR)
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    path = f"/v1/cold-stores/{yard.cold_store_id}"
    room = operator.post(f"{path}/rooms", {"code": "R1", "capacity_grams": 20_000})
    assert room.status_code == 201, room.json
    assert operator.post(f"{path}/rooms", {"code": "R1"}).json["code"] == "room_code_taken"
    yard.lot("L1", boxes=3, room_id=uuid.UUID(room.json["id"]))
    told = operator.post(f"{path}/capacity", {"capacity_grams": 40_000})
    assert (told.status_code, told.json["free_grams"]) == (200, 25_000)
    seen = member.get(f"{path}/space").json
    assert seen == told.json
    assert seen["rooms"] == [
        {
            "room_id": room.json["id"],
            "code": "R1",
            "capacity_grams": 20_000,
            "lying_grams": 15_000,
            "free_grams": 5_000,
        }
    ]
    small = operator.post(f"{path}/capacity", {"capacity_grams": 1, "room_id": room.json["id"]})
    assert (small.status_code, small.json["code"], small.json["lying_grams"]) == (
        409,
        "capacity_too_small",
        15_000,
    )
    body = {
        "cooperative_id": str(yard.cooperative_ids[0]),
        "cold_store_id": str(yard.cold_store_id),
        "code": "L2",
        "variety": "Fuji",
        "grade": "A",
        "harvested_on": yard.today.isoformat(),
        "quantity": 6_000,
        "room_id": room.json["id"],
    }
    full = member.post("/v1/lots", body)
    assert (full.status_code, full.json["code"], full.json["free_grams"]) == (409, "no_space", 5_000)
    lost = member.post("/v1/lots", {**body, "room_id": str(uuid.uuid4())})
    assert (lost.status_code, lost.json["code"]) == (404, "room_not_found")
    more = member.post(
        f"/v1/lots/{member.get('/v1/lots').json['items'][0]['id']}/corrections",
        {"delta_grams": 6_000, "reason": "recount"},
    )
    assert (more.status_code, more.json["code"]) == (409, "no_space")


def test_the_doors_keep_prices_and_refuse(yard: Yard, as_role: AsRole, anyone: Caller) -> None:
    operator, auditor = as_role(Role.OPERATOR), as_role(Role.AUDITOR)
    path = f"/v1/cold-stores/{yard.cold_store_id}/prices"
    body = {"valid_from": "2026-10-01", "minor_per_tonne_day": 300, "currency": "CNY"}
    assert operator.post(path, body).status_code == 201
    assert operator.post(path, body).json["code"] == "price_day_taken"
    other = operator.post(path, {**body, "valid_from": "2026-11-01", "currency": "USD"})
    assert (other.status_code, other.json["code"]) == (409, "price_currency_differs")
    assert operator.post(path, {**body, "minor_per_tonne_day": -1}).status_code == 422
    assert operator.post(path, body, key=None).status_code == 400
    assert auditor.post(path, body).status_code == 403
    assert anyone.get(path).status_code == 401
    [price] = auditor.get(path).json["items"]
    assert (price["minor_per_tonne_day"], price["valid_from"]) == (300, "2026-10-01")
    for way, sent in (
        ("prices", body),
        ("rooms", {"code": "R1"}),
        ("capacity", {"capacity_grams": None}),
    ):
        missing = operator.post(f"/v1/cold-stores/{uuid.uuid4()}/{way}", sent)
        assert (missing.status_code, missing.json["code"]) == (404, "cold_store_not_found")
    for way in ("prices", "space"):
        assert operator.get(f"/v1/cold-stores/{uuid.uuid4()}/{way}").status_code == 404
    lost = operator.post(
        f"/v1/cold-stores/{yard.cold_store_id}/capacity",
        {"capacity_grams": 5, "room_id": str(uuid.uuid4())},
    )
    assert (lost.status_code, lost.json["code"]) == (404, "room_not_found")
