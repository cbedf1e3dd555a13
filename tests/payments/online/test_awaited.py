"""A payment whose payer is at the bank is awaited like every other: by the order, by who is short, by who sponsors."""

import uuid

from marketplace import database
from orders import cutting, lowering
from tests.builders import Market, assert_refused, ordered
from tests.campaigns import presale
from tests.house import Caller
from tests.orders.sponsoring.fund import drafted, stocked
from tests.payments.online.there import There, pay

BY_BANK = "pm_card_authenticationRequired"


def test_its_payer_may_still_pay(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    assert pay(shopper, order, BY_BANK).json["payment"]["state"] == "requires_action"
    shown = shopper.get(f"/v1/me/orders/{order['id']}").json
    assert shown["next_steps"] == ["pay", "withdraw", "choose_address"]
    assert pay(shopper, order, "pm_card_visa").json["payment"]["state"] == "succeeded"


def test_a_balance_of_no_boxes_is_not_awaited_any_more(
    online: There, market: Market, shopper: Caller
) -> None:
    sale = presale.on_sale(market)
    order = ordered(shopper, sale)
    pay(shopper, order, "pm_card_visa")
    presale.opened(market, sale)
    balance = {"payment_id": presale.balance(shopper, order)["id"]}
    pay(shopper, balance, BY_BANK)

    def lose(session) -> None:
        [bought] = cutting.lock(session, [uuid.UUID(order["id"])]).values()
        lowering.lower(session, market.ctx, bought.order, bought.terms, bought.awaited, boxes=0)

    database.transact(lose)
    online.work()
    assert (online.payment(balance).state, online.intent(balance)["status"]) == ("canceled", "canceled")


def test_a_sponsor_is_not_asked_twice_and_not_waited_for_when_all_is_off(
    online: There, market: Market, buyer: Caller, operator: Caller
) -> None:
    fund = drafted(stocked(market), buyer, operator).committed()
    opened = fund.step(buyer, "payments", {"amount_minor": fund.seen()["total_minor"]})
    payment = {"payment_id": opened.json["id"]}
    assert pay(buyer, payment, BY_BANK).json["payment"]["state"] == "requires_action"
    assert_refused(fund.step(buyer, "payments", {"amount_minor": 1}), 409, "more_than_owed")
    fund.done(fund.step(operator, "cancellation", {"reason": "asked on the phone"}))
    online.work()
    assert (online.payment(payment).state, online.intent(payment)["status"]) == ("canceled", "canceled")
