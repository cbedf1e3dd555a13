"""The rules of transfers alone: what balances, what takes back, what is left of many lines."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.ledger import chart, rules
from marketplace.ledger.chart import CHART, Group, Side
from marketplace.ledger.rules import (
    AMOUNT_MAX,
    Account,
    Change,
    Fact,
    NotATransfer,
    Owner,
    Phase,
    credit,
    debit,
)
from tests.ledger import money

CODES = sorted(CHART)
ACCOUNTS = [
    Account(code=code, currency="CNY", owner=owner)
    for code in CODES[:6]
    for owner in (None, Owner(kind="campaign_item", id=uuid.UUID(int=7)))
]
AMOUNTS = st.integers(1, 10**14)


@st.composite
def balanced(draw):
    """Lines of one transfer over different accounts."""
    accounts = draw(st.lists(st.sampled_from(ACCOUNTS), min_size=2, max_size=6, unique=True))
    minors = [draw(AMOUNTS) for _ in accounts[1:]]
    return (debit(accounts[0], sum(minors)), *map(credit, accounts[1:], minors))


def signed(lines):
    return sum(line.amount_minor if line.side is Side.DEBIT else -line.amount_minor for line in lines)


@given(balanced())
def test_what_balances_is_let_in_and_so_is_what_takes_it_back(lines):
    assert rules.check_lines(lines) == rules.check_lines(rules.mirrored(lines)) == "CNY"
    assert rules.mirrored(rules.mirrored(lines)) == lines


@given(balanced(), st.integers(0, 5), st.integers(1, 10))
def test_a_unit_more_on_any_line_is_refused(lines, place, more):
    broken = list(lines)
    line = broken[place % len(broken)]
    broken[place % len(broken)] = rules.Line(line.account, line.side, line.amount_minor + more)

    with pytest.raises(NotATransfer):
        rules.check_lines(broken)


@given(st.lists(balanced(), max_size=4))
def test_netting_keeps_the_sum_of_every_account(many):
    lines = [line for each in many for line in each]
    net = rules.netted(lines)

    for account in ACCOUNTS:
        of_it = [line for line in lines if line.account == account]
        assert signed(line for line in net if line.account == account) == signed(of_it)
    assert len({line.account for line in net}) == len(net)
    assert all(line.amount_minor > 0 for line in net)
    assert len(net) != 1, "what balances does not leave one line"


@given(balanced())
def test_a_transfer_and_its_reversal_leave_nothing_of_a_balance(lines):
    moves = [*rules.changes(Phase.SINGLE, lines), *rules.changes(Phase.SINGLE, rules.mirrored(lines))]
    for change in rules.summed(moves).values():
        assert change.balance_minor(Side.DEBIT) == change.balance_minor(Side.CREDIT) == 0


@given(balanced(), st.booleans())
def test_a_reservation_that_has_ended_reserves_nothing(lines, is_posted):
    phase = Phase.POST if is_posted else Phase.VOID
    moves = [*rules.changes(Phase.PENDING, lines), *rules.changes(phase, lines, reserved=lines)]
    total = rules.summed(moves)

    assert all(each.debits_pending == each.credits_pending == 0 for each in total.values())
    booked = rules.summed(rules.changes(Phase.SINGLE, lines))
    assert {account: each for account, each in total.items() if each != Change()} == (
        booked if is_posted else {}
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((), "2 to"),
        ((debit(money.bank(), 1),), "2 to"),
        ((debit(money.bank(), 1), credit(money.bank(), 1)), "once"),
        ((debit(money.bank(), 0), credit(money.clearing(), 0)), "no amount"),
        ((debit(money.bank(), -1), credit(money.clearing(), -1)), "no amount"),
        ((debit(money.bank(), True), credit(money.clearing(), 1)), "no amount"),
        ((debit(money.bank(), 1.0), credit(money.clearing(), 1)), "no amount"),
        ((debit(money.bank(), AMOUNT_MAX + 1), credit(money.clearing(), AMOUNT_MAX + 1)), "no amount"),
        ((debit(money.bank(), 1), credit(money.clearing("JPY"), 1)), "one currency"),
        ((debit(money.bank("XXX"), 1), credit(money.clearing("XXX"), 1)), "known"),
        ((debit(Account(code="purse", currency="CNY"), 1), credit(money.bank(), 1)), "chart"),
        ((debit(money.bank(), 2), credit(money.clearing(), 1)), "exceed"),
    ],
)
def test_what_is_no_transfer_is_refused_with_its_reason(lines, says):
    with pytest.raises(NotATransfer, match=says):
        rules.check_lines(lines)


@pytest.mark.parametrize("kind", ["", "x", "Paid", "paid twice", "a" * 41])
def test_a_kind_is_a_word(kind):
    with pytest.raises(NotATransfer, match="no kind"):
        rules.check(
            Fact(kind=kind, source_id=uuid.uuid4(), lines=money.lines(money.bank(), money.clearing(), 1))
        )


def test_less_than_was_reserved_may_be_posted_and_nothing_else():
    whole = money.lines(money.escrow(), money.bank(), 10)
    rules.check_part(money.lines(money.escrow(), money.bank(), 1), whole)
    rules.check_part(whole, whole)
    for part in (
        money.lines(money.escrow(), money.bank(), 11),
        money.lines(money.bank(), money.escrow(), 1),
        money.lines(money.escrow(), money.clearing(), 1),
    ):
        with pytest.raises(NotATransfer):
            rules.check_part(part, whole)


def test_an_account_is_known_by_its_name_alone():
    other = Owner(kind="cooperative", id=money.ITEM.id)
    named = [
        money.deposits(),
        money.deposits("JPY"),
        money.deposits(owner=None),
        money.deposits(owner=other),
        money.clearing(),
    ]
    assert len({account.id for account in named}) == len(named)
    assert money.deposits().id == money.deposits().id


@pytest.mark.parametrize("entry", chart.ENTRIES, ids=lambda entry: entry.code)
def test_the_chart_says_what_every_account_is_in_both_languages(entry):
    assert entry.name.en
    assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.name.zh)
    assert entry.group.side is (Side.DEBIT if entry.group in (Group.ASSET, Group.EXPENSE) else Side.CREDIT)
    assert chart.entry_of(entry.code) is entry


def test_no_code_of_the_chart_stands_there_twice():
    assert len(CHART) == len(chart.ENTRIES)


def test_what_is_available_does_not_count_what_is_only_expected():
    change = Change(debits_posted=3, credits_posted=10, debits_pending=2, credits_pending=50)
    assert change.balance_minor(Side.CREDIT) == 7
    assert change.reserved_minor(Side.CREDIT) == 2
    assert change.available_minor(Side.CREDIT) == 5
    assert change.available_minor(Side.DEBIT) == -7 - 50
