"""A cut that is followed in batches: each finds what is left, a campaign that is given up meanwhile ends instead."""

import pytest
from sqlalchemy import func, select

from campaigns.shortage import applying, closing
from campaigns.shortage.models import ShortageCut
from marketplace import database, jobs
from marketplace.payments.models import Payment
from orders.models import Order
from tests.builders import PRICE_MINOR, Market, assert_refused, broken
from tests.campaigns.shortage.stage import Short, harvested, let_pass, opened
from tests.house import Caller

HAIL = {"cause": "force_majeure", "evidence": "hail"}


@pytest.fixture
def short(market: Market, as_role, operator: Caller, monkeypatch: pytest.MonkeyPatch) -> Short:
    """Orders of 1, 2, 5 and 10 boxes over 12, of which each is a batch; the first has followed."""
    monkeypatch.setattr(applying, "BATCH", 1)
    short = harvested(market, as_role, operator, (1, 2, 5, 10), there=12)
    opened(short, **HAIL)
    let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, market.later()))
    return short


def followed() -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(ShortageCut)) or 0


def apply(short: Short) -> int:
    shortage_id = str(short.shortage().id)
    return database.transact(
        lambda session: applying.apply(session, short.market.later(), shortage_id=shortage_id)
    )


def test_between_two_batches_every_promise_holds(short: Short, operator: Caller) -> None:
    found = []
    while True:
        found.append((short.shortage().state, followed()))
        assert broken(short.market.app) == []
        if short.shortage().state == "settled":
            break
        assert short.market.pool(short.sale).available_boxes == 0, "nobody can take what the cut has let go"
        apply(short)
    assert found == [("cutting", 1), ("cutting", 2), ("cutting", 3), ("settled", 4)]
    assert apply(short) == 0, "once more, nothing is left"
    assert short.market.campaign(short.sale).state == "balance_open"


def test_the_jobs_go_on_by_themselves(short: Short) -> None:
    jobs.work(short.market.app, once=True)
    assert (short.shortage().state, followed()) == ("settled", 4)


def test_the_seed_is_told_and_nothing_is_decided_any_more(short: Short, operator: Caller) -> None:
    url = f"/v1/shortages/{short.shortage().id}"
    assert operator.get(url).json["shortage"]["seed"] is not None
    with short.market.unchanged():
        assert_refused(operator.post(f"{url}/close"), 409, "shortage_state")
        assert_refused(operator.put(f"{url}/cause", json=HAIL), 409, "shortage_state")
        election = f"/v1/orders/{short.orders[3]['id']}/election"
        assert_refused(short.buyers[3].post(election, json={"choice": "refund"}), 410, "election_closed")


def test_a_campaign_given_up_meanwhile_pays_everybody_back_once(short: Short, operator: Caller) -> None:
    """One order has followed the cut, the others have not: each gets exactly what it has paid."""
    response = operator.post(f"{short.sale.url}/cancellation", json={"reason": "the road is gone"})
    assert response.status_code == 200, response.json
    assert apply(short) == 0
    jobs.work(short.market.app, once=True)
    assert short.market.campaign(short.sale).state == "closed"
    for order, boxes in zip(short.orders, (1, 2, 5, 10), strict=True):
        payment = short.market.stored(Payment, order["payment_id"])
        assert payment.refund_due_minor == boxes * PRICE_MINOR
        assert short.market.stored(Order, order["id"]).state in ("released", "cut")
    assert followed() == 1


def test_a_campaign_given_up_after_its_cut_pays_back_what_is_left(short: Short, operator: Caller) -> None:
    jobs.work(short.market.app, once=True)
    assert operator.post(f"{short.sale.url}/cancellation", json={"reason": "no trucks"}).status_code == 200
    jobs.work(short.market.app, once=True)
    assert short.market.campaign(short.sale).state == "closed"
    back = [short.market.stored(Payment, each["payment_id"]).refund_due_minor for each in short.orders]
    assert back == [boxes * PRICE_MINOR for boxes in (1, 2, 5, 10)]


def test_no_window_of_a_campaign_that_was_given_up_ends(market: Market, as_role, operator: Caller) -> None:
    short = harvested(market, as_role, operator, (1, 2), there=1)
    opened(short, **HAIL)
    assert operator.post(f"{short.sale.url}/cancellation", json={"reason": "no trucks"}).status_code == 200
    let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, market.later())) == 0
    jobs.work(market.app, once=True)
    assert market.campaign(short.sale).state == "closed"
