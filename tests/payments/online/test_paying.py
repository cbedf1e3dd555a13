"""A payer pays by card or wallet: at the door, in the browser, at the bank; declined, interrupted, asked again."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from marketplace import database
from marketplace.access import Role
from marketplace.payments import calls
from tests.builders import Market, assert_refused, confirmed, ordered, receipt
from tests.house import Caller
from tests.payments.online.there import There, pay, refresh

DECLINED = "pm_card_chargeDeclinedInsufficientFunds"
BY_BANK = "pm_card_authenticationRequired"


def test_a_card_pays_at_once_and_the_order_is_committed(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale(), 2)
    response = pay(shopper, order, "pm_card_visa")
    assert response.status_code == 200
    assert response.json["payment"]["state"] == "succeeded"
    assert response.json["payment"]["gateway"] == "stripe"
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    intent, known = online.intent(order), online.known(order)
    assert (intent["amount"], intent["currency"]) == (order["total_minor"], "cny")
    assert online.payment(order).receipt_reference == intent["latest_charge"]
    fee = order["total_minor"] * 290 // 10_000 + 30
    assert (known.method, known.refundable_until, known.fee_minor, known.fee_currency) == (
        "card",
        None,
        fee,
        "CNY",
    )
    assert known.looks_at is None
    assert online.calls(order) == [("open", "done"), ("confirm", "done")]
    assert online.stand_in.charged() == order["total_minor"]


def test_the_device_pays_with_the_secret_and_the_payer_comes_back(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    response = pay(shopper, order)
    assert response.status_code == 200
    assert response.json["payment"]["state"] == "requires_confirmation"
    assert response.json["client_secret"] == online.intent(order)["client_secret"]
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    back = refresh(shopper, order)
    assert (back.status_code, back.json["state"]) == (200, "succeeded")
    assert online.state(order) == ("committed", "succeeded", "succeeded")


def test_a_copy_under_the_same_key_gets_the_same_answer_and_charges_nothing(
    online: There, market: Market, shopper: Caller
) -> None:
    order, key = ordered(shopper, market.on_sale()), str(uuid.uuid4())
    first = pay(shopper, order, "pm_card_visa", key=key)
    again = pay(shopper, order, "pm_card_visa", key=key)
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert_refused(pay(shopper, order, key=key), 422, "idempotency_key_reused")
    assert len(online.stand_in.made("/v1/payment_intents")) == 2, "opened and confirmed, once"


def test_a_declined_card_leaves_the_payment_to_be_paid_by_another(
    online: There, market: Market, shopper: Caller
) -> None:
    order, key = ordered(shopper, market.on_sale()), str(uuid.uuid4())
    for _ in range(2):
        refused = pay(shopper, order, DECLINED, key=key)
        assert_refused(refused, 402, "payment_declined")
        assert (refused.json["reason"], refused.json["state"]) == (
            "insufficient_funds",
            "requires_confirmation",
        )
    assert online.state(order) == ("deposit_due", "requires_confirmation", "requires_payment_method")
    online.deliver(copies=2)
    online.work()
    assert online.state(order)[1] == "requires_confirmation", "failed is nothing final"
    assert pay(shopper, order, "pm_card_visa").status_code == 200
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert online.stand_in.charged() == order["total_minor"]


def test_a_method_that_nobody_knows_is_refused_and_nothing_is_charged(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    refused = pay(shopper, order, "pm_made_up")
    assert_refused(refused, 402, "payment_declined")
    assert refused.json["reason"] == "resource_missing"
    assert online.calls(order) == [("open", "done"), ("confirm", "refused")]


def test_the_bank_asks_the_payer_who_agrees_or_does_not(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    response = pay(shopper, order, BY_BANK)
    assert response.json["payment"]["state"] == "requires_action"
    assert response.json["next_step"]["kind"] == "redirect_to_url"
    assert response.json["next_step"]["url"].startswith("https://")
    online.stand_in.answer_bank(online.intent(order)["id"], agrees=False)
    assert refresh(shopper, order).json["state"] == "requires_confirmation"
    assert pay(shopper, order, BY_BANK).json["payment"]["state"] == "requires_action"
    online.stand_in.answer_bank(online.intent(order)["id"])
    online.deliver()
    online.work()
    assert online.state(order) == ("committed", "succeeded", "succeeded")


@pytest.mark.parametrize(
    ("method", "kind", "days"),
    [("alipay", "alipay_handle_redirect", 90), ("wechat_pay", "wechat_pay_display_qr_code", 180)],
)
def test_a_wallet_takes_its_time_and_its_refunds_have_an_end(
    online: There, market: Market, shopper: Caller, method: str, kind: str, days: int
) -> None:
    order = ordered(shopper, market.on_sale())
    response = pay(shopper, order, online.stand_in.make_method(method))
    assert (response.status_code, response.json["next_step"]["kind"]) == (200, kind)
    assert (response.json["next_step"]["qr_text"] is not None) == (method == "wechat_pay")
    intent_id = online.intent(order)["id"]
    online.stand_in.books.start_processing(intent_id)
    assert refresh(shopper, order).json["state"] == "processing"
    online.stand_in.books.end_processing(intent_id)
    online.deliver()
    online.work()
    known = online.known(order)
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert known.method == method
    assert (known.refundable_until - known.paid_at).days == days


def test_a_wallet_that_fails_after_all_leads_back_to_the_payer(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order, online.stand_in.make_method("alipay"))
    online.stand_in.books.start_processing(online.intent(order)["id"])
    refresh(shopper, order)
    online.stand_in.books.end_processing(online.intent(order)["id"], succeeds=False)
    online.deliver()
    online.work()
    assert online.state(order) == ("deposit_due", "requires_confirmation", "requires_payment_method")


# -- refusals


def test_only_the_payer_pays_and_only_what_is_to_be_paid(
    online: There, market: Market, shopper: Caller, as_role
) -> None:
    sale = market.on_sale()
    order, by_transfer = ordered(shopper, sale), confirmed(as_role(Role.SHOPPER), sale)
    other, operator = as_role(Role.SHOPPER), as_role(Role.OPERATOR)
    with market.unchanged():
        assert_refused(pay(other, order), 404, "payment_not_found")
        assert_refused(pay(shopper, {"payment_id": uuid.uuid4()}), 404, "payment_not_found")
        assert_refused(pay(operator, order), 403, "forbidden")
        assert_refused(pay(shopper, by_transfer), 404, "payment_not_found")
        assert_refused(pay(shopper, order, key=None), 400, "idempotency_key_missing")
        assert_refused(refresh(shopper, order), 409, "payment_not_online")
        assert_refused(refresh(other, order), 404, "payment_not_found")
    pay(shopper, order, "pm_card_visa")
    assert_refused(pay(shopper, order, "pm_card_visa"), 409, "payment_not_awaited")
    assert online.stand_in.charged() == order["total_minor"]


def test_without_a_gateway_outside_payers_are_told_so(market: Market, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    with market.unchanged():
        assert_refused(pay(shopper, order), 409, "gateway_not_offered")


def test_what_is_paid_online_is_neither_confirmed_nor_booked_by_hand(
    online: There, market: Market, shopper: Caller, operator: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    with market.unchanged():
        assert_refused(
            shopper.post(f"/v1/payments/{order['payment_id']}/confirm"), 409, "paid_through_gateway"
        )
        booked = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
        assert_refused(booked, 409, "paid_through_gateway")


def test_a_gateway_that_will_not_have_a_payment_leaves_it_for_other_ways(
    online: There, market: Market, shopper: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordered(shopper, market.on_sale())
    monkeypatch.setattr("tests.stripe_stand_in.books.KNOWN", set())
    assert_refused(pay(shopper, order), 402, "payment_declined")
    assert online.payment(order).gateway == "offline"
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200


def test_more_than_a_card_pays_is_paid_by_bank(
    online: There, market: Market, shopper: Caller, operator: Caller
) -> None:
    """A payment service takes eight digits; the order is kept, and its payer told why."""
    order = ordered(shopper, market.on_sale(price_minor=100_000_000))
    told = assert_refused(pay(shopper, order, "pm_card_visa"), 402, "payment_declined")
    assert told["reason"] == "amount_too_large"
    assert online.stand_in.charged() == 0
    payment = f"/v1/payments/{order['payment_id']}"
    assert shopper.post(f"{payment}/confirm").status_code == 200
    assert operator.post(f"{payment}/receipts", json=receipt(order)).status_code == 200
    assert online.payment(order).state == "succeeded"


# -- between the two transactions


@pytest.mark.parametrize(("fault", "times"), [("drop", 2), ("busy", 1), ("conflict", 2)])
def test_a_call_that_got_nowhere_is_made_again_under_the_same_key(
    online: There, market: Market, shopper: Caller, fault: str, times: int
) -> None:
    order, key = ordered(shopper, market.on_sale()), str(uuid.uuid4())
    online.stand_in.fail_next(fault, "POST /v1/payment_intents", times=times)
    assert_refused(pay(shopper, order, "pm_card_visa", key=key), 503, "gateway_unavailable")
    assert online.stand_in.charged() == 0
    assert pay(shopper, order, "pm_card_visa", key=key).status_code == 200
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert online.stand_in.charged() == order["total_minor"]


@pytest.mark.parametrize("begins", ["POST /v1/payment_intents/", "POST /v1/payment_intents"])
def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_charged_twice(
    online: There, market: Market, shopper: Caller, begins: str
) -> None:
    order, key = ordered(shopper, market.on_sale()), str(uuid.uuid4())
    online.stand_in.fail_next("lost", begins, times=2)
    assert_refused(pay(shopper, order, "pm_card_visa", key=key), 503, "gateway_unavailable")
    online.deliver()
    assert pay(shopper, order, "pm_card_visa", key=key).status_code in (200, 409)
    online.settle()
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert online.stand_in.charged() == order["total_minor"]
    assert len(online.stand_in.books.all("payment_intent")) == 1


@pytest.mark.parametrize("begins", ["POST /v1/payment_intents/", "POST /v1/payment_intents"])
def test_a_failure_that_is_stored_under_its_key_is_left_behind_with_the_key(
    online: There, market: Market, shopper: Caller, begins: str
) -> None:
    order, key = ordered(shopper, market.on_sale()), str(uuid.uuid4())
    online.stand_in.fail_next("error", begins)
    statuses = [pay(shopper, order, "pm_card_visa", key=key).status_code for _ in range(4)]
    assert statuses == [503, 503, 503, 200]
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert online.stand_in.charged() == order["total_minor"]
    kind = "confirm" if begins.endswith("/") else "open"
    assert [call for call, state in online.calls(order) if state == "dropped"].count(kind) == 1
    assert online.calls(order).count(("open", "done")) == 1, "what was heard before is kept"


def test_an_opening_that_fails_for_good_is_dropped_by_the_sweeper(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    online.stand_in.fail_next("error", "POST /v1/payment_intents")
    assert pay(shopper, order).status_code == 503
    for minutes in (1, 5, 10, 20):
        online.sweep(minutes=minutes)
    assert online.calls(order) == [("open", "dropped")]
    assert pay(shopper, order, "pm_card_visa").status_code == 200


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("where", ["before", "opened", "charged"])
def test_a_process_that_dies_in_between_is_finished_by_looking(
    online: There, market: Market, shopper: Caller, gateway, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A payer who is gone is not charged by a call that was interrupted; a charge that was made is booked."""
    order = ordered(shopper, market.on_sale())
    confirm, open_ = gateway.confirm, gateway.open

    def dies(call):
        def dying(**named):
            call(**named)
            raise Crash

        return dying

    with monkeypatch.context() as patch:
        if where == "before":
            patch.setattr(gateway, "open", lambda **_: (_ for _ in ()).throw(Crash))
        elif where == "opened":
            patch.setattr(gateway, "open", dies(open_))
        else:
            patch.setattr(gateway, "confirm", dies(confirm))
        with pytest.raises(Crash):
            pay(shopper, order, "pm_card_visa")
    assert online.calls(order) == [("open", "asked"), ("confirm", "asked")]
    online.lose_jobs()
    online.stand_in.take_queue()
    for minutes in (2, 5, 20, 60):
        online.sweep(minutes=minutes)
    states = dict(online.calls(order))
    assert states["open"] == "done"
    if where == "charged":
        assert online.state(order) == ("committed", "succeeded", "succeeded")
        assert states["confirm"] == "done"
        assert online.stand_in.charged() == order["total_minor"]
    else:
        assert online.state(order) == ("deposit_due", "requires_confirmation", "requires_payment_method")
        assert states["confirm"] == "dropped"
        assert online.stand_in.charged() == 0
        assert pay(shopper, order, "pm_card_visa").status_code == 200
        assert online.stand_in.charged() == order["total_minor"]


