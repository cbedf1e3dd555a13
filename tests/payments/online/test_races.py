"""Whoever comes first: browser, events, sweeper, cancel. Each ends with goods or a refund, charged once."""

import itertools
import random
import threading
import time
from datetime import timedelta

import pytest

from marketplace import context, database
from marketplace.access import Role
from orders import checkout
from tests.builders import Market, ordered
from tests.house import Caller
from tests.payments.online.there import There, pay, refresh
from tests.stripe_stand_in import books
from tests.thorough import some

ACTORS = ("browser", "event", "event again", "sweeper", "cancel")


def act(online: There, shopper: Caller, order: dict, who: str, events: list) -> None:
    """One of the five, as it comes by itself; what it is refused is its own business."""
    if who == "browser":
        refresh(shopper, order)
    elif who == "sweeper":
        online.sweep(minutes=3)
    elif who == "cancel":
        shopper.post(f"/v1/orders/{order['id']}/withdrawal")
    else:
        for each in events:
            assert online.post(*online.stand_in.signed(each)) == 200
        online.work()


def check_end(online: There, market: Market, order: dict) -> None:
    """Everything that is on its way has arrived."""
    state, payment, there = online.state(order)
    kept = online.stand_in.charged()
    row = online.payment(order)
    hold = online.hold(order)
    if state == "committed":
        assert (payment, there, kept) == ("succeeded", "succeeded", order["total_minor"])
        assert (hold.state, row.refund_due_minor) == ("consumed", 0)
    else:
        assert state in ("withdrawn", "expired")
        assert payment == "canceled"
        assert kept == 0, "what came was paid back"
        assert hold.state in ("released", "expired")
        if there == "succeeded":
            assert row.refund_due_minor == order["total_minor"]
            assert [each.state for each in online.repayments(order)] == ["paid"]
        else:
            assert there == "canceled"
    assert all(each.handled_at is not None for each in online.events())
    assert all(state != "asked" for _, state in online.calls(order))
    assert online.open_cases() == []


@pytest.mark.parametrize("first", ACTORS)
def test_in_all_orders_of_the_five_a_payer_has_the_boxes_or_the_money(
    online: There, market: Market, as_role, first: str
) -> None:
    """8 of the 24 orders for each who comes first, all if thorough; the payer's device has paid before all of them."""
    sale = market.on_sale(200, per_buyer=10)
    for rest in some(itertools.permutations([each for each in ACTORS if each != first]), 8):
        shopper = as_role(Role.SHOPPER)
        order = ordered(shopper, sale)
        pay(shopper, order)
        online.stand_in.take_queue()
        online.stand_in.pay_in_browser(online.intent(order)["id"])
        events = online.stand_in.take_queue()
        charged = online.stand_in.charged() - total_kept(online, order)
        for who in (first, *rest):
            act(online, shopper, order, who, events)
        online.settle()
        state = online.state(order)[0]
        assert state == ("withdrawn" if first == "cancel" else "committed"), (first, rest)
        assert online.stand_in.charged() == charged + (order["total_minor"] if state == "committed" else 0)
        end_alone(online, market, order)


@pytest.mark.parametrize("first", ACTORS)
def test_in_all_orders_a_card_that_is_held_is_charged_once_or_let_go(
    holding: There, market: Market, as_role, first: str
) -> None:
    """The bank holds the money before all of them: who gives the order up before a job has charged it pays nothing,
    not even for a moment.
    """
    sale = market.on_sale(200, per_buyer=10)
    for rest in some(itertools.permutations([each for each in ACTORS if each != first]), 8):
        shopper = as_role(Role.SHOPPER)
        order = ordered(shopper, sale)
        pay(shopper, order)
        holding.stand_in.take_queue()
        holding.stand_in.pay_in_browser(holding.intent(order)["id"])
        events, before = holding.stand_in.take_queue(), holding.stand_in.charged()
        assert holding.stand_in.held() == order["total_minor"]
        actors = (first, *rest)
        for who in actors:
            act(holding, shopper, order, who, events)
        holding.settle()
        captures = holding.stand_in.made(f"/v1/payment_intents/{holding.intent(order)['id']}/capture")
        is_bought = bool({*actors[: actors.index("cancel")]} - {"browser"})
        if is_bought:
            assert holding.state(order) == ("committed", "succeeded", "succeeded"), actors
            assert holding.stand_in.charged() - before == order["total_minor"]
            assert len(captures) == 1
            assert holding.hold(order).state == "consumed"
        else:
            assert holding.state(order) == ("withdrawn", "canceled", "canceled"), actors
            assert holding.stand_in.charged() == before
            assert captures == []
            assert holding.repayments(order) == []
            assert holding.hold(order).state == "released"
        assert holding.stand_in.held() == 0
        assert all(state != "asked" for _, state in holding.calls(order))
    assert holding.open_cases() == []


