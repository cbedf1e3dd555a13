"""Orders that are moved many at once: every buyer is told what has become of theirs, once."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from marketplace import database
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from marketplace.notifications.models import Notification
from orders import notifying
from tests.builders import Market, Sale, ordered
from tests.campaigns import presale
from tests.campaigns.inbox import told, work
from tests.campaigns.presale import balance, book, bought, confirm, seen
from tests.house import Caller

ADVANCE = {"type": "advance", "per_box_minor": 5_000, "counts_minor": 5_200, "funder": "county"}
GOAL = {"item": {"deposit": presale.DEPOSIT}, "balance": presale.BALANCE, "goal_boxes": 3}
REASON = {"reason": "hail"}


def evaluated(operator: Caller, sale: Sale) -> str:
    assert operator.post(f"{sale.url}/closing", json={"reason": "over"}).status_code == 200
    response = operator.post(f"{sale.url}/evaluation")
    assert response.status_code == 200, response.json
    return str(response.json["state"])


def test_whose_balance_opens_is_told_how_much_is_due_and_until_when(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    sale = presale.on_sale(market)
    buyers = [as_role(Role.SHOPPER) for _ in range(3)]
    orders = [bought(buyer, operator, sale, boxes) for buyer, boxes in zip(buyers, (1, 2, 3), strict=True)]
    presale.opened(market, sale)
    work(market)
    for buyer, order, boxes in zip(buyers, orders, (1, 2, 3), strict=True):
        [due] = told(buyer, "balance_due")
        deposit = seen(buyer, order)["deposit"]
        assert due == {
            "order_id": order["id"],
            "boxes": boxes,
            "amount": {"minor": boxes * 3_700, "currency": "CNY"},
            "due_at": deposit["balance_due_at"],
        }
    work(market)
    assert [len(told(buyer, "balance_due")) for buyer in buyers] == [1, 1, 1]


def test_more_buyers_than_one_job_takes_are_told_by_the_next(
    market: Market, as_role: Callable[..., Caller], operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "BATCH", 2)
    sale = presale.on_sale(market)
    buyers = [as_role(Role.SHOPPER) for _ in range(5)]
    for buyer in buyers:
        bought(buyer, operator, sale, 1)
    presale.opened(market, sale)
    with database.reading() as session:
        put_in = session.scalars(
            select(StoredJob.arguments).where(StoredJob.name == notifying.TELL_MOVED)
        ).all()
    assert sorted(len(each["order_ids"]) for each in put_in) == [1, 2, 2]
    work(market)
    assert [len(told(buyer, "balance_due")) for buyer in buyers] == [1] * 5


def test_who_has_paid_before_the_job_comes_is_not_asked_to_pay(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    assert book(operator, confirm(shopper, balance(shopper, order))).status_code == 200
    work(market)
    assert told(shopper, "balance_due") == []
    amounts = [each["amount"]["minor"] for each in told(shopper, "payment_received")]
    assert amounts == [4_500, 1_000], "the rest as well as the deposit"


def test_whose_deposit_covers_the_price_is_told_that_nothing_is_left(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market, deposit=ADVANCE)
    order = bought(shopper, operator, sale, 6)
    presale.opened(market, sale)
    work(market)
    assert told(shopper, "balance_settled") == [
        {"order_id": order["id"], "boxes": 6, "price": {"minor": 31_200, "currency": "CNY"}}
    ]
    assert told(shopper, "balance_due") == []


def test_who_does_not_pay_is_told_what_became_of_the_deposit(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    sale = presale.on_sale(market)
    buyers = [as_role(Role.SHOPPER) for _ in range(3)]
    orders = [bought(buyer, operator, sale, boxes) for buyer, boxes in zip(buyers, (1, 2, 3), strict=True)]
    presale.opened(market, sale)
    book(operator, confirm(buyers[0], balance(buyers[0], orders[0])))
    presale.closed(market, sale)
    work(market)
    assert told(buyers[0], "balance_defaulted") == []
    for buyer, order, boxes in list(zip(buyers, orders, (1, 2, 3), strict=True))[1:]:
        assert told(buyer, "balance_defaulted") == [
            {
                "order_id": order["id"],
                "amount": {"minor": boxes * 3_700, "currency": "CNY"},
                "forfeited": {"minor": boxes * 1_000, "currency": "CNY"},
            }
        ]


def test_with_the_goal_reached_all_are_told_that_their_boxes_are_theirs(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    sale = market.on_sale(8, **GOAL)
    buyers = [as_role(Role.SHOPPER) for _ in range(2)]
    orders = [bought(buyer, operator, sale, 2) for buyer in buyers]
    assert [told(buyer, "order_committed") for buyer in buyers] == [[], []]
    assert evaluated(operator, sale) == "allocating"
    work(market)
    for buyer, order in zip(buyers, orders, strict=True):
        assert told(buyer, "order_committed") == [{"order_id": order["id"], "boxes": 2}]


def test_when_the_goal_is_missed_everybody_is_told_why_once(
    market: Market, as_role: Callable[..., Caller], operator: Caller
) -> None:
    sale = market.on_sale(8, goal_boxes=7)
    buyer, other = as_role(Role.SHOPPER), as_role(Role.SHOPPER)
    for who in (buyer, buyer, other):
        bought(who, operator, sale, 1)
    assert evaluated(operator, sale) == "failed"
    work(market)
    for each in (buyer, other):
        [why] = told(each, "campaign_failed")
        assert why["reason"] == {"en": "its goal was missed", "zh": "未达到成团目标"}
        assert why["campaign_id"] == str(sale.campaign_id)
    assert len(told(buyer, "refund_due")) == 2, "each order's money"


def test_a_cancelled_campaign_is_told_to_its_buyers_with_the_operators_reason(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.on_sale(8)
    bought(shopper, operator, sale, 1)
    unpaid = as_role(Role.SHOPPER)
    ordered(unpaid, sale, 1)
    assert operator.post(f"{sale.url}/pause", json=REASON).status_code == 200
    assert operator.post(f"{sale.url}/cancellation", json=REASON).status_code == 200
    work(market)
    for each in (shopper, unpaid):
        [why] = told(each, "campaign_cancelled")
        assert why["reason"] == {"en": "hail", "zh": "hail"}
    assert told(unpaid, "refund_due") == [], "nothing was paid"


def test_whose_deposit_and_balance_go_back_is_told_of_both(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    assert book(operator, confirm(shopper, balance(shopper, order))).status_code == 200
    assert operator.post(f"{sale.url}/cancellation", json=REASON).status_code == 200
    work(market)
    assert sorted(each["amount"]["minor"] for each in told(shopper, "refund_due")) == [1_000, 4_500]


def test_nobody_is_told_twice_when_a_job_is_run_again(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market)
    order = bought(shopper, operator, sale, 1)
    presale.opened(market, sale)
    arguments: dict[str, Any] = {"order_ids": [order["id"]], "after": "balance_due"}
    tell = [
        database.transact(lambda session: notifying.tell_moved(session, market.ctx, **arguments))
        for _ in range(2)
    ]
    assert tell == [1, 0]
    work(market)
    with database.reading() as session:
        due = select(func.count()).select_from(Notification).where(Notification.kind == "balance_due")
        assert session.scalar(due) == 1
