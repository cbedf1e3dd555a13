"""How long holds live: one row for each kind, guests and hot pools shorter, nobody for ever by extending."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import hold_policy
from inventory.hold_policy import HOT_MINUTES_MIN, LONGEST_CART, POLICIES, Renewer, UntilMissing
from inventory.states import OF_POOL, HoldKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = st.integers(1, 60)


def test_every_kind_has_its_row() -> None:
    assert set(POLICIES) == set(HoldKind)


def test_every_hold_of_a_pool_has_an_end() -> None:
    for kind in OF_POOL:
        until = NOW + timedelta(days=1) if POLICIES[kind].needs_until else None
        end, _ = hold_policy.end_of(kind, now=NOW, until=until)
        assert end is not None
        assert end > NOW


@pytest.mark.parametrize("kind", [kind for kind in HoldKind if POLICIES[kind].needs_until])
def test_a_kind_without_a_time_of_its_own_must_be_told_one(kind: HoldKind) -> None:
    with pytest.raises(UntilMissing):
        hold_policy.end_of(kind, now=NOW, until=None)


@pytest.mark.parametrize(
    ("kind", "lives", "at_most"),
    [
        (HoldKind.ALLOCATION, None, None),
        (HoldKind.PLEDGE, None, None),
        (HoldKind.FORECAST, None, None),
        (HoldKind.GAME_SOFT, timedelta(days=30), timedelta(days=365)),
        (HoldKind.GAME_CLAIM, timedelta(days=14), None),
    ],
)
def test_the_times_of_kinds(kind: HoldKind, lives: timedelta | None, at_most: timedelta | None) -> None:
    end, latest = hold_policy.end_of(kind, now=NOW, until=None)
    assert end == (None if lives is None else NOW + lives)
    assert latest == (None if at_most is None else NOW + at_most)


@given(st.sampled_from(HoldKind), st.integers(1, 600), st.integers(0, 600), st.integers(-100, 900))
def test_renewing_never_shortens_never_passes_the_bound_and_does_nothing_where_nobody_may(
    kind: HoldKind, left: int, more: int, asked: int
) -> None:
    expires_at = NOW + timedelta(days=left)
    latest = expires_at + timedelta(days=more)
    end = hold_policy.renewed(
        kind, expires_at=expires_at, expires_at_max=latest, until=NOW + timedelta(days=asked)
    )
    assert expires_at <= end <= latest
    if POLICIES[kind].renewer == Renewer.NOBODY:
        assert end == expires_at


@given(MINUTES, st.one_of(st.none(), MINUTES), st.booleans(), st.integers(0, 100), st.integers(0, 100))
def test_a_cart_lives_for_its_minutes(
    member: int, guest: int | None, is_member: bool, available: int, more: int
) -> None:
    """At least one minute, never longer than a member's, a guest never longer than a member, heat only shortens."""
    facts = {"member": member, "guest": guest, "available": available, "pledged": available + more}
    found = hold_policy.cart_minutes(is_member=is_member, **facts)
    assert 1 <= found <= member
    assert found <= hold_policy.cart_minutes(is_member=True, **facts)
    calm = hold_policy.cart_minutes(is_member=is_member, **{**facts, "available": available + more})
    assert found <= calm
    assert found >= min(calm, HOT_MINUTES_MIN)


@pytest.mark.parametrize(
    ("available", "is_member", "minutes"),
    [(100, True, 10), (100, False, 5), (10, True, 10), (9, True, 5), (9, False, 3), (0, True, 5)],
)
def test_a_tenth_left_is_not_hot_yet(available: int, is_member: bool, minutes: int) -> None:
    found = hold_policy.cart_minutes(
        member=10, guest=5, is_member=is_member, available=available, pledged=100
    )
    assert found == minutes


def test_a_cart_is_bounded_however_long_its_first_time_is() -> None:
    _, latest = hold_policy.end_of(HoldKind.CART, now=NOW, until=NOW + timedelta(minutes=5))
    assert latest == NOW + LONGEST_CART
    _, latest = hold_policy.end_of(HoldKind.CART, now=NOW, until=NOW + timedelta(minutes=50))
    assert latest == NOW + timedelta(minutes=50)
