"""Why only so many: every gram under exactly one cause, the sums exact, and the doors to it."""

import uuid
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from inventory import buckets, explain_rules, explaining, lots, safety, stock_rules
from inventory.explain_rules import Causes
from inventory.quality import quality
from inventory.states import OF_POOL, PLEDGES, HoldKind, LotStatus, MovementKind
from inventory.stock_rules import REMAINING_DAYS, Destination, Stock
from marketplace import database
from marketplace.access import Role
from marketplace.catalogue import products
from marketplace.identity import service_keys
from marketplace.identity.scopes import Scope
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard

AsRole = Callable[..., Caller]

DAY = date(2026, 1, 1)
COOPERATIVE = uuid.UUID(int=1)
PARTS = [
    each.name for each in fields(Causes) if each.name.endswith("_grams") and each.name != "on_hand_grams"
]

LOTS = st.lists(
    st.tuples(
        st.builds(
            Stock,
            lot_id=st.uuids(),
            cooperative_id=st.just(COOPERATIVE),
            code=st.text("AB12", min_size=1, max_size=3),
            harvested_on=st.dates(DAY - timedelta(days=100), DAY),
            best_before_on=st.dates(DAY - timedelta(days=5), DAY + timedelta(days=40)),
            free_grams=st.integers(0, 40_000),
            status=st.sampled_from(LotStatus),
        ),
        st.dictionaries(
            st.sampled_from([HoldKind.ALLOCATION, HoldKind.PLEDGE, HoldKind.QUALITY]), st.integers(0, 40_000)
        ),
        st.integers(0, 40_000),
    ),
    max_size=12,
    unique_by=lambda triple: triple[0].lot_id,
)
PACKS = st.integers(1, 7_000)
PLACES = st.sampled_from([None, *Destination])
SAFETY = st.integers(0, 120_000)
Triples = list[tuple[Stock, dict[HoldKind, int], int]]
"""Lots, what holds keep of each by kind, and what is committed of it."""


def _explained(triples: Triples, pack_grams: int, place: Destination | None, safety: int) -> list[Causes]:
    kept = stock_rules.kept_back(
        [stock for stock, _, _ in triples],
        on=stock_rules.good_until(DAY, place),
        safety={COOPERATIVE: safety},
    )
    return [
        explain_rules.explain(
            stock,
            held=held,
            committed_grams=committed,
            kept_grams=kept.get(stock.lot_id, 0),
            pack_grams=pack_grams,
            on=DAY,
            destination=place,
        )
        for stock, held, committed in triples
    ]


@given(LOTS, PACKS, PLACES, SAFETY)
def test_each_gram_has_exactly_one_cause_in_each_lot_and_in_sum(
    triples: Triples, pack_grams: int, place: Destination | None, safety: int
) -> None:
    found = _explained(triples, pack_grams, place, safety)
    for causes in [*found, explain_rules.together(found)]:
        assert sum(getattr(causes, name) for name in PARTS) == causes.on_hand_grams
        assert all(getattr(causes, name) >= 0 for name in PARTS)
        assert causes.free_grams == causes.free_boxes * pack_grams
    on_hand = sum(stock.free_grams + committed + sum(held.values()) for stock, held, committed in triples)
    assert explain_rules.together(found).on_hand_grams == on_hand


@given(LOTS, PACKS, PLACES, SAFETY)
def test_what_is_explained_as_free_is_what_splits_and_holds_count(
    triples: Triples, pack_grams: int, place: Destination | None, safety: int
) -> None:
    told = explain_rules.together(_explained(triples, pack_grams, place, safety)).free_boxes
    free = stock_rules.free_boxes(
        [stock for stock, _, _ in triples],
        pack_grams=pack_grams,
        on=DAY,
        destination=place,
        safety={COOPERATIVE: safety},
    )
    assert told == free.get(COOPERATIVE, 0)


@given(LOTS, PACKS, PLACES, SAFETY)
def test_a_lot_that_could_be_sold_keeps_less_than_a_box_as_remainder(
    triples: Triples, pack_grams: int, place: Destination | None, safety: int
) -> None:
    for (stock, _, _), causes in zip(triples, _explained(triples, pack_grams, place, safety), strict=True):
        assert causes.remainder_grams < pack_grams
        if not stock_rules.is_offered(stock, stock_rules.good_until(DAY, place)):
            assert (causes.remainder_grams, causes.free_boxes) == (0, 0)


def test_every_kind_of_hold_on_lots_is_a_cause() -> None:
    on_lots = set(HoldKind) - OF_POOL - (PLEDGES - {HoldKind.PLEDGE})
    for kind in on_lots:
        causes = explain_rules.explain(_stock(), held={kind: 7}, pack_grams=5, on=DAY)
        assert sum(getattr(causes, name) for name in PARTS) == causes.on_hand_grams == 17


def _stock() -> Stock:
    return Stock(
        lot_id=uuid.UUID(int=2),
        cooperative_id=COOPERATIVE,
        code="A",
        harvested_on=DAY,
        best_before_on=DAY,
        free_grams=10,
        status=LotStatus.AVAILABLE,
    )