def total_kept(online: There, order: dict) -> int:
    return order["total_minor"] if online.intent(order)["status"] == "succeeded" else 0


def end_alone(online: There, market: Market, order: dict) -> None:
    state, payment, there = online.state(order)
    assert (payment, there) == (("succeeded" if state == "committed" else "canceled"), "succeeded")
    if state != "committed":
        assert [each.state for each in online.repayments(order)] == ["paid"]
    assert online.hold(order).state == ("consumed" if state == "committed" else "released")
    assert all(call != "asked" for _, call in online.calls(order))
    assert online.open_cases() == []


@pytest.mark.parametrize("seed", range(12))
def test_all_at_once_ends_the_same_way(online: There, market: Market, shopper: Caller, seed: int) -> None:
    """The payer pays in the browser, comes back, events arrive twice, the clock and the payer cancel: within 50 ms."""
    all_at_once(online, market, shopper, seed)


@pytest.mark.parametrize("seed", range(100, 112))
def test_all_at_once_with_a_card_that_is_held(
    holding: There, market: Market, shopper: Caller, seed: int
) -> None:
    """The same, and the money is charged by a job when it is held."""
    order = all_at_once(holding, market, shopper, seed)
    captures = holding.stand_in.made(f"/v1/payment_intents/{holding.intent(order)['id']}/capture")
    assert len([each for each in captures if each.status == 200]) <= 1
    assert holding.stand_in.held() == 0


