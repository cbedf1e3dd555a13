"""Lots out of lots: no gram is made or lost, only free fruit moves, and the same request again changes nothing."""

import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from inventory import holds, lots
from inventory.families import parentage, parentage_rules
from inventory.families.parentage import Family
from inventory.families.parentage_rules import Fruit
from inventory.models import Lot, LotParent, Movement
from inventory.quality import keeping, keeping_rules, quality
from inventory.states import Storage
from inventory.stores import rooms
from marketplace import database, errors
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.context import Actor
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, at_once

AsRole = Callable[..., Caller]
DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 1))
FRUITS = st.builds(
    Fruit,
    variety=st.sampled_from(["Fuji", "Gala"]),
    grade=st.sampled_from("AB"),
    size=st.sampled_from([None, "80"]),
    storage=st.sampled_from(["cold", "controlled_atmosphere"]),
    plot=st.sampled_from([None, "North", "South"]),
    harvested_on=DAYS,
    best_before_on=DAYS,
)


def part(code: str, grams: int, **more: Any) -> dict[str, Any]:
    return {"code": code, "quantity_grams": grams, "room_id": None, **more}


def graded(code: str, grams: int, grade: str = "B", size: str | None = None) -> dict[str, Any]:
    return part(code, grams, grade=grade, size=size)


def _do(yard: Yard, use_case: Callable[..., Family], **facts: Any) -> Family:
    return database.transact(lambda session: use_case(session, yard.ctx, **facts))


def _total(yard: Yard) -> int:
    with database.reading() as session:
        return int(session.scalar(select(func.sum(Lot.on_hand_grams))) or 0)


def _lines(lot: Lot) -> list[tuple[str, int]]:
    with database.reading() as session:
        rows = session.scalars(select(Movement).where(Movement.lot_id == lot.id).order_by(Movement.number))
        return [(row.kind, row.on_hand_delta_grams) for row in rows]


@given(st.lists(FRUITS, min_size=1, max_size=5))
def test_merged_fruit_is_as_old_as_its_oldest_part_and_comes_from_a_plot_only_if_all_does(
    parents: list[Fruit],
) -> None:
    found = parentage_rules.merged(parents)
    assert all(found.harvested_on <= each.harvested_on for each in parents)
    assert all(found.best_before_on <= each.best_before_on for each in parents)
    assert found.plot is None or all(each.plot == found.plot for each in parents)
    assert (parentage_rules.differing(parents) == []) == (len({each.sort for each in parents}) == 1)


def test_a_split_gives_parts_the_facts_of_the_whole(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10, plot="North slope", size="80")
    family = _do(yard, parentage.split, lot_id=lot.id, parts=[part("L1-1", 12_000), part("L1-2", 8_000)])
    assert [(child.code, child.on_hand_grams) for child in family.children] == [
        ("L1-1", 12_000),
        ("L1-2", 8_000),
    ]
    assert yard.stored(lot).on_hand_grams == 30_000
    for child in family.children:
        stored = yard.stored(child)
        for name in (
            "plot",
            "size",
            "variety",
            "grade",
            "best_before_on",
            "harvested_on",
            "cold_store_id",
            "storage",
        ):
            assert getattr(stored, name) == getattr(lot, name)
        assert _lines(child) == [("moved", child.on_hand_grams)]
    assert _lines(lot) == [("received", 50_000), ("moved", -20_000)]
    assert yard.broken() == []


