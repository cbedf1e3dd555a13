"""Fruit on its way out: held, committed, packed, shipped, and back to free; each step a line of the journal."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from inventory import holds, lots, owing
from inventory.models import Hold, Lot, Movement
from inventory.quality import quality, quality_holds
from inventory.refusals import BoxesNotReady, HoldExpired, HoldNotActive, HoldNotFound
from marketplace import database, errors
from marketplace.audit import AuditEntry
from tests.inventory.yard import PACK_GRAMS, Yard, at_once


def do(yard: Yard, use_case: Callable[..., Hold], hold: Hold, boxes: int | None = None) -> Hold:
    hold_id = hold.id
    return database.transact(lambda session: use_case(session, yard.ctx, hold_id=hold_id, boxes=boxes))


def promised(yard: Yard, boxes: int, **options: Any) -> Hold:
    """A hold on one lot, as it is stored."""
    [hold] = yard.reserve(boxes, **options)
    return yard.stored(hold)


def lines(lot: Lot) -> list[tuple[str, int, int, int, int]]:
    """Kind and deltas in boxes, without the first line."""
    with database.reading() as session:
        rows = session.scalars(select(Movement).where(Movement.lot_id == lot.id).order_by(Movement.number))
        return [
            (
                row.kind,
                row.on_hand_delta_grams // PACK_GRAMS,
                row.held_delta_grams // PACK_GRAMS,
                row.committed_delta_grams // PACK_GRAMS,
                row.packed_delta_grams // PACK_GRAMS,
            )
            for row in rows
        ][1:]


def let_lapse(hold: Hold) -> None:
    past = {
        "created_at": hold.created_at - timedelta(days=2),
        "expires_at": hold.created_at - timedelta(days=1),
    }
    database.transact(lambda session: session.execute(update(Hold).where(Hold.id == hold.id).values(past)))


def test_promised_fruit_is_committed_packed_and_shipped_line_by_line(yard: Yard) -> None:
    lot = yard.stored(yard.lot(boxes=10))
    hold = promised(yard, 6)
    for use_case, boxes, after in (
        (owing.commit, 4, (10, 2, 4, 0)),
        (owing.pack, 3, (10, 2, 4, 3)),
        (holds.consume, 2, (8, 2, 2, 1)),
        (owing.commit, None, (8, 0, 4, 1)),
        (holds.consume, 2, (6, 0, 2, 0)),
        (owing.pack, None, (6, 0, 2, 2)),
        (holds.consume, None, (4, 0, 0, 0)),
    ):
        do(yard, use_case, hold, boxes)
        assert yard.buckets(lot) == after
        assert yard.broken() == []
    assert lines(lot) == [
        ("held", 0, 6, 0, 0),
        ("committed", 0, -4, 4, 0),
        ("packed", 0, 0, 0, 3),
        ("shipped", -2, 0, -2, -2),
        ("committed", 0, -2, 2, 0),
        ("shipped", -2, 0, -2, -1),
        ("packed", 0, 0, 0, 2),
        ("shipped", -2, 0, -2, -2),
    ]
    assert (yard.stored(hold).state, yard.stored(hold).consumed_boxes) == ("consumed", 6)


def test_each_step_is_told_in_the_audit_and_by_the_holds_version(yard: Yard) -> None:
    yard.lot(boxes=10)
    hold = promised(yard, 6)
    assert do(yard, owing.commit, hold, 4).version == 2
    assert do(yard, owing.pack, hold, 1).version == 3
    with database.reading() as session:
        rows = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_id == str(hold.id), AuditEntry.action.in_(["hold.commit", "hold.pack"]))
            .order_by(AuditEntry.id)
        )
        told = [(row.action, row.before, row.after) for row in rows]
    assert told == [
        (
            "hold.commit",
            {"committed_boxes": 0, "packed_boxes": 0},
            {"committed_boxes": 4, "packed_boxes": 0},
        ),
        ("hold.pack", {"committed_boxes": 4, "packed_boxes": 0}, {"committed_boxes": 4, "packed_boxes": 1}),
    ]


def test_what_was_committed_or_packed_is_free_again_by_release(yard: Yard) -> None:
    lot = yard.stored(yard.lot(boxes=10))
    hold = promised(yard, 6)
    do(yard, owing.commit, hold, 4)
    do(yard, owing.pack, hold, 3)
    do(yard, holds.release, hold, 3)
    assert yard.buckets(lot) == (10, 0, 3, 3), "what is nearest goes first"
    do(yard, holds.release, hold)
    assert yard.buckets(lot) == (10, 0, 0, 0)
    assert lines(lot)[-2:] == [("released", 0, -2, -1, 0), ("released", 0, 0, -3, -3)]
    assert (yard.stored(hold).state, yard.stored(lot).free_grams) == ("released", 10 * PACK_GRAMS)
    assert yard.broken() == []


@pytest.mark.parametrize(
    ("use_case", "boxes", "ready"),
    [(owing.commit, 5, 4), (owing.commit, 0, 4), (owing.pack, 2, 1), (owing.pack, -1, 1)],
)
def test_no_step_takes_more_boxes_than_have_come_so_far(yard: Yard, use_case, boxes: int, ready: int) -> None:
    yard.lot(boxes=10)
    hold = promised(yard, 6)
    do(yard, owing.commit, hold, 2)
    do(yard, owing.pack, hold, 1)
    with pytest.raises(BoxesNotReady) as refused:
        do(yard, use_case, hold, boxes)
    assert refused.value.facts == {"ready_boxes": ready}
    assert yard.stored(hold).version == 3


def test_nothing_is_packed_before_it_is_committed(yard: Yard) -> None:
    yard.lot(boxes=10)
    hold = promised(yard, 6)
    with pytest.raises(BoxesNotReady) as refused:
        do(yard, owing.pack, hold)
    assert refused.value.facts == {"ready_boxes": 0}


def test_what_has_ended_is_missing_or_of_another_kind_is_not_owed(yard: Yard) -> None:
    lot = yard.stored(yard.lot(boxes=10))
    ended = promised(yard, 1)
    do(yard, holds.release, ended)
    pool = yard.pool()
    yard.pledge(pool, 2)
    cart = yard.hold(pool, yard.shopper(), 1)
    kept = database.transact(
        lambda session: quality_holds.place(session, yard.ctx, lot_id=lot.id, quantity_grams=5, reason="soft")
    )
    for use_case in (owing.commit, owing.pack):
        with pytest.raises(HoldNotActive):
            do(yard, use_case, ended)
        with pytest.raises(HoldNotFound):
            do(yard, use_case, Hold(id=uuid.uuid4()))
        for hold in (cart, kept):
            with pytest.raises(BoxesNotReady):
                do(yard, use_case, hold)


@pytest.mark.parametrize("stop", [quality.quarantine, quality.recall])
def test_a_stopped_lot_is_neither_committed_nor_packed_nor_shipped_but_released(yard: Yard, stop) -> None:
    lot = yard.stored(yard.lot(boxes=10))
    hold = promised(yard, 6)
    do(yard, owing.commit, hold, 4)
    do(yard, owing.pack, hold, 2)
    database.transact(lambda session: stop(session, yard.ctx, lot_id=lot.id, reason="a smell"))
    for use_case in (owing.commit, owing.pack, holds.consume):
        with pytest.raises(lots.LotStatusForbids):
            do(yard, use_case, hold, 1)
    assert yard.buckets(lot) == (10, 2, 4, 2)
    do(yard, holds.release, hold)
    assert yard.buckets(lot) == (10, 0, 0, 0)
    assert yard.broken() == []


def test_what_is_owed_does_not_lapse_and_the_rest_does(yard: Yard) -> None:
    lot = yard.stored(yard.lot(boxes=10))
    until = yard.ctx.now + timedelta(hours=1)
    whole, part = promised(yard, 3, until=until), promised(yard, 4, until=until)
    assert do(yard, owing.commit, whole).expires_at is None
    assert do(yard, owing.commit, part, 1).expires_at == until
    let_lapse(part)
    with pytest.raises(HoldExpired):
        do(yard, owing.commit, part)
    for expected in (1, 0):
        done = database.transact(lambda session: holds.expire_due(session, yard.ctx))
        assert done == expected
    now = yard.stored(part)
    assert (now.state, now.released_boxes, now.open_boxes, now.expires_at) == ("active", 3, 1, None)
    assert yard.buckets(lot) == (10, 0, 4, 0)
    do(yard, holds.consume, part)
    assert yard.stored(part).state == "consumed"
    assert yard.broken() == []


def test_all_of_a_purpose_is_committed_or_nothing_if_one_lot_is_stopped(yard: Yard) -> None:
    first, second = (yard.stored(yard.lot(code, boxes=2)) for code in ("L1", "L2"))
    purpose = ("share", uuid.uuid4())
    some = yard.reserve(4, purpose=purpose)
    assert len(some) == 2
    database.transact(
        lambda session: quality.quarantine(session, yard.ctx, lot_id=second.id, reason="a smell")
    )

    def commit() -> int:
        return database.transact(lambda session: owing.commit_purpose(session, yard.ctx, purpose=purpose))

    with pytest.raises(lots.LotStatusForbids):
        commit()
    assert yard.buckets(first) == (2, 2, 0, 0)
    database.transact(lambda session: quality.clear(session, yard.ctx, lot_id=second.id, reason="fine"))
    assert (commit(), commit()) == (2, 0)
    assert yard.buckets(first) == yard.buckets(second) == (2, 0, 2, 0)
    assert yard.broken() == []


ACTIONS: dict[str, Callable[[Yard, Lot, Hold], Callable[[Session], object]]] = {
    "commit": lambda y, _, h: lambda session: owing.commit(session, y.ctx, hold_id=h.id, boxes=2),
    "pack": lambda y, _, h: lambda session: owing.pack(session, y.ctx, hold_id=h.id, boxes=1),
    "ship": lambda y, _, h: lambda session: holds.consume(session, y.ctx, hold_id=h.id, boxes=2),
    "release": lambda y, _, h: lambda session: holds.release(session, y.ctx, hold_id=h.id, boxes=3),
    "recall": lambda y, lot, _: lambda session: quality.recall(session, y.ctx, lot_id=lot.id, reason="x"),
    "expire": lambda y, _, __: lambda session: holds.expire_due(session, y.ctx),
    "cull": lambda y, lot, _: (
        lambda session: lots.lose(session, y.ctx, lot_id=lot.id, quantity_grams=PACK_GRAMS, reason="rot")
    ),
}


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(ACTIONS, 2)))
def test_two_steps_that_meet_keep_every_promise(yard: Yard, one: str, other: str) -> None:
    lot = yard.stored(yard.lot(boxes=10))
    hold = promised(yard, 7)
    do(yard, owing.commit, hold, 3)
    do(yard, owing.pack, hold, 1)
    works = [ACTIONS[name](yard, lot, hold) for name in (one, other)] * 2
    results = at_once(yard.app, works)
    assert not any(isinstance(result, errors.TryLater) for result in results), results
    assert any(not isinstance(result, errors.Refusal) for result in results), results
    assert yard.broken() == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["commit", "pack", "ship", "release"]), st.integers(1, 4)), max_size=12
    )
)
def test_whatever_steps_are_taken_the_lot_is_what_a_model_says(yard: Yard, steps) -> None:
    lot = yard.lot(f"L{uuid.uuid4().hex[:8]}", boxes=10, variety=f"V{uuid.uuid4().hex[:8]}")
    [hold] = database.transact(
        lambda session: holds.place_on_lots(
            session,
            yard.ctx,
            kind="allocation",
            cooperative_id=yard.cooperative_ids[0],
            boxes=8,
            pack_grams=PACK_GRAMS,
            variety=lot.variety,
            grade="A",
            purpose=("share", uuid.uuid4()),
        )
    )
    on_hand, way = 10, ["held"] * 8
    uses = {"commit": owing.commit, "pack": owing.pack, "ship": holds.consume, "release": holds.release}
    for name, boxes in steps:
        ready = {"commit": ["held"], "pack": ["committed"], "ship": ["packed", "committed", "held"]}.get(
            name, ["held", "committed", "packed"]
        )
        taken = sorted((each for each in way if each in ready), key=ready.index)[:boxes]
        if len(taken) < boxes:
            with pytest.raises(errors.Refusal):
                do(yard, uses[name], hold, boxes)
            continue
        do(yard, uses[name], hold, boxes)
        for each in taken:
            way.remove(each)
        way += {"commit": ["committed"], "pack": ["packed"]}.get(name, []) * boxes
        on_hand -= boxes if name == "ship" else 0
        owed, packed = way.count("committed") + way.count("packed"), way.count("packed")
        assert yard.buckets(lot) == (on_hand, way.count("held"), owed, packed)
    assert yard.broken() == []
