"""When a balance is charged to a saved card, and what follows from a decline: tables, and laws for any times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payments.saved import rules
from marketplace.payments.saved.rules import Again, after_decline, charge_at, next_charge, why

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

HARD = (
    "lost_card",
    "stolen_card",
    "pickup_card",
    "restricted_card",
    "expired_card",
    "incorrect_number",
    "invalid_account",
    "card_not_supported",
    "currency_not_supported",
    "transaction_not_allowed",
    "do_not_honor",
    "fraudulent",
    "revocation_of_authorization",
    "revocation_of_all_authorizations",
    "stop_payment_order",
    "authentication_required",
    "online_or_offline_pin_required",
    "resource_missing",
    "invalid_request",
    "a word that nobody knows",
)


@pytest.mark.parametrize(
    ("lasts", "after", "expected"),
    [
        (timedelta(days=5), 24, timedelta(hours=24)),
        (timedelta(days=5), 1, timedelta(hours=1)),
        (timedelta(days=5), 720, timedelta(days=4)),
        (timedelta(hours=30), 24, timedelta(hours=6)),
        (timedelta(hours=24), 24, timedelta(hours=1)),
        (timedelta(hours=1), 24, timedelta(minutes=30)),
    ],
)
def test_it_is_charged_so_long_after_the_opening_and_a_day_before_the_end(lasts, after, expected) -> None:
    at = charge_at(opened_at=NOW, due_at=NOW + lasts, after=timedelta(hours=after))
    assert at - NOW == expected


@given(st.timedeltas(timedelta(seconds=2), timedelta(days=90)), st.integers(1, 720))
def test_it_is_told_before_and_never_charged_after_the_end(lasts: timedelta, hours: int) -> None:
    due_at = NOW + lasts
    at = charge_at(opened_at=NOW, due_at=due_at, after=timedelta(hours=hours))
    assert NOW + min(rules.NOTICE, lasts / 2) <= at < due_at
    assert at <= NOW + max(timedelta(hours=hours), rules.NOTICE)
    if lasts >= rules.LATEST + rules.NOTICE:
        assert at <= due_at - rules.LATEST, "what is declined can still be paid by hand"


@pytest.mark.parametrize("problem", sorted(rules.SOFT))
def test_after_a_soft_decline_it_is_tried_once_more_and_not_again(problem: str) -> None:
    assert after_decline(problem, declines=1) == Again.ONCE_MORE
    assert after_decline(problem, declines=2) == Again.BY_HAND


@pytest.mark.parametrize("problem", HARD)
def test_after_any_other_it_is_not_tried_again(problem: str) -> None:
    assert after_decline(problem, declines=1) == Again.BY_HAND
    assert next_charge(problem, declines=1, now=NOW, due_at=NOW + timedelta(days=30)) is None


@given(
    st.sampled_from([*sorted(rules.SOFT), *HARD]),
    st.integers(1, 5),
    st.timedeltas(timedelta(0), timedelta(days=30)),
)
def test_the_second_time_is_a_day_later_and_within_the_time_there_is(problem, declines, left) -> None:
    at = next_charge(problem, declines=declines, now=NOW, due_at=NOW + left)
    if at is not None:
        assert (at - NOW, declines, problem in rules.SOFT) == (rules.ONCE_MORE, 1, True)
        assert at < NOW + left


@pytest.mark.parametrize("problem", [*sorted(rules.SOFT), *HARD])
def test_every_decline_has_its_words_in_both_languages(problem: str) -> None:
    assert why(problem).en.endswith(".")
    assert why(problem).zh.endswith("。")


def test_words_that_were_agreed_to_are_kept_by_their_version() -> None:
    assert rules.WORDS_VERSION in rules.WORDS
    for version, words in rules.WORDS.items():
        assert len(version) <= 20
        assert "card" in words.en
        assert "银行卡" in words.zh
