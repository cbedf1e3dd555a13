"""Transfers: what leaves is what arrives and a gap that was told; on the road fruit is nobody's to promise."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import cases, lots
from inventory.events import StockDeviates
from inventory.models import Lot, Movement, Transfer
from inventory.quality import quality
from inventory.states import GapKind, TransferState
from inventory.stores import cold_stores, rooms
from inventory.transfers import rules, transfers
from marketplace import database, errors
from marketplace.access import Role
from marketplace.context import Actor
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, at_once

AsRole = Callable[..., Caller]


@pytest.fixture
def far(yard: Yard) -> uuid.UUID:
    """Another cold store, of the other kind."""
    store = database.transact(
        lambda session: cold_stores.create(
            session, yard.ctx, code="CA-2", name_en="Far", name_zh="远库", kind="controlled_atmosphere"
        )
    )
    return store.id


def _out(yard: Yard, lot: Lot, to: uuid.UUID, grams: int, code: str = "T1", **more: Any) -> Transfer:
    return database.transact(
        lambda session: transfers.dispatch(
            session, yard.ctx, lot_id=lot.id, code=code, to_cold_store_id=to, quantity_grams=grams, **more
        )
    )


def _in(
    yard: Yard, transfer: Transfer, grams: int, kind: str | None = None, why: str | None = None
) -> Transfer:
    return database.transact(
        lambda session: transfers.arrive(
            session,
            yard.ctx,
            transfer_id=transfer.id,
            quantity_grams=grams,
            gap_kind=kind,
            gap_reason=why,
        )
    )


def _member(yard: Yard, cooperative: int = 0) -> Yard:
    actor = Actor(
        kind="account",
        roles=frozenset({Role.COOPERATIVE}),
        cooperative_ids=frozenset({yard.cooperative_ids[cooperative]}),
    )
    return replace(yard, ctx=replace(yard.ctx, actor=actor))


def _lines(lot_id: uuid.UUID) -> list[tuple[str, int]]:
    with database.reading() as session:
        rows = session.scalars(select(Movement).where(Movement.lot_id == lot_id).order_by(Movement.number))
        return [(row.kind, row.on_hand_delta_grams) for row in rows]


@given(st.integers(1, 10**13), st.integers(0, 10**13), st.integers(0, 1000))
def test_a_gap_needs_a_word_exactly_when_it_is_wider_than_the_tolerance(
    out_grams: int, in_grams: int, permille: int
) -> None:
    gap = out_grams - in_grams
    silent = rules.is_explained(out_grams, in_grams, None, permille)
    assert silent == (abs(gap) * 1_000 <= out_grams * permille)
    for kind in GapKind:
        told = rules.is_explained(out_grams, in_grams, kind, permille)
        assert told == (gap > 0 or kind == GapKind.ADJUSTED)


def test_what_has_ended_stays_ended_and_every_state_has_its_moves() -> None:
    assert set(rules.MOVES) == set(TransferState)
    for state in (TransferState.ARRIVED, TransferState.CANCELLED):
        assert not any(rules.may_move(state, after) for after in TransferState)


def test_fruit_on_the_road_is_neither_free_nor_anywhere(yard: Yard, far: uuid.UUID) -> None:
    lot = yard.lot("L1", boxes=10)
    transfer = _out(yard, lot, far, 8 * PACK_GRAMS)
    assert (transfer.state, transfer.child_id) == ("in_transit", None)
    assert yard.stored(lot).available_grams == 2 * PACK_GRAMS
    with pytest.raises(lots.NotEnoughInStore):
        yard.reserve(3)
    with database.reading() as session:
        assert rooms.space_of(session, cold_store_id=far).space.lying_grams == 0
    assert yard.broken() == []


def test_it_arrives_as_a_lot_of_its_own_and_keeps_its_facts(yard: Yard, far: uuid.UUID) -> None:
    lot = yard.lot("L1", boxes=10, plot="North")
    transfer = _in(yard, _out(yard, lot, far, 40_000), 39_900)
    assert (transfer.state, transfer.in_grams, transfer.gap_grams, transfer.version) == (
        "arrived",
        39_900,
        100,
        2,
    )
    assert transfer.child_id is not None
    with database.reading() as session:
        child = session.get_one(Lot, transfer.child_id)
        assert (child.code, child.cold_store_id, child.on_hand_grams) == ("T1", far, 39_900)
        assert (child.plot, child.storage, child.best_before_on) == (
            "North",
            "controlled_atmosphere",
            lot.best_before_on,
        )
    assert _lines(lot.id) == [("received", 50_000), ("moved", -40_000)]
    assert _lines(transfer.child_id) == [("moved", 39_900)]
    assert yard.broken() == []


def test_a_wide_gap_is_blocked_and_named_until_somebody_says_what_became_of_it(
    yard: Yard, far: uuid.UUID
) -> None:
    lot = yard.lot("L1", boxes=10)
    transfer = _out(yard, lot, far, 40_000)
    for grams in (39_879, 40_121):
        with pytest.raises(transfers.GapUnexplained) as refused:
            _in(yard, transfer, grams)
        assert refused.value.facts == {
            "out_grams": 40_000,
            "in_grams": grams,
            "gap_grams": 40_000 - grams,
            "tolerated_grams": 120,
        }
    assert yard.stored(transfer).state == "in_transit"
    with pytest.raises(transfers.GapUnexplained):
        _in(yard, transfer, 41_000, "shrunk", "more came than left")
    done = _in(yard, transfer, 35_000, "culled", "a bin fell")
    assert (done.gap_grams, done.gap_kind, done.gap_reason) == (5_000, "culled", "a bin fell")
    assert yard.broken() == []


def test_nothing_may_come_and_more_may_come_if_a_scale_was_wrong(yard: Yard, far: uuid.UUID) -> None:
    lot = yard.lot("L1", boxes=10)
    lost = _in(yard, _out(yard, lot, far, 5_000, "T1"), 0, "culled", "the truck burnt")
    assert (lost.child_id, lost.gap_grams) == (None, 5_000)
    more = _in(yard, _out(yard, lot, far, 5_000, "T2"), 5_500, "adjusted", "the first scale was off")
    assert more.gap_grams == -500
    assert yard.broken() == []


def test_the_same_dispatch_again_is_the_same_transfer_and_a_known_code_is_taken(
    yard: Yard, far: uuid.UUID
) -> None:
    lot = yard.lot("L1", boxes=10)
    yard.lot("L2")
    first = _out(yard, lot, far, 5_000)
    assert _out(yard, lot, far, 5_000).id == first.id
    for code, grams in (("T1", 5_001), ("L2", 5_000)):
        with pytest.raises(transfers.TransferCodeTaken):
            _out(yard, lot, far, grams, code)
    assert yard.stored(lot).version == 2


def test_only_free_fruit_that_is_not_stopped_is_weighed_out(yard: Yard, far: uuid.UUID) -> None:
    lot = yard.lot("L1", boxes=10)
    yard.reserve(9)
    with pytest.raises(lots.FruitPromised):
        _out(yard, lot, far, 5_001)
    with pytest.raises(rooms.RoomNotFound):
        _out(yard, lot, far, 1, to_room_id=uuid.uuid4())
    with pytest.raises(cold_stores.ColdStoreNotFound):
        _out(yard, lot, uuid.uuid4(), 1)
    database.transact(lambda session: quality.quarantine(session, yard.ctx, lot_id=lot.id, reason="a smell"))
    with pytest.raises(lots.LotStatusForbids):
        _out(yard, lot, far, 1)


@pytest.mark.parametrize("turn", [quality.quarantine, quality.recall])
def test_a_stop_holds_for_what_was_on_the_road(yard: Yard, far: uuid.UUID, turn: Callable[..., Any]) -> None:
    lot = yard.lot("L1", boxes=10)
    transfer = _out(yard, lot, far, 5_000)
    database.transact(lambda session: turn(session, yard.ctx, lot_id=lot.id, reason="a smell"))
    child_id = _in(yard, transfer, 5_000).child_id
    with database.reading() as session:
        child = session.get_one(Lot, child_id)
        assert child.status == session.get_one(Lot, lot.id).status != "available"
    assert yard.broken() == []


def test_a_full_store_takes_nothing_in_and_the_load_stays_on_the_road(yard: Yard, far: uuid.UUID) -> None:
    lot = yard.lot("L1", boxes=10)
    database.transact(
        lambda session: rooms.set_capacity(session, yard.ctx, cold_store_id=far, capacity_grams=4_999)
    )
    transfer = _out(yard, lot, far, 5_000)
    with pytest.raises(rooms.NoSpace):
        _in(yard, transfer, 5_000)
    assert yard.stored(transfer).state == "in_transit"
    done = database.transact(lambda session: transfers.cancel(session, yard.ctx, transfer_id=transfer.id))
    assert (done.state, done.gap_grams) == ("cancelled", 0)
    with database.reading() as session:
        assert session.get_one(Lot, done.child_id).cold_store_id == yard.cold_store_id
    assert yard.broken() == []


def test_a_disputed_load_is_told_and_only_an_operator_ends_it(yard: Yard, far: uuid.UUID, app: Flask) -> None:
    heard: list[StockDeviates] = []
    registry = app.extensions["events"]
    registry[StockDeviates].append(lambda _session, _ctx, event: heard.append(event))
    try:
        lot = yard.lot("L1", boxes=10)
        transfer = _out(yard, lot, far, 5_000)
        database.transact(
            lambda session: transfers.dispute(
                session, yard.ctx, transfer_id=transfer.id, reason="a bin is missing"
            )
        )
    finally:
        registry[StockDeviates].pop()
    assert [(event.kind, event.subject) for event in heard] == [
        ("transfer_disputed", ("transfer", transfer.id))
    ]
    with database.reading() as session:
        [case] = session.scalars(cases.visible(yard.ctx.actor))
    assert (case.kind, case.subject_id) == ("weighbridge_gap", transfer.id)
    with pytest.raises(transfers.TransferEnded) as refused:
        _in(_member(yard), transfer, 5_000)
    assert refused.value.facts == {"state": "disputed"}
    assert _in(yard, transfer, 4_000, "culled", "found broken").state == "arrived"
    for again in (
        lambda session: transfers.dispute(session, yard.ctx, transfer_id=transfer.id, reason="x"),
        lambda session: transfers.cancel(session, yard.ctx, transfer_id=transfer.id),
    ):
        with pytest.raises(transfers.TransferEnded):
            database.transact(again)
    assert yard.broken() == []


def test_arrival_and_cancellation_at_once_end_it_once(yard: Yard, far: uuid.UUID) -> None:
    lot = yard.lot("L1", boxes=10)
    transfer = _out(yard, lot, far, 5_000)

    def arriving(session: Session) -> Transfer:
        return transfers.arrive(session, yard.ctx, transfer_id=transfer.id, quantity_grams=5_000)

    def cancelling(session: Session) -> Transfer:
        return transfers.cancel(session, yard.ctx, transfer_id=transfer.id)

    results = at_once(yard.app, [arriving, cancelling] * 4)
    assert sum(isinstance(result, Transfer) for result in results) == 1
    assert sum(isinstance(result, transfers.TransferEnded) for result in results) == 7
    assert yard.broken() == []


def test_loads_that_cross_do_not_wait_for_each_other_for_ever(yard: Yard, far: uuid.UUID) -> None:
    there = yard.lot("L1", boxes=10)
    child = _in(yard, _out(yard, there, far, 25_000), 25_000).child_id
    loads = [
        (there.id, far, "A"),
        (child, yard.cold_store_id, "B"),
    ] * 4

    def working(number: int, lot_id: uuid.UUID, to: uuid.UUID, name: str) -> Callable[[Session], Transfer]:
        def work(session: Session) -> Transfer:
            made = transfers.dispatch(
                session,
                yard.ctx,
                lot_id=lot_id,
                code=f"{name}{number}",
                to_cold_store_id=to,
                quantity_grams=1_000,
            )
            return transfers.arrive(session, yard.ctx, transfer_id=made.id, quantity_grams=1_000)

        return work

    results = at_once(yard.app, [working(number, *load) for number, load in enumerate(loads)])
    assert all(isinstance(result, Transfer) for result in results), results
    assert yard.broken() == []


def test_members_carry_their_own_fruit_alone(yard: Yard, far: uuid.UUID) -> None:
    lot = yard.lot("L1", boxes=10)
    transfer = _out(_member(yard), lot, far, 5_000)
    other = _member(yard, 1)
    with pytest.raises(lots.LotNotFound):
        _out(other, lot, far, 1, "X")
    with pytest.raises(transfers.TransferNotFound):
        _in(other, transfer, 5_000)
    with database.reading() as session:
        assert transfers.get(session, yard.ctx, transfer_id=transfer.id).id == transfer.id
        with pytest.raises(transfers.TransferNotFound):
            transfers.get(session, other.ctx, transfer_id=transfer.id)


def test_the_doors_carry_fruit_to_another_store(
    yard: Yard, far: uuid.UUID, as_role: AsRole, anyone: Caller
) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    lot = yard.lot("L1", boxes=10)
    body = {"lot_id": str(lot.id), "code": "T1", "to_cold_store_id": str(far), "quantity": 10_000}
    made = member.post("/v1/transfers", body)
    assert (made.status_code, made.json["state"], made.headers["ETag"]) == (201, "in_transit", '"1"')
    assert made.json["out_number"] == 2
    path = made.headers["Location"]
    assert member.get(path).json == made.json
    wide = member.post(f"{path}/arrival", {"quantity": 9_000})
    assert (wide.status_code, wide.json["code"], wide.json["gap_grams"]) == (409, "gap_unexplained", 1_000)
    half = member.post(f"{path}/arrival", {"quantity": 9_000, "gap_kind": "culled"})
    assert half.status_code == 422
    done = member.post(f"{path}/arrival", {"quantity": 9_000, "gap_kind": "culled", "gap_reason": "rot"})
    assert (done.status_code, done.json["state"], done.json["gap_grams"]) == (200, "arrived", 1_000)
    assert member.post(f"{path}/cancellation").json["code"] == "transfer_ended"
    assert [each["code"] for each in member.get("/v1/transfers").json["items"]] == ["T1"]
    taken = member.post("/v1/transfers", {**body, "quantity": 1})
    assert (taken.status_code, taken.json["code"]) == (409, "transfer_code_taken")
    second = member.post("/v1/transfers", {**body, "code": "T2"}).headers["Location"]
    assert member.post(f"{second}/dispute", {"reason": "a bin is missing"}).json["state"] == "disputed"
    assert member.post(f"{second}/cancellation").status_code == 409
    assert as_role(Role.OPERATOR).post(f"{second}/cancellation").json["state"] == "cancelled"
    assert member.post("/v1/transfers", body, key=None).status_code == 400
    assert as_role(Role.AUDITOR).post("/v1/transfers", body).status_code == 403
    assert anyone.get("/v1/transfers").status_code == 401
    assert issubclass(transfers.GapUnexplained, errors.Conflict)
    assert yard.broken() == []