def test_grading_gives_grades_and_says_what_was_culled(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    family = _do(
        yard,
        parentage.grade,
        lot_id=lot.id,
        parts=[graded("A1", 30_000, "A", "80"), graded("B1", 15_000, "B")],
        culled_grams=5_000,
        reason="bruised",
    )
    assert [(child.grade, child.size) for child in family.children] == [("A", "80"), ("B", None)]
    assert _lines(lot) == [("received", 50_000), ("graded", -45_000), ("culled", -5_000)]
    assert _total(yard) == 45_000
    assert yard.broken() == []


def test_a_merge_takes_parts_of_several_lots_once_each(yard: Yard) -> None:
    first = yard.lot("L1", boxes=4, harvested_on=yard.today - timedelta(days=40))
    second = yard.lot("L2", boxes=4)
    family = _do(
        yard,
        parentage.merge,
        code="M1",
        parts=[
            {"lot_id": second.id, "quantity_grams": 10_000},
            {"lot_id": first.id, "quantity_grams": 20_000},
            {"lot_id": second.id, "quantity_grams": 1_000},
        ],
    )
    [child] = family.children
    assert (child.on_hand_grams, child.harvested_on) == (31_000, first.harvested_on)
    with database.reading() as session:
        found = parentage.relatives(session, yard.ctx, lot_id=child.id)
        assert {(tie.lot.code, tie.kind, tie.grams) for tie in found.parents} == {
            ("L1", "merged", 20_000),
            ("L2", "merged", 11_000),
        }
        assert [tie.lot.code for tie in parentage.relatives(session, yard.ctx, lot_id=first.id).children] == [
            "M1"
        ]
    assert yard.broken() == []


def test_fruit_that_differs_is_not_merged(yard: Yard) -> None:
    lot, other, foreign = yard.lot("L1"), yard.lot("L2", grade="B"), yard.lot("L3", cooperative=1)
    for second, differing in ((other, ["grade"]), (foreign, ["cooperative_id"])):
        with pytest.raises(parentage.LotsDiffer) as refused:
            _do(
                yard,
                parentage.merge,
                code="M1",
                parts=[{"lot_id": each.id, "quantity_grams": 1} for each in (lot, second)],
            )
        assert refused.value.facts == {"differing": differing}


def test_only_free_fruit_goes(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    yard.reserve(8)
    for use_case, facts in (
        (parentage.split, {"parts": [part("X", 10_001)]}),
        (parentage.grade, {"parts": [graded("X", 10_000)], "culled_grams": 1, "reason": "rot"}),
    ):
        with pytest.raises(lots.FruitPromised) as refused:
            _do(yard, use_case, lot_id=lot.id, **facts)
        assert refused.value.facts == {
            "requested_grams": 10_001,
            "available_grams": 10_000,
            "lot_code": "L1",
        }
    assert len(_do(yard, parentage.split, lot_id=lot.id, parts=[part("X", 10_000)]).children) == 1
    assert yard.broken() == []


@pytest.mark.parametrize("turn", [quality.quarantine, quality.recall])
def test_stopped_fruit_stays_where_it_is(yard: Yard, turn: Callable[..., Any]) -> None:
    lot = yard.lot("L1")
    database.transact(lambda session: turn(session, yard.ctx, lot_id=lot.id, reason="a smell"))
    for use_case, facts in (
        (parentage.split, {"lot_id": lot.id, "parts": [part("X", 1)]}),
        (parentage.grade, {"lot_id": lot.id, "parts": [graded("X", 1)]}),
        (parentage.merge, {"code": "X", "parts": [{"lot_id": lot.id, "quantity_grams": 1}]}),
    ):
        with pytest.raises(lots.LotStatusForbids):
            _do(yard, use_case, **facts)


@pytest.mark.parametrize(
    ("use_case", "facts", "other"),
    [
        (parentage.split, {"parts": [part("X", 5_000)]}, {"parts": [part("X", 5_001)]}),
        (parentage.split, {"parts": [part("X", 5_000)]}, {"parts": [part("X", 5_000), part("Y", 1)]}),
        (parentage.grade, {"parts": [graded("X", 5_000)]}, {"parts": [graded("X", 5_000, "C")]}),
    ],
)
def test_the_same_request_again_answers_the_same_lots_and_another_is_refused(
    yard: Yard, use_case: Callable[..., Family], facts: dict[str, Any], other: dict[str, Any]
) -> None:
    lot = yard.lot("L1")
    first = _do(yard, use_case, lot_id=lot.id, **facts)
    again = _do(yard, use_case, lot_id=lot.id, **facts)
    assert [child.id for child in again.children] == [child.id for child in first.children]
    assert yard.stored(lot).version == 2
    with pytest.raises(lots.LotCodeTaken):
        _do(yard, use_case, lot_id=lot.id, **other)
    assert yard.broken() == []


def test_copies_of_one_split_at_once_split_once(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    splitting = [
        lambda session: parentage.split(session, yard.ctx, lot_id=lot.id, parts=[part("X", 5_000)])
    ] * 8
    results = at_once(yard.app, splitting)
    assert all(isinstance(result, Family) for result in results), results
    assert yard.stored(lot).on_hand_grams == 45_000
    assert yard.broken() == []


def test_a_hold_and_a_split_of_the_same_fruit_never_both_get_it(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)

    def splitting(number: int) -> Callable[[Any], object]:
        return lambda session: parentage.split(
            session, yard.ctx, lot_id=lot.id, parts=[part(f"X{number}", 2 * PACK_GRAMS)]
        )

    def reserving(session: Any) -> object:
        return holds.place_on_lots(
            session,
            yard.ctx,
            kind="allocation",
            cooperative_id=yard.cooperative_ids[0],
            boxes=2,
            pack_grams=PACK_GRAMS,
            variety="Fuji",
            grade="A",
            purpose=("share", uuid.uuid4()),
        )

    at_once(yard.app, [work for number in range(6) for work in (splitting(number), reserving)])
    assert _total(yard) == 50_000
    assert yard.broken() == []


def test_merges_in_opposite_order_do_not_wait_for_each_other_for_ever(yard: Yard) -> None:
    pair = [yard.lot("L1", boxes=10).id, yard.lot("L2", boxes=10).id]

    def merging(number: int) -> Callable[[Any], object]:
        order = pair if number % 2 else pair[::-1]
        return lambda session: parentage.merge(
            session,
            yard.ctx,
            code=f"M{number}",
            parts=[{"lot_id": lot_id, "quantity_grams": 1_000} for lot_id in order],
        )

    results = at_once(yard.app, [merging(number) for number in range(12)])
    assert all(isinstance(result, Family) for result in results), results
    assert yard.broken() == []


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_split_graded_and_merged_no_gram_is_made_or_lost(yard: Yard, seed: int) -> None:
    dice = random.Random(seed)
    known = [yard.lot(f"L{number}", boxes=8).id for number in range(3)]
    culled = 0
    for step in range(25):
        lot_id = dice.choice(known)
        with database.reading() as session:
            free = session.get_one(Lot, lot_id).free_grams
        grams = dice.randint(1, 15_000)
        ways = {
            "split": (parentage.split, {"lot_id": lot_id, "parts": [part(f"S{step}", grams)]}),
            "grade": (
                parentage.grade,
                {
                    "lot_id": lot_id,
                    "parts": [graded(f"G{step}", grams, "A")],
                    "culled_grams": 7,
                    "reason": "rot",
                },
            ),
            "merge": (
                parentage.merge,
                {
                    "code": f"M{step}",
                    "parts": [
                        {"lot_id": each, "quantity_grams": grams} for each in {lot_id, dice.choice(known)}
                    ],
                },
            ),
        }
        way = dice.choice(sorted(ways))
        use_case, facts = ways[way]
        try:
            family = _do(yard, use_case, **facts)
        except lots.FruitPromised:
            assert grams + 7 > free or way == "merge"
            continue
        culled += 7 if way == "grade" else 0
        known += [child.id for child in family.children]
        assert _total(yard) == 3 * 8 * PACK_GRAMS - culled
    assert yard.broken() == []


def test_what_comes_back_is_a_lot_under_quarantine_and_never_more_than_was_shipped(yard: Yard) -> None:
    lot = yard.lot("L1", boxes=10)
    [hold] = yard.reserve(4)
    back = {"lot_id": lot.id, "code": "L1-BACK", "quantity_grams": 6_000, "reason": "refused at the door"}
    with pytest.raises(parentage.NotShipped) as refused:
        _do(yard, parentage.take_back, **back)
    assert refused.value.facts == {"shipped_grams": 0, "returned_grams": 0, "requested_grams": 6_000}
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=hold.id))
    [child] = _do(yard, parentage.take_back, **back).children
    assert (child.status, child.available_grams, _lines(child)) == ("quarantined", 0, [("returned", 6_000)])
    assert _do(yard, parentage.take_back, **back).children[0].id == child.id
    with pytest.raises(parentage.NotShipped):
        _do(yard, parentage.take_back, **{**back, "code": "X", "quantity_grams": 14_001})
    assert yard.stored(lot).status == "available"
    cleared = database.transact(
        lambda session: quality.clear(session, yard.ctx, lot_id=child.id, reason="looked at")
    )
    assert cleared.lot.available_grams == 6_000
    assert yard.broken() == []


def test_parts_lie_in_the_room_that_is_named_if_they_fit(yard: Yard) -> None:
    room = database.transact(
        lambda session: rooms.create(
            session, yard.ctx, cold_store_id=yard.cold_store_id, code="R1", capacity_grams=5_000
        )
    )
    lot = yard.lot("L1", boxes=10)
    with pytest.raises(rooms.NoSpace):
        _do(yard, parentage.split, lot_id=lot.id, parts=[part("X", 5_001, room_id=room.id)])
    with pytest.raises(rooms.RoomNotFound):
        _do(yard, parentage.split, lot_id=lot.id, parts=[part("X", 5_000, room_id=uuid.uuid4())])
    [child] = _do(yard, parentage.split, lot_id=lot.id, parts=[part("X", 5_000, room_id=room.id)]).children
    assert child.room_id == room.id
    assert yard.broken() == []


def test_a_member_parts_its_own_lots_alone(yard: Yard) -> None:
    actor = Actor(
        kind="account",
        roles=frozenset({Role.COOPERATIVE}),
        cooperative_ids=frozenset(yard.cooperative_ids[:1]),
    )
    member = replace(yard, ctx=replace(yard.ctx, actor=actor))
    own, foreign = yard.lot("L1"), yard.lot("L2", cooperative=1)
    assert _do(member, parentage.split, lot_id=own.id, parts=[part("X", 1)]).children
    for lot_id in (foreign.id, uuid.uuid4()):
        with pytest.raises(lots.LotNotFound):
            _do(member, parentage.split, lot_id=lot_id, parts=[part("Y", 1)])
        with pytest.raises(lots.LotNotFound):
            _do(
                member,
                parentage.merge,
                code="M",
                parts=[{"lot_id": each, "quantity_grams": 1} for each in (own.id, lot_id)],
            )


def test_every_parting_is_in_the_audit_a_repeated_one_too(yard: Yard) -> None:
    lot = yard.lot("L1")
    for _ in range(2):
        _do(yard, parentage.split, lot_id=lot.id, parts=[part("X", 1)])
    with database.reading() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "lot.split").order_by(AuditEntry.id)
        )
        assert [entry.after.get("is_repeated", False) for entry in entries] == [False, True]


