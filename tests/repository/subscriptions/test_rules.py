"""When a schedule is due, read and found; and what becomes of a delivery."""

import base64
from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.repository.subscriptions.rules import (
    RANGES,
    Next,
    PausedReason,
    Schedule,
    Verdict,
    after_call,
    key_of,
    next_due,
    read_schedule,
)
from marketplace import errors
from marketplace.outbound.rules import Outcome
from marketplace.webhooks.rules import TRIES_MAX, WAITS_SECONDS

MOMENT = datetime(2026, 11, 27, 9, 57, 17, 250_000, tzinfo=UTC)  # a Friday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("members", "due"),
    [
        ({"hour": "1", "minute": "5"}, "2026-11-28T01:05:00"),
        ({"minute": "0"}, "2026-11-27T10:00:00"),
        ({"hour": "9"}, "2026-11-27T09:58:00"),
        ({"second": "[0-59]"}, "2026-11-27T09:57:18"),
        ({"second": "17,18"}, "2026-11-27T09:57:18"),
        ({"second": "17"}, "2026-11-27T09:58:17"),
        ({"second": "0,30", "minute": "[58-59],3"}, "2026-11-27T09:58:00"),
        ({"dayOfWeek": "1", "hour": "0", "minute": "0"}, "2026-11-30T00:00:00"),
        ({"dayOfWeek": "7", "hour": "0", "minute": "0"}, "2026-11-29T00:00:00"),
        ({"dayOfMonth": "31", "hour": "0", "minute": "0"}, "2026-12-31T00:00:00"),
        ({"month": "2", "dayOfMonth": "29", "hour": "0", "minute": "0"}, "2028-02-29T00:00:00"),
        (
            {"month": "2", "dayOfMonth": "29", "dayOfWeek": "2", "hour": "0", "minute": "0"},
            "2028-02-29T00:00:00",
        ),
        ({"dayOfMonth": "13", "dayOfWeek": "5", "hour": "0", "minute": "0"}, "2027-08-13T00:00:00"),
    ],
)
def test_the_next_moment_of_a_schedule(members: dict[str, str], due: str):
    assert next_due(read_schedule(members), MOMENT) == at(due)


@pytest.mark.parametrize("weekday", range(1, 8))
def test_leap_days_of_one_day_of_the_week_are_found_through_four_centuries(weekday: int):
    schedule = read_schedule({"month": "2", "dayOfMonth": "29", "dayOfWeek": str(weekday), "hour": "0"})
    leap = [date(year, 2, 29) for year in range(2000, 2500) if isleap(year)]
    chosen = [day for day in leap if day.isoweekday() == weekday]

    for before, following in pairwise(chosen):
        assert next_due(schedule, datetime(before.year, 3, 1, tzinfo=UTC)).date() == following


@pytest.mark.parametrize("month", ["2", "4,6", "[2-2]"])
def test_a_day_that_never_comes_is_refused(month: str):
    with pytest.raises(errors.Invalid) as refusal:
        read_schedule({"dayOfMonth": "31", "month": month})
    assert [each["pointer"] for each in refusal.value.facts["errors"]] == ["/schedule"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("second", "60"),
        ("minute", "-1"),
        ("hour", "24"),
        ("dayOfMonth", "0"),
        ("dayOfMonth", "32"),
        ("month", "13"),
        ("dayOfWeek", "0"),
        ("dayOfWeek", "8"),
        ("hour", "[5-3]"),
        ("hour", "1-3"),
        ("hour", "[1-3"),
        ("hour", ""),
        ("hour", "1,"),
        ("hour", "1, 2"),
        ("second", "0/30"),
        ("hour", "*"),
        ("hour", "1\n"),
        ("hour", "\u0661"),
        ("hour", "001"),
        ("hour", 1),
        ("hour", None),
        ("hour", ",".join(["1"] * 151)),
    ],
)
def test_what_is_no_pattern_of_the_standard_is_refused_by_its_name(name: str, text: Any):
    with pytest.raises(errors.Invalid) as refusal:
        read_schedule({"minute": "5", name: text})
    assert [each["pointer"] for each in refusal.value.facts["errors"]] == [f"/schedule/{name}"]


def test_a_schedule_without_members_is_refused():
    with pytest.raises(errors.Invalid):
        read_schedule({})


@st.composite
def patterns(draw: st.DrawFn, low: int, high: int) -> str:
    def element() -> str:
        first = draw(st.integers(low, high))
        return str(first) if draw(st.booleans()) else f"[{first}-{draw(st.integers(first, high))}]"

    return ",".join(element() for _ in range(draw(st.integers(1, 3))))


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from(sorted(RANGES)), min_size=1, unique=True))
    return {name: draw(patterns(*RANGES[name])) for name in names}


BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
moments = st.integers(0, 16 * 366 * 86_400 * 2).map(lambda halves: BEGIN + timedelta(seconds=halves / 2))


