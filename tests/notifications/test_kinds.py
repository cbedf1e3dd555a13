"""Every kind in both languages, every field in its words, nothing that breaks a line."""

import re
import string
import uuid
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.language import Text
from marketplace.notifications.kinds import (
    BODY_MAX,
    KINDS,
    TITLE_MAX,
    About,
    CampaignPaused,
    Kind,
)
from marketplace.notifications.rules import (
    ATTEMPTS_MAX,
    DeliveryState,
    Quiet,
    after_failure,
    due_at,
    is_wanted,
    wait_seconds,
)
from marketplace.notifications.words import money_text
from marketplace.values import Money

ZONE = ZoneInfo("Asia/Shanghai")
SOME: dict[type, Any] = {
    uuid.UUID: uuid.UUID(int=7),
    int: 3,
    str: "7KQ2M9XA",
    Money: Money(5_205, "CNY"),
    datetime: datetime(2026, 10, 1, 4, 0, tzinfo=UTC),
    Text: Text(en="words", zh="文字"),
}
NIGHT = Quiet(first=22, last=7, zone=ZONE)


def made(kind: type[About], **changes: Any) -> About:
    hints = get_type_hints(kind)
    return kind(**{**{field.name: SOME[hints[field.name]] for field in fields(kind)}, **changes})


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_kind_has_its_words():
    assert set(KINDS) == set(Kind)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_a_kind_speaks_both_languages_and_tells_all_its_fields_in_each(kind: type[About]):
    declared = {field.name for field in fields(kind)}
    for text in (kind.title, kind.body):
        assert re.search("[a-zA-Z]", text.en)
        assert re.search("[\u4e00-\u9fff]", text.zh)
        assert names(text.en) == names(text.zh)
    assert names(kind.title.en) | names(kind.body.en) == declared

    told = made(kind).wording(ZONE)

    for text in (told.title.en, told.title.zh, told.body.en, told.body.zh):
        assert "{" not in text
        assert text
    assert made(kind).facts().keys() == declared


ALWAYS_SOMETHING = {
    ("advance_granted", "amount"): "an advance is of more than nothing",
    ("advance_refused", "amount"): "more than nothing was asked for",
    ("payout_paid", "amount"): "a payout is of more than nothing",
    ("payout_returned", "amount"): "a payout is of more than nothing",
    ("order_placed", "total"): "an order over nothing has no payment, and is not told of",
    ("payment_received", "amount"): "it was received",
    ("balance_due", "amount"): "else it is settled",
    ("balance_settled", "price"): "boxes have a price",
    ("balance_reminder", "amount"): "else it is settled",
    ("balance_defaulted", "amount"): "else it is settled",
    ("balance_charge_planned", "amount"): "else it is settled",
    ("balance_charge_declined", "amount"): "nobody charges nothing",
    ("light_boxes_refunded", "amount"): "boxes that are not light are not told of",
    ("balance_defaulted", "forfeited"): "a deposit is something for each box",
    ("refund_due", "amount"): "nobody owes nothing",
    ("refund_paid", "amount"): "nobody pays nothing out",
    ("sponsorship_signed", "total"): "boxes have a price",
    ("sponsorship_accepted", "total"): "boxes have a price",
    ("sponsorship_funded", "escrow"): "it is funded",
    ("sponsorship_given_up", "escrow"): "it was funded",
    ("tranche_released", "amount"): "nothing is not released",
}
SUMS = [
    (kind, field.name)
    for kind in KINDS.values()
    for field in fields(kind)
    if get_type_hints(kind)[field.name] is Money
]


