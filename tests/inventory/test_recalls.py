"""A recall reaches all that came out of a lot before, names what went out, and nobody else's fruit."""

import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from inventory import holds, lots
from inventory.families import kin, parentage
from inventory.models import Lot, LotParent, Movement
from inventory.module import module
from inventory.quality import quality
from inventory.quality.quality import Recalled
from inventory.transfers import transfers
from marketplace import database, verify
from marketplace.access import Role
from marketplace.audit import AuditEntry
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, at_once


def do(yard: Yard, use_case: Callable[..., Any], **named: Any) -> Any:
    return database.transact(lambda session: use_case(session, yard.ctx, **named))


def recall(yard: Yard, lot: Lot) -> Recalled:
    return do(yard, quality.recall, lot_id=lot.id, reason="residues")


def close(yard: Yard, lot: Lot, outcome: str) -> Recalled:
    return do(yard, quality.close_recall, lot_id=lot.id, outcome=outcome, reason="the laboratory")


def split(yard: Yard, lot: Lot, *codes: str, grams: int = PACK_GRAMS) -> list[Lot]:
    parts = [{"code": code, "quantity_grams": grams, "room_id": None} for code in codes]
    return list(do(yard, parentage.split, lot_id=lot.id, parts=parts).children)


def grade(yard: Yard, lot: Lot, code: str, grams: int = PACK_GRAMS) -> Lot:
    parts = [{"code": code, "quantity_grams": grams, "room_id": None, "grade": "B", "size": None}]
    return do(yard, parentage.grade, lot_id=lot.id, parts=parts).children[0]


def merge(yard: Yard, code: str, *some: Lot, grams: int = PACK_GRAMS) -> Lot:
    parts = [{"lot_id": lot.id, "quantity_grams": grams} for lot in some]
    return do(yard, parentage.merge, code=code, parts=parts).children[0]


def statuses(yard: Yard, *some: Lot) -> list[str]:
    return [str(yard.stored(lot).status) for lot in some]


def turns(lot: Lot) -> list[tuple[str, str | None]]:
    with database.reading() as session:
        rows = session.scalars(select(Movement).where(Movement.lot_id == lot.id).order_by(Movement.number))
        told = [(row.kind, row.reason) for row in rows]
    return [line for line in told if line[0] in ("recalled", "quarantined", "cleared")]


def broken(yard: Yard) -> list[str]:
    database.db.session.remove()
    with database.reading() as session:
        found = [each.invariant.id for each in verify.check(session, module.invariants) if not each.holds]
    return found + yard.broken()


def test_a_recall_reaches_every_generation_and_no_relative_of_another_line(yard: Yard) -> None:
    grandparent = yard.lot("G", boxes=20)
    lot, sister = split(yard, grandparent, "L", "S", grams=8 * PACK_GRAMS)
    stranger = yard.lot("X", boxes=4)
    child, second = split(yard, lot, "L-1", "L-2", grams=2 * PACK_GRAMS)
    mixed = merge(yard, "M", child, stranger)
    sorted_out = grade(yard, mixed, "M-B")
    answer = recall(yard, lot)
    family = [lot, child, second, mixed, sorted_out]
    assert [each.lot.id for each in answer.family] == sorted(each.id for each in family)
    assert all(each.is_turned for each in answer.family)
    assert statuses(yard, *family) == ["recalled"] * 5
    assert statuses(yard, grandparent, sister, stranger) == ["available"] * 3
    assert broken(yard) == []


def test_each_lot_of_the_family_has_its_own_line_and_audit_row(yard: Yard) -> None:
    lot = yard.lot("L", boxes=4)
    [child] = split(yard, lot, "L-1")
    do(yard, quality.quarantine, lot_id=child.id, reason="a smell")
    recall(yard, lot)
    assert turns(lot) == [("recalled", "residues")]
    assert turns(child) == [("quarantined", "a smell"), ("recalled", "residues")]
    with database.reading() as session:
        rows = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "lot.recall").order_by(AuditEntry.id)
        )
        told = [(row.subject_id, row.before["status"], row.after.get("recall_of")) for row in rows]
    assert told == [(str(lot.id), "available", None), (str(child.id), "quarantined", str(lot.id))]


def test_a_descendant_that_is_recalled_already_is_named_and_left_as_it_is(yard: Yard) -> None:
    lot = yard.lot("L", boxes=4)
    [child] = split(yard, lot, "L-1")
    recall(yard, child)
    version = yard.stored(child).version
    answer = recall(yard, lot)
    assert [(each.lot.id, each.is_turned) for each in answer.family] == [(lot.id, True), (child.id, False)]
    assert yard.stored(child).version == version
    with pytest.raises(lots.LotStatusForbids):
        recall(yard, lot)


