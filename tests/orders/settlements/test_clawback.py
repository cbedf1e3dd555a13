"""A refund after the payout: retention, then the next settlement, then a receivable; never a negative payout."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.settlements import commission
from orders.settlements.account import Account, Held
from orders.settlements.clawback import claw_back
from orders.settlements.facts import Claim, FactsAreWrong, Remedy
from orders.settlements.rules import settle
from tests.orders.settlements.cases import SEASON_END, accounts, delivery, facts

HELD = Account(currency="CNY", held=(Held(reference="S1", amount_minor=249, until=SEASON_END),))
SPOILED = Claim(reference="C1", remedy=Remedy.REFUND, amount_minor=5_200, at_fault=True)


def test_retention_then_the_next_settlement_then_a_receivable():
    """One box of the example was paid 47.43, and 2.49 kept; it is refunded: 208 of commission go back, 249 are held."""
    clawed, account = claw_back(SPOILED, HELD, sold_minor=5_200, commission_bps=400)

    assert (clawed.commission_back_minor, clawed.from_held_minor, clawed.owed_minor) == (208, 249, 4_743)
    assert account == Account(currency="CNY", owed_minor=4_743)

    small = settle(facts(delivery(1, 1_000), settlement="S2"), account)
    assert small.payout_minor == 0
    assert small.after == Account(currency="CNY", owed_minor=4_743 - 960)

    large = settle(facts(delivery(1), settlement="S3"), small.after)
    assert large.payout_minor == 4_992 - (4_743 - 960)
    assert large.after == Account(currency="CNY")


def test_what_others_bear_costs_nothing():
    clawed, account = claw_back(replace(SPOILED, at_fault=False), HELD, sold_minor=5_200, commission_bps=400)

    assert account is HELD
    assert clawed.borne_by_others_minor == 5_200
    assert clawed.commission_back_minor == clawed.from_held_minor == clawed.owed_minor == 0


def test_compensation_gives_no_commission_back():
    double = Claim(reference="C2", remedy=Remedy.COMPENSATION, amount_minor=1_000, at_fault=True)
    clawed, account = claw_back(double, HELD, sold_minor=0, commission_bps=400)

    assert (clawed.commission_back_minor, clawed.from_held_minor, clawed.owed_minor) == (0, 249, 751)
    assert account.owed_minor == 751


def test_no_more_is_refunded_than_was_sold():
    with pytest.raises(FactsAreWrong):
        claw_back(SPOILED, HELD, sold_minor=5_199, commission_bps=400)


@given(accounts(), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10_000))
def test_what_goes_to_the_buyer_comes_from_somewhere(account, refund, more, bps):
    claim = Claim(reference="C", remedy=Remedy.REFUND, amount_minor=refund, at_fault=True)
    clawed, after = claw_back(claim, account, sold_minor=refund + more, commission_bps=bps)

    assert clawed.commission_back_minor + clawed.from_held_minor + clawed.owed_minor == refund
    assert min(clawed.commission_back_minor, clawed.from_held_minor, clawed.owed_minor) >= 0
    assert clawed.owed_minor == 0 or not after.held
    assert after.worth_minor == account.worth_minor - refund + clawed.commission_back_minor
    assert after.advances == account.advances


@given(st.lists(st.integers(0, 5_000), max_size=8), st.integers(0, 10_000))
def test_refund_after_refund_gives_back_the_commission_of_all(refunds, bps):
    sold = sum(refunds) + 1_234
    account, back, left = Account(currency="CNY"), 0, sold
    for number, each in enumerate(refunds):
        claim = Claim(reference=f"C{number}", remedy=Remedy.REFUND, amount_minor=each, at_fault=True)
        clawed, account = claw_back(claim, account, sold_minor=left, commission_bps=bps)
        back += clawed.commission_back_minor
        left -= each
    assert back == commission.due(sold, bps) - commission.due(1_234, bps)


@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 1_000), st.integers(1, 2_000))
def test_refunded_before_or_after_the_payout_costs_the_same(refunded, more, permille, price):
    """Told in time, or clawed back later: what the cooperative is left with is one and the same sum."""
    boxes = refunded + more
    claim = Claim(reference="C", remedy=Remedy.REFUND, amount_minor=refunded * price, at_fault=True)
    empty = Account(currency="CNY")
    in_time = settle(facts(delivery(boxes, price), permille=permille, claims=(claim,)), empty)
    before = settle(facts(delivery(boxes, price), permille=permille), empty)
    _, after = claw_back(claim, before.after, sold_minor=boxes * price, commission_bps=400)

    assert before.payout_minor + after.worth_minor == in_time.payout_minor + in_time.after.worth_minor
