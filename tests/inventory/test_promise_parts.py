"""Laws of the way of promised boxes: none is made or lost, none is packed that is not owed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import promise_parts
from inventory.promise_parts import Parts, TooFew

NUMBERS = st.integers(-2, 12)


@st.composite
def parts(draw: st.DrawFn) -> Parts:
    open_boxes = draw(st.integers(0, 10))
    committed = draw(st.integers(0, open_boxes))
    return Parts(open_boxes=open_boxes, committed=committed, packed=draw(st.integers(0, committed)))


STEPS = {
    promise_parts.commit: lambda was: was.held,
    promise_parts.pack: lambda was: was.unpacked,
    promise_parts.uncommit: lambda was: was.unpacked,
    promise_parts.ship: lambda was: was.open_boxes,
    promise_parts.give_back: lambda was: was.open_boxes,
}


@given(was=parts(), boxes=NUMBERS, step=st.sampled_from(list(STEPS)))
def test_a_step_takes_as_many_boxes_as_are_ready_and_leaves_what_can_be(was, boxes, step) -> None:
    ready = STEPS[step](was)
    if not 0 < boxes <= ready:
        with pytest.raises(TooFew) as refused:
            step(was, boxes)
        assert refused.value.ready == ready
        return
    now = step(was, boxes)
    assert 0 <= now.packed <= now.committed <= now.open_boxes
    leaves = step in (promise_parts.ship, promise_parts.give_back)
    assert now.open_boxes == was.open_boxes - (boxes if leaves else 0)


@given(was=parts(), boxes=st.integers(1, 12))
def test_what_comes_back_stands_ready_and_leaves_first(was: Parts, boxes: int) -> None:
    now = promise_parts.come_back(was, boxes)
    assert (now.held, now.unpacked, now.packed) == (was.held, was.unpacked, was.packed + boxes)
    assert promise_parts.ship(now, boxes) == was


@given(was=parts(), boxes=NUMBERS)
def test_commit_pack_and_uncommit_move_exactly_so_many(was: Parts, boxes: int) -> None:
    if 0 < boxes <= was.held:
        now = promise_parts.commit(was, boxes)
        assert (now.held, now.committed, now.packed) == (was.held - boxes, was.committed + boxes, was.packed)
    if 0 < boxes <= was.unpacked:
        now = promise_parts.pack(was, boxes)
        assert (now.held, now.unpacked, now.packed) == (was.held, was.unpacked - boxes, was.packed + boxes)
        back = promise_parts.uncommit(was, boxes)
        assert (back.held, back.packed) == (was.held + boxes, was.packed)
        assert promise_parts.commit(back, boxes) == was, "as if nothing had been"


@given(was=parts(), boxes=NUMBERS, packed=NUMBERS)
def test_what_is_unbound_is_held_again_and_nothing_is_packed_that_is_not_owed(
    was: Parts, boxes: int, packed: int
) -> None:
    if (
        0 < boxes <= was.committed
        and 0 <= packed <= min(boxes, was.packed)
        and boxes - packed <= was.unpacked
    ):
        now = promise_parts.uncommit(was, boxes, packed)
        assert (now.held, now.packed) == (was.held + boxes, was.packed - packed)
        assert now.open_boxes == was.open_boxes
        return
    with pytest.raises(TooFew):
        promise_parts.uncommit(was, boxes, packed)


@given(was=parts(), boxes=NUMBERS)
def test_the_farthest_leave_first_and_the_nearest_are_given_back_first(was: Parts, boxes: int) -> None:
    if not 0 < boxes <= was.open_boxes:
        return
    shipped = promise_parts.ship(was, boxes)
    assert was.packed - shipped.packed == min(boxes, was.packed)
    assert shipped.held == was.held or shipped.committed == 0, (
        "held boxes leave only when no owed one is left"
    )
    back = promise_parts.give_back(was, boxes)
    assert was.held - back.held == min(boxes, was.held)
    assert back.packed == was.packed or back.unpacked == 0, "nothing is unpacked while unpacked ones are left"


@given(was=parts(), boxes=st.lists(st.integers(1, 4), max_size=6), step=st.sampled_from(list(STEPS)))
def test_steps_one_after_the_other_are_one_step_of_the_sum(was: Parts, boxes: list[int], step) -> None:
    if not boxes or sum(boxes) > STEPS[step](was):
        return
    now = was
    for some in boxes:
        now = step(now, some)
    assert now == step(was, sum(boxes))