def test_while_one_copy_asks_the_others_are_told_so(
    online: There, market: Market, shopper: Caller, gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, key = ordered(shopper, market.on_sale()), str(uuid.uuid4())
    told = []
    open_ = gateway.open

    def ask() -> None:
        with market.app.app_context():
            told.append(pay(shopper, order, "pm_card_visa", key=key))
            told.append(pay(shopper, order, key=key))
            told.append(pay(shopper, order))

    def asks_meanwhile(**named):
        other = threading.Thread(target=ask)
        other.start()
        other.join()
        return open_(**named)

    monkeypatch.setattr(gateway, "open", asks_meanwhile)
    assert pay(shopper, order, "pm_card_visa", key=key).status_code == 200
    same, other_body, other_key = told
    assert_refused(same, 409, "key_in_flight")
    assert_refused(other_body, 422, "idempotency_key_reused")
    assert_refused(other_key, 503, "call_in_flight")
    assert online.stand_in.charged() == order["total_minor"]


def test_ten_at_once_with_ten_keys_charge_once(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())

    def go(_: int) -> int:
        with market.app.app_context():
            return pay(shopper, order, "pm_card_visa").status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(go, range(10)))
    assert statuses.count(200) >= 1
    assert set(statuses) <= {200, 409, 503}
    online.settle()
    assert online.state(order) == ("committed", "succeeded", "succeeded")
    assert online.stand_in.charged() == order["total_minor"]


def test_no_transaction_is_open_while_the_gateway_is_asked(
    online: There, market: Market, shopper: Caller, gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordered(shopper, market.on_sale())
    seen = []
    confirm = gateway.confirm

    def looks(**named):
        seen.append((database.db.engine.pool.checkedout(), database.db.session().in_transaction()))
        return confirm(**named)

    monkeypatch.setattr(gateway, "confirm", looks)
    pay(shopper, order, "pm_card_visa")
    assert seen == [(0, False)]
    assert calls.LEASE.total_seconds() > 2 * (3 + 10), "longer than one call with its repeat"
