"""What is owed back is paid: by the gateway, by other means after its window, by hand; each once."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import text

from marketplace import database
from marketplace.access import Role
from marketplace.notifications.models import Notification
from marketplace.payments.gateways import GatewayRefuses
from marketplace.payments.gateways.stripe_gateway import StripeGateway
from marketplace.payments.states import PartRefundKind
from tests.builders import Market, assert_refused, ordered
from tests.builders import paid as paid_by_transfer
from tests.house import Caller
from tests.payments.online.there import There, books, pay
from tests.stripe_stand_in import StandIn

BOOKED = {"means": "bank_transfer", "receipt_reference": "BANK-1"}


def paid_by(online: There, market: Market, shopper: Caller, method: str = "card", boxes: int = 2) -> dict:
    order = ordered(shopper, market.on_sale(), boxes)
    if method == "card":
        pay(shopper, order, "pm_card_visa")
    else:
        pay(shopper, order, online.stand_in.make_method(method))
        online.stand_in.answer_bank(online.intent(order)["id"])
        online.deliver()
        online.work()
    assert online.state(order)[0] == "committed"
    online.stand_in.take_queue()
    return order


def told(online: There, shopper: Caller) -> list[str]:
    found = online.rows(Notification, Notification.account_id == shopper.account_id)
    return [each.body_en for each in found if each.kind == "refund_paid"]


def test_a_card_s_refund_is_paid_by_its_gateway_and_its_payer_is_told(
    online: There, market: Market, shopper: Caller, operator: Caller
) -> None:
    order = paid_by(online, market, shopper)
    online.owe(order, 200)
    [case] = online.open_cases()
    assert case.kind == "refund"
    [asked] = operator.get("/v1/refunds?state=asked").json["items"]
    online.work()
    shown = operator.get(f"/v1/refunds/{asked['id']}").json
    there = online.stand_in.refund_of(asked["id"])
    assert (shown["state"], shown["means"], shown["receipt_reference"]) == ("paid", "gateway", there["id"])
    assert (there["amount"], there["status"]) == (200, "succeeded")
    assert online.open_cases() == []
    [words] = told(online, shopper)
    assert "2.00" in words
    online.deliver(copies=3)
    online.work()
    assert len(told(online, shopper)) == 1
    assert online.stand_in.charged() == order["total_minor"] - 200
    mine = shopper.get(f"/v1/payments/{order['payment_id']}/refunds").json["items"]
    assert [(each["amount_minor"], each["state"]) for each in mine] == [(200, "paid")]


def test_refunds_in_parts_are_each_paid_once_and_the_case_ends_with_the_last(
    online: There, market: Market, shopper: Caller
) -> None:
    order = paid_by(online, market, shopper)
    for minor in (100, 300, order["total_minor"] - 400):
        online.owe(order, minor)
    assert len(online.open_cases()) == 1
    online.work()
    online.work()
    assert online.stand_in.charged() == 0
    assert [each.state for each in online.repayments(order)] == ["paid"] * 3
    assert online.open_cases() == []
    assert len(online.stand_in.made("/v1/refunds")) == 3


@pytest.mark.parametrize("fault", ["drop", "lost", "busy", "error"])
def test_a_refund_that_is_interrupted_is_paid_once(
    online: There, market: Market, shopper: Caller, fault: str
) -> None:
    order = paid_by(online, market, shopper)
    online.stand_in.fail_next(fault, "POST /v1/refunds", times=2 if fault != "error" else 1)
    online.owe(order, 200)
    for minutes in (0, 2, 5, 15, 40, 110, 200, 300):
        online.sweep(minutes=minutes)
        online.lose_jobs()
    assert [each.state for each in online.repayments(order)] == ["paid"]
    assert [each["amount"] for each in online.stand_in.books.all("refund")] == [200]


@pytest.mark.parametrize("heard", ["by an event", "by looking"])
def test_a_wallet_pays_back_later_and_is_waited_for(
    online: There, market: Market, shopper: Caller, heard: str
) -> None:
    order = paid_by(online, market, shopper, "alipay")
    online.owe(order, 200)
    online.work()
    [row] = online.repayments(order)
    assert (row.state, row.provider_id is not None) == ("asked", True)
    assert told(online, shopper) == []
    online.stand_in.books.settle_refund(row.provider_id)
    if heard == "by looking":
        online.stand_in.take_queue()
        online.sweep(minutes=65)
    else:
        online.deliver(copies=2, seed=3)
        online.work()
    assert [each.state for each in online.repayments(order)] == ["paid"]
    assert len(told(online, shopper)) == 1


@pytest.mark.parametrize("seemed_paid", [False, True])
def test_a_refund_that_comes_back_from_the_bank_is_due_by_other_means(
    online: There, market: Market, shopper: Caller, operator: Caller, seemed_paid: bool
) -> None:
    order = paid_by(online, market, shopper, "wechat_pay")
    online.owe(order, 200)
    online.work()
    [row] = online.repayments(order)
    if seemed_paid:
        online.stand_in.books.settle_refund(row.provider_id)
        online.deliver()
        online.work()
        assert online.open_cases() == []
    online.stand_in.books.settle_refund(row.provider_id, succeeds=False)
    online.deliver(copies=2, seed=1)
    online.work()
    [due] = operator.get("/v1/refunds?state=due").json["items"]
    assert (due["problem"], due["means"], due["paid_at"]) == ("expired_or_canceled_card", None, None)
    assert [case.kind for case in online.open_cases()] == ["refund"]
    assert books()["refund_payable"] == 200, "also if it was thought to be paid"
    booked = operator.post(f"/v1/refunds/{due['id']}/payments", json=BOOKED)
    assert (booked.status_code, booked.json["state"], booked.json["means"]) == (200, "paid", "bank_transfer")
    assert online.open_cases() == []
    online.settle()
    assert [each.means for each in online.repayments(order)] == ["bank_transfer"], (
        "an old event changes nothing"
    )
    assert "refund_payable" not in books()


@pytest.mark.parametrize(
    ("method", "days", "state"),
    [
        ("alipay", 89, "asked"),
        ("alipay", 90, "due"),
        ("wechat_pay", 179, "asked"),
        ("wechat_pay", 180, "due"),
        ("card", 400, "asked"),
    ],
)
def test_after_its_window_a_refund_is_due_by_other_means(
    online: There, market: Market, shopper: Caller, method: str, days: int, state: str
) -> None:
    order = paid_by(online, market, shopper, method)
    back = timedelta(days=days)

    aged = text(
        "UPDATE online_payment SET paid_at = paid_at - :by, refundable_until = refundable_until - :by"
        " WHERE payment_id = :id"
    )
    by = {"by": back, "id": order["payment_id"]}
    database.transact(lambda session: session.execute(aged, by))
    online.owe(order, 200)
    assert [each.state for each in online.repayments(order)] == [state]
    online.work()
    assert online.stand_in.made("/v1/refunds") == [] or state == "asked"


def test_what_the_gateway_refuses_is_due_by_other_means(
    online: There, market: Market, shopper: Caller
) -> None:
    """Somebody has paid it back at the gateway's own pages already."""
    order = paid_by(online, market, shopper)
    online.stand_in.books.create_refund({"payment_intent": online.intent(order)["id"]})
    online.owe(order, 200)
    online.work()
    [row] = online.repayments(order)
    assert (row.state, row.problem) == ("due", "charge_already_refunded")
    assert online.calls(order)[-1] == ("refund", "refused")


