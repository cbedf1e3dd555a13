"""Tranches are paid by payouts of their own: once, anew when one comes back; what is given back is owed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.orm import Session

from marketplace import database
from marketplace.access import Role
from marketplace.ledger.rules import Account, Owner
from marketplace.payouts import batching, sending
from marketplace.payouts.models import Payout
from tests import house
from tests.builders import PRICE_MINOR, Market, assert_refused
from tests.house import Caller
from tests.ledger import money
from tests.orders.sponsoring import fund as funds
from tests.orders.sponsoring.fund import Fund
from tests.payouts.desk import Desk, with_payer


def drawing(market: Market, buyer: Caller, operator: Caller) -> tuple[Fund, Desk]:
    fund = funds.drafted(funds.stocked(market), buyer, operator).drawing()
    desk = Desk(
        market=market,
        drafter=operator,
        approver=house.caller(market.app, Role.OPERATOR),
        member=fund.members[0],
    )
    desk.name()
    return fund, desk


def payable(fund: Fund, tranche: str = "confirmation") -> dict[str, Any]:
    """The first cooperative's."""
    asked = f"/v1/sponsor-payables?tranche={tranche}&cooperative_id={fund.market.cooperative_ids[0]}"
    [found] = fund.operator.get(asked).json["items"]
    return dict(found)


def draft(fund: Fund, tranche: str = "confirmation", *, by: Caller | None = None) -> Any:
    return (by or fund.operator).post(f"/v1/sponsor-payables/{payable(fund, tranche)['id']}/payout")


def sent(desk: Desk, drafted: Any) -> Payout:
    """Approved by somebody else and given to the bank."""
    assert drafted.status_code == 201, drafted.json
    payout = desk.approve(desk.market.stored(Payout, drafted.json["id"]))
    with with_payer(desk.market.app):
        _as(desk, lambda session, ctx: batching.make(session, ctx, currency="CNY", file_format="csv"))
    return payout


def paid(desk: Desk, drafted: Any) -> Payout:
    payout = sent(desk, drafted)
    told = {"receipt_reference": f"R-{payout.reference}"}
    _as(desk, lambda session, ctx: sending.mark_paid(session, ctx, payout_id=payout.id, **told))
    return payout


def back(desk: Desk, payout: Payout) -> None:
    told = {"payout_id": payout.id, "reason": "account closed"}
    _as(desk, lambda session, ctx: sending.mark_returned(session, ctx, **told))


def _as(desk: Desk, work: Callable[[Session, Any], Any]) -> None:
    ctx = desk.person(desk.drafter)
    database.transact(lambda session: work(session, ctx))


def owed(market: Market) -> int:
    owner = Owner(kind="cooperative", id=market.cooperative_ids[0])
    return money.balance(Account(code="coop_receivable", currency="CNY", owner=owner))


def test_a_due_tranche_is_paid_once_by_two_people(market: Market, buyer: Caller, operator: Caller) -> None:
    fund, desk = drawing(market, buyer, operator)
    found = payable(fund)
    boxes = fund.shares()["YJ01"]["boxes"]
    due = boxes * PRICE_MINOR * 300 // 1000
    assert (found["amount_minor"], found["open_minor"], found["payouts"]) == (due, due, [])
    drafted = draft(fund)
    assert (drafted.json["amount_minor"], drafted.json["purpose"]) == (due, "tranche")
    refused = operator.post(
        f"/v1/payouts/{drafted.json['id']}/approval",
        json={"destination_id": fund.id},
    )
    assert_refused(refused, 403, "same_person")
    assert_refused(draft(fund), 409, "nothing_to_pay_out")
    paid(desk, drafted)
    found = payable(fund)
    assert (found["paid_minor"], found["open_minor"], desk.payable()) == (due, 0, 0)
    assert [each["state"] for each in found["payouts"]] == ["paid"]
    assert_refused(draft(fund), 409, "nothing_to_pay_out")
    fund.keeps_every_promise()


