"""Safety stock: who may keep it, and that nobody gets it however they meet."""

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from inventory import holds, lots, safety
from inventory.models import SafetyStock
from marketplace import database
from marketplace.access import Role
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, at_once

AsRole = Callable[..., Caller]


def _body(yard: Yard, grams: int, cooperative: int = 0) -> dict[str, Any]:
    return {
        "cooperative_id": str(yard.cooperative_ids[cooperative]),
        "variety": "Fuji",
        "grade": "A",
        "quantity": grams,
    }


def _free(yard: Yard) -> dict[uuid.UUID, int]:
    with database.reading() as session:
        return lots.free_boxes(session, variety="Fuji", grade="A", pack_grams=PACK_GRAMS, locked=False)


def test_a_cooperative_keeps_its_own_and_splits_do_not_count_it(yard: Yard, as_role: AsRole) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    for cooperative in (0, 1):
        yard.lot("L1", boxes=10, cooperative=cooperative)
    first = member.post("/v1/safety-stocks", _body(yard, 12_000))
    assert (first.status_code, first.json["grams"], first.json["version"]) == (200, 12_000, 1)
    assert _free(yard) == {yard.cooperative_ids[0]: 7, yard.cooperative_ids[1]: 10}
    assert member.post("/v1/safety-stocks", _body(yard, 5_000)).json["version"] == 2
    shown = member.get(f"/v1/safety-stocks?cooperative_id={yard.cooperative_ids[0]}").json["items"]
    assert [(each["variety"], each["grams"]) for each in shown] == [("Fuji", 5_000)]
    assert member.post("/v1/safety-stocks", _body(yard, 0)).json["grams"] == 0
    assert _free(yard)[yard.cooperative_ids[0]] == 10


def test_the_doors_refuse_strangers_and_bad_shapes(yard: Yard, as_role: AsRole, anyone: Caller) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    for body in (_body(yard, 1, 1), {**_body(yard, 1), "cooperative_id": str(uuid.uuid4())}):
        answer = member.post("/v1/safety-stocks", body)
        assert (answer.status_code, answer.json["code"]) == (404, "cooperative_not_found")
    for cooperative_id in (yard.cooperative_ids[1], uuid.uuid4()):
        answer = member.get(f"/v1/safety-stocks?cooperative_id={cooperative_id}")
        assert (answer.status_code, answer.json["code"]) == (404, "cooperative_not_found")
    assert member.post("/v1/safety-stocks", _body(yard, -1)).status_code == 422
    assert member.post("/v1/safety-stocks", _body(yard, 1), key=None).status_code == 400
    assert as_role(Role.AUDITOR).post("/v1/safety-stocks", _body(yard, 1)).status_code == 403
    assert as_role(Role.SHOPPER).get("/v1/safety-stocks").status_code == 403
    assert anyone.get("/v1/safety-stocks").status_code == 401
    assert as_role(Role.OPERATOR).post("/v1/safety-stocks", _body(yard, 1)).status_code == 200


def test_many_who_hold_at_once_leave_the_safety(yard: Yard) -> None:
    stocked = [yard.lot(f"L{number}", boxes=4) for number in range(3)]
    database.transact(
        lambda session: safety.keep(
            session,
            yard.ctx,
            cooperative_id=yard.cooperative_ids[0],
            variety="Fuji",
            grade="A",
            grams=3 * PACK_GRAMS,
        )
    )

    def reserving(session: Session) -> object:
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

    results = at_once(yard.app, [reserving] * 10)
    assert sum(isinstance(result, lots.NotEnoughInStore) for result in results) == 6
    assert sum(yard.stored(lot).free_grams for lot in stocked) == 4 * PACK_GRAMS
    assert yard.broken() == []


def test_two_who_keep_at_once_keep_one_amount(yard: Yard) -> None:
    def keeping(grams: int) -> Callable[[Session], SafetyStock]:
        return lambda session: safety.keep(
            session,
            yard.ctx,
            cooperative_id=yard.cooperative_ids[0],
            variety="Fuji",
            grade="A",
            grams=grams,
        )

    results = at_once(yard.app, [keeping(number) for number in range(6)])
    assert sorted(result.version for result in results if isinstance(result, SafetyStock)) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