def test_the_app_may_not_rewrite_parentage(yard: Yard) -> None:
    for table in (LotParent,):
        with pytest.raises(Exception, match="permission denied"), database.transaction() as session:
            session.execute(table.__table__.delete())


def test_fruit_keeps_as_long_as_the_kind_of_store_lets_it_and_a_variety_may_differ(yard: Yard) -> None:
    assert set(keeping_rules.DAYS) == set(Storage)
    harvest = yard.today
    lot = yard.lot("L1", harvested_on=harvest, best_before_on=None)
    assert lot.best_before_on == harvest + timedelta(days=keeping_rules.DAYS[Storage.COLD])
    controlled = yard.lot("L2", harvested_on=harvest, best_before_on=None, storage="controlled_atmosphere")
    assert controlled.best_before_on == harvest + timedelta(
        days=keeping_rules.DAYS[Storage.CONTROLLED_ATMOSPHERE]
    )
    for days in (90, 60):
        database.transact(
            lambda session, days=days: keeping.tell(  # type: ignore[misc]
                session, yard.ctx, variety="Fuji", storage="cold", days=days
            )
        )
    assert yard.lot("L3", harvested_on=harvest, best_before_on=None).best_before_on == harvest + timedelta(
        days=60
    )
    gala = yard.lot("L4", variety="Gala", harvested_on=harvest, best_before_on=None)
    assert gala.best_before_on == lot.best_before_on
    assert yard.stored(lot).best_before_on == lot.best_before_on
    told = harvest + timedelta(days=5)
    assert yard.lot("L5", harvested_on=harvest, best_before_on=told).best_before_on == told


