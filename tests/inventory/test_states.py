"""A hold's moves and the state that a reader sees."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.states import (
    MOVES,
    OF_POOL,
    OPEN,
    HoldKind,
    HoldState,
    WaitState,
    may_move,
    state_at,
    wait_state_at,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_kind_has_every_state() -> None:
    assert set(MOVES) == set(HoldKind)
    assert all(set(moves) == set(HoldState) for moves in MOVES.values())


@pytest.mark.parametrize("kind", HoldKind)
@pytest.mark.parametrize("before", [state for state in HoldState if state not in OPEN])
def test_what_has_ended_stays_ended(kind: HoldKind, before: HoldState) -> None:
    assert not any(may_move(kind, before, after) for after in HoldState)


def test_a_cart_is_consumed_only_while_its_payment_runs() -> None:
    assert not may_move("cart", "active", HoldState.CONSUMED)
    assert may_move("cart", "converting", HoldState.CONSUMED)
    assert may_move("cart", "converting", HoldState.ACTIVE)


def test_only_what_is_held_of_a_pool_is_taken_over_by_another_hold() -> None:
    taken_over = {kind for kind in HoldKind if may_move(kind, "active", HoldState.SUPERSEDED)}
    assert taken_over == OF_POOL - {HoldKind.REPLACEMENT}, "which is bound at once"


def test_only_carts_are_paid() -> None:
    assert [kind for kind in HoldKind if may_move(kind, "active", HoldState.CONVERTING)] == [HoldKind.CART]


def test_a_reader_sees_expiry_at_the_moment_it_falls_due() -> None:
    assert state_at("active", NOW, NOW) == HoldState.EXPIRED
    assert state_at("active", NOW + timedelta(microseconds=1), NOW) == HoldState.ACTIVE
    assert state_at("active", None, NOW) == HoldState.ACTIVE
    assert state_at("converting", NOW, NOW) == HoldState.CONVERTING


def test_a_wait_is_over_at_the_moment_the_sale_is_and_nothing_else_is() -> None:
    assert wait_state_at("waiting", NOW, NOW) == WaitState.ENDED
    assert wait_state_at("waiting", NOW + timedelta(microseconds=1), NOW) == WaitState.WAITING
    assert wait_state_at("waiting", None, NOW) == WaitState.WAITING
    for state in set(WaitState) - {WaitState.WAITING}:
        assert wait_state_at(state, NOW, NOW) == state
