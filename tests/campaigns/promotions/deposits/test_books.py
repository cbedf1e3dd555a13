"""What funders pay of discounted orders, by the ledger: once the price is paid, and for the boxes that come."""

from collections.abc import Callable

import pytest

from campaigns.shortage import closing
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.ledger import reading
from orders.models import DepositTerms
from tests.builders import Market, broken
from tests.campaigns import presale
from tests.campaigns.promotions.deposits.scene import bought, on_sale, pay_rest
from tests.campaigns.promotions.deposits.test_shortage import PIECES, settled, short_of, stopped
from tests.campaigns.promotions.shop import running
from tests.campaigns.shortage import deposits, stage
from tests.house import Caller

FUNDERS = {"promo_expense", "county_receivable", "sponsor_receivable", "coop_discount_receivable"}


def funded() -> dict[str, int]:
    with database.reading() as session:
        return {
            line.code: line.balance_minor
            for line in reading.trial_balance(session)
            if line.balance_minor and line.code in FUNDERS
        }


@pytest.fixture
def buyers(as_role: Callable[..., Caller]) -> list[Caller]:
    return [as_role(Role.SHOPPER) for _ in range(3)]


def test_a_discount_of_a_deposit_is_booked_when_the_price_is_paid(
    market: Market, operator: Caller, buyers: list[Caller]
) -> None:
    sale = on_sale(market, 20)
    running(operator, sale, **PIECES)
    orders = [bought(buyer, operator, sale, 2) for buyer in buyers]
    assert funded() == {}, "until then it is a promise"
    presale.opened(market, sale)
    assert pay_rest(buyers[0], operator, orders[0]) == 2 * (3_700 - 333)
    assert funded() == {"county_receivable": 666, "promo_expense": 2 * 500}
    assert market.stored(DepositTerms, orders[0]["id"]).discount_minor == 666
    assert operator.post(f"{sale.url}/cancellation", json={"reason": "frost"}).status_code == 200
    jobs.work(market.app, once=True)
    assert funded() == {}
    assert broken(market.app) == []


def test_of_boxes_that_do_not_come_funders_pay_nothing_although_all_was_paid(
    market: Market, operator: Caller, buyers: list[Caller]
) -> None:
    sale = on_sale(market, 5, deposit=None)
    stage.pledge(market, sale, 1)
    running(operator, sale, **PIECES)
    short = short_of(market, operator, sale, buyers, (1, 2, 3), missing=1)
    assert funded() == {"county_receivable": 6 * 333}
    settled(short)
    assert funded() == {"county_receivable": 5 * 333}
    assert broken(market.app) == []


def test_boxes_lost_after_their_balance_was_paid_lower_what_funders_pay_until_nothing_is_left(
    market: Market, operator: Caller, buyers: list[Caller]
) -> None:
    sale = on_sale(market, 5)
    stage.pledge(market, sale, 1)
    running(operator, sale, **PIECES)
    orders = tuple(bought(each, operator, sale, count) for each, count in zip(buyers, (1, 2, 3), strict=True))
    presale.harvested(market, sale)
    presale.let_pass(market, sale, hours=24)
    presale.open_balance(market, sale)
    for buyer, order in zip(buyers, orders, strict=True):
        pay_rest(buyer, operator, order)
    assert funded() == {"county_receivable": 6 * 333, "promo_expense": 6 * 500}
    short = stopped(market, operator, sale, tuple(buyers), orders, 1)
    deposits.advance(short)
    stage.let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, presale.now(market)))
    jobs.work(market.app, once=True)
    assert funded() == {"county_receivable": 5 * 333, "promo_expense": 5 * 500}
    assert operator.post(f"{sale.url}/cancellation", json={"reason": "frost"}).status_code == 200
    jobs.work(market.app, once=True)
    assert funded() == {}
    assert broken(market.app) == []