def test_the_doors_split_grade_merge_take_back_and_show(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    lot = yard.lot("L1", boxes=10)
    path = f"/v1/lots/{lot.id}"
    split = member.post(
        f"{path}/splits", {"parts": [{"code": "S1", "quantity": {"value": 10, "unit": "jin"}}]}
    )
    assert split.status_code == 201, split.json
    [child] = split.json["children"]
    assert (child["code"], child["on_hand_grams"], split.json["parents"][0]["on_hand_grams"]) == (
        "S1",
        5_000,
        45_000,
    )
    again = member.post(f"{path}/splits", {"parts": [{"code": "S1", "quantity": 5_000}]})
    assert (again.status_code, again.json["children"][0]["id"]) == (201, child["id"])
    merged = member.post(
        "/v1/lots/merges",
        {
            "code": "M1",
            "parts": [{"lot_id": child["id"], "quantity": 5_000}, {"lot_id": str(lot.id), "quantity": 5_000}],
        },
    )
    assert merged.json["children"][0]["on_hand_grams"] == 10_000
    graded_ = member.post(
        f"{path}/gradings",
        {"parts": [{"code": "G1", "quantity": 1_000, "grade": "B"}], "culled": 500, "reason": "bruised"},
    )
    assert graded_.status_code == 201, graded_.json
    seen = member.get(f"{path}/relatives").json
    assert sorted((tie["code"], tie["kind"], tie["grams"]) for tie in seen["children"]) == [
        ("G1", "graded", 1_000),
        ("M1", "merged", 5_000),
        ("S1", "split", 5_000),
    ]
    early = member.post(f"{path}/returns", {"code": "R1", "quantity": 1, "reason": "no"})
    assert (early.status_code, early.json["code"]) == (409, "not_shipped")
    [hold] = yard.reserve(1)
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=hold.id))
    back = member.post(f"/v1/lots/{hold.lot_id}/returns", {"code": "R1", "quantity": 100, "reason": "no"})
    assert (back.status_code, back.json["children"][0]["status"]) == (201, "quarantined")
    assert yard.broken() == []


