"""Cards that are held first: charged when the order is sure to have its boxes, let go when it is over."""

import pytest

from marketplace import context, database
from marketplace.payments.gateways import OFFLINE, Asked, GatewayRefuses
from orders import checkout
from tests.builders import Market, assert_refused, ordered
from tests.campaigns import presale
from tests.house import Caller
from tests.payments.online.there import There, pay, refresh

BY_BANK = "pm_card_authenticationRequired"


def held(holding: There, shopper: Caller, market: Market) -> dict:
    """An order whose payer's bank holds the money, and no job has looked yet."""
    order = ordered(shopper, market.on_sale(), 2)
    assert pay(shopper, order).status_code == 200
    holding.stand_in.pay_in_browser(holding.intent(order)["id"])
    return order


def captures(holding: There, order: dict) -> list:
    return holding.stand_in.made(f"/v1/payment_intents/{holding.intent(order)['id']}/capture")


def test_a_card_is_held_then_charged_by_a_job_and_the_order_is_committed(
    holding: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale(), 2)
    response = pay(shopper, order, "pm_card_visa")
    assert (response.status_code, response.json["payment"]["state"]) == (200, "processing")
    assert holding.state(order) == ("deposit_due", "processing", "requires_capture")
    assert (holding.stand_in.held(), holding.stand_in.charged()) == (order["total_minor"], 0)
    assert_refused(pay(shopper, order, "pm_card_visa"), 409, "payment_not_awaited")
    holding.work()
    assert holding.state(order) == ("committed", "succeeded", "succeeded")
    assert holding.stand_in.charged() == order["total_minor"]
    assert holding.calls(order) == [("open", "done"), ("confirm", "done"), ("capture", "done")]
    [call] = captures(holding, order)
    assert call.key == f"{order['payment_id']}:capture:1"
    assert call.params["amount_to_capture"] == str(order["total_minor"])
    known = holding.known(order)
    assert (known.method, known.fee_minor) == ("card", order["total_minor"] * 290 // 10_000 + 30)


def test_after_the_bank_has_asked_it_is_held_and_then_charged(
    holding: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    assert pay(shopper, order, BY_BANK).json["payment"]["state"] == "requires_action"
    holding.stand_in.answer_bank(holding.intent(order)["id"])
    assert refresh(shopper, order).json["state"] == "processing"
    holding.work()
    assert holding.state(order) == ("committed", "succeeded", "succeeded")


@pytest.mark.parametrize("method", ["alipay", "wechat_pay"])
def test_wallets_pay_as_ever(holding: There, market: Market, shopper: Caller, method: str) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order, holding.stand_in.make_method(method))
    holding.stand_in.answer_bank(holding.intent(order)["id"])
    assert refresh(shopper, order).json["state"] == "succeeded"
    assert captures(holding, order) == []


def test_who_gives_up_what_is_held_is_never_charged(holding: There, market: Market, shopper: Caller) -> None:
    order = held(holding, shopper, market)
    refresh(shopper, order)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    holding.settle()
    assert holding.state(order) == ("withdrawn", "canceled", "canceled")
    assert (holding.stand_in.held(), holding.stand_in.charged()) == (0, 0)
    assert (captures(holding, order), holding.repayments(order), holding.open_cases()) == ([], [], [])
    assert ("capture", "dropped") in holding.calls(order)


def test_what_the_clock_has_ended_is_let_go(holding: There, market: Market, shopper: Caller) -> None:
    """Nobody told us that the bank holds it."""
    order = held(holding, shopper, market)
    holding.stand_in.take_queue()
    market.let_age(order["id"], minutes=60)
    database.transact(lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10))
    holding.settle()
    assert holding.state(order) == ("expired", "canceled", "canceled")
    assert (holding.stand_in.held(), holding.stand_in.charged()) == (0, 0)
    assert (holding.repayments(order), holding.open_cases()) == ([], [])


def test_a_hold_that_the_bank_lets_go_is_over(holding: There, market: Market, shopper: Caller) -> None:
    order = held(holding, shopper, market)
    refresh(shopper, order)
    holding.lose_jobs()
    holding.stand_in.books.expire_hold(holding.intent(order)["id"])
    holding.settle()
    assert holding.state(order) == ("payment_failed", "canceled", "canceled")
    assert holding.stand_in.charged() == 0


