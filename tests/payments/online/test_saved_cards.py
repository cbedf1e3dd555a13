"""Cards are kept with a deposit when their owners agree to it, for a balance to come; listed, and removed for good."""

import pytest

from marketplace.access import Role
from marketplace.payments.saved import rules
from marketplace.payments.saved.models import GatewayCustomer, SavedCard
from tests.builders import Market, assert_refused, ordered
from tests.campaigns import presale
from tests.house import Caller
from tests.payments.online import kept, there
from tests.payments.online.there import There


def attached(online: There) -> list[str]:
    """Cards that the payment service keeps."""
    return [each["id"] for each in online.stand_in.books.all("payment_method") if each["customer"]]


def test_a_card_is_kept_with_the_deposit_and_the_consent_stands(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.deposit(online, shopper, presale.on_sale(market))
    assert online.state(order) == ("deposit_paid", "succeeded", "succeeded")
    [consent], card = kept.consents(online, order), kept.card(online)
    assert (consent.card_id, consent.ended_at, consent.charge_at) == (card.id, None, None)
    assert consent.words_version == rules.WORDS_VERSION
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == ("visa", "4242", 8, 2034)
    assert attached(online) == [card.method]
    intent = online.intent(order)
    assert (intent["setup_future_usage"], intent["customer"]) == ("off_session", card.customer)
    assert online.calls(order) == [("open", "done"), ("prepare", "done"), ("confirm", "done")]
    listed = shopper.get("/v1/saved-cards").json["items"]
    assert [(each["last4"], each["order_ids"]) for each in listed] == [("4242", [order["id"]])]
    assert "number" not in listed[0]
    assert card.method not in str(listed), "what the payment service calls it is nobody's business"
    seen = kept.shown(shopper, order)
    assert (seen["is_given"], seen["card"]["last4"], seen["charge_at"]) == (True, "4242", None)
    assert seen["words"]["zh"] == rules.WORDS[rules.WORDS_VERSION].zh


def test_without_a_word_nothing_is_kept(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, presale.on_sale(market))
    assert there.pay(shopper, order, "pm_card_visa").status_code == 200
    online.settle()
    assert (attached(online), kept.consents(online, order), online.rows(SavedCard)) == ([], [], [])
    assert online.intent(order)["customer"] is None
    assert kept.shown(shopper, order)["is_given"] is False


def test_the_device_pays_by_a_card_that_is_kept(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, presale.on_sale(market))
    assert kept.pay(shopper, order, None).status_code == 200
    assert online.intent(order)["payment_method_types"] == ["card"]
    assert kept.shown(shopper, order) | {"words": 0, "given_at": 0} == {
        "order_id": order["id"], "is_given": True, "words": 0, "given_at": 0, "ended_at": None,
        "ended_reason": None, "card": None, "charge_at": None, "problem": None,
    }  # fmt: skip
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    online.settle()
    assert kept.shown(shopper, order)["card"]["last4"] == "4242"


@pytest.mark.parametrize("method", ["alipay", "wechat_pay"])
def test_a_wallet_is_not_kept_and_its_payer_told_so(
    online: There, market: Market, shopper: Caller, method: str
) -> None:
    order, wallet = ordered(shopper, presale.on_sale(market)), online.stand_in.make_method(method)
    assert_refused(kept.pay(shopper, order, wallet), 409, "method_not_saved")
    [consent] = kept.consents(online, order)
    assert consent.ended_reason == "not_saved"
    assert online.calls(order) == [("open", "done"), ("prepare", "refused"), ("confirm", "refused")]
    assert there.pay(shopper, order, wallet).json["payment"]["state"] == "requires_action"
    online.stand_in.answer_bank(online.intent(order)["id"])
    online.settle()
    assert online.state(order)[0] == "deposit_paid"
    assert attached(online) == []


def test_who_thinks_better_of_it_before_paying_has_no_card_kept_and_may_pay_by_wallet(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, presale.on_sale(market))
    kept.pay(shopper, order, "pm_card_chargeDeclined")
    assert there.pay(shopper, order, online.stand_in.make_method("alipay")).status_code == 200
    assert [each.ended_reason for each in kept.consents(online, order)] == ["not_asked_again"]
    intent = online.intent(order)
    assert (intent["setup_future_usage"], len(intent["payment_method_types"])) == (None, 3)


def test_a_consent_taken_back_before_the_money_came_has_the_card_forgotten(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, presale.on_sale(market))
    kept.pay(shopper, order, None)
    assert kept.switch(shopper, order, is_given=False).json["is_given"] is False
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    assert len(attached(online)) == 1, "the payment service has kept it"
    online.settle()
    assert (attached(online), online.rows(SavedCard)) == ([], [])
    assert online.calls(order)[-1] == ("forget", "done")


@pytest.mark.parametrize("how", ["in full", "a balance", "a stranger's"])
def test_only_for_an_order_with_a_balance_to_come(
    online: There, market: Market, shopper: Caller, as_role, how: str
) -> None:
    if how == "in full":
        order = ordered(shopper, market.on_sale())
        with market.unchanged():
            assert_refused(kept.pay(shopper, order), 409, "no_balance_ahead")
            assert_refused(kept.switch(shopper, order, is_given=True), 409, "no_balance_ahead")
    elif how == "a balance":
        order = kept.opened(online, market, shopper)
        payment = {"payment_id": presale.balance(shopper, order)["id"]}
        with market.unchanged():
            assert_refused(kept.pay(shopper, payment), 409, "no_balance_ahead")
    else:
        order = ordered(shopper, presale.on_sale(market))
        other = as_role(Role.SHOPPER)
        with market.unchanged():
            assert_refused(kept.pay(other, order), 404, "payment_not_found")
            assert_refused(kept.switch(other, order, is_given=True), 404, "order_not_found")
            assert_refused(kept.switch(other, order, is_given=False), 404, "order_not_found")
            assert_refused(other.get(f"/v1/orders/{order['id']}/balance-consent"), 404, "order_not_found")


def test_a_removed_card_ends_its_consents_at_once_and_is_forgotten_there(
    online: There, market: Market, shopper: Caller, as_role
) -> None:
    order = kept.opened(online, market, shopper)
    url, other = f"/v1/saved-cards/{kept.card(online).id}", as_role(Role.SHOPPER)
    with market.unchanged():
        assert_refused(other.delete(url, key=None), 404, "saved_card_not_found")
    assert shopper.delete(url, key=None).status_code == 204
    assert shopper.get("/v1/saved-cards").json["items"] == []
    assert kept.shown(shopper, order)["ended_reason"] == "card_removed"
    online.stand_in.fail_next("lost", "POST /v1/payment_methods", times=2)
    for minutes in (0, 2, 5):
        online.sweep(minutes=minutes)
    assert attached(online) == []
    assert online.calls(order)[-1] == ("forget", "done")
    assert_refused(shopper.delete(url, key=None), 404, "saved_card_not_found")
    assert_refused(kept.switch(shopper, order, is_given=True), 404, "saved_card_not_found")
    kept.charge(online, hours=100)
    assert online.stand_in.charged() == kept.DEPOSIT


def test_a_card_that_the_payment_service_has_forgotten_before_is_removed_all_the_same(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.deposit(online, shopper, presale.on_sale(market))
    card = kept.card(online)
    online.stand_in.books.detach_method(card.method)
    assert shopper.delete(f"/v1/saved-cards/{card.id}", key=None).status_code == 204
    online.settle()
    assert online.calls(order)[-1] == ("forget", "done")


def test_the_consent_of_another_order_is_given_for_a_card_that_was_kept(
    online: There, market: Market, shopper: Caller
) -> None:
    sale = presale.on_sale(market)
    first = kept.deposit(online, shopper, sale)
    second = ordered(shopper, sale, 1)
    there.pay(shopper, second, "pm_card_visa")
    given = kept.switch(shopper, second, is_given=True)
    assert (given.status_code, given.json["card"]["id"]) == (200, str(kept.card(online).id))
    again = kept.switch(shopper, second, is_given=True, saved_card_id=given.json["card"]["id"])
    assert again.json["given_at"] == given.json["given_at"], "it stands already"
    [item] = shopper.get("/v1/saved-cards").json["items"]
    assert item["order_ids"] == [first["id"], second["id"]]
    assert kept.switch(shopper, first, is_given=False).json["ended_reason"] == "revoked"
    assert kept.switch(shopper, first, is_given=False).json["is_given"] is False
    [item] = shopper.get("/v1/saved-cards").json["items"]
    assert item["order_ids"] == [second["id"]]


def test_money_that_came_too_late_keeps_no_card(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, presale.on_sale(market))
    kept.pay(shopper, order, None)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    online.settle()
    assert online.state(order) == ("withdrawn", "canceled", "succeeded")
    assert [each.ended_reason for each in kept.consents(online, order)] == ["not_saved"]
    assert (attached(online), online.stand_in.charged()) == ([], 0)


def test_a_payer_is_one_customer_there_whatever_they_pay(
    online: There, market: Market, shopper: Caller
) -> None:
    sale = presale.on_sale(market)
    for _ in range(2):
        kept.deposit(online, shopper, sale)
    assert len(online.rows(GatewayCustomer)) == len(online.stand_in.books.all("customer")) == 1
    assert len(shopper.get("/v1/saved-cards").json["items"]) == 2


@pytest.mark.parametrize("fault", ["drop", "lost", "error"])
def test_a_preparation_that_is_interrupted_is_made_up_for(
    online: There, market: Market, shopper: Caller, fault: str
) -> None:
    order = ordered(shopper, presale.on_sale(market))
    pay = f"/v1/payments/{order['payment_id']}/online"
    body, key = {"payment_method": "pm_card_visa", "save_for_balance": True}, "p" * 20
    online.stand_in.fail_next(fault, "POST /v1/customers", times=2)
    statuses = [shopper.post(pay, json=body, key=key).status_code for _ in range(4)]
    assert set(statuses) <= {503, 200}
    if fault != "error":
        assert statuses[-1] == 200
        assert kept.shown(shopper, order)["card"]["last4"] == "4242"
    assert online.stand_in.charged() in (0, kept.BOXES * 500)