def test_the_doors_of_families_refuse(yard: Yard, as_role: AsRole, anyone: Caller) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    lot, other = yard.lot("L1", boxes=2), yard.lot("L2", grade="B")
    path = f"/v1/lots/{lot.id}"
    one = {"parts": [{"code": "S1", "quantity": 1}]}
    refusals = [
        (f"{path}/splits", {"parts": [{"code": "S1", "quantity": 10_001}]}, 409, "fruit_promised"),
        (f"{path}/splits", {"parts": [{"code": "L2", "quantity": 1}]}, 409, "lot_code_taken"),
        (f"{path}/splits", {"parts": [{"code": "S", "quantity": 1}] * 2}, 409, "lot_code_taken"),
        (f"{path}/splits", {"parts": []}, 422, "invalid"),
        (f"{path}/gradings", {"parts": [{"code": "G", "quantity": 1}]}, 422, "invalid"),
        (
            f"{path}/gradings",
            {"parts": [{"code": "G", "quantity": 1, "grade": "B"}], "culled": 1},
            422,
            "invalid",
        ),
        (
            "/v1/lots/merges",
            {"code": "M", "parts": [{"lot_id": str(each.id), "quantity": 1} for each in (lot, other)]},
            409,
            "lots_differ",
        ),
        (f"/v1/lots/{uuid.uuid4()}/splits", one, 404, "lot_not_found"),
    ]
    for where, body, status, code in refusals:
        answer = member.post(where, body)
        assert (answer.status_code, answer.json["code"]) == (status, code), (where, body, answer.json)
    assert anyone.post(f"{path}/splits", one).status_code == 401
    for role in (Role.SHOPPER, Role.AUDITOR):
        assert as_role(role).post(f"{path}/splits", one).status_code == 403
    assert member.post(f"{path}/splits", one, key=None).status_code == 400
    assert yard.stored(lot).version == 1


