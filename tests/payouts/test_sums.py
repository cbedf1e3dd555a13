"""Payouts never exceed what came in: found where the ledger by itself is whole."""

from marketplace.ledger.rules import Account
from marketplace.payouts.states import PayoutPurpose
from tests.builders import broken
from tests.ledger import money
from tests.payouts.desk import Desk


def test_an_advance_of_money_that_nobody_paid_in_is_found(desk: Desk) -> None:
    """The ledger balances, floors hold: only the sum of what came in says that it is too much."""
    desk.draft(7_000, purpose=PayoutPurpose.ADVANCE, currency="KWD")
    assert broken(desk.market.app) == ["PO5"]
    desk.fund(6_999, currency="KWD")
    assert broken(desk.market.app) == ["PO5"]
    desk.fund(1, currency="KWD")
    assert broken(desk.market.app) == []


def test_what_a_cooperative_owes_back_is_no_advance(desk: Desk) -> None:
    """A buyer was paid back after the cooperative had been paid: the platform waits for its money."""
    desk.fund(10_000)
    desk.name()
    desk.approved(10_000)
    expense = Account(code="compensation_expense", currency="CNY")
    receivable = Account(code="coop_receivable", currency="CNY", owner=money.payable(desk.coop()).owner)
    money.post(expense, money.clearing(), 10_000, kind="paid_back")
    money.post(receivable, expense, 10_000, kind="owed_back")
    assert broken(desk.market.app) == []