def test_what_the_gateway_will_not_even_look_for_is_due_by_other_means(
    online: There, market: Market, shopper: Caller, gateway: StripeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is stored under the key, and then the payment is not known there any more."""
    order = paid_by(online, market, shopper)
    online.stand_in.fail_next("error", "POST /v1/refunds")

    def refuses(**_named: object) -> None:
        raise GatewayRefuses("resource_missing")

    monkeypatch.setattr(gateway, "find_refund", refuses)
    online.owe(order, 200)
    for minutes in (0, 2, 5, 15, 40):
        online.sweep(minutes=minutes)
    [row] = online.repayments(order)
    assert (row.state, row.problem) == ("due", "resource_missing")
    assert online.calls(order)[-1] == ("refund", "refused")


def test_compensation_is_more_than_was_paid_and_never_asked_of_the_gateway(
    online: There, market: Market, shopper: Caller
) -> None:
    order = paid_by(online, market, shopper)
    online.owe(order, 90_000, PartRefundKind.COMPENSATION)
    online.work()
    assert [each.state for each in online.repayments(order)] == ["due"]
    assert online.stand_in.made("/v1/refunds") == []


# -- by hand


def due_refund(market: Market, shopper: Caller, operator: Caller) -> tuple[dict, str]:
    order = paid_by_transfer(shopper, operator, market.on_sale(), 2)
    with StandIn() as nobody:
        There(market=market, stand_in=nobody).owe(order, 200)
    [item] = operator.get(f"/v1/refunds?payment_id={order['payment_id']}").json["items"]
    assert (item["state"], item["amount_minor"], item["reason"]) == ("due", 200, "shortage")
    return order, item["id"]


def test_a_transfer_s_refund_is_paid_by_hand_and_booked(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    _, refund_id = due_refund(market, shopper, operator)
    response = operator.post(f"/v1/refunds/{refund_id}/payments", json=BOOKED)
    assert response.status_code == 200
    assert response.json["state"] == "paid"
    assert market.actions(response) >= {"repayment.paid"}
    items = shopper.get("/v1/me/notifications").json["items"]
    assert "refund_paid" in {each["kind"] for each in items}
    assert operator.get("/v1/cases?kind=refund&state=open").json["items"] == []
    assert books() == {"psp_clearing": 10_200, "order_liability": 10_200}, "the ledger owes nothing back"


def test_what_is_paid_is_not_booked_again_nor_under_a_receipt_that_is_known(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    _, first = due_refund(market, shopper, operator)
    _, second = due_refund(market, as_role(Role.SHOPPER), operator)
    operator.post(f"/v1/refunds/{first}/payments", json=BOOKED)
    with market.unchanged():
        assert_refused(operator.post(f"/v1/refunds/{first}/payments", json=BOOKED), 409, "refund_not_due")
        assert_refused(operator.post(f"/v1/refunds/{second}/payments", json=BOOKED), 409, "repayment_booked")
        nothing = operator.post(f"/v1/refunds/{uuid.uuid4()}/payments", json=BOOKED)
        assert_refused(nothing, 404, "refund_not_found")
        assert_refused(operator.get(f"/v1/refunds/{uuid.uuid4()}"), 404, "refund_not_found")
        assert_refused(shopper.post(f"/v1/refunds/{second}/payments", json=BOOKED), 403, "forbidden")
        by_gateway = {"means": "gateway", "receipt_reference": "X"}
        assert_refused(operator.post(f"/v1/refunds/{second}/payments", json=by_gateway), 422, "invalid")


def test_the_list_is_staff_s_and_a_payer_sees_what_goes_back_of_a_payment(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    order, refund_id = due_refund(market, shopper, operator)
    own = shopper.get(f"/v1/payments/{order['payment_id']}/refunds")
    assert [each["id"] for each in own.json["items"]] == [refund_id]
    assert_refused(
        as_role(Role.SHOPPER).get(f"/v1/payments/{order['payment_id']}/refunds"), 404, "payment_not_found"
    )
    assert_refused(shopper.get("/v1/refunds"), 403, "forbidden")
    assert as_role(Role.AUDITOR).get("/v1/refunds").json["items"][0]["id"] == refund_id