def _path(yard: Yard, cooperative: int = 0, **query: object) -> str:
    asked = {"cooperative_id": yard.cooperative_ids[cooperative], "pack_id": yard.pack_id, **query}
    return "/v1/stock-explanations?" + "&".join(f"{name}={value}" for name, value in asked.items())


def _told(causes: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in causes.items() if value}


def test_the_answer_tells_every_cause_lot_by_lot_and_in_sum(yard: Yard, as_role: AsRole) -> None:
    yard.lot("L1", boxes=10, best_before_on=yard.today + timedelta(days=20))
    yard.reserve(3)
    yard.pledge(yard.pool(), 2)
    yard.lot("L2", quantity_grams=12_000)
    stopped = yard.lot("L3", boxes=2, best_before_on=yard.today + timedelta(days=61))
    recalled = yard.lot("L4", boxes=4, best_before_on=yard.today + timedelta(days=62))
    yard.lot("L5", boxes=6, best_before_on=yard.today + timedelta(days=1))
    yard.lot("L6", boxes=50, grade="B")
    yard.lot("L7", boxes=50, cooperative=1)
    for lot, turn in ((stopped, quality.quarantine), (recalled, quality.recall)):
        database.transact(
            lambda session, lot=lot, turn=turn: turn(session, yard.ctx, lot_id=lot.id, reason="a smell")  # type: ignore[misc]
        )
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    answer = member.get(_path(yard, on=yard.today + timedelta(days=2)))
    assert answer.status_code == 200, answer.json
    assert [(lot["code"], lot["status"], _told(lot["causes"])) for lot in answer.json["lots"]] == [
        ("L5", "available", {"on_hand_grams": 30_000, "too_old_grams": 30_000}),
        (
            "L1",
            "available",
            {
                "on_hand_grams": 50_000,
                "held_by_allocations_grams": 15_000,
                "held_by_pledges_grams": 10_000,
                "free_grams": 25_000,
                "free_boxes": 5,
            },
        ),
        (
            "L2",
            "available",
            {"on_hand_grams": 12_000, "remainder_grams": 2_000, "free_grams": 10_000, "free_boxes": 2},
        ),
        ("L3", "quarantined", {"on_hand_grams": 10_000, "quarantined_grams": 10_000}),
        ("L4", "recalled", {"on_hand_grams": 20_000, "recalled_grams": 20_000}),
    ]
    assert _told(answer.json["total"]) == {
        "on_hand_grams": 122_000,
        "held_by_allocations_grams": 15_000,
        "held_by_pledges_grams": 10_000,
        "quarantined_grams": 10_000,
        "recalled_grams": 20_000,
        "too_old_grams": 30_000,
        "remainder_grams": 2_000,
        "free_grams": 35_000,
        "free_boxes": 7,
    }
    assert (answer.json["lots_count"], answer.json["pack_grams"]) == (5, PACK_GRAMS)
    assert len(yard.reserve(7, delivered_on=yard.today + timedelta(days=2))) == 2, (
        "what is told is what is had"
    )


def test_safety_and_what_is_committed_are_causes_of_their_own(yard: Yard, as_role: AsRole) -> None:
    yard.lot("L1", boxes=4)
    late = yard.lot("L2", boxes=3, best_before_on=yard.today + timedelta(days=70))
    [hold] = yard.reserve(2)
    database.transact(
        lambda session: buckets.move_lot(
            session,
            yard.ctx,
            hold.lot_id,
            MovementKind.COMMITTED,
            held_grams=-6_000,
            committed_grams=6_000,
            hold_id=hold.id,
        )
    )
    database.transact(
        lambda session: safety.keep(
            session, yard.ctx, cooperative_id=yard.cooperative_ids[0], variety="Fuji", grade="A", grams=17_000
        )
    )
    answer = as_role(Role.OPERATOR).get(_path(yard)).json
    assert [(lot["code"], _told(lot["causes"])) for lot in answer["lots"]] == [
        (
            "L1",
            {
                "on_hand_grams": 20_000,
                "held_by_allocations_grams": 4_000,
                "committed_grams": 6_000,
                "safety_grams": 2_000,
                "remainder_grams": 3_000,
                "free_grams": 5_000,
                "free_boxes": 1,
            },
        ),
        ("L2", {"on_hand_grams": 15_000, "safety_grams": 15_000}),
    ]
    with pytest.raises(lots.NotEnoughInStore) as refused:
        yard.reserve(2)
    assert (refused.value.facts["available_boxes"], refused.value.facts["safety_boxes"]) == (1, 4)
    assert len(yard.reserve(1)) == 1
    assert yard.stored(late).held_grams == 0
    assert yard.broken() == []