@pytest.mark.parametrize(("kind", "name"), SUMS, ids=lambda each: getattr(each, "kind", each))
def test_a_sum_that_may_be_nothing_is_told_in_words(kind: type[About], name: str):
    """Every sum of every kind: either there always is some, or nobody reads `0.00`."""
    if name not in kind.if_nothing:
        assert (kind.kind, name) in ALWAYS_SOMETHING
        return
    assert (kind.kind, name) not in ALWAYS_SOMETHING
    told = made(kind, **{name: Money(0, "CNY")}).wording(ZONE)
    for text in (told.title.en, told.title.zh, told.body.en, told.body.zh):
        assert "0.00" not in text and "{" not in text
    body = kind.if_nothing[name]
    assert names(body.en) == names(body.zh)
    others = {field.name for field in fields(kind)} - {name, "how"}  # by what means the sum comes
    assert names(kind.title.en) | names(body.en) == others
    assert re.search("[Nn]othing", body.en) and re.search("[\u4e00-\u9fff]", body.zh)
    assert made(kind).wording(ZONE).body.en != told.body.en


def test_a_member_of_a_full_group_to_whom_nothing_goes_back_is_told_so():
    told = made(KINDS[Kind.GROUP_FULL], amount=Money(0, "CNY")).wording(ZONE)
    assert "Nothing goes back to you" in told.body.en
    assert "无差额退还" in told.body.zh


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_no_field_can_be_forgotten(kind: type[About]):
    for field in fields(kind):
        given = {name: value for name, value in vars(made(kind)).items() if name != field.name}
        with pytest.raises(TypeError):
            kind(**given)


def test_times_are_told_in_the_county_s_zone_and_money_in_its_unit():
    told = made(KINDS[Kind.BALANCE_DUE]).wording(ZONE)

    assert "2026-10-01 12:00 (CST)" in told.body.en
    assert "52.05 CNY" in told.body.zh
    assert [money_text(Money(*each)) for each in ((5, "CNY"), (-105, "CNY"), (300, "JPY"))] == [
        "0.05 CNY",
        "-1.05 CNY",
        "300 JPY",
    ]


@given(st.text(max_size=3_000))
def test_whatever_a_name_holds_a_title_is_one_line_of_bounded_length(name: str):
    told = made(CampaignPaused, campaign=Text(en=name, zh=name), reason=Text(en=name, zh=name)).wording(ZONE)

    assert len(told.title.en) <= TITLE_MAX and len(told.body.zh) <= BODY_MAX
    assert not re.search("[\x00-\x1f\x7f\u2028\u2029\u202e]", told.title.en + told.body.zh)


def test_braces_in_a_name_are_letters():
    assert "{boxes}" in made(CampaignPaused, campaign=Text(en="{boxes}", zh="{boxes}")).wording(ZONE).title.en


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1), max_value=datetime(2090, 1, 1)))  # noqa: DTZ001
def test_nothing_but_the_urgent_is_due_in_quiet_hours(now: datetime):
    later = due_at(now, is_urgent=False, quiet=NIGHT)

    assert 7 <= later.astimezone(ZONE).hour < 22
    assert timedelta(0) <= later - now <= timedelta(hours=9)
    assert due_at(now, is_urgent=True, quiet=NIGHT) == now
    if 7 <= now.astimezone(ZONE).hour < 22:
        assert later == now


def test_equal_hours_are_never_quiet():
    never = Quiet(first=0, last=0, zone=ZONE)
    assert all(never.ends_at(datetime(2026, 10, 1, hour, tzinfo=UTC)) is None for hour in range(24))


def test_only_what_is_not_mandatory_can_be_switched_off():
    off = {("order_placed", "email")}
    asked = {"kind": "order_placed", "channel": "email", "switched_off": off}
    assert is_wanted(is_mandatory=True, **asked)
    assert not is_wanted(is_mandatory=False, **asked)
    assert is_wanted(is_mandatory=False, **{**asked, "channel": "console"})


def test_it_is_tried_so_often_and_each_time_later():
    waits = [wait_seconds(attempts) for attempts in range(1, ATTEMPTS_MAX)]
    assert waits == [30, 60, 120, 240, 480]
    assert after_failure(ATTEMPTS_MAX - 1, is_final=False) == DeliveryState.WAITING
    assert after_failure(ATTEMPTS_MAX, is_final=False) == DeliveryState.DEAD
    assert after_failure(1, is_final=True) == DeliveryState.DEAD
