"""The rule of groups: every move of the tables, and laws over random lives."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.promotions.groups import rules
from campaigns.promotions.groups.rules import Group, GroupOver, GroupStateForbids, NoPlaceLeft
from campaigns.promotions.groups.states import (
    BELONGING,
    GROUP_MOVES,
    MEMBER_MOVES,
    RUNNING,
    GroupState,
    MemberState,
    check_member_move,
)
from campaigns.promotions.rules import PromotionKind
from marketplace import errors

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def group(**changes: object) -> Group:
    facts = {"state": GroupState.OPEN, "people_needed": 3, "closes_at": LATER, **changes}
    return Group(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("before", GroupState)
@pytest.mark.parametrize("after", GroupState)
def test_a_group_moves_as_its_table_says(before: GroupState, after: GroupState) -> None:
    full = {"places_taken": 3, "places_paid": 3} if before in (GroupState.FULL, GroupState.SETTLED) else {}
    one = group(state=before, **full)
    if (before, after) in GROUP_MOVES:
        assert one.moved(after).state == after
    else:
        with pytest.raises(GroupStateForbids):
            one.moved(after)


@pytest.mark.parametrize("before", MemberState)
@pytest.mark.parametrize("after", MemberState)
def test_a_member_moves_as_its_table_says(before: MemberState, after: MemberState) -> None:
    if (before, after) in MEMBER_MOVES:
        check_member_move(before, after)
    else:
        with pytest.raises(AssertionError):
            check_member_move(before, after)


def test_every_state_is_reached_and_only_running_ones_go_on() -> None:
    assert {after for _, after in MEMBER_MOVES} == set(MemberState) - {MemberState.JOINED}
    assert {after for _, after in GROUP_MOVES} == set(GroupState) - {GroupState.OPEN}
    assert {before for before, _ in MEMBER_MOVES} == set(BELONGING)
    assert {before for before, after in MEMBER_MOVES if after == MemberState.LEFT} == set(RUNNING)


def test_places_are_taken_paid_and_left() -> None:
    one = group(people_needed=2).joined(NOW).joined(NOW)
    with pytest.raises(NoPlaceLeft):
        one.joined(NOW)
    assert one.left(has_paid=False).joined(NOW) == one
    full = one.paid(NOW).paid(NOW)
    assert (full.state, full.places_left) == (GroupState.FULL, 0)
    for refused in (lambda: full.joined(NOW), lambda: full.left(has_paid=True), lambda: full.paid(NOW)):
        with pytest.raises(GroupStateForbids):
            refused()
    with pytest.raises(ValueError, match="joined"):
        group().paid(NOW)
    with pytest.raises(ValueError, match="not there"):
        group().left(has_paid=False)


def test_time_ends_a_group_that_is_not_full_at_its_moment() -> None:
    one = group(people_needed=2).joined(NOW).joined(NOW).paid(NOW)
    assert [one.is_over(at) for at in (LATER - timedelta(microseconds=1), LATER)] == [False, True]
    for step in (one.joined, one.paid):
        with pytest.raises(GroupOver):
            step(LATER)
    assert not one.paid(NOW).is_over(LATER)


@pytest.mark.parametrize(("hours", "end", "expected"), [(2, None, 2), (2, 1, 1), (1, 3, 1)])
def test_a_group_ends_with_its_hours_its_promotion_or_its_sale(
    hours: int, end: int | None, expected: int
) -> None:
    ends = [None if end is None else NOW + timedelta(hours=end), NOW + timedelta(days=9)]
    assert rules.closing(NOW, hours=hours, ends=ends) == NOW + timedelta(hours=expected)


STEP = st.sampled_from(["join", "pay", "leave", "leave_paid", "time"])


@given(people=st.integers(2, 6), steps=st.lists(STEP, max_size=40))
def test_a_group_is_full_exactly_when_all_its_people_have_paid_and_never_more_join(
    people: int, steps: list[str]
) -> None:
    one, now = group(people_needed=people), NOW
    for step in steps:
        before = one
        try:
            if step == "time":
                now = LATER
                one = one.moved(GroupState.LAPSED) if one.is_over(now) else one
            elif step == "join":
                one = one.joined(now)
            elif step == "pay":
                one = one.paid(now)
            else:
                one = one.left(has_paid=step == "leave_paid")
        except (errors.Refusal, ValueError):
            assert one == before
        assert 0 <= one.places_paid <= one.places_taken <= people
        assert (one.state == GroupState.FULL) == (one.places_paid == people)
        if before.state in (GroupState.FULL, GroupState.LAPSED):
            assert one == before, "what is over stays as it was"


SUM = st.integers(0, 10_000)


@given(reserved=SUM, wanted=SUM, other=SUM, goes=st.booleans(), kept=SUM)
def test_what_comes_back_is_never_more_than_reserved_worth_or_paid(
    reserved: int, wanted: int, other: int, goes: bool, kept: int
) -> None:
    due = rules.due_back(
        reserved_minor=reserved, wanted_minor=wanted, other_minor=other, goes_together=goes, kept_minor=kept
    )
    assert 0 <= due <= min(reserved, wanted, kept)
    if not goes:
        assert other + due <= max(other, min(reserved, wanted)), "of two the larger one, not both"
    alone = rules.due_back(
        reserved_minor=reserved, wanted_minor=wanted, other_minor=0, goes_together=False, kept_minor=kept
    )
    assert due <= alone == min(reserved, wanted, kept)


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (["coupon"], (PromotionKind.COUPON, ["group_buy"]), True),
        ([], (PromotionKind.COUPON, ["group_buy"]), False),
        (["coupon"], (PromotionKind.COUPON, []), False),
    ],
)
def test_two_go_together_if_each_names_the_other(
    own: list[str], other: tuple[PromotionKind, list[str]], expected: bool
) -> None:
    named = [(other[0], [PromotionKind(each) for each in other[1]])]
    assert rules.go_together([PromotionKind(each) for each in own], named) is expected
    assert rules.go_together([], []), "alone with nothing else"