def listed(members: dict[str, str], name: str) -> set[int]:
    """What a member lists, read in another way."""
    low, high = RANGES[name]
    if name not in members:
        return {0} if name == "second" else set(range(low, high + 1))
    found = set()
    for number in range(low, high + 1):
        for element in members[name].split(","):
            bounds = [int(each) for each in element.replace("[", "").replace("]", "").split("-")]
            if bounds[0] <= number <= bounds[-1]:
                found.add(number)
    return found


def searched(members: dict[str, str], after: datetime, days: int) -> datetime | None:
    """Day by day and second by second: the slow search."""
    wanted = {name: listed(members, name) for name in RANGES}
    begin = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (begin + timedelta(days=number) for number in range(days)):
        if (
            day.month not in wanted["month"]
            or day.day not in wanted["dayOfMonth"]
            or day.weekday() + 1 not in wanted["dayOfWeek"]
        ):
            continue
        for second in range(86_400):
            if (
                second % 60 in wanted["second"]
                and second // 60 % 60 in wanted["minute"]
                and second // 3_600 in wanted["hour"]
                and day + timedelta(seconds=second) > after
            ):
                return day + timedelta(seconds=second)
    return None


def schedule_of(members: dict[str, str]) -> Schedule | None:
    try:
        return read_schedule(members)
    except errors.Invalid:
        return None


@settings(max_examples=60, deadline=None)
@given(schedules(), moments)
def test_law_the_next_moment_is_that_of_a_slow_search(members: dict[str, str], after: datetime):
    days = 800
    schedule = schedule_of(members)
    found = searched(members, after, days)

    if schedule is None:
        assert found is None
        return
    due = next_due(schedule, after)
    assert due == found or (found is None and due - after > timedelta(days=days - 1))


@given(schedules(), moments)
def test_law_what_is_due_is_later_and_named_and_nothing_lies_between(
    members: dict[str, str], after: datetime
):
    schedule = schedule_of(members)
    if schedule is None:
        return
    due = next_due(schedule, after)

    assert due > after
    assert schedule.names(due)
    assert next_due(schedule, due - timedelta(seconds=1)) == due
    assert next_due(schedule, due) > due


@given(schedules(), moments, moments)
def test_law_what_begins_later_is_not_due_sooner(members: dict[str, str], one: datetime, other: datetime):
    schedule = schedule_of(members)
    if schedule is None:
        return
    first, second = sorted((one, other))

    assert next_due(schedule, first) <= next_due(schedule, second)


def test_an_offset_makes_no_difference():
    schedule = read_schedule({"hour": "1", "minute": "5"})
    elsewhere = MOMENT.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+08:00").tzinfo)

    assert next_due(schedule, elsewhere) == next_due(schedule, MOMENT)


def test_a_token_signs_with_its_letters_or_with_what_its_base64_says():
    assert key_of("a secret of ours") == b"a secret of ours"
    assert key_of("whsec_" + base64.b64encode(b"\x00\xff" * 12).decode()) == b"\x00\xff" * 12


@pytest.mark.parametrize(
    "token", ["", "x" * 501, "a\x00b", "a\nb", "whsec_", "whsec_***", "whsec_abc", "\ud800"]
)
def test_what_cannot_sign_is_refused(token: str):
    with pytest.raises(errors.Invalid) as refusal:
        key_of(token)
    assert refusal.value.facts["errors"][0]["pointer"] == "/signatureToken"


def after(outcome: str, status: int | None, *, tries: int = 1, events: int = 10) -> Next:
    return after_call(outcome, status, tries=tries, events=events, shift_permille=0)


def test_what_is_taken_is_delivered_whatever_was_tried_before():
    assert after(Outcome.ACCEPTED, 200, tries=TRIES_MAX).verdict is Verdict.DELIVERED


def test_what_is_not_taken_is_tried_again_after_growing_pauses_and_then_pauses_the_subscription():
    nexts = [after(Outcome.REFUSED, 500, tries=tries) for tries in range(1, TRIES_MAX + 1)]

    assert [each.wait_seconds for each in nexts[:-1]] == list(WAITS_SECONDS)
    assert {each.verdict for each in nexts[:-1]} == {Verdict.AGAIN}
    assert (nexts[-1].verdict, nexts[-1].reason) == (Verdict.PAUSE, PausedReason.FAILING)


def test_who_is_gone_is_not_tried_again():
    assert after(Outcome.REFUSED, 410) == Next(verdict=Verdict.PAUSE, reason=PausedReason.GONE)


def test_what_is_too_large_is_told_in_smaller_parts_as_long_as_there_are_any():
    assert after(Outcome.REFUSED, 413, events=2).verdict is Verdict.SMALLER
    assert after(Outcome.REFUSED, 413, events=1).verdict is Verdict.AGAIN
    assert after(Outcome.REFUSED, 413, events=0).verdict is Verdict.AGAIN
