"""Deposit, ladder and balance from order to default, on the real database and at the doors.

The market's fixture checks every invariant of every module when a test ends.
"""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from campaigns.pledges import pledging
from campaigns.states import BalanceTooEarly
from inventory import holds
from inventory.cases.models import Case
from inventory.models import Hold
from marketplace import database
from marketplace.access import Role
from marketplace.payments.models import Payment
from orders import balances as order_balances
from orders import checkout, closing, opening
from orders.balances import BalanceReminderDue
from orders.models import BalanceReminder, DepositTerms, Order
from tests.builders import PRICE_MINOR, Market, assert_refused, at_once, confirmed, held, ordered, paid
from tests.campaigns import presale
from tests.campaigns.presale import balance, book, bought, confirm, forfeits, seen
from tests.house import Caller


def withdraw(shopper: Caller, order: dict[str, Any]) -> Any:
    return shopper.post(f"/v1/orders/{order['id']}/withdrawal")


def cases_of(payment_id: str) -> list[tuple[str, int]]:
    with database.reading() as session:
        found = session.scalars(select(Case).where(Case.subject_id == uuid.UUID(payment_id))).all()
        return [(case.kind, case.facts["refund_due_minor"]) for case in found]


def test_the_deposit_is_due_at_once_and_the_order_says_so(market: Market, shopper: Caller) -> None:
    order = ordered(shopper, presale.on_sale(market), 2)
    payment = market.stored(Payment, order["payment_id"])
    assert (order["state"], order["total_minor"], payment.amount_minor) == ("deposit_due", 12_000, 2_000)
    assert order["deposit"] == {
        "type": "earnest",
        "deposit_minor": 2_000,
        "counts_minor": 3_000,
        "later_minor": 9_000,
        "funder": "platform",
        "free_until": None,
        "final_unit_price_minor": None,
        "bonus_minor": None,
        "discount_minor": None,
        "balance_boxes": None,
        "balance_minor": None,
        "balance_due_at": None,
        "balance_payment_id": None,
    }
    assert seen(shopper, order) == order, "the till and the page tell the same"
    assert shopper.get("/v1/orders").json["items"] == [order]


def test_an_order_that_is_paid_in_full_is_as_it_was(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    order = paid(shopper, operator, market.on_sale(), 2)
    told = seen(shopper, order)
    assert (told["state"], "deposit" in told, "deposit" in order) == ("committed", False, False)
    assert market.stored(Payment, order["payment_id"]).amount_minor == 2 * PRICE_MINOR
    assert_refused(shopper.post(f"/v1/orders/{order['id']}/balance"), 409, "state")
    assert_refused(withdraw(shopper, order), 409, "payment_not_awaited")


def test_two_boxes_of_the_example_leave_74_yuan(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    """Six boxes are sold, so 52 yuan apply to all; 20 yuan were paid and count as 30."""
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 2)
    assert seen(shopper, order)["state"] == "deposit_paid"
    bought(as_role(Role.SHOPPER), operator, sale, 4)
    presale.opened(market, sale)
    due = seen(shopper, order)
    assert (due["state"], due["deposit"]["balance_minor"], due["deposit"]["bonus_minor"]) == (
        "balance_due", 7_400, 1_000,
    )  # fmt: skip
    assert due["deposit"]["final_unit_price_minor"] == 5_200
    payment = balance(shopper, order)
    assert (payment["amount_minor"], payment["state"]) == (7_400, "requires_confirmation")
    assert balance(shopper, order)["id"] == payment["id"], "asked again it is the same"
    assert seen(shopper, order)["deposit"]["balance_payment_id"] == payment["id"]
    confirm(shopper, payment)
    assert book(operator, payment).json["state"] == "succeeded"
    assert seen(shopper, order)["state"] == "balance_paid"
    assert_refused(shopper.post(f"/v1/orders/{order['id']}/balance"), 409, "state")
    offer = shopper.get(f"/v1/campaigns/{sale.campaign_id}").json["offers"][0]
    assert offer["final_unit_price_minor"] == 5_200


@pytest.mark.parametrize(("boxes", "final_minor"), [(3, 6_000), (4, 5_600), (6, 5_200)])
def test_the_step_that_sales_reached_applies_to_all(
    market: Market, shopper: Caller, operator: Caller, boxes: int, final_minor: int
) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, boxes)
    presale.opened(market, sale)
    terms = market.stored(DepositTerms, order["id"])
    assert (terms.final_unit_price_minor, terms.balance_minor) == (final_minor, boxes * (final_minor - 1_500))


