"""Whose money it is: own discounts, two currencies, refunds that come late, payouts that come back."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from marketplace import database, jobs
from marketplace.access import Role
from marketplace.payouts.models import Payout
from orders.settlements import standing
from tests import house
from tests.builders import Market, assert_refused
from tests.campaigns import presale
from tests.campaigns.exports import abroad
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.promotions.deposits import scene as coupons
from tests.campaigns.settling import scene
from tests.campaigns.settling.scene import Settling, done
from tests.campaigns.settling.test_settling import books, payable
from tests.campaigns.shortage import stage as shortages
from tests.house import Caller
from tests.payouts.desk import Desk
from tests.payouts.test_batches import PAYER


def refund(made: Settling, minor: int) -> str:
    """So much of the first order goes back after the sale."""
    return scene.refunded(made.sending.orders[0], minor)


def test_a_discount_that_cooperatives_fund_is_taken_by_the_boxes_each_supplied(
    market: Market, operator: Caller
) -> None:
    """3 yuan off an order of one box from each of two: what the buyer did not pay is in nobody's debt at the end."""
    sale = coupons.on_sale(market, 1, ladder=[])
    shortages.pledge(market, sale, 1, cooperative=1)
    _, code = coupons.code_of(operator, sale, funder="cooperative", amount_minor=301)
    buyer = house.caller(market.app, Role.SHOPPER)
    order = coupons.bought(buyer, operator, sale, 2, code)
    made = scene.paid_for(market, operator, sale, [(buyer, order)])
    assert books()["coop_discount_receivable"] == 602 or books()["coop_discount_receivable"] == 301
    taken = books()["coop_discount_receivable"]
    made.proposed(commission_bps=0)
    parts = [dict(made.lines(each))["own_discount"] for each in (0, 1)]
    assert (sum(parts), max(parts) - min(parts)) == (-taken, taken % 2)
    for cooperative in (0, 1):
        made.accept(cooperative)
        assert payable(market, cooperative) == 6_000 + parts[cooperative]
    assert "coop_discount_receivable" not in books()
    assert "order_liability" not in books()


def test_two_currencies_are_settled_apart(
    market: Market, operator: Caller, shopper: Caller, buyer: Caller
) -> None:
    sale = abroad.sale_for(market, operator)
    order = presale.bought(shopper, operator, sale, 2)
    export = abroad.paid(buyer, operator, market, sale)
    abroad.with_all_papers(buyer, export)
    done(operator.post(f"/v1/export-orders/{export['id']}/readiness"))
    presale.harvested(market, sale)
    presale.open_balance(market, sale)
    presale.close_balance(market, sale)
    sending = Sending(market=market, sale=sale, operator=operator, buyers=[shopper], orders=[order])
    sending.choose(0)
    sending.released(in_days=20)
    sending.all_go("packing", "shipment", "delivery")
    sending.advance()
    made = Settling(sending=sending, members=scene.members(market))
    scene.let_claims_pass(made)
    made.proposed()
    assert made.lines(0) == [("goods", 10_400), ("commission", -416)]
    assert made.lines(0, "USD") == [("goods", 2_985), ("commission", -119)]
    assert made.accept(0)["currency"] == "CNY"
    assert made.accept(0, "USD")["payout_minor"] == 2_866
    assert (payable(market, 0), payable(market, 0, "USD")) == (9_984, 2_866)


def test_what_was_given_back_of_a_price_is_the_platforms_unless_it_is_charged(
    market: Market, operator: Caller
) -> None:
    made = scene.presold(market, operator)
    refund(made, 1_000)
    assert books()["order_liability"] == 9_400
    made.proposed(commission_bps=0)
    assert (books()["order_liability"], books()["compensation_expense"]) == (10_400, 1_000)
    for cooperative in (0, 1):
        made.accept(cooperative)
    assert "order_liability" not in books()
    done(made.draft())
    assert books()["compensation_expense"] == 1_000, "it is booked once"


def test_a_refund_after_the_settlement_is_paid_by_commission_retention_and_the_next_one(
    market: Market, operator: Caller
) -> None:
    """The handbook's box is refunded: 2.08 of commission, 2.49 of retention, and 47.43 are owed at the next one."""
    until = (market.today + timedelta(days=180)).isoformat()
    made = scene.presold(market, operator).proposed(retention_permille=50, retained_until=until)
    made.accept(0)
    made.accept(1)
    refund_id = refund(made, 5_200)
    url = f"/v1/settlements/{made.of(0)['id']}/late-refunds"
    body = {"refund_id": refund_id, "amount_minor": 5_200, "at_fault": True}
    assert_refused(operator.post(url, json={**body, "amount_minor": 5_201}), 409, "more_than_refunded")
    unknown = {**body, "refund_id": str(uuid.uuid4())}
    assert_refused(operator.post(url, json=unknown), 404, "refund_not_of_settlement")
    took = done(operator.post(url, json=body))
    assert (took["commission_back_minor"], took["from_retention_minor"], took["owed_minor"]) == (
        208,
        249,
        4_743,
    )
    assert_refused(operator.post(url, json=body), 409, "more_than_refunded")
    assert done(made.members[0].get(url))["items"][0]["owed_minor"] == 4_743
    found = books()
    assert (found["coop_receivable"], found["coop_retention"]) == (4_743, 249)
    assert "order_liability" not in found and "compensation_expense" not in found
    second = scene.presold(market, operator, pledged=(2,)).proposed()
    assert second.lines(0) == [("goods", 10_400), ("commission", -416), ("owed", -4_743)]
    second.accept(0)
    assert second.of(0)["payout_minor"] == 5_241
    assert "coop_receivable" not in books()


