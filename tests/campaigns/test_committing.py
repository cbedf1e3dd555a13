"""Deposits that are committed in batches when the goal is met; the campaign moves on with the last of them."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns import advancing
from marketplace import database, jobs
from marketplace.access import Role
from orders.models import Order
from tests.builders import Market, Sale, assert_refused, broken
from tests.campaigns import presale
from tests.campaigns.presale import bought, now
from tests.house import Caller

BUYERS = 5
REASON = {"reason": "as planned"}


class Closed:
    """A presale whose window is over: five boxes sold, as many as its goal asks for; two orders in a batch."""

    def __init__(self, market: Market, as_role: Callable[..., Caller], operator: Caller) -> None:
        self.market, self.operator = market, operator
        advance = {"type": "advance", "per_box_minor": 1_000}
        item = {"ladder": presale.LADDER, "deposit": advance}
        self.sale: Sale = market.on_sale(
            20, price_minor=6_000, item=item, balance=presale.BALANCE, goal_boxes=BUYERS
        )
        buyers = [as_role(Role.SHOPPER) for _ in range(BUYERS)]
        found = [(buyer, bought(buyer, operator, self.sale, 1)) for buyer in buyers]
        found.sort(key=lambda each: uuid.UUID(each[1]["id"]))
        self.buyers, self.orders = [buyer for buyer, _ in found], [order for _, order in found]
        presale.let_pass(market, self.sale, hours=240)

    @property
    def state(self) -> str:
        return str(self.market.campaign(self.sale).state)

    @property
    def states(self) -> list[str]:
        return [self.market.stored(Order, order["id"]).state for order in self.orders]

    def evaluate(self) -> Any:
        return self.operator.post(f"{self.sale.url}/evaluation")

    def go_on(self, session: Session) -> str:
        campaign_id = str(self.sale.campaign_id)
        return advancing.go_on_committing(session, now(self.market), campaign_id=campaign_id)

    def withdraw(self, number: int) -> Any:
        return self.buyers[number].post(f"/v1/orders/{self.orders[number]['id']}/withdrawal")


@pytest.fixture
def closed(
    market: Market, as_role: Callable[..., Caller], operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> Closed:
    monkeypatch.setattr("orders.balances.BATCH", 2)
    return Closed(market, as_role, operator)


def test_between_two_batches_every_promise_holds_and_the_state_waits_for_the_last(closed: Closed) -> None:
    response = closed.evaluate()
    assert (response.status_code, response.json["state"]) == (200, "deposit_closed")
    found = []
    while closed.state == "deposit_closed":
        found.append(closed.states.count("committed"))
        assert broken(closed.market.app) == []
        database.transact(closed.go_on)
    assert (found, closed.state, closed.states) == ([2, 4], "allocating", ["committed"] * BUYERS)
    assert database.transact(closed.go_on) == "allocating", "once more, nothing is left"
    allocation = closed.operator.get(f"{closed.sale.url}/allocation").json
    assert [each["boxes"] for each in allocation["items"]] == [5]


def test_a_worker_that_dies_in_a_batch_leaves_it_to_the_next(closed: Closed) -> None:
    closed.evaluate()

    def dies(session: Session) -> None:
        closed.go_on(session)
        raise RuntimeError

    before = closed.states
    with pytest.raises(RuntimeError):
        database.transact(dies)
    assert (closed.state, closed.states) == ("deposit_closed", before)
    jobs.work(closed.market.app, once=True)
    assert (closed.state, closed.states) == ("allocating", ["committed"] * BUYERS)
    assert broken(closed.market.app) == []


def test_one_that_dies_in_the_last_batch_asks_nobody(closed: Closed) -> None:
    closed.evaluate()
    database.transact(closed.go_on)

    def dies(session: Session) -> None:
        assert closed.go_on(session) == "allocating"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.transact(dies)
    assert (closed.state, closed.states.count("committed")) == ("deposit_closed", 4)
    assert_refused(closed.operator.get(f"{closed.sale.url}/allocation"), 404, "allocation_not_found")
    jobs.work(closed.market.app, once=True)
    assert closed.state == "allocating"


def test_the_clock_goes_on_where_a_job_was_lost(closed: Closed) -> None:
    closed.evaluate()
    campaign_id = str(closed.sale.campaign_id)
    for _ in range(2):
        database.transact(
            lambda session: advancing.advance(session, now(closed.market), campaign_id=campaign_id)
        )
    assert (closed.state, closed.states) == ("allocating", ["committed"] * BUYERS)


def test_who_is_not_committed_yet_may_go_and_the_goal_is_not_asked_again(closed: Closed) -> None:
    closed.evaluate()
    assert_refused(closed.withdraw(0), 409, "payment_not_awaited")
    assert closed.withdraw(4).status_code == 200
    jobs.work(closed.market.app, once=True)
    assert (closed.state, closed.states) == ("allocating", [*["committed"] * 4, "withdrawn"])
    allocation = closed.operator.get(f"{closed.sale.url}/allocation").json
    assert [each["boxes"] for each in allocation["items"]] == [4]


def test_a_campaign_given_up_between_two_batches_pays_everybody_back(closed: Closed) -> None:
    closed.evaluate()
    assert closed.operator.post(f"{closed.sale.url}/cancellation", json=REASON).status_code == 200
    jobs.work(closed.market.app, once=True)
    assert (closed.state, closed.states) == ("closed", ["released"] * BUYERS)
    assert database.transact(closed.go_on) == "closed"
    assert broken(closed.market.app) == []