def test_the_day_is_today_unless_told_and_never_over(yard: Yard, as_role: AsRole) -> None:
    yard.lot(boxes=3, best_before_on=yard.today)
    operator = as_role(Role.OPERATOR)
    for path in (_path(yard), _path(yard, on=yard.today - timedelta(days=9))):
        answer = operator.get(path).json
        assert (answer["on"], answer["total"]["free_boxes"]) == (yard.today.isoformat(), 3)
    later = operator.get(_path(yard, on=yard.today + timedelta(days=1))).json
    assert (later["total"]["free_boxes"], later["total"]["too_old_grams"]) == (0, 15_000)


def test_fruit_that_would_not_keep_at_its_destination_is_too_old(yard: Yard, as_role: AsRole) -> None:
    days = REMAINING_DAYS[Destination.ABROAD]
    yard.lot("L1", boxes=3, best_before_on=yard.today + timedelta(days=days))
    yard.lot("L2", boxes=4, best_before_on=yard.today + timedelta(days=days - 1))
    operator = as_role(Role.OPERATOR)
    near, far = operator.get(_path(yard)).json, operator.get(_path(yard, destination="abroad")).json
    assert (near["total"]["free_boxes"], near["destination"], near["good_until"]) == (7, None, near["on"])
    assert (far["total"]["free_boxes"], far["total"]["too_old_grams"]) == (3, 20_000)
    assert (far["destination"], far["good_until"]) == (
        "abroad",
        (yard.today + timedelta(days=days)).isoformat(),
    )
    assert operator.get(_path(yard, destination="moon")).status_code == 422


def test_a_lot_without_fruit_is_not_told_and_no_lots_are_nothing(yard: Yard, as_role: AsRole) -> None:
    lot = yard.lot(boxes=1)
    database.transact(
        lambda session: lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=PACK_GRAMS, reason="rot")
    )
    answer = as_role(Role.AUDITOR).get(_path(yard)).json
    assert (answer["lots"], answer["lots_count"], _told(answer["total"])) == ([], 0, {})


def test_more_lots_than_are_shown_are_still_counted(yard: Yard, as_role: AsRole, monkeypatch: Any) -> None:
    monkeypatch.setattr(explaining, "LOTS_SHOWN_MAX", 2)
    for code in ("L1", "L2", "L3"):
        yard.lot(code, boxes=1)
    answer = as_role(Role.OPERATOR).get(_path(yard)).json
    assert [lot["code"] for lot in answer["lots"]] == ["L1", "L2"]
    assert (answer["lots_count"], answer["total"]["free_boxes"]) == (3, 3)


def test_only_the_cooperative_staff_and_keys_with_the_scope_may_ask(
    yard: Yard, app: Flask, as_role: AsRole, anyone: Caller
) -> None:
    def key(*scopes: Scope) -> Caller:
        made = database.transact(
            lambda session: service_keys.create(session, yard.ctx, name="A partner", scopes=scopes)
        )
        return Caller(app, made[1])

    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    for who in (member, as_role(Role.OPERATOR), as_role(Role.AUDITOR), key(Scope.LOTS_READ)):
        assert who.get(_path(yard)).status_code == 200
    assert key(Scope.ORDERS_READ).get(_path(yard)).status_code == 403
    assert as_role(Role.SHOPPER).get(_path(yard)).status_code == 403
    assert anyone.get(_path(yard)).status_code == 401
    foreign = member.get(_path(yard, cooperative=1))
    missing = member.get(_path(yard, cooperative_id=uuid.uuid4()))
    assert [(each.status_code, each.json["code"]) for each in (foreign, missing)] == [
        (404, "cooperative_not_found")
    ] * 2


def test_asking_for_what_is_not_there_or_not_readable_is_refused(yard: Yard, as_role: AsRole) -> None:
    operator = as_role(Role.OPERATOR)
    lost = operator.get(_path(yard, cooperative_id=uuid.uuid4()))
    assert (lost.status_code, lost.json["code"]) == (404, "cooperative_not_found")
    lost = operator.get(_path(yard, pack_id=uuid.uuid4()))
    assert (lost.status_code, lost.json["code"]) == (404, "pack_not_found")
    for change in ({"on": "2026-02-30"}, {"pack_id": "FUJI"}, {"cooperative_id": ""}, {"unknown": 1}):
        assert operator.get(_path(yard, **change)).status_code == 422
    assert operator.get("/v1/stock-explanations").status_code == 422


def test_a_pack_of_other_fruit_explains_other_lots(yard: Yard, as_role: AsRole) -> None:
    yard.lot("L1", boxes=3)
    yard.lot("L2", boxes=4, variety="Gala")

    def gala(session: Any) -> uuid.UUID:
        product = products.create(
            session, yard.ctx, code="GALA", variety="Gala", grade="A", name_en="Gala", name_zh="嘎啦"
        )
        return products.create_pack(
            session,
            yard.ctx,
            product_id=product.id,
            code="GALA-10",
            net_grams=2 * PACK_GRAMS,
            list_price_minor=1,
            currency="CNY",
        ).id

    answer = as_role(Role.OPERATOR).get(_path(yard, pack_id=database.transact(gala))).json
    assert answer["total"]["free_boxes"] == 2