def test_what_went_out_came_back_or_is_on_the_road_is_named_lot_by_lot(yard: Yard) -> None:
    lot = yard.lot("L", boxes=10)
    [child] = split(yard, lot, "L-1", grams=4 * PACK_GRAMS)
    do(yard, quality.quarantine, lot_id=lot.id, reason="so that the child gives")
    [gone] = yard.reserve(3)
    assert gone.lot_id == child.id
    do(yard, holds.consume, hold_id=gone.id, boxes=2)
    do(yard, quality.clear, lot_id=lot.id, reason="fine")
    do(yard, parentage.take_back, lot_id=child.id, code="L-1-R", quantity_grams=PACK_GRAMS, reason="bruised")
    road = {"code": "L-T", "to_cold_store_id": yard.cold_store_id}
    load = do(yard, transfers.dispatch, lot_id=lot.id, quantity_grams=PACK_GRAMS, **road)

    told = {
        each.lot.code: (
            each.shipped_grams,
            each.returned_grams,
            each.on_the_road_grams,
            each.holds_count,
            each.lot.status,
        )
        for each in recall(yard, lot).family
    }
    assert told == {
        "L": (0, 0, PACK_GRAMS, 0, "recalled"),
        "L-1": (2 * PACK_GRAMS, PACK_GRAMS, 0, 1, "recalled"),
        "L-1-R": (0, 0, 0, 0, "recalled"),
    }
    arrived = do(yard, transfers.arrive, transfer_id=load.id, quantity_grams=PACK_GRAMS)
    later = do(
        yard, parentage.take_back, lot_id=child.id, code="L-1-Q", quantity_grams=PACK_GRAMS, reason="recall"
    )
    with database.reading() as session:
        assert session.get_one(Lot, arrived.child_id).status == "recalled"
    assert statuses(yard, *later.children) == ["recalled"], "what comes back of a recalled lot is, too"
    assert broken(yard) == []


def test_a_recall_is_closed_lot_by_lot_and_the_answer_shows_the_family(yard: Yard) -> None:
    lot = yard.lot("L", boxes=4)
    first, second = split(yard, lot, "L-1", "L-2")
    recall(yard, lot)
    cleared = close(yard, first, "cleared")
    assert [(each.lot.id, each.is_turned) for each in cleared.family] == [(first.id, True)]
    culled = close(yard, lot, "culled")
    assert [(each.lot.code, str(each.lot.status), each.is_turned) for each in culled.family] == [
        ("L", "recalled", False),
        ("L-1", "available", False),
        ("L-2", "recalled", False),
    ]
    assert (yard.stored(lot).on_hand_grams, yard.stored(second).on_hand_grams) == (0, PACK_GRAMS)
    assert broken(yard) == []
    with pytest.raises(lots.LotStatusForbids):
        close(yard, first, "culled")


@pytest.mark.parametrize("seed", range(5))
def test_the_family_is_the_closure_of_the_ties_whatever_was_done(yard: Yard, seed: int) -> None:
    chance = random.Random(seed)
    everybody = [yard.lot(f"R{number}", boxes=30) for number in range(3)]
    for number in range(12):
        some = chance.sample(everybody, k=min(len(everybody), chance.randint(1, 2)))
        if chance.random() < 0.5 and all(yard.stored(lot).free_grams >= 2 for lot in some):
            everybody.append(merge(yard, f"N{number}", *some, grams=1))
        elif yard.stored(some[0]).free_grams >= 3:
            everybody += split(yard, some[0], f"N{number}a", f"N{number}b", grams=1)
    with database.reading() as session:
        ties = session.execute(select(LotParent.parent_id, LotParent.child_id)).all()
    lot = chance.choice(everybody)
    expected, open_ends = {lot.id}, [lot.id]
    while open_ends:
        parent = open_ends.pop()
        children = {child for of, child in ties if of == parent} - expected
        expected |= children
        open_ends += children
    recall(yard, lot)
    with database.reading() as session:
        stopped = set(session.scalars(select(Lot.id).where(Lot.status == "recalled")))
        assert kin.descendants(session, lot_id=lot.id) == expected - {lot.id}
    assert stopped == expected
    assert broken(yard) == []


@pytest.mark.parametrize("round_number", range(6))
def test_no_child_escapes_a_recall_that_meets_splits_of_the_whole_family(
    yard: Yard, round_number: int
) -> None:
    lot = yard.lot("L", boxes=20)
    children = split(yard, lot, "C1", "C2", "C3", grams=4 * PACK_GRAMS)

    def parting(of: Lot, code: str) -> Callable[..., Any]:
        parts = [{"code": code, "quantity_grams": 1, "room_id": None}]
        return lambda session: parentage.split(session, yard.ctx, lot_id=of.id, parts=parts)

    def recalling(session: Any) -> Recalled:
        return quality.recall(session, yard.ctx, lot_id=lot.id, reason="residues")

    works = [parting(of, f"P{number}") for number, of in enumerate([lot, *children] * 2)]
    works.insert(round_number, recalling)
    results = at_once(yard.app, works)
    assert sum(isinstance(result, Recalled) for result in results) == 1
    with database.reading() as session:
        assert set(session.scalars(select(Lot.status))) == {"recalled"}
    assert broken(yard) == []


def test_the_doors_answer_the_family(yard: Yard, as_role: Callable[..., Caller]) -> None:
    operator = as_role(Role.OPERATOR)
    lot = yard.lot("L", boxes=4)
    [child] = split(yard, lot, "L-1")
    answer = operator.post(f"/v1/lots/{lot.id}/recall", {"reason": "residues"})
    assert answer.status_code == 200, answer.json
    assert [(each["lot"]["code"], each["is_turned"]) for each in answer.json["family"]] == [
        ("L", True),
        ("L-1", True),
    ]
    assert set(answer.json["family"][0]) == {
        "lot",
        "is_turned",
        "holds_count",
        "shipped_grams",
        "returned_grams",
        "on_the_road_grams",
    }
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    assert member.get(f"/v1/lots/{child.id}").json["status"] == "recalled"
    closing = {"outcome": "cleared", "reason": "tested"}
    closed = operator.post(f"/v1/lots/{lot.id}/recall/closing", closing)
    assert [each["lot"]["status"] for each in closed.json["family"]] == ["available", "recalled"]
    missing = operator.post(f"/v1/lots/{uuid.uuid4()}/recall", {"reason": "residues"})
    assert (missing.status_code, missing.json["code"]) == (404, "lot_not_found")