def test_a_hold_whose_time_is_over_is_not_charged_and_ends_with_it(
    holding: There, market: Market, shopper: Caller
) -> None:
    """The bank refuses; the service has not ended it yet."""
    order = held(holding, shopper, market)
    refresh(shopper, order)
    holding.stand_in.books.ahead_seconds = 8 * 86_400
    holding.work()
    assert holding.state(order) == ("deposit_due", "processing", "requires_capture")
    holding.stand_in.books.expire_hold(holding.intent(order)["id"])
    holding.settle()
    assert holding.state(order) == ("payment_failed", "canceled", "canceled")


@pytest.mark.parametrize("more", [-1, 1])
def test_another_sum_that_is_held_is_not_taken_and_a_person_decides(
    holding: There, market: Market, shopper: Caller, more: int
) -> None:
    order = held(holding, shopper, market)
    intent = holding.intent(order)
    intent["amount_capturable"] += more
    for _ in range(3):
        refresh(shopper, order)
    holding.work()
    assert captures(holding, order) == []
    assert holding.state(order)[:2] == ("deposit_due", "requires_confirmation")
    [case] = holding.open_cases()
    assert (case.kind, case.facts["reason"]) == ("payment", "money_differs")
    assert case.facts["received_minor"] == order["total_minor"] + more


@pytest.mark.parametrize("fault", ["drop", "lost", "error", "busy"])
def test_a_capture_that_is_interrupted_is_finished_and_charges_once(
    holding: There, market: Market, shopper: Caller, fault: str
) -> None:
    order = held(holding, shopper, market)
    refresh(shopper, order)
    holding.stand_in.take_queue()
    begins = f"POST /v1/payment_intents/{holding.intent(order)['id']}/capture"
    holding.stand_in.fail_next(fault, begins, times=2)
    for minutes in (0, 2, 10, 30, 90, 200, 300, 400):
        holding.sweep(minutes=minutes)
    assert holding.state(order) == ("committed", "succeeded", "succeeded")
    assert holding.stand_in.charged() == order["total_minor"]
    assert all(state != "asked" for _, state in holding.calls(order))
    keys = {each.key for each in captures(holding, order)}
    assert keys <= {f"{order['payment_id']}:capture:{attempt}" for attempt in (1, 2)}


def test_a_worker_that_is_lost_with_its_job_is_made_up_for_by_the_sweeper(
    holding: There, market: Market, shopper: Caller
) -> None:
    order = held(holding, shopper, market)
    refresh(shopper, order)
    holding.lose_jobs()
    holding.stand_in.take_queue()
    holding.sweep(minutes=3)
    assert holding.state(order) == ("committed", "succeeded", "succeeded")
    assert len(captures(holding, order)) == 1


def test_a_deposit_and_its_balance_are_held_and_charged_each(
    holding: There, market: Market, shopper: Caller
) -> None:
    sale = presale.on_sale(market)
    order = ordered(shopper, sale, 6)
    pay(shopper, order, "pm_card_visa")
    holding.work()
    assert holding.state(order) == ("deposit_paid", "succeeded", "succeeded")
    presale.opened(market, sale)
    balance = {"payment_id": presale.balance(shopper, order)["id"]}
    pay(shopper, balance, "pm_card_visa")
    presale.closed(market, sale)
    holding.settle()
    assert presale.seen(shopper, order)["state"] == "balance_defaulted"
    assert holding.intent(balance)["status"] == "canceled", "it came too late, and is let go"
    assert holding.stand_in.charged() == 6 * 1_000


def test_the_gateway_takes_a_part_and_lets_the_rest_go_and_never_more(
    holding: There, market: Market, shopper: Caller
) -> None:
    from_here = market.app.extensions["remote_gateway"]
    order = held(holding, shopper, market)
    intent_id = holding.intent(order)["id"]
    with pytest.raises(GatewayRefuses) as refused:
        from_here.capture(provider_id=intent_id, amount_minor=order["total_minor"] + 1, key="k" * 20)
    assert refused.value.code == "amount_too_large"
    seen = from_here.capture(provider_id=intent_id, amount_minor=1_000, key="l" * 20)
    assert (seen.received_minor, seen.authorised_minor, holding.stand_in.charged()) == (1_000, 0, 1_000)
    again = from_here.capture(provider_id=intent_id, amount_minor=1_000, key="m" * 20)
    assert (again.received_minor, holding.stand_in.charged()) == (1_000, 1_000), (
        "what was decided is the answer"
    )


def test_nothing_is_held_by_bank_transfer() -> None:
    asked = Asked(reference="R", amount_minor=5_200, currency="CNY")
    assert OFFLINE.capture(asked) == OFFLINE.confirm(asked)