def test_a_payout_that_comes_back_or_is_cancelled_leaves_it_payable(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund, desk = drawing(market, buyer, operator)
    first = draft(fund).json
    gone = operator.post(f"/v1/payouts/{first['id']}/cancellation", json={"reason": "another day"})
    assert gone.status_code == 200
    payout = paid(desk, draft(fund))
    back(desk, payout)
    assert payable(fund)["paid_minor"] == 0
    paid(desk, draft(fund))
    states = [each["state"] for each in payable(fund)["payouts"]]
    assert states == ["cancelled", "returned", "paid"]
    fund.keeps_every_promise()


def test_what_is_due_later_of_the_same_tranche_is_paid_by_another_payout(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund, _ = drawing(market, buyer, operator)
    boxes = fund.shares()["YJ01"]["boxes"]
    assert_refused(operator.post(f"/v1/sponsor-payables/{fund.id}/payout"), 404, "sponsor_payable_not_found")
    fund.done(fund.move("intakes", "YJ01", 1))
    first = draft(fund, "intake").json["amount_minor"]
    fund.done(fund.move("intakes", "YJ01", boxes - 1))
    second = draft(fund, "intake").json["amount_minor"]
    assert (first, second) == (2_080, boxes * 2_080 - 2_080)
    fund.keeps_every_promise()


def test_given_back_before_it_was_sent_its_payout_is_cancelled(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund, _ = drawing(market, buyer, operator)
    drafted = draft(fund).json
    boxes = fund.shares()["YJ01"]["boxes"]
    fund.order.done(fund.order.reduce("YJ01", 1))
    found = payable(fund)
    assert [each["state"] for each in found["payouts"]] == ["cancelled"]
    assert found["open_minor"] == drafted["amount_minor"] * (boxes - 1) // boxes
    assert (found["owed_back_minor"], owed(market)) == (0, 0)
    assert draft(fund).status_code == 201
    fund.keeps_every_promise()


def test_given_back_after_it_was_paid_it_is_owed(market: Market, buyer: Caller, operator: Caller) -> None:
    """The sponsor has its money in escrow again, and nobody asks a bank account for it."""
    fund, desk = drawing(market, buyer, operator)
    payout = paid(desk, draft(fund))
    fund.order.done(fund.order.reduce("YJ01", 1))
    each = PRICE_MINOR * 300 // 1000
    found = payable(fund)
    assert (found["owed_back_minor"], found["open_minor"], owed(market)) == (each, 0, each)
    assert_refused(draft(fund), 409, "nothing_to_pay_out")
    fund.keeps_every_promise()
    back(desk, payout)
    found = payable(fund)
    assert (found["open_minor"], desk.payable()) == (payout.amount_minor, payout.amount_minor)
    assert draft(fund).status_code == 201, "it owes what it owes, and is paid what it was due"
    fund.keeps_every_promise()


def test_two_who_draft_at_once_draft_one(market: Market, buyer: Caller, operator: Caller) -> None:
    fund, _ = drawing(market, buyer, operator)
    others = [house.caller(market.app, Role.OPERATOR) for _ in range(4)]
    url = f"/v1/sponsor-payables/{payable(fund)['id']}/payout"
    with ThreadPoolExecutor(len(others)) as pool:
        answers = sorted(pool.map(lambda each: each.post(url).status_code, others))
    assert answers == [201, 409, 409, 409]
    fund.keeps_every_promise()


def test_only_operators_draft_and_members_see_their_own(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund, _ = drawing(market, buyer, operator)
    assert_refused(draft(fund, by=fund.members[0]), 403, "forbidden")
    assert_refused(draft(fund, by=buyer), 403, "forbidden")
    draft(fund)
    mine = fund.members[0].get("/v1/sponsor-payables").json["items"]
    assert {each["cooperative_id"] for each in mine} == {str(market.cooperative_ids[0])}
    assert [each["state"] for each in mine[0]["payouts"]] == ["drafted"]