def test_with_full_payment_a_lower_step_gives_the_difference_back(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market, deposit=None)
    order = bought(shopper, operator, sale, 4)
    assert seen(shopper, order)["state"] == "committed"
    presale.opened(market, sale)
    payment = market.stored(Payment, order["payment_id"])
    assert (payment.state, payment.refund_due_minor, payment.refund_reason) == ("succeeded", 1_600, "ladder")
    assert cases_of(order["payment_id"]) == [("refund", 1_600)]
    presale.closed(market, sale)
    assert seen(shopper, order)["state"] == "committed"


def test_a_deposit_that_counts_as_the_whole_price_leaves_nothing_to_pay(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    deposit = {"type": "advance", "per_box_minor": 5_000, "counts_minor": 5_200, "funder": "county"}
    sale = presale.on_sale(market, deposit=deposit)
    order = bought(shopper, operator, sale, 6)
    presale.opened(market, sale)
    assert seen(shopper, order)["state"] == "balance_paid"


def test_earnest_money_goes_back_within_its_free_hours(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market, 5)
    order = bought(shopper, operator, sale, 3)
    assert market.pool(sale).available_boxes == 2
    response = withdraw(shopper, order)
    assert (response.status_code, response.json["state"]) == (200, "withdrawn")
    assert market.pool(sale).available_boxes == 5
    payment = market.stored(Payment, order["payment_id"])
    assert (payment.refund_due_minor, payment.refund_reason) == (3_000, "withdrawn")
    assert cases_of(order["payment_id"]) == [("refund", 3_000)]
    assert market.actions(response) >= {"hold.take_back", "order.withdrawn", "refund.owe"}
    assert_refused(withdraw(shopper, order), 409, "payment_not_awaited")
    assert held(shopper, sale, 5)["boxes"] == 5, "they may be bought again"


def test_earnest_money_stays_after_its_free_hours_and_an_advance_goes_back_until_it_is_committed(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = presale.on_sale(market)
    earnest = bought(shopper, operator, sale, 1)
    presale.let_pass(market, sale, hours=24)
    assert_refused(withdraw(shopper, earnest), 409, "free_time_over")
    sale = presale.on_sale(market, deposit={"type": "advance", "per_box_minor": 1_000})
    other = as_role(Role.SHOPPER)
    two = [bought(each, operator, sale, 1) for each in (shopper, other)]
    presale.let_pass(market, sale, hours=240)
    assert withdraw(shopper, two[0]).status_code == 200
    committed = database.transact(
        lambda session: order_balances.commit_some(session, market.ctx, pool_id=sale.pool_id, size=10)
    )
    assert committed == 1
    assert seen(other, two[1])["state"] == "committed"
    assert_refused(withdraw(other, two[1]), 409, "payment_not_awaited")


def test_who_does_not_pay_loses_the_deposit_to_those_that_kept_the_fruit(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = presale.on_sale(market, 6)
    market.lot(3, cooperative=1)
    pledge(market, sale, 1, 3)
    other = as_role(Role.SHOPPER)
    lost, kept = bought(shopper, operator, sale, 2), bought(other, operator, sale, 1)
    presale.opened(market, sale)
    payment = confirm(shopper, balance(shopper, lost))
    mine = balance(other, kept)
    confirm(other, mine)
    book(operator, mine)
    assert market.pool(sale).available_boxes == 6
    presale.closed(market, sale)
    assert seen(shopper, lost)["state"] == "balance_defaulted"
    assert seen(other, kept)["state"] == "balance_paid"
    assert market.pool(sale).available_boxes == 8
    assert market.stored(Payment, payment["id"]).state == "canceled"
    assert market.campaign(sale).state == "balance_closed"
    assert sum(forfeits(lost)) == 2_000
    assert forfeits(lost) in ([666, 1_334], [667, 1_333])
    assert forfeits(kept) == []
    late = book(operator, payment)
    assert (late.status_code, late.json["refund_due_minor"]) == (200, payment["amount_minor"])
    assert_refused(shopper.post(f"/v1/orders/{lost['id']}/balance"), 409, "state")


def pledge(market: Market, sale: Any, cooperative: int, boxes: int) -> None:
    database.transact(
        lambda session: pledging.put_up(
            session,
            market.ctx,
            campaign_id=sale.campaign_id,
            item_id=sale.item_id,
            cooperative_id=market.cooperative_ids[cooperative],
            boxes=boxes,
        )
    )


def test_a_balance_opens_and_closes_at_the_times_that_were_told(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    bought(shopper, operator, sale, 1)
    presale.harvested(market, sale)
    with market.unchanged(), pytest.raises(BalanceTooEarly):
        presale.open_balance(market, sale)
    presale.let_pass(market, sale, hours=48)
    presale.open_balance(market, sale)
    due_at = market.campaign(sale).balance_due_at
    assert due_at is not None
    late = presale.now(market).now + timedelta(days=5) - due_at
    assert timedelta(0) <= late < timedelta(minutes=5), "opened a day late, and all five days from then"
    presale.let_pass(market, sale, hours=5 * 24 + 23)
    with market.unchanged(), pytest.raises(BalanceTooEarly):
        presale.close_balance(market, sale)
    presale.let_pass(market, sale, hours=1)
    presale.close_balance(market, sale)


def test_while_boxes_are_held_the_sale_is_not_counted(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = presale.on_sale(market)
    unpaid = confirmed(shopper, sale, 1)
    hold = held(as_role(Role.SHOPPER), sale, 3)
    presale.harvested(market, sale)
    presale.let_pass(market, sale, hours=24)
    with market.unchanged(), pytest.raises(opening.BoxesStillHeld):
        presale.open_balance(market, sale)
    market.let_expire(hold["hold_id"])
    database.transact(lambda session: holds.expire_due(session, market.ctx))
    presale.open_balance(market, sale)
    assert seen(shopper, unpaid)["state"] == "expired", "who has not paid the deposit by then is too late"
    late = operator.post(
        f"/v1/payments/{unpaid['payment_id']}/receipts",
        json={"amount_minor": 1_000, "currency": "CNY", "receipt_reference": "LATE"},
    )
    assert (late.json["refund_due_minor"], late.json["refund_reason"]) == (1_000, "balance_open")
    assert market.stored(Hold, hold["hold_id"]).state == "expired"


def test_a_deposit_that_comes_late_takes_its_boxes_again_while_the_sale_is_not_counted(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    order = ordered(shopper, sale, 1)
    database.transact(lambda session: checkout.expire(session, market.ctx, order_id=uuid.UUID(order["id"])))
    late = operator.post(
        f"/v1/payments/{order['payment_id']}/receipts",
        json={"amount_minor": 1_000, "currency": "CNY", "receipt_reference": "LATE"},
    )
    assert late.json["state"] == "succeeded"
    assert seen(shopper, order)["state"] == "deposit_paid"
    assert seen(shopper, order)["deposit"]["free_until"] is not None


def test_a_balance_whose_payment_failed_may_be_paid_by_another(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    first = balance(shopper, order)
    confirm(shopper, first)
    assert operator.post(f"/v1/payments/{first['id']}/failure", json={"reason": "bounced"}).status_code == 200
    assert seen(shopper, order)["state"] == "balance_due"
    second = balance(shopper, order)
    assert second["id"] != first["id"]
    assert book(operator, first).json["refund_due_minor"] == first["amount_minor"], "another is under way"
    confirm(shopper, second)
    assert book(operator, second).json["state"] == "succeeded"
    assert seen(shopper, order)["state"] == "balance_paid"


def test_money_of_a_failed_balance_that_comes_after_all_pays_it(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    first = confirm(shopper, balance(shopper, order))
    operator.post(f"/v1/payments/{first['id']}/failure", json={"reason": "bounced"})
    assert book(operator, first).json["state"] == "succeeded"
    assert seen(shopper, order)["state"] == "balance_paid"


def test_unpaid_balances_are_not_ended_like_unpaid_orders(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    payment = balance(shopper, order)
    ended = database.transact(
        lambda session: checkout.expire_unpaid(
            session, replace(market.ctx, now=market.ctx.now + timedelta(days=1)), minutes=20, batch=10
        )
    )
    assert (ended, market.stored(Payment, payment["id"]).state) == (0, "requires_confirmation")


def test_reminders_are_told_once_each(
    market: Market, shopper: Caller, operator: Caller, as_role, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[BalanceReminderDue] = []
    registry = market.app.extensions["events"]
    monkeypatch.setitem(registry, BalanceReminderDue, [lambda _session, _ctx, event: told.append(event)])
    sale = presale.on_sale(market)
    order, other = bought(shopper, operator, sale, 1), as_role(Role.SHOPPER)
    done = bought(other, operator, sale, 1)
    presale.opened(market, sale)
    payment = balance(other, done)
    confirm(other, payment)
    book(operator, payment)
    for hours in (48, 0, 1, 46, 1, 21, 2, 0, 1, 5):
        presale.let_pass(market, sale, hours=hours)
        database.transact(lambda session: order_balances.remind(session, presale.now(market)))
    assert [(each.hours_before, str(each.order_id)) for each in told] == [
        (hours, order["id"]) for hours in (72, 24, 2)
    ]
    assert {(each.balance_minor, each.buyer_id) for each in told} == {(4_500, shopper.account_id)}
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(BalanceReminder)) == 3


def test_more_reminders_than_one_batch_are_told_in_the_next(
    market: Market, operator: Caller, as_role
) -> None:
    sale = presale.on_sale(market)
    for _ in range(3):
        bought(as_role(Role.SHOPPER), operator, sale, 1)
    presale.opened(market, sale)
    presale.let_pass(market, sale, hours=100)
    ctx = presale.now(market)
    counts = [
        database.transact(lambda session: order_balances.remind(session, ctx, batch=2)) for _ in range(3)
    ]
    assert counts == [2, 1, 0]


@pytest.mark.parametrize("round_", range(4))
def test_a_balance_payment_and_the_closing_have_one_winner(
    market: Market, shopper: Caller, operator: Caller, round_: int
) -> None:
    sale = presale.on_sale(market, 5)
    order = bought(shopper, operator, sale, 2)
    presale.opened(market, sale)
    payment = confirm(shopper, balance(shopper, order))
    presale.let_pass(market, sale, hours=144)
    works: list[Any] = [
        lambda: book(operator, payment),
        lambda: presale.close_balance(market, sale),
        lambda: shopper.post(f"/v1/orders/{order['id']}/balance"),
    ]
    booked, *_ = at_once(market.app, works) if round_ % 2 else at_once(market.app, works[::-1])[::-1]
    state, stored = market.stored(Order, order["id"]).state, market.stored(Payment, payment["id"])
    assert booked.status_code == 200
    if state == "balance_paid":
        assert (stored.state, forfeits(order), market.pool(sale).available_boxes) == ("succeeded", [], 3)
    else:
        assert (state, stored.refund_due_minor) == ("balance_defaulted", payment["amount_minor"])
        assert (sum(forfeits(order)), market.pool(sale).available_boxes) == (2_000, 5)


@pytest.mark.parametrize("round_", range(4))
def test_a_withdrawal_and_the_opening_of_the_balance_have_one_winner(
    market: Market, shopper: Caller, operator: Caller, round_: int
) -> None:
    sale = presale.on_sale(market, 5, deposit={"type": "advance", "per_box_minor": 1_000})
    order = bought(shopper, operator, sale, 2)
    presale.harvested(market, sale)
    presale.let_pass(market, sale, hours=24)
    works: list[Any] = [lambda: withdraw(shopper, order), lambda: presale.open_balance(market, sale)]
    at_once(market.app, works if round_ % 2 else works[::-1])
    state = market.stored(Order, order["id"]).state
    assert (state, market.pool(sale).available_boxes) in (("withdrawn", 5), ("balance_due", 3))
    assert market.campaign(sale).state == "balance_open"


@pytest.mark.parametrize("round_", range(4))
def test_the_deposit_and_a_withdrawal_have_one_winner(
    market: Market, shopper: Caller, operator: Caller, round_: int
) -> None:
    sale = presale.on_sale(market, 5)
    order = ordered(shopper, sale, 2)
    payment = confirm(shopper, {"id": order["payment_id"]})
    works: list[Any] = [lambda: book(operator, payment), lambda: withdraw(shopper, order)]
    at_once(market.app, works if round_ % 2 else works[::-1])
    stored = market.stored(Payment, payment["id"])
    if market.stored(Order, order["id"]).state == "withdrawn":
        assert (stored.refund_due_minor, market.pool(sale).available_boxes) == (2_000, 5)
    else:
        assert (stored.state, market.pool(sale).available_boxes) == ("succeeded", 3)


def test_of_two_openings_at_once_one_opens(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = presale.on_sale(market)
    bought(shopper, operator, sale, 1)
    presale.harvested(market, sale)
    presale.let_pass(market, sale, hours=24)
    told = at_once(market.app, [lambda: presale.open_balance(market, sale)] * 3)
    assert sorted(str(getattr(each, "code", "opened")) for each in told) == ["opened", "state", "state"]


def test_closing_twice_takes_nothing_twice(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    presale.closed(market, sale)
    again = database.transact(
        lambda session: closing.close_some(session, market.ctx, pool_id=sale.pool_id, kept_boxes={})
    )
    assert (again.defaulted, forfeits(order)) == (0, [1_000])


def test_the_balance_of_somebody_elses_order_is_like_a_missing_one(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    order = bought(shopper, operator, presale.on_sale(market), 1)
    foreign = as_role(Role.SHOPPER).post(f"/v1/orders/{order['id']}/balance")
    missing = as_role(Role.SHOPPER).post(f"/v1/orders/{uuid.uuid4()}/balance")
    assert_refused(foreign, 404, "order_not_found")
    assert foreign.json["title"] == missing.json["title"]
