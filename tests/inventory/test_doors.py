"""The doors of inventory: who may pass, what they answer, what they refuse."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inventory.models import Hold, Lot, Pool
from marketplace import database
from marketplace.access import Role
from marketplace.identity import service_keys
from marketplace.identity.scopes import Scope
from marketplace.values import GRAMS_MAX
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, place

AsRole = Callable[..., Caller]


@pytest.fixture
def operator(as_role: AsRole) -> Caller:
    return as_role(Role.OPERATOR)


@pytest.fixture
def member(as_role: AsRole, yard: Yard) -> Caller:
    """A member of the first cooperative."""
    return as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])


def _receiving(yard: Yard, **changes: Any) -> dict[str, Any]:
    return {
        "cooperative_id": str(yard.cooperative_ids[0]),
        "cold_store_id": str(yard.cold_store_id),
        "code": "L1",
        "variety": "Fuji",
        "grade": "A",
        "size": "80-85",
        "harvested_on": yard.today.isoformat(),
        "best_before_on": (yard.today + timedelta(days=90)).isoformat(),
        "quantity": {"value": 200, "unit": "jin"},
        **changes,
    }


def _held(yard: Yard, pool: Pool, shopper: Caller, boxes: int = 2) -> Hold:
    ctx = yard.of_account(shopper.account_id)
    return database.transact(lambda session: place(session, ctx, pool.id, boxes))


def _ids(answer: Any) -> list[str]:
    return [item["id"] for item in answer.json["items"]]


def test_cold_stores_are_made_by_operators_and_seen_by_cooperatives(
    yard: Yard, operator: Caller, member: Caller
) -> None:
    body = {"code": "COLD-2", "name_en": "Second", "name_zh": "二号", "kind": "controlled_atmosphere"}
    made = operator.post("/v1/cold-stores", body)
    assert made.status_code == 201
    seen = member.get(made.headers["Location"])
    assert seen.json == made.json
    assert seen.json["kind"] == "controlled_atmosphere"
    assert _ids(member.get("/v1/cold-stores")) == [str(yard.cold_store_id), made.json["id"]]
    first = member.get("/v1/cold-stores?limit=1")
    assert _ids(member.get(f"/v1/cold-stores?limit=1&cursor={first.json['next_cursor']}")) == [
        made.json["id"]
    ]


def test_cold_stores_refuse_taken_codes_unknown_counties_and_strangers(
    yard: Yard, operator: Caller, member: Caller, anyone: Caller
) -> None:
    body = {"code": "COLD-1", "name_en": "Second", "name_zh": "二号"}
    taken = operator.post("/v1/cold-stores", body)
    assert (taken.status_code, taken.json["code"]) == (409, "cold_store_code_taken")
    lost = operator.post("/v1/cold-stores", {**body, "code": "C", "county_id": str(uuid.uuid4())})
    assert (lost.status_code, lost.json["code"]) == (404, "county_not_found")
    assert operator.post("/v1/cold-stores", {**body, "kind": "cellar"}).status_code == 422
    assert operator.post("/v1/cold-stores", body, key=None).status_code == 400
    assert member.post("/v1/cold-stores", body).status_code == 403
    assert anyone.get("/v1/cold-stores").status_code == 401
    missing = member.get(f"/v1/cold-stores/{uuid.uuid4()}")
    assert (missing.status_code, missing.json["code"]) == (404, "cold_store_not_found")


def test_a_member_receives_fruit_in_jin(yard: Yard, member: Caller) -> None:
    made = member.post("/v1/lots", _receiving(yard))
    assert made.status_code == 201, made.json
    assert made.headers["ETag"] == '"1"'
    assert (made.json["on_hand_grams"], made.json["held_grams"], made.json["available_grams"]) == (
        100_000,
        0,
        100_000,
    )
    assert (made.json["version"], made.json["storage"]) == (1, "cold")
    seen = member.get(made.headers["Location"])
    assert seen.json == made.json
    assert seen.headers["ETag"] == '"1"'


def test_the_same_key_receives_once(yard: Yard, member: Caller) -> None:
    key = str(uuid.uuid4())
    first = member.post("/v1/lots", _receiving(yard), key=key)
    again = member.post("/v1/lots", _receiving(yard), key=key)
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert member.post("/v1/lots", _receiving(yard, code="L2"), key=key).status_code == 422
    assert member.post("/v1/lots", _receiving(yard, code="L2"), key=None).status_code == 400


def test_receiving_refuses_what_it_cannot_take(yard: Yard, member: Caller, operator: Caller) -> None:
    member.post("/v1/lots", _receiving(yard))
    refusals = {
        "lot_code_taken": (409, {}),
        "cooperative_not_found": (404, {"cooperative_id": str(yard.cooperative_ids[1])}),
        "cold_store_not_found": (404, {"cold_store_id": str(uuid.uuid4())}),
        "days_out_of_order": (422, {"code": "L2", "best_before_on": "2020-01-01"}),
    }
    for code, (status, change) in refusals.items():
        answer = member.post("/v1/lots", _receiving(yard, **change))
        assert (answer.status_code, answer.json["code"]) == (status, code)
    missing = operator.post("/v1/lots", _receiving(yard, cooperative_id=str(uuid.uuid4())))
    assert missing.json["code"] == "cooperative_not_found"
    assert (
        operator.post("/v1/lots", _receiving(yard, cooperative_id=str(yard.cooperative_ids[1]))).status_code
        == 201
    )


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 0},
        {"quantity": GRAMS_MAX + 1},
        {"quantity": 1.5},
        {"quantity": {"value": "0.0001", "unit": "jin"}},
        {"quantity": {"value": 1, "unit": "pound"}},
        {"code": "../L1"},
        {"variety": "Fu\u0000ji"},
        {"variety": "F" * 61},
        {"storage": "cellar"},
        {"harvested_on": "2026-02-30"},
        {"unknown": 1},
        {"cold_store_id": "COLD-1"},
    ],
)
def test_receiving_refuses_bad_shapes(yard: Yard, member: Caller, change: dict[str, Any]) -> None:
    answer = member.post("/v1/lots", _receiving(yard, **change))
    assert answer.status_code in (400, 422)
    assert member.get("/v1/lots").json["items"] == []


def test_members_list_their_own_lots_and_staff_all(
    yard: Yard, member: Caller, operator: Caller, as_role: AsRole
) -> None:
    own, foreign = yard.lot("L1"), yard.lot("L1", cooperative=1)
    assert _ids(member.get("/v1/lots")) == [str(own.id)]
    assert _ids(member.get(f"/v1/lots?cooperative_id={yard.cooperative_ids[1]}")) == []
    assert _ids(operator.get("/v1/lots")) == [str(own.id), str(foreign.id)]
    assert _ids(operator.get(f"/v1/lots?cooperative_id={yard.cooperative_ids[1]}")) == [str(foreign.id)]
    first = as_role(Role.AUDITOR).get(f"/v1/lots?limit=1&cooperative_id={yard.cooperative_ids[0]}")
    assert first.json["next_cursor"] is None
    page = operator.get("/v1/lots?limit=1")
    assert f"cursor={own.id}" in page.headers["Link"]


def test_foreign_and_missing_lots_look_alike(yard: Yard, member: Caller) -> None:
    foreign = yard.lot(cooperative=1)
    for lot_id in (foreign.id, uuid.uuid4()):
        for answer in (
            member.get(f"/v1/lots/{lot_id}"),
            member.get(f"/v1/lots/{lot_id}/movements"),
            member.post(f"/v1/lots/{lot_id}/losses", {"quantity": 1, "reason": "rot"}),
            member.post(f"/v1/lots/{lot_id}/corrections", {"delta_grams": 1, "reason": "recount"}),
        ):
            assert (answer.status_code, answer.json["code"]) == (404, "lot_not_found")


def test_lots_are_not_for_shoppers(yard: Yard, as_role: AsRole, anyone: Caller) -> None:
    lot = yard.lot()
    shopper, auditor = as_role(Role.SHOPPER), as_role(Role.AUDITOR)
    for path in ("/v1/lots", f"/v1/lots/{lot.id}", f"/v1/lots/{lot.id}/movements"):
        assert shopper.get(path).status_code == 403
        assert anyone.get(path).status_code == 401
        assert auditor.get(path).status_code == 200
    for path in ("/v1/lots", f"/v1/lots/{lot.id}/losses", f"/v1/lots/{lot.id}/corrections"):
        assert auditor.post(path, {}).status_code == 403


def test_a_service_key_needs_the_scope_to_read_lots(yard: Yard, app: Flask) -> None:
    lot = yard.lot()

    def key(*scopes: Scope) -> Caller:
        made = database.transact(
            lambda session: service_keys.create(session, yard.ctx, name="A partner", scopes=scopes)
        )
        return Caller(app, made[1])

    reader, other = key(Scope.LOTS_READ), key(Scope.ORDERS_READ)
    assert _ids(reader.get("/v1/lots")) == [str(lot.id)]
    assert reader.get(f"/v1/lots/{lot.id}/movements").status_code == 200
    assert other.get("/v1/lots").status_code == 403
    assert reader.post(f"/v1/lots/{lot.id}/losses", {"quantity": 1, "reason": "rot"}).status_code == 403


def test_losses_and_corrections_answer_with_version_and_what_is_free(
    yard: Yard, member: Caller, operator: Caller
) -> None:
    lot = yard.lot(boxes=10)
    lost = member.post(f"/v1/lots/{lot.id}/losses", {"quantity": {"value": 2, "unit": "kg"}, "reason": "rot"})
    assert (lost.status_code, lost.json["version"], lost.json["available_grams"]) == (201, 2, 48_000)
    assert lost.headers["ETag"] == '"2"'
    found = operator.post(f"/v1/lots/{lot.id}/corrections", {"delta_grams": 500, "reason": "重新称重"})
    assert (found.status_code, found.json["version"], found.json["available_grams"]) == (201, 3, 48_500)
    lines = member.get(f"/v1/lots/{lot.id}/movements").json["items"]
    assert [
        (line["number"], line["kind"], line["on_hand_delta_grams"], line["reason"]) for line in lines
    ] == [
        (1, "received", 50_000, None),
        (2, "shrunk", -2_000, "rot"),
        (3, "adjusted", 500, "重新称重"),
    ]


def test_losses_and_corrections_refuse_what_is_promised_and_bad_shapes(yard: Yard, operator: Caller) -> None:
    lot = yard.lot(boxes=10)
    yard.reserve(9)
    losses, corrections = f"/v1/lots/{lot.id}/losses", f"/v1/lots/{lot.id}/corrections"
    promised = operator.post(losses, {"quantity": 5_001, "reason": "rot"})
    assert (promised.status_code, promised.json["code"]) == (409, "fruit_promised")
    assert promised.json["available_grams"] == PACK_GRAMS
    assert operator.post(corrections, {"delta_grams": -5_001, "reason": "x"}).json["code"] == "fruit_promised"
    large = operator.post(corrections, {"delta_grams": GRAMS_MAX, "reason": "x"})
    assert (large.status_code, large.json["code"]) == (409, "lot_too_large")
    for path, body in (
        (losses, {"quantity": 0, "reason": "x"}),
        (losses, {"quantity": 1}),
        (losses, {"quantity": 1, "reason": " "}),
        (corrections, {"delta_grams": 0, "reason": "x"}),
        (corrections, {"delta_grams": "5", "reason": "x"}),
        (corrections, {"delta_grams": -GRAMS_MAX - 1, "reason": "x"}),
    ):
        assert operator.post(path, body).status_code == 422
    assert operator.post(losses, {"quantity": 1, "reason": "x"}, key=None).status_code == 400
    assert yard.stored(lot).version == 2


def test_a_passer_by_sees_what_is_left_of_a_pool(yard: Yard, anyone: Caller, as_role: AsRole) -> None:
    pool = yard.full_pool(20)
    _held(yard, pool, as_role(Role.SHOPPER), boxes=3)
    seen = anyone.get(f"/v1/pools/{pool.id}")
    assert (seen.json["available_boxes"], seen.json["boxes_held"], seen.json["version"]) == (17, 3, 3)
    assert seen.headers["ETag"] == '"3"'
    missing = anyone.get(f"/v1/pools/{uuid.uuid4()}")
    assert (missing.status_code, missing.json["code"]) == (404, "pool_not_found")


def test_a_hold_is_seen_by_its_owner_and_staff_only(yard: Yard, as_role: AsRole, anyone: Caller) -> None:
    shopper = as_role(Role.SHOPPER)
    hold = _held(yard, yard.full_pool(), shopper)
    for caller in (shopper, as_role(Role.OPERATOR), as_role(Role.AUDITOR)):
        seen = caller.get(f"/v1/holds/{hold.id}")
        assert (seen.json["state"], seen.json["boxes"], seen.json["version"]) == ("active", 2, 1)
        assert seen.headers["ETag"] == '"1"'
    for hold_id in (hold.id, uuid.uuid4()):
        missing = as_role(Role.SHOPPER).get(f"/v1/holds/{hold_id}")
        assert (missing.status_code, missing.json["code"]) == (404, "hold_not_found")
    assert as_role(Role.COOPERATIVE).get(f"/v1/holds/{hold.id}").status_code == 403
    assert anyone.get(f"/v1/holds/{hold.id}").status_code == 401


def test_nobody_owns_a_hold_on_a_lot(yard: Yard, as_role: AsRole) -> None:
    yard.lot()
    [hold] = yard.reserve(1)
    shopper = as_role(Role.SHOPPER)
    assert shopper.get(f"/v1/holds/{hold.id}").status_code == 404
    assert shopper.post(f"/v1/holds/{hold.id}/release").status_code == 404
    assert as_role(Role.OPERATOR).get(f"/v1/holds/{hold.id}").json["lot_id"] == str(hold.lot_id)


def test_a_hold_past_its_time_reads_expired_before_anybody_swept(yard: Yard, as_role: AsRole) -> None:
    shopper = as_role(Role.SHOPPER)
    hold = _held(yard, yard.full_pool(), shopper)
    yard.let_expire(hold)
    assert shopper.get(f"/v1/holds/{hold.id}").json["state"] == "expired"
    assert yard.stored(hold).state == "active"


def test_the_owner_gives_boxes_back_once(yard: Yard, as_role: AsRole) -> None:
    shopper = as_role(Role.SHOPPER)
    hold = _held(yard, yard.full_pool(), shopper)
    path = f"/v1/holds/{hold.id}/release"
    key = str(uuid.uuid4())
    done = shopper.post(path, key=key)
    assert done.status_code == 200
    assert (done.json["hold"]["state"], done.json["hold"]["version"]) == ("released", 2)
    assert (done.json["pool"]["available_boxes"], done.json["pool"]["version"]) == (20, 4)
    assert shopper.post(path, key=key).json == done.json
    again = shopper.post(path)
    assert (again.status_code, again.json["code"]) == (409, "hold_not_active")
    assert yard.broken() == []


def test_only_the_owner_gives_boxes_back(yard: Yard, as_role: AsRole, anyone: Caller) -> None:
    shopper = as_role(Role.SHOPPER)
    hold = _held(yard, yard.full_pool(), shopper)
    path = f"/v1/holds/{hold.id}/release"
    assert as_role(Role.SHOPPER).post(path).status_code == 404
    assert shopper.post(f"/v1/holds/{uuid.uuid4()}/release").status_code == 404
    assert as_role(Role.OPERATOR).post(path).status_code == 403
    assert anyone.post(path).status_code == 401
    assert shopper.post(path, key=None).status_code == 400
    assert yard.stored(hold).state == "active"


def test_invariants_find_what_is_broken(yard: Yard) -> None:
    """Their queries run and see: a lot, a pool and a hold changed behind the journal's back."""
    lot = yard.lot(boxes=10)
    pool = yard.pool()
    yard.pledge(pool, 6)
    yard.reserve(2)

    def tamper(session: Session) -> None:
        session.get_one(Lot, lot.id).held_grams -= 1
        session.get_one(Lot, lot.id).version += 1
        session.get_one(Pool, pool.id).boxes_pledged += 1
        for hold in session.query(Hold).where(Hold.kind == "allocation"):
            hold.boxes += 1
            hold.quantity_grams += PACK_GRAMS

    assert yard.broken() == []
    database.transact(tamper)
    assert yard.broken() == ["S1", "S4", "S6", "S7", "H1"]
