"""A presale through Stripe: deposit and balance by card, a withdrawal that goes back, a balance that came too late."""

from tests.builders import Market, ordered
from tests.campaigns import presale
from tests.house import Caller
from tests.payments.online.there import There, pay


def deposit(online: There, shopper: Caller, sale, boxes: int) -> dict:
    order = ordered(shopper, sale, boxes)
    assert pay(shopper, order, "pm_card_visa").status_code == 200
    return order


def test_deposit_and_balance_are_paid_by_card_and_a_lower_step_goes_back(
    online: There, market: Market, shopper: Caller
) -> None:
    sale = presale.on_sale(market)
    order = deposit(online, shopper, sale, 6)
    assert online.state(order) == ("deposit_paid", "succeeded", "succeeded")
    assert online.stand_in.charged() == 6 * 1_000
    presale.opened(market, sale)
    balance = presale.balance(shopper, order)
    assert balance["amount_minor"] == 6 * (5_200 - 1_500)
    paid = pay(shopper, {"payment_id": balance["id"]}, "pm_card_visa")
    assert paid.json["payment"]["state"] == "succeeded"
    assert presale.seen(shopper, order)["state"] == "balance_paid"
    assert online.stand_in.charged() == 6 * 1_000 + balance["amount_minor"]


def test_a_withdrawn_deposit_goes_back_to_the_card(online: There, market: Market, shopper: Caller) -> None:
    order = deposit(online, shopper, presale.on_sale(market), 2)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    assert [case.kind for case in online.open_cases()] == ["refund"]
    online.work()
    assert online.stand_in.charged() == 0
    assert [(each.state, each.means) for each in online.repayments(order)] == [("paid", "gateway")]
    assert online.open_cases() == []


def test_a_balance_that_comes_when_it_is_closed_goes_back_and_the_deposit_stays(
    online: There, market: Market, shopper: Caller
) -> None:
    sale = presale.on_sale(market)
    order = deposit(online, shopper, sale, 1)
    presale.opened(market, sale)
    balance = {"payment_id": presale.balance(shopper, order)["id"]}
    pay(shopper, balance)
    presale.closed(market, sale)
    online.lose_jobs()
    online.stand_in.pay_in_browser(online.intent(balance)["id"])
    online.settle()
    assert presale.seen(shopper, order)["state"] == "balance_defaulted"
    assert online.stand_in.charged() == 1_000, "the deposit alone"
    assert [each.state for each in online.repayments(balance)] == ["paid"]