def test_the_doors_of_readings_and_keeping_times(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    operator = as_role(Role.OPERATOR)
    lot = yard.lot("L1")
    path = f"/v1/lots/{lot.id}/quality-readings"
    today = yard.today.isoformat()
    made = member.post(path, {"measured_on": today, "brix_tenths": 138, "firmness_newton_tenths": 735})
    assert made.status_code == 201, made.json
    assert member.post(path, {"measured_on": today, "brix_tenths": 139}).status_code == 201
    assert [item["brix_tenths"] for item in member.get(path).json["items"]] == [138, 139]
    for body in ({"measured_on": today}, {"measured_on": today, "brix_tenths": 401}, {"brix_tenths": 1}):
        assert member.post(path, body).status_code == 422
    for day in (yard.today + timedelta(days=1), lot.harvested_on - timedelta(days=1)):
        early = member.post(path, {"measured_on": day.isoformat(), "brix_tenths": 1})
        assert (early.status_code, early.json["code"]) == (422, "measured_too_early")
    foreign = yard.lot("L2", cooperative=1)
    assert (
        member.post(f"/v1/lots/{foreign.id}/quality-readings", {"measured_on": today, "brix_tenths": 1}).json[
            "code"
        ]
        == "lot_not_found"
    )
    told = operator.post("/v1/keeping-times", {"variety": "Fuji", "storage": "cold", "days": 99})
    assert told.status_code == 201, told.json
    assert [item["days"] for item in member.get("/v1/keeping-times").json["items"]] == [99]
    assert member.post("/v1/keeping-times", {"variety": "F", "storage": "cold", "days": 9}).status_code == 403
    assert (
        operator.post("/v1/keeping-times", {"variety": "F", "storage": "den", "days": 9}).status_code == 422
    )
    body = {
        "cooperative_id": str(yard.cooperative_ids[0]),
        "cold_store_id": str(yard.cold_store_id),
        "code": "L9",
        "variety": "Fuji",
        "grade": "A",
        "plot": "North",
        "kind": "harvested",
        "harvested_on": today,
        "quantity": 1,
    }
    kept = member.post("/v1/lots", body)
    assert kept.json["best_before_on"] == (yard.today + timedelta(days=99)).isoformat()
    assert kept.json["plot"] == "North"
    [line] = member.get(f"/v1/lots/{kept.json['id']}/movements").json["items"]
    assert line["kind"] == "harvested"


def test_the_door_writes_off_by_kind(yard: Yard, as_role: AsRole) -> None:
    operator = as_role(Role.OPERATOR)
    lot = yard.lot("L1")
    for body in ({}, {"kind": "culled"}):
        operator.post(f"/v1/lots/{lot.id}/losses", {"quantity": 5, "reason": "rot", **body})
    assert _lines(lot)[1:] == [("shrunk", -5), ("culled", -5)]
    wrong = operator.post(f"/v1/lots/{lot.id}/losses", {"quantity": 5, "reason": "rot", "kind": "moved"})
    assert wrong.status_code == 422
    assert issubclass(parentage.LotsDiffer, errors.Conflict)
