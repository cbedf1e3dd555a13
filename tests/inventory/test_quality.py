"""Quarantine and recall: what they stop, what they leave alone, who may do it."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from inventory import buckets, holds, lots
from inventory.models import Hold, Lot, Movement
from inventory.quality import quality, quality_holds
from inventory.quality.quality import Turned
from inventory.states import GATES, LotStatus, MovementKind, lets
from marketplace import database, errors
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.context import Actor
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, at_once

AsRole = Callable[..., Caller]
Turn = Callable[..., Turned]


def _turn(yard: Yard, turn: Turn, lot: Lot) -> Turned:
    lot_id = inspect(lot).identity[0]
    return database.transact(lambda session: turn(session, yard.ctx, lot_id=lot_id, reason="a smell"))


def _free(yard: Yard) -> int:
    with database.reading() as session:
        found = lots.free_boxes(session, variety="Fuji", grade="A", pack_grams=PACK_GRAMS, locked=False)
    return sum(found.values())


def _journal(lot: Lot) -> list[tuple[int, str, str | None]]:
    with database.reading() as session:
        rows = session.scalars(select(Movement).where(Movement.lot_id == lot.id).order_by(Movement.number))
        return [(row.number, row.kind, row.reason) for row in rows]


def test_stopped_fruit_may_be_freed_and_written_off_but_not_promised_or_shipped() -> None:
    for status in (LotStatus.QUARANTINED, LotStatus.RECALLED):
        passing = {kind for kind in MovementKind if kind not in GATES and lets(status, kind)}
        assert {
            MovementKind.RELEASED,
            MovementKind.SHRUNK,
            MovementKind.ADJUSTED,
            MovementKind.CULLED,
        } <= passing
        assert not lets(status, MovementKind.HELD)
        assert not lets(status, MovementKind.SHIPPED)
    assert {kind for kind in GATES if lets(LotStatus.RECALLED, kind)} == {MovementKind.CLEARED}


@pytest.mark.parametrize("turn", [quality.quarantine, quality.recall])
def test_a_stopped_lot_gives_nothing_to_splits_holds_and_pledges(yard: Yard, turn: Turn) -> None:
    lot = yard.lot(boxes=10)
    pool = yard.pool()
    _turn(yard, turn, lot)
    assert _free(yard) == 0
    assert yard.stored(lot).available_grams == 0
    for taking in (lambda: yard.reserve(1), lambda: yard.pledge(pool, 1)):
        with pytest.raises(lots.NotEnoughInStore) as refused:
            taking()
        assert refused.value.facts["available_boxes"] == 0
    assert yard.broken() == []


def test_other_lots_give_what_a_stopped_one_would_have_given(yard: Yard) -> None:
    stopped = yard.lot("L1", boxes=10)
    other = yard.lot("L2", boxes=4)
    _turn(yard, quality.quarantine, stopped)
    assert _free(yard) == 4
    assert [hold.lot_id for hold in yard.reserve(4)] == [other.id]


def test_what_was_promised_before_stays_is_listed_and_can_be_freed(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(6)
    turned = _turn(yard, quality.quarantine, lot)
    assert (turned.holds_count, [each.id for each in turned.holds]) == (1, [hold.id])
    assert yard.stored(hold).state == "active"
    database.transact(lambda session: holds.release(session, yard.ctx, hold_id=hold.id))
    assert _turn(yard, quality.recall, lot).holds_count == 0
    assert yard.broken() == []


def test_stopped_fruit_does_not_leave_the_store_until_it_is_cleared(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(6)

    def ship(session: Session) -> Hold:
        return holds.consume(session, yard.ctx, hold_id=hold.id)

    _turn(yard, quality.quarantine, lot)
    with pytest.raises(lots.LotStatusForbids) as refused:
        database.transact(ship)
    assert refused.value.facts == {"lot_status": "quarantined"}
    assert yard.stored(hold).state == "active"
    _turn(yard, quality.clear, lot)
    assert database.transact(ship).state == "consumed"
    assert yard.broken() == []


def test_rotten_fruit_of_a_stopped_lot_can_be_written_off(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    _turn(yard, quality.recall, lot)
    database.transact(
        lambda session: lots.lose(
            session, yard.ctx, lot_id=lot.id, quantity_grams=10 * PACK_GRAMS, reason="destroyed"
        )
    )
    assert yard.stored(lot).on_hand_grams == 0
    assert yard.broken() == []


def test_each_turn_is_a_line_of_the_journal_and_of_the_audit(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    for turn in (quality.quarantine, quality.clear, quality.recall):
        _turn(yard, turn, lot)
    assert _journal(lot) == [
        (1, "received", None),
        (2, "quarantined", "a smell"),
        (3, "cleared", "a smell"),
        (4, "recalled", "a smell"),
    ]
    assert yard.stored(lot).version == 4
    with database.reading() as session:
        turns = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_id == str(lot.id), AuditEntry.action != "lot.receive")
            .order_by(AuditEntry.id)
        ).all()
        told = [(row.action, row.before["status"], row.after["status"]) for row in turns]
    assert told == [
        ("lot.quarantine", "available", "quarantined"),
        ("lot.clear", "quarantined", "available"),
        ("lot.recall", "available", "recalled"),
    ]


def test_a_turn_that_the_status_does_not_let_happen_is_refused_and_changes_nothing(yard: Yard) -> None:
    lot = yard.lot()
    refused = [
        (quality.clear, None, "available"),
        (quality.quarantine, quality.quarantine, "quarantined"),
        (quality.quarantine, quality.recall, "recalled"),
        (quality.clear, None, "recalled"),
        (quality.recall, None, "recalled"),
    ]
    for turn, first, status in refused:
        if first is not None:
            _turn(yard, first, lot)
        with pytest.raises(lots.LotStatusForbids) as refusal:
            _turn(yard, turn, lot)
        assert refusal.value.facts == {"lot_status": status}
    assert yard.stored(lot).version == 3
    assert yard.broken() == []


def test_a_cooperative_stops_its_own_lot_and_neither_clears_nor_recalls_it(yard: Yard) -> None:
    actor = Actor(
        kind="account",
        roles=frozenset({Role.COOPERATIVE}),
        cooperative_ids=frozenset(yard.cooperative_ids[:1]),
    )
    member = replace(yard, ctx=replace(yard.ctx, actor=actor))
    own, foreign = yard.lot(), yard.lot(cooperative=1)
    assert _turn(member, quality.quarantine, own).lot.status == "quarantined"
    for turn in (quality.clear, quality.recall):
        with pytest.raises(errors.Forbidden):
            _turn(member, turn, own)
    with pytest.raises(lots.LotNotFound):
        _turn(member, quality.quarantine, foreign)


@pytest.mark.parametrize("turn", [quality.quarantine, quality.recall])
def test_nothing_is_promised_after_the_stop_however_they_meet(yard: Yard, turn: Turn) -> None:
    lot = yard.lot(boxes=30)

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

    def stopping(session: Session) -> Turned:
        return turn(session, yard.ctx, lot_id=lot.id, reason="a smell")

    results = at_once(yard.app, [*[reserving] * 8, stopping, *[reserving] * 15])
    [turned] = [result for result in results if isinstance(result, Turned)]
    placed = [hold.id for result in results if isinstance(result, list) for hold in result]
    assert sorted(placed) == [hold.id for hold in turned.holds], "a promise that the answer does not list"
    assert _journal(lot)[-1][1] in ("quarantined", "recalled")
    assert yard.broken() == []


def test_two_who_stop_a_lot_at_once_stop_it_once(yard: Yard) -> None:
    lot = yard.lot()
    results = at_once(
        yard.app,
        [lambda session: quality.quarantine(session, yard.ctx, lot_id=lot.id, reason="a smell")] * 6,
    )
    assert sum(isinstance(result, Turned) for result in results) == 1
    assert sum(isinstance(result, lots.LotStatusForbids) for result in results) == 5
    assert yard.broken() == []


def test_the_doors_stop_clear_and_recall(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    operator = as_role(Role.OPERATOR)
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(4)
    path = f"/v1/lots/{lot.id}"
    key = str(uuid.uuid4())
    stopped = member.post(f"{path}/quarantine", {"reason": "异味"}, key=key)
    assert stopped.status_code == 200, stopped.json
    assert stopped.headers["ETag"] == '"3"'
    shown = stopped.json["lot"]
    assert (shown["status"], shown["held_grams"], shown["available_grams"]) == ("quarantined", 20_000, 0)
    assert stopped.json["holds_count"] == 1
    [listed] = stopped.json["holds"]
    assert (listed["id"], listed["kind"], listed["boxes"], listed["purpose_kind"]) == (
        str(hold.id),
        "allocation",
        4,
        "share",
    )
    assert member.post(f"{path}/quarantine", {"reason": "异味"}, key=key).json == stopped.json
    cleared = operator.post(f"{path}/release-from-quarantine", {"reason": "tested"})
    assert (cleared.json["lot"]["status"], cleared.json["lot"]["available_grams"]) == ("available", 30_000)
    recalled = operator.post(f"{path}/recall", {"reason": "residues"})
    assert recalled.json["lot"]["status"] == member.get(path).json["status"] == "recalled"


def test_the_doors_refuse_strangers_wrong_states_and_bad_shapes(
    yard: Yard, as_role: AsRole, anyone: Caller
) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    operator = as_role(Role.OPERATOR)
    lot, foreign = yard.lot(), yard.lot(cooperative=1)
    why = {"reason": "a smell"}
    for way in ("quarantine", "release-from-quarantine", "recall"):
        path = f"/v1/lots/{lot.id}/{way}"
        assert anyone.post(path, why).status_code == 401
        assert as_role(Role.SHOPPER).post(path, why).status_code == 403
        assert as_role(Role.AUDITOR).post(path, why).status_code == 403
        assert operator.post(path, why, key=None).status_code == 400
        assert operator.post(path, {}).status_code == 422
        assert operator.post(path, {"reason": " "}).status_code == 422
        missing = operator.post(f"/v1/lots/{uuid.uuid4()}/{way}", why)
        assert (missing.status_code, missing.json["code"]) == (404, "lot_not_found")
    for way in ("release-from-quarantine", "recall"):
        assert member.post(f"/v1/lots/{lot.id}/{way}", why).status_code == 403
    assert member.post(f"/v1/lots/{foreign.id}/quarantine", why).json["code"] == "lot_not_found"
    early = operator.post(f"/v1/lots/{lot.id}/release-from-quarantine", why)
    assert (early.status_code, early.json["code"], early.json["lot_status"]) == (
        409,
        "lot_status_forbids",
        "available",
    )
    assert yard.stored(lot).version == 1


def test_the_statement_itself_refuses_whatever_the_caller_looked_at(yard: Yard) -> None:
    lot = yard.lot()
    _turn(yard, quality.quarantine, lot)
    moved = database.transact(
        lambda session: buckets.move_lot(session, yard.ctx, lot.id, MovementKind.HELD, held_grams=1)
    )
    assert moved is None
    assert yard.stored(lot).version == 2


def _close(yard: Yard, lot: Lot, outcome: str) -> Turned:
    return database.transact(
        lambda session: quality.close_recall(
            session, yard.ctx, lot_id=lot.id, outcome=outcome, reason="the laboratory"
        )
    )


def test_a_recall_is_closed_by_culling_what_is_free_or_by_clearing_the_lot(yard: Yard) -> None:
    lot, other = yard.lot("L1", boxes=10), yard.lot("L2", boxes=3, grade="B")
    [hold] = yard.reserve(4)
    with pytest.raises(lots.LotStatusForbids):
        _close(yard, lot, "culled")
    for each in (lot, other):
        _turn(yard, quality.recall, each)
    closed = _close(yard, lot, "culled")
    assert (closed.lot.on_hand_grams, closed.lot.free_grams, closed.lot.status) == (20_000, 0, "recalled")
    assert [each.id for each in closed.holds] == [hold.id]
    assert _journal(lot)[-1] == (4, "culled", "the laboratory")
    database.transact(lambda session: holds.release(session, yard.ctx, hold_id=hold.id))
    assert _close(yard, lot, "culled").lot.on_hand_grams == 0
    assert _close(yard, other, "cleared").lot.available_grams == 15_000
    assert yard.broken() == []


def _keep(yard: Yard, lot: Lot, grams: int) -> Hold:
    return database.transact(
        lambda session: quality_holds.place(
            session, yard.ctx, lot_id=lot.id, quantity_grams=grams, reason="soft"
        )
    )


def test_part_of_a_lot_is_kept_back_and_released_or_culled(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    first, second = _keep(yard, lot, 7_001), _keep(yard, lot, 3_000)
    assert (yard.stored(lot).free_grams, _free(yard)) == (39_999, 7)
    with pytest.raises(lots.FruitPromised):
        _keep(yard, lot, 40_000)
    database.transact(lambda session: quality_holds.cull(session, yard.ctx, hold_id=first.id, reason="rot"))
    database.transact(lambda session: quality_holds.release(session, yard.ctx, hold_id=second.id))
    assert (yard.stored(lot).on_hand_grams, yard.stored(lot).free_grams) == (42_999, 42_999)
    assert [kind for _, kind, _ in _journal(lot)] == ["received", "held", "held", "culled", "released"]
    for ending in (
        lambda session: quality_holds.release(session, yard.ctx, hold_id=first.id),
        lambda session: quality_holds.cull(session, yard.ctx, hold_id=second.id, reason="rot"),
    ):
        with pytest.raises(holds.HoldNotActive):
            database.transact(ending)
    assert yard.broken() == []


def test_fruit_of_a_stopped_lot_is_not_kept_back_but_what_was_is_culled(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    kept = _keep(yard, lot, 5_000)
    _turn(yard, quality.quarantine, lot)
    with pytest.raises(lots.LotStatusForbids):
        _keep(yard, lot, 1)
    database.transact(lambda session: quality_holds.cull(session, yard.ctx, hold_id=kept.id, reason="rot"))
    assert yard.broken() == []


def test_releasing_and_culling_at_once_end_the_hold_once(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    kept = _keep(yard, lot, 5_000)
    works = [
        lambda session: quality_holds.release(session, yard.ctx, hold_id=kept.id),
        lambda session: quality_holds.cull(session, yard.ctx, hold_id=kept.id, reason="rot"),
    ] * 3
    results = at_once(yard.app, works)
    assert sum(isinstance(result, Hold) for result in results) == 1
    assert sum(isinstance(result, holds.HoldNotActive) for result in results) == 5
    assert yard.broken() == []


def test_the_doors_of_quality_holds_and_closed_recalls(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    operator = as_role(Role.OPERATOR)
    lot, foreign = yard.lot("L1", boxes=10), yard.lot("L2", cooperative=1)
    body = {"quantity": 5_000, "reason": "soft"}
    made = member.post(f"/v1/lots/{lot.id}/quality-holds", body)
    assert (made.status_code, made.json["state"], made.json["lot"]["held_grams"]) == (201, "active", 5_000)
    path = f"/v1/quality-holds/{made.json['hold']['id']}"
    assert member.post(f"/v1/lots/{foreign.id}/quality-holds", body).json["code"] == "lot_not_found"
    for way, sent in (("release", None), ("cull", {"reason": "rot"})):
        assert member.post(f"{path}/{way}", sent).status_code == 403
        missing = operator.post(f"/v1/quality-holds/{uuid.uuid4()}/{way}", sent)
        assert (missing.status_code, missing.json["code"]) == (404, "hold_not_found")
    reasons = operator.get(
        f"/v1/stock-explanations?cooperative_id={yard.cooperative_ids[0]}&pack_id={yard.pack_id}"
    )
    assert reasons.json["total"]["held_for_quality_grams"] == 5_000
    [share] = yard.reserve(1)
    assert operator.post(f"/v1/quality-holds/{share.id}/release").json["code"] == "hold_not_found"
    done = operator.post(f"{path}/cull", {"reason": "rot"})
    assert (done.json["state"], done.json["lot"]["on_hand_grams"]) == ("released", 45_000)
    assert operator.post(f"{path}/release").json["code"] == "hold_not_active"
    closing = {"outcome": "cleared", "reason": "tested"}
    early = operator.post(f"/v1/lots/{lot.id}/recall/closing", closing)
    assert (early.status_code, early.json["code"]) == (409, "lot_status_forbids")
    operator.post(f"/v1/lots/{lot.id}/recall", {"reason": "residues"})
    assert member.post(f"/v1/lots/{lot.id}/recall/closing", closing).status_code == 403
    closed = operator.post(f"/v1/lots/{lot.id}/recall/closing", closing)
    assert (closed.status_code, closed.json["lot"]["status"]) == (200, "available")
    assert yard.broken() == []
