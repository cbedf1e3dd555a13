"""Every answer of the trial balance sums to zero while everything moves; deposit and balance are the total."""

from hypothesis import given
from hypothesis import strategies as st

from marketplace.ledger.rules import AMOUNT_MAX
from tests.attacks import conserved, races
from tests.attacks.flood import silent_step
from tests.attacks.ground import laid_out
from tests.attacks.marked import private


def test_every_answer_sums_to_zero_while_payments_move() -> None:
    with private() as (urls, folder), laid_out(urls, folder, webs=2, worker_threads=2) as ground:
        with conserved.watched(ground, readers=5) as seen:
            fights = conserved.moved(ground, 3, silent_step)
            conserved.booked_by_bank(ground, "KWD", 10**9)
            conserved.booked_by_bank(ground, "CNY", 10**9)
            ground.settle()
            assert conserved.pay_back_by_hand(ground) > 0
        assert seen.wrong == []
        assert seen.answers > 20
        assert seen.currencies == {"CNY", "JPY", "KWD"}
        there, ours = races.totals(ground)
        assert there == ours
        assert ground.broken() == []
        assert {fight.order["currency"] for fight in fights} == {"CNY", "JPY", "KWD"}


def test_every_answer_sums_to_zero_with_the_worst_amounts() -> None:
    with private() as (urls, folder), laid_out(urls, folder, workers=0) as ground:
        with conserved.watched(ground, readers=4) as seen:
            assert conserved.hammered(ground, 80) == 80
        assert seen.wrong == []
        assert seen.answers > 8
        assert conserved.broken_ledger() == []
        [(largest,)] = ground.rows("SELECT max(amount_minor) FROM ledger_entry")
        assert largest == AMOUNT_MAX


def test_a_total_that_is_off_would_be_seen() -> None:
    seen = conserved.Seen()
    line = {"currency": "CNY", "normal_side": "debit", "balance_minor": 1, "debits_posted_minor": 1}
    rest = {"credits_posted_minor": 0, "debits_pending_minor": 0, "credits_pending_minor": 0}
    conserved._check(seen, 200, {"lines": [line | rest], "totals": []})
    assert seen.wrong == ["CNY is off by 1", "CNY balances is off by 1"]


@given(st.integers(1, 10**13), st.integers(1, 99))
def test_deposit_and_balance_are_the_total(total: int, percent: int) -> None:
    assert conserved.off([total], [percent]) == []


@given(st.integers(1, 10**9), st.integers(1, 99), st.integers(100, 300), st.integers(0, 10**10))
def test_with_a_bonus_and_a_discount_the_parts_are_the_total(
    total: int, percent: int, worth: int, discount: int
) -> None:
    assert not conserved.off_with_bonus(total, percent, worth, discount)


@given(st.integers(1, AMOUNT_MAX), st.integers(1, 1_000))
def test_parts_are_whole_and_all_of_it(minor: int, count: int) -> None:
    found = conserved.parts(minor, count)
    assert sum(found) == minor
    assert max(found) - min(found) <= 1