def test_a_late_refund_at_nobodys_fault_costs_its_cooperative_nothing(
    market: Market, operator: Caller
) -> None:
    made = scene.presold(market, operator).proposed()
    url = f"/v1/settlements/{made.of(0)['id']}/late-refunds"
    refund_id = refund(made, 300)
    body = {"refund_id": refund_id, "amount_minor": 300, "at_fault": False}
    assert_refused(operator.post(url, json=body), 409, "settlement_state")
    made.accept(0)
    made.accept(1)
    assert done(operator.post(url, json=body))["owed_minor"] == 0
    assert (books()["compensation_expense"], books().get("coop_receivable", 0)) == (300, 0)
    assert "order_liability" not in books()


def test_what_lacks_is_owed_at_the_next_settlement_and_the_payout_is_nothing(
    market: Market, operator: Caller
) -> None:
    made = scene.presold(market, operator, pledged=(2,)).proposed()
    made.accept(0)
    refund_id = refund(made, 7_400)
    url = f"/v1/settlements/{made.of(0)['id']}/late-refunds"
    done(operator.post(url, json={"refund_id": refund_id, "amount_minor": 7_400, "at_fault": True}))
    owed = books()["coop_receivable"]
    second = scene.presold(market, operator, pledged=(1,), orders=(1,)).proposed()
    refused = operator.post(url, json={"refund_id": refund_id, "amount_minor": 1, "at_fault": True})
    assert_refused(refused, 409, "more_than_refunded")
    found = second.accept(0)
    assert (found["state"], found["payout_minor"]) == ("paid", 0), "nothing to pay is paid at once"
    price = dict(second.lines(0))["goods"]
    missing = owed - (price - price * 400 // 10_000)
    assert (second.lines(0)[-1], books()["coop_receivable"]) == (("missing", missing), missing)
    refused = operator.post(f"/v1/settlements/{found['id']}/payout")
    assert_refused(refused, 409, "settlement_state")


def test_two_people_pay_it_and_what_comes_back_is_payable_again(
    market: Market, operator: Caller, as_role: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene.presold(market, operator, pledged=(2,)).proposed()
    url = f"/v1/settlements/{made.of(0)['id']}/payout"
    assert_refused(operator.post(url), 409, "settlement_state")
    made.accept(0)
    desk = Desk(market=market, drafter=operator, approver=as_role(Role.OPERATOR), member=made.members[0])
    desk.name()
    drafted = done(operator.post(url))
    assert (drafted["amount_minor"], drafted["purpose"], drafted["memo"]) == (
        9_984,
        "settlement",
        made.of(0)["number"],
    )
    assert payable(market, 0) == 0, "its money is reserved"
    assert_refused(operator.post(url), 409, "payout_running")
    desk.approve(market.stored(Payout, drafted["id"]))
    monkeypatch.setitem(market.app.config, "SETTINGS", replace(market.app.config["SETTINGS"], **PAYER))
    done(operator.post("/v1/payout-batches", json={"currency": "CNY", "format": "csv"}))
    assert made.of(0)["state"] == "final"
    paid = f"/v1/payouts/{drafted['id']}"
    done(operator.post(f"{paid}/receipt", json={"receipt_reference": "B-1"}))
    assert made.of(0)["state"] == "paid"
    with database.reading() as session:
        assert standing.of(session, made.sending.sale.campaign_id).all_paid
    assert books()["bank"] == -9_984 and "coop_payable" not in books()
    done(operator.post(f"{paid}/return", json={"reason": "the account is closed"}))
    assert (made.of(0)["state"], made.of(0)["paid_at"], payable(market, 0)) == ("final", None, 9_984)
    again = done(operator.post(url))
    done(operator.post(f"/v1/payouts/{again['id']}/cancellation", json={"reason": "wrong day"}))
    assert (made.of(0)["state"], payable(market, 0)) == ("final", 9_984)
    moves = done(operator.get(f"/v1/settlements/{made.of(0)['id']}/moves"))["items"]
    assert [each["event"] for each in moves] == ["draft", "propose", "accept", "pay", "return"]


def test_the_job_of_every_minute_lapses_them(market: Market, operator: Caller) -> None:
    made = scene.presold(market, operator).proposed()
    database.transact(
        lambda session: session.execute(
            text("UPDATE settlement SET objections_until = now() - interval '1 minute'")
        )
    )
    database.transact(lambda session: jobs.enqueue(session, "orders.lapse_settlements"))
    jobs.work(market.app, once=True)
    assert [made.of(each)["state"] for each in (0, 1)] == ["final", "final"]
