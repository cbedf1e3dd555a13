"""Balances and a shortage that opens beside them at once: a receipt, a default, an election, a second look."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from campaigns import advancing, balances
from campaigns.shortage import closing
from campaigns.shortage.models import Shortage, ShortageCut
from marketplace import database, errors
from marketplace.access import Role
from marketplace.payments import payments
from marketplace.payments.models import PartRefund
from tests.builders import Market, at_once
from tests.campaigns import presale
from tests.campaigns.presale import balance, confirm, now
from tests.campaigns.shortage import late, stage
from tests.campaigns.shortage.late import Late
from tests.house import Caller

ROUNDS = range(4)


@pytest.fixture
def due(market: Market, as_role: Callable[..., Caller], operator: Caller) -> Late:
    """Two orders of 2 boxes whose balances are due, over lots of a box each."""
    found = late.harvested(market, as_role, operator, (2, 2), lots=[(1, 0)] * 4)
    return found.open_balance()


def receipt_of(due: Late, payment: dict[str, Any]) -> Callable[[], Any]:
    ctx = due.market.acting(due.operator, roles=frozenset({Role.OPERATOR}))

    def work(session: Any) -> str:
        return payments.book_receipt(
            session,
            ctx,
            payment_id=uuid.UUID(payment["id"]),
            amount_minor=payment["amount_minor"],
            currency="CNY",
            receipt_reference=f"BANK-{payment['id']}",
        ).state

    return lambda: database.transact(work)


def in_turn(round_: int, works: list[Callable[[], Any]]) -> list[Callable[[], Any]]:
    return works if round_ % 2 else works[::-1]


@pytest.mark.parametrize("round_", ROUNDS)
def test_money_that_comes_while_the_cut_is_made_is_never_lost_or_kept_twice(due: Late, round_: int) -> None:
    agreed = confirm(due.buyers[0], balance(due.buyers[0], due.orders[0]))
    due.stop(0).stop(1).minute()
    [shortage] = due.shortages()
    stage.let_pass(due.as_short(), 49)
    ctx = due.market.later()

    def cut() -> str:
        return database.transact(lambda session: closing.close(session, ctx, shortage_id=shortage.id).state)

    found = at_once(due.market.app, in_turn(round_, [cut, receipt_of(due, agreed)]))
    assert sorted(found) == ["settled", "succeeded"], found
    due.check()
    assert due.boxes() == [1, 1]
    assert due.states[0] == "balance_paid"
    kept = sum(each.kept_minor for each in due.payments(0))
    assert kept == 1_000 + 4_100, "a deposit and a balance for the box that is left"


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_a_default_and_a_loss_one_comes_first(due: Late, round_: int) -> None:
    """Closed first, the case is over what is left; opened first, nobody defaults while it runs."""
    due.pay(0)
    due.stop(0).stop(1).stop(2)
    presale.let_pass(due.market, due.sale, hours=144)
    early = replace(now(due.market), now=due.market.later(hours=-25).now)
    campaign_id = due.sale.campaign_id

    def look() -> str:
        """By a clock that is a day behind."""
        return database.transact(
            lambda session: advancing.advance(session, early, campaign_id=str(campaign_id))
        )

    def close() -> str:
        return database.transact(
            lambda session: balances.close_balance(session, now(due.market), campaign_id=campaign_id).state
        )

    found = at_once(due.market.app, in_turn(round_, [look, close]))
    due.check()
    closed = found[0 if round_ % 2 == 0 else 1]
    if isinstance(closed, errors.Refusal):
        assert closed.code == "shortage_open"
        assert (due.state, due.states[1]) == ("balance_open", "balance_due")
        assert len(due.shortages()) == 1
    else:
        assert (due.state, due.states[1]) == ("balance_closed", "balance_defaulted")
    due.minute()
    [shortage] = due.shortages()
    assert shortage.committed_boxes == (2 if due.state == "balance_closed" else 4)


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_that_look_open_one(due: Late, round_: int) -> None:
    due.stop(0)
    campaign_id = str(due.sale.campaign_id)

    def look() -> str:
        return database.transact(
            lambda session: advancing.advance(session, now(due.market), campaign_id=campaign_id)
        )

    assert at_once(due.market.app, [look] * 4) == ["balance_open"] * 4
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Shortage)) == 1
    due.check()


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_two_cuts_of_one_case_one_pays_back(due: Late, round_: int) -> None:
    due.pay(0)
    due.stop(0).minute()
    [shortage] = due.shortages()
    stage.let_pass(due.as_short(), 49)
    ctx = due.market.later()

    def cut() -> str:
        return database.transact(lambda session: closing.close(session, ctx, shortage_id=shortage.id).state)

    found = at_once(due.market.app, [cut] * 3)
    assert [each.code for each in found if isinstance(each, errors.Refusal)] == ["shortage_state"] * 2
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ShortageCut)) == 2
        refunds = session.scalars(select(PartRefund).where(PartRefund.kind == "refund")).all()
    assert sum(each.amount_minor for each in refunds) in (1_000, 1_000 + 4_100)
    due.check()