def all_at_once(online: There, market: Market, shopper: Caller, seed: int) -> dict:
    order = ordered(shopper, market.on_sale(5))
    pay(shopper, order)
    jitter = random.Random(seed)
    barrier = threading.Barrier(6)

    def run(work, wait: float) -> None:
        with market.app.app_context():
            barrier.wait()
            time.sleep(wait)
            work()

    intent = online.intent(order)
    works = [
        lambda: online.stand_in.pay_in_browser(intent["id"]),
        lambda: refresh(shopper, order),
        lambda: online.deliver(copies=2),
        lambda: online.sweep(minutes=3),
        lambda: shopper.post(f"/v1/orders/{order['id']}/withdrawal"),
        lambda: expire(market),
    ]
    failures: list[BaseException] = []

    def guarded(work, wait: float) -> None:
        try:
            run(work, wait)
        except BaseException as problem:  # noqa: BLE001
            if "payment_intent_unexpected_state" not in repr(getattr(problem, "body", "")):
                failures.append(problem)

    threads = [threading.Thread(target=guarded, args=(work, jitter.uniform(0, 0.05))) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    online.settle()
    check_end(online, market, order)
    return order


def expire(market: Market) -> None:
    """The clock ends what nobody has paid for in time."""
    ctx = context.system()
    database.transact(lambda session: checkout.expire_unpaid(session, ctx, minutes=0, batch=10))


def test_cancel_and_pay_are_decided_there(online: There, market: Market, shopper: Caller) -> None:
    """The payer gave the order up; the money was not there yet: it never comes."""
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    assert online.state(order) == ("withdrawn", "canceled", "requires_payment_method")
    online.work()
    assert online.state(order) == ("withdrawn", "canceled", "canceled")
    assert online.calls(order) == [("open", "done"), ("cancel", "done")]


def test_money_that_was_faster_than_the_cancel_goes_back(
    online: There, market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    shopper.post(f"/v1/orders/{order['id']}/withdrawal")
    online.stand_in.pay_in_browser(online.intent(order)["id"])
    online.settle()
    assert online.state(order) == ("withdrawn", "canceled", "succeeded")
    assert online.stand_in.charged() == 0
    [row] = online.repayments(order)
    assert (row.state, row.means) == ("paid", "gateway")
    assert online.open_cases() == []


def test_what_cannot_be_canceled_there_yet_is_asked_again_later_each_time(
    online: There, market: Market, shopper: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wallet is at it already: Stripe says no until it is done."""
    monkeypatch.setattr("tests.stripe_stand_in.books.CANCELABLE", books.CANCELABLE - {"processing"})
    order = ordered(shopper, market.on_sale())
    pay(shopper, order, online.stand_in.make_method("alipay"))
    intent_id = online.intent(order)["id"]
    online.stand_in.books.start_processing(intent_id)
    assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    asked = []
    for minutes in (0, 1, 2, 3, 8):
        online.work(minutes=minutes)
        asked.append(len(online.stand_in.made(f"/v1/payment_intents/{intent_id}/cancel")))
    assert asked == [1, 1, 2, 2, 3]
    online.stand_in.books.end_processing(intent_id)
    online.settle()
    assert online.state(order) == ("withdrawn", "canceled", "succeeded")
    [row] = online.repayments(order)
    online.stand_in.books.settle_refund(row.provider_id)
    online.settle()
    assert online.stand_in.charged() == 0
    assert all(state != "asked" for _, state in online.calls(order))
    assert online.open_cases() == []


@pytest.mark.parametrize("left", [1, 0])
def test_late_money_takes_the_boxes_again_or_goes_back(
    online: There, market: Market, shopper: Caller, as_role, left: int
) -> None:
    """The clock ended the order; then the payer's bank was done."""
    sale = market.on_sale(1)
    order = ordered(shopper, sale)
    pay(shopper, order, "pm_card_authenticationRequired")
    market.let_age(order["id"], minutes=60)
    database.transact(lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10))
    assert online.state(order)[:2] == ("expired", "canceled")
    online.lose_jobs()
    other = None
    if not left:
        other = as_role(Role.SHOPPER)
        taken = ordered(other, sale)
        assert pay(other, taken, "pm_card_visa").status_code == 200
    online.stand_in.answer_bank(online.intent(order)["id"])
    online.settle()
    assert market.pool(sale).boxes_sold == 1, "never more than there are"
    if left:
        assert online.state(order) == ("committed", "succeeded", "succeeded")
        assert online.stand_in.charged() == order["total_minor"]
    else:
        assert online.state(order) == ("expired", "canceled", "succeeded")
        assert online.stand_in.charged() == order["total_minor"], "only the other's"
        assert [each.state for each in online.repayments(order)] == ["paid"]
    assert online.open_cases() == []


def test_an_operator_who_says_that_no_money_comes_cancels_it_there(
    online: There, market: Market, shopper: Caller, operator: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    failed = operator.post(
        f"/v1/payments/{order['payment_id']}/failure", json={"reason": "asked on the phone"}
    )
    assert failed.status_code == 200
    online.work()
    assert online.state(order) == ("payment_failed", "canceled", "canceled")


def test_what_was_ended_there_is_over_here(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    online.stand_in.books.cancel_intent(online.intent(order)["id"], {})
    online.deliver()
    online.work()
    assert online.state(order) == ("payment_failed", "canceled", "canceled")
    assert online.calls(order) == [("open", "done")]


@pytest.mark.parametrize("fault", ["drop", "lost", "error"])
def test_a_cancel_that_is_interrupted_is_finished(
    online: There, market: Market, shopper: Caller, fault: str
) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    intent_id = online.intent(order)["id"]
    shopper.post(f"/v1/orders/{order['id']}/withdrawal")
    online.stand_in.fail_next(fault, f"POST /v1/payment_intents/{intent_id}/cancel", times=2)
    for minutes in (0, 2, 10, 30, 90, 200, 300, 400):
        online.sweep(minutes=minutes)
    assert online.state(order) == ("withdrawn", "canceled", "canceled")
    assert all(state != "asked" for _, state in online.calls(order))


def test_an_order_that_ends_while_it_is_opened_there_is_canceled_there(
    online: There, market: Market, shopper: Caller, gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordered(shopper, market.on_sale())
    open_ = gateway.open

    def ends_meanwhile(**named):
        def withdraw() -> None:
            with market.app.app_context():
                assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200

        other = threading.Thread(target=withdraw)
        other.start()
        other.join()
        return open_(**named)

    monkeypatch.setattr(gateway, "open", ends_meanwhile)
    response = pay(shopper, order)
    assert (response.status_code, response.json["payment"]["state"]) == (200, "canceled")
    online.settle()
    assert online.state(order) == ("withdrawn", "canceled", "canceled")


def test_a_look_is_put_off_the_longer_it_lasts(online: There, market: Market, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    pay(shopper, order)
    waits = []
    for hours in (1, 10, 100):
        online.sweep(hours=hours)
        waits.append(online.known(order).looks_at - context.now_utc())
    assert timedelta(minutes=25) < waits[0] < waits[1] < waits[2] <= timedelta(hours=6, minutes=1)
