"""Balances are charged to saved cards when their owners are away: told before, once, and never without a consent."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from marketplace import context, database
from marketplace.identity import accounts
from marketplace.payments import payments
from marketplace.payments.saved import consents
from tests.builders import Market, assert_refused
from tests.campaigns import presale
from tests.house import Caller
from tests.payments.online import kept, there
from tests.payments.online.there import There

ALL = kept.DEPOSIT + kept.BALANCE


def test_it_is_told_when_it_opens_and_charged_a_day_later(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.opened(online, market, shopper)
    [message] = kept.told("balance_charge_planned")
    at = datetime.fromisoformat(kept.shown(shopper, order)["charge_at"])
    assert timedelta(hours=23) < at - datetime.now(UTC) <= timedelta(hours=24)
    assert message.account_id == uuid.UUID(order["buyer_id"])
    assert "visa 4242" in message.body_en
    assert "90.00" in message.body_zh
    kept.charge(online, hours=23)
    assert online.stand_in.charged() == kept.DEPOSIT, "not before the time that was told"
    kept.charge(online, hours=1)
    assert presale.seen(shopper, order)["state"] == "balance_paid"
    assert online.stand_in.charged() == ALL
    balance = kept.balance_of(shopper, order)
    assert online.payment(balance).state == "succeeded"
    assert online.calls(balance) == [("open", "done"), ("charge", "done")]
    [charged] = [
        call for call in online.stand_in.made("/v1/payment_intents") if call.params.get("off_session")
    ]
    assert charged.key == f"{balance['payment_id']}:charge:1"
    for _ in range(3):
        kept.charge(online, hours=30)
    assert online.stand_in.charged() == ALL
    assert kept.shown(shopper, order)["charge_at"] is None


def test_a_card_that_is_held_first_is_captured(holding: There, market: Market, shopper: Caller) -> None:
    order = kept.opened(holding, market, shopper)
    kept.charge(holding, hours=24)
    assert presale.seen(shopper, order)["state"] == "balance_paid"
    balance = kept.balance_of(shopper, order)
    assert holding.calls(balance) == [("open", "done"), ("charge", "done"), ("capture", "done")]
    assert (holding.stand_in.charged(), holding.stand_in.held()) == (ALL, 0)


@pytest.mark.parametrize("method", ["pm_card_visa", None])
def test_who_pays_sooner_by_hand_is_not_charged_again(
    online: There, market: Market, shopper: Caller, method: str | None
) -> None:
    order = kept.opened(online, market, shopper)
    payment = presale.balance(shopper, order)
    balance = {"payment_id": payment["id"]}
    if method is None:
        presale.confirm(shopper, payment)  # by bank transfer, which is on its way
    else:
        there.pay(shopper, balance, method)
    kept.charge(online, hours=24)
    kept.charge(online, hours=24)
    assert online.stand_in.charged() == (kept.DEPOSIT if method is None else ALL)
    assert not online.stand_in.made("/v1/payment_intents")[-1].params.get("off_session")


def test_who_is_at_the_bank_just_then_is_left_alone_for_an_hour(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.opened(online, market, shopper)
    balance = {"payment_id": presale.balance(shopper, order)["id"]}
    there.pay(shopper, balance, "pm_card_authenticationRequired")
    kept.charge(online, hours=24)
    assert online.payment(balance).state == "requires_action"
    online.stand_in.answer_bank(online.intent(balance)["id"], agrees=False)
    there.refresh(shopper, balance)
    kept.charge(online, hours=1)
    assert presale.seen(shopper, order)["state"] == "balance_paid"
    assert online.stand_in.charged() == ALL


def test_a_consent_that_is_taken_back_is_not_charged_and_may_be_given_again(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.opened(online, market, shopper)
    assert kept.switch(shopper, order, is_given=False).json["charge_at"] is None
    kept.charge(online, hours=30)
    assert online.stand_in.charged() == kept.DEPOSIT
    given = kept.switch(shopper, order, is_given=True)
    assert given.json["charge_at"] is not None, "told at once, and planned anew"
    kept.run_tells(online)
    assert len(kept.told("balance_charge_planned")) == 2
    kept.charge(online, hours=24)
    assert online.stand_in.charged() == ALL


@pytest.mark.parametrize("how", ["consent", "card"])
def test_what_was_written_down_is_not_asked_when_the_consent_is_gone_before(
    online: There, market: Market, shopper: Caller, how: str
) -> None:
    order = kept.opened(online, market, shopper)
    kept.charge(online, hours=24, minutes=1)
    kept.charge(online, minutes=1, work=False)
    balance = kept.balance_of(shopper, order)
    assert online.calls(balance) == [("open", "done"), ("charge", "asked")]
    if how == "consent":
        kept.switch(shopper, order, is_given=False)
    else:
        shopper.delete(f"/v1/saved-cards/{kept.card(online).id}", key=None)
    online.settle()
    assert online.calls(balance)[1] == ("charge", "dropped")
    assert online.stand_in.charged() == kept.DEPOSIT
    assert there.pay(shopper, balance, "pm_card_visa").status_code == 200


DECLINES = [
    ("card_declined", "insufficient_funds", "funds or limit"),
    ("card_declined", "lost_card", "does not accept"),
    ("expired_card", None, "has expired"),
    ("authentication_required", "authentication_required", "confirm the payment yourself"),
]


@pytest.mark.parametrize(("code", "decline", "words"), DECLINES)
def test_a_decline_is_told_with_its_reason_and_the_balance_waits_for_its_payer(
    online: There, market: Market, shopper: Caller, code: str, decline: str | None, words: str
) -> None:
    order = kept.opened(online, market, shopper)
    kept.declining(online, code, decline)
    kept.charge(online, hours=24)
    balance = kept.balance_of(shopper, order)
    assert (online.payment(balance).state, presale.seen(shopper, order)["state"]) == (
        "requires_confirmation",
        "balance_due",
    )
    assert online.calls(balance)[-1] == ("charge", "refused")
    [message] = kept.told("balance_charge_declined")
    assert words in message.body_en
    is_soft = decline == "insufficient_funds"
    assert ("once more" in message.body_en, "一天后" in message.body_zh) == (is_soft, is_soft)
    seen = kept.shown(shopper, order)
    assert (seen["is_given"], seen["problem"]) == (True, decline or code)
    assert (seen["charge_at"] is not None) == is_soft
    for _ in range(3):
        kept.charge(online, hours=24)
    tried = [state for kind, state in online.calls(balance) if kind == "charge"]
    assert tried == ["refused"] * (2 if is_soft else 1)
    assert len(kept.told("balance_charge_declined")) == len(tried)
    assert there.pay(shopper, balance, "pm_card_mastercard").status_code == 200
    assert (presale.seen(shopper, order)["state"], online.stand_in.charged()) == ("balance_paid", ALL)


def test_the_second_try_after_a_soft_decline_may_succeed(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.opened(online, market, shopper)
    kept.declining(online, "card_declined", "insufficient_funds")
    kept.charge(online, hours=24)
    del online.stand_in.books.rows[kept.card(online).method]["_declined"]
    kept.charge(online, hours=20)
    assert online.stand_in.charged() == kept.DEPOSIT
    kept.charge(online, hours=4)
    assert (presale.seen(shopper, order)["state"], online.stand_in.charged()) == ("balance_paid", ALL)


def test_a_card_that_always_asks_its_owner_is_left_to_its_owner(
    online: There, market: Market, shopper: Caller
) -> None:
    sale = presale.on_sale(market)
    order = kept.ordered(shopper, sale, kept.BOXES)
    kept.pay(shopper, order, "pm_card_authenticationRequired")
    online.stand_in.answer_bank(online.intent(order)["id"])
    online.settle()
    presale.opened(market, sale)
    kept.charge(online, hours=24)
    assert kept.shown(shopper, order)["problem"] == "authentication_required"
    assert online.stand_in.charged() == kept.DEPOSIT


def test_never_after_the_balance_is_over(online: There, market: Market, shopper: Caller) -> None:
    order = kept.opened(online, market, shopper)
    presale.let_pass(market, order["sale"], hours=121)
    kept.charge(online, hours=121)
    assert online.stand_in.charged() == kept.DEPOSIT
    assert not presale.seen(shopper, order)["deposit"]["balance_payment_id"], "not even opened"


def test_what_was_asked_in_time_and_got_no_answer_is_not_asked_after_the_end(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.opened(online, market, shopper)
    kept.charge(online, hours=24, minutes=1)
    online.stand_in.fail_next("drop", "POST /v1/payment_intents", times=2)
    kept.charge(online, minutes=1)
    balance = kept.balance_of(shopper, order)
    assert online.calls(balance)[-1] == ("charge", "asked")
    aged = kept.text(
        "UPDATE gateway_call SET arguments = jsonb_set(arguments, '{until}', '\"2020-01-01T00:00:00Z\"')"
        " WHERE kind = 'charge'"
    )
    database.transact(lambda session: session.execute(aged))
    online.sweep(minutes=5)
    assert online.calls(balance)[-1] == ("charge", "dropped")
    assert online.stand_in.charged() == kept.DEPOSIT


@pytest.mark.parametrize("fault", ["drop", "lost", "error", "busy"])
@pytest.mark.parametrize("begins", ["POST /v1/payment_intents/", "POST /v1/payment_intents"])
def test_whatever_is_interrupted_charges_once(
    online: There, market: Market, shopper: Caller, fault: str, begins: str
) -> None:
    order = kept.opened(online, market, shopper)
    online.stand_in.take_queue()
    online.stand_in.fail_next(fault, begins, times=2)
    kept.charge(online, hours=24)
    for minutes in (2, 10, 30, 90, 200):
        online.sweep(minutes=minutes)
        kept.charge(online, minutes=1, hours=1)
    kept.charge(online, hours=2)
    assert (presale.seen(shopper, order)["state"], online.stand_in.charged()) == ("balance_paid", ALL)
    assert all(state != "asked" for _, state in online.calls(kept.balance_of(shopper, order)))


def test_a_card_that_the_payment_service_has_forgotten_is_told(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.opened(online, market, shopper)
    online.stand_in.books.detach_method(kept.card(online).method)
    kept.charge(online, hours=24)
    assert kept.shown(shopper, order)["problem"] == "invalid_request"
    assert len(kept.told("balance_charge_declined")) == 1


def test_a_balance_that_is_too_large_for_a_card_may_be_paid_by_bank(
    online: There, market: Market, shopper: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = kept.opened(online, market, shopper)
    monkeypatch.setattr("tests.stripe_stand_in.books.AMOUNT_MAX", kept.BALANCE - 1)
    kept.charge(online, hours=24)
    assert kept.shown(shopper, order)["problem"] == "amount_too_large"
    balance = kept.balance_of(shopper, order)
    assert online.payment(balance).gateway == "offline"
    assert len(kept.told("balance_charge_declined")) == 1
    presale.confirm(shopper, {"id": balance["payment_id"]})


def test_a_payment_that_a_shortage_has_canceled_is_followed_by_another(
    online: There, market: Market, shopper: Caller
) -> None:
    order = kept.opened(online, market, shopper)
    presale.balance(shopper, order)

    lost = kept.balance_of(shopper, order)

    def lose(session) -> None:
        payments.cancel(session, market.ctx, payments.locked(session, uuid.UUID(lost["payment_id"])))

    database.transact(lose)
    kept.charge(online, hours=24)
    balance = kept.balance_of(shopper, order)
    assert balance["payment_id"] != lost["payment_id"]
    assert (presale.seen(shopper, order)["state"], online.stand_in.charged()) == ("balance_paid", ALL)


def test_without_a_gateway_it_waits(online: There, market: Market, shopper: Caller) -> None:
    order = kept.opened(online, market, shopper)
    gateway = market.app.extensions["remote_gateway"]
    market.app.extensions["remote_gateway"] = None
    kept.charge(online, hours=24)
    market.app.extensions["remote_gateway"] = gateway
    assert online.stand_in.charged() == kept.DEPOSIT
    kept.charge(online, hours=1)
    assert presale.seen(shopper, order)["state"] == "balance_paid"


def test_who_cannot_come_in_is_not_charged(online: There, market: Market, shopper: Caller) -> None:
    """They could not take the consent back."""
    order = kept.opened(online, market, shopper)
    change = partial(accounts.disable, account_id=shopper.account_id)
    database.transact(lambda session: change(session, context.system()))
    kept.charge(online, hours=24)
    assert online.stand_in.charged() == kept.DEPOSIT
    enable = partial(accounts.enable, account_id=shopper.account_id)
    database.transact(lambda session: enable(session, context.system()))
    kept.charge(online, hours=1)
    assert online.stand_in.charged() == ALL
    assert [each.ended_at for each in kept.consents(online, order)] == [None]


# -- at once


@pytest.mark.parametrize("who", ["by hand", "the device", "taken back"])
def test_in_the_moment_of_charging_the_payer_does_something_too(
    online: There, market: Market, shopper: Caller, gateway, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """Between the look and the charge: the payment service charges once, whoever is first."""
    order = kept.opened(online, market, shopper)
    kept.charge(online, hours=24, minutes=1)
    balance = kept.balance_of(shopper, order)
    charge_saved, answers = gateway.charge_saved, []

    def act() -> None:
        with market.app.app_context():
            if who == "by hand":
                answers.append(there.pay(shopper, balance, "pm_card_mastercard"))
            elif who == "the device":
                online.stand_in.pay_in_browser(online.intent(balance)["id"])
            else:
                answers.append(kept.switch(shopper, order, is_given=False))

    def meanwhile(**named):
        other = threading.Thread(target=act)
        other.start()
        other.join()
        return charge_saved(**named)

    monkeypatch.setattr(gateway, "charge_saved", meanwhile)
    kept.charge(online, minutes=1)
    assert [each.status_code for each in answers] == ([] if who == "the device" else [200])
    online.settle()
    assert (presale.seen(shopper, order)["state"], online.stand_in.charged()) == ("balance_paid", ALL)
    assert online.open_cases() == []


@pytest.mark.parametrize("seed", range(6))
def test_all_at_once_charge_once(online: There, market: Market, shopper: Caller, seed: int) -> None:
    """Two workers, the payer by hand and in the browser, the sweeper, a consent taken back."""
    order = kept.opened(online, market, shopper)
    kept.charge(online, hours=24, minutes=1)
    kept.charge(online, minutes=1, work=False)
    balance = kept.balance_of(shopper, order)
    works = [
        online.work,
        lambda: online.sweep(minutes=2),
        lambda: there.pay(shopper, balance, "pm_card_visa"),
        lambda: there.refresh(shopper, balance),
        lambda: kept.switch(shopper, order, is_given=False),
        online.deliver,
    ]
    works = works[seed:] + works[:seed]
    barrier, failures = threading.Barrier(len(works)), []

    def run(work) -> None:
        try:
            with market.app.app_context():
                barrier.wait()
                work()
        except BaseException as problem:  # noqa: BLE001
            failures.append(problem)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    online.settle()
    is_paid = presale.seen(shopper, order)["state"] == "balance_paid"
    assert online.stand_in.charged() == (ALL if is_paid else kept.DEPOSIT)
    assert all(state != "asked" for _, state in online.calls(balance))
    if not is_paid:
        assert_refused(kept.switch(shopper, {"id": str(uuid.uuid4())}, is_given=True), 404, "order_not_found")


def test_each_is_charged_by_a_job_of_its_own(online: There, market: Market, shopper: Caller) -> None:
    """One that fails keeps none of the others."""
    sale = presale.on_sale(market)
    orders = [kept.deposit(online, shopper, sale) for _ in range(3)]
    presale.opened(market, sale)
    online.stand_in.fail_next("drop", "POST /v1/payment_intents", times=2)
    kept.charge(online, hours=24)
    assert online.stand_in.charged() >= 3 * kept.DEPOSIT
    online.sweep(minutes=2)
    kept.charge(online, hours=1)
    kept.charge(online, hours=1)
    states = [presale.seen(shopper, order)["state"] for order in orders]
    assert states == ["balance_paid"] * 3
    kept.charge(online, hours=2)
    with database.reading() as session:
        assert consents.due_ids(session, datetime.now(UTC) + timedelta(days=400)) == []
