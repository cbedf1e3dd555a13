"""Waiting for a later lot: out of the cut, served in the drawn order, paid back when it does not come."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from campaigns.shortage import closing, line_rules, waiting
from campaigns.shortage.models import ShortageCut, ShortageWait
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.notifications.models import Notification
from marketplace.payments.models import PartRefund, Payment
from orders.models import Order
from tests.builders import PRICE_MINOR, Market, assert_refused
from tests.campaigns import presale
from tests.campaigns.presale import balance, book, confirm, now
from tests.campaigns.shortage import deposits
from tests.campaigns.shortage.stage import SEED, Short, harvested, let_pass, opened
from tests.house import Caller

BOXES = (1, 2, 5, 10)
HAIL = {"cause": "force_majeure", "evidence": "hail"}


@pytest.fixture
def short(market: Market, as_role, operator: Caller) -> Short:
    """Orders of 1, 2, 5 and 10 boxes, and 12 boxes that are there."""
    return harvested(market, as_role, operator, BOXES, there=12)


def in_ten_days(short: Short):
    return short.market.today + timedelta(days=10)


def choose(short: Short, number: int, **body):
    return short.buyers[number].post(f"/v1/orders/{short.orders[number]['id']}/election", json=body)


def settled(short: Short, *numbers: int, **terms) -> None:
    """These buyers wait, the others have no preference."""
    opened(short, later_lot_on=in_ten_days(short), **terms)
    for number in numbers:
        assert choose(short, number, choice="wait").status_code == 200
    let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, short.market.later())) == 1


def kept(short: Short) -> list[int]:
    with database.reading() as session:
        found = {str(each.order_id): each.boxes_after for each in session.scalars(select(ShortageCut))}
    return [found[order["id"]] for order in short.orders]


def waits(short: Short) -> dict[str, ShortageWait]:
    with database.reading() as session:
        return {str(each.order_id): each for each in session.scalars(select(ShortageWait))}


def serve(operator: Caller, short: Short, **body):
    return operator.post(f"/v1/shortages/{short.shortage().id}/servings", json=body)


def day_passes(short: Short) -> None:
    """The promised day is over, and the clock's jobs come."""
    database.transact(
        lambda session: session.execute(
            text("UPDATE shortage_wait SET promised_on = promised_on - 30"),
        )
    )
    database.transact(lambda session: waiting.enqueue_due(session, now(short.market)))
    jobs.work(short.market.app, once=True)


def states(short: Short) -> list[str]:
    return [short.market.stored(Order, each["id"]).state for each in short.orders]


def test_who_waits_is_out_of_the_cut_and_keeps_all_boxes(short: Short, operator: Caller) -> None:
    settled(short, 3, **HAIL)
    assert kept(short) == [1, 2, 5, 10], "without the ten all others are there"
    told = short.buyers[3].get(f"/v1/orders/{short.orders[3]['id']}/election").json
    assert (told["choice"], told["wait"]["place"], told["wait"]["state"]) == ("wait", 1, "waiting")
    assert told["wait"]["promised_on"] == in_ten_days(short).isoformat()
    assert f"If it has not come by {in_ten_days(short)}" in told["cut"]["reason_en"]
    assert short.market.pool(short.sale).boxes_sold == 18, "they are owed"
    items = operator.get(f"/v1/shortages/{short.shortage().id}/waits").json["items"]
    assert [(each["boxes"], each["place"]) for each in items] == [(10, 1)]
    assert short.market.campaign(short.sale).state == "balance_open", "nobody else waits with them"


def test_waiting_is_offered_once_a_day_is_told_and_the_day_stays(short: Short, operator: Caller) -> None:
    url = f"/v1/shortages/{opened(short, **HAIL).id}/later-lot"
    with short.market.unchanged():
        refused = assert_refused(choose(short, 3, choice="wait"), 409, "choice_not_offered")
        assert "wait" not in refused["choices"]
        day = {"on": (short.market.today + timedelta(days=61)).isoformat()}
        assert_refused(operator.put(url, json=day), 422, "later_lot_day")
        assert_refused(operator.put(url, json={"on": short.market.today.isoformat()}), 422, "later_lot_day")
        missing = operator.put(f"/v1/shortages/{uuid.uuid4()}/later-lot", json={"on": "2026-12-01"})
        assert missing.status_code in (404, 422)
    good = {"on": in_ten_days(short).isoformat()}
    assert operator.put(url, json=good).json["later_lot_on"] == good["on"]
    assert choose(short, 3, choice="wait").json["choices"][-1] == "wait"
    with short.market.unchanged():
        assert_refused(operator.put(url, json=good), 409, "later_lot_told")
    let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, short.market.later()))
    with short.market.unchanged():
        assert_refused(operator.put(url, json=good), 409, "shortage_state")


def test_an_operator_tells_the_day_when_it_begins(short: Short, operator: Caller) -> None:
    body = {**HAIL, "later_lot_on": (short.market.today + timedelta(days=90)).isoformat()}
    with short.market.unchanged():
        assert_refused(operator.post(f"{short.sale.url}/shortages", json=body), 422, "later_lot_day")
    body["later_lot_on"] = in_ten_days(short).isoformat()
    [told] = operator.post(f"{short.sale.url}/shortages", json=body).json["items"]
    assert told["later_lot_on"] == body["later_lot_on"]


def test_the_later_lot_serves_in_the_order_of_the_seed(short: Short, operator: Caller) -> None:
    settled(short, 1, 2, 3, **HAIL)
    market = short.market
    waiting_ids = [short.orders[number]["id"] for number in (1, 2, 3)]
    line = line_rules.in_line(waiting_ids, seed=SEED, batch=str(short.shortage().id))
    found = waits(short)
    assert [found[order_id].place for order_id in line] == [1, 2, 3]
    # Eleven of the twelve that are there are nobody's: the first in line may have them.
    boxes = {order_id: found[order_id].boxes for order_id in line}
    first = line_rules.served(boxes, line, 11)
    response = serve(operator, short)
    assert response.status_code == 201, response.json
    assert [each["order_id"] for each in response.json["items"]] == first
    rest = [order_id for order_id in line if order_id not in first]
    if rest:
        with market.unchanged():
            refused = assert_refused(serve(operator, short), 409, "nobody_served")
            assert refused["needed_boxes"] == boxes[rest[0]]
        market.lot(20, cooperative=1)
        last = serve(operator, short, cooperative_id=str(market.cooperative_ids[1]), boxes=20)
        assert [each["order_id"] for each in last.json["items"]] == rest
    assert {each.state for each in waits(short).values()} == {"served"}
    pool = market.pool(short.sale)
    assert (pool.boxes_pledged, pool.boxes_sold) == (18, 18), "only what somebody gets is taken"
    with database.reading() as session:
        told = session.scalars(select(Notification).where(Notification.kind == "later_lot_came")).all()
    assert {each.account_id for each in told} == {short.buyers[number].account_id for number in (1, 2, 3)}


def test_a_later_lot_that_is_not_there_serves_nobody(short: Short, operator: Caller) -> None:
    settled(short, 3, **HAIL)
    member = str(short.market.cooperative_ids[1])
    with short.market.unchanged():
        assert_refused(serve(operator, short), 409, "nobody_served")
        assert_refused(serve(operator, short, cooperative_id=member, boxes=10), 409, "sold_out")
        assert_refused(
            serve(operator, short, cooperative_id=str(uuid.uuid4()), boxes=10), 404, "cooperative_not_found"
        )
        assert serve(operator, short, boxes=10).status_code == 422
        assert serve(operator, short, cooperative_id=member).status_code == 422
        lost = operator.post(f"/v1/shortages/{uuid.uuid4()}/servings", json={})
        assert_refused(lost, 404, "shortage_not_found")


def test_a_stopped_lot_that_is_cleared_serves_as_well(short: Short, operator: Caller) -> None:
    settled(short, 2, 3, **HAIL)
    closing_ = {"outcome": "cleared", "reason": "clean"}
    assert operator.post(f"/v1/lots/{short.lots[0].id}/recall/closing", json=closing_).status_code == 200
    served = serve(operator, short)
    assert len(served.json["items"]) == 2


def test_without_the_later_lot_all_goes_back_with_the_earnest_money_once_more(short: Short) -> None:
    settled(short, 3)
    day_passes(short)
    assert states(short)[3] == "cut"
    wait = waits(short)[short.orders[3]["id"]]
    assert (wait.state, wait.refund_minor, wait.compensation_minor) == (
        "refunded",
        10 * PRICE_MINOR,
        10 * PRICE_MINOR // 5,
    )
    with database.reading() as session:
        told = session.scalars(select(Notification).where(Notification.kind == "shortage_cut")).all()
    assert any("The later lot has not come by" in each.body_en for each in told)
    [standing] = short.shortage().standings
    assert (standing.carried_boxes, standing.carried_minor) == (10, wait.compensation_minor)
    pool = short.market.pool(short.sale)
    assert (pool.boxes_pledged, pool.boxes_sold) == (12, 8)
    day_passes(short)
    assert len(owed_back(short.orders[3])) == 2, "once"


def owed_back(order: dict) -> list[tuple[str, str, int]]:
    with database.reading() as session:
        rows = session.scalars(
            select(PartRefund)
            .join(Payment, Payment.id == PartRefund.payment_id)
            .where(Payment.order_id == uuid.UUID(order["id"]))
        )
        return sorted((each.kind, each.reason, each.amount_minor) for each in rows)


def with_deposits(market: Market, as_role, operator: Caller) -> Short:
    short = deposits.harvested(market, as_role, operator, (1, 2, 3), there=3)
    settled(short, 1, 2)
    presale.let_pass(market, short.sale, hours=24)
    assert deposits.advance(short) == "balance_open"
    return short


def test_a_paid_balance_goes_back_with_its_deposit(market: Market, as_role, operator: Caller) -> None:
    short = with_deposits(market, as_role, operator)
    payment = confirm(short.buyers[2], balance(short.buyers[2], short.orders[2]))
    assert payment["amount_minor"] == 3 * (5_200 - 1_500)
    assert book(operator, payment).status_code == 200
    pending = confirm(short.buyers[1], balance(short.buyers[1], short.orders[1]))
    day_passes(short)
    assert states(short) == ["balance_due", "cut", "cut"]
    assert owed_back(short.orders[2]) == [
        ("compensation", "later_lot", 3_000),
        ("refund", "later_lot", 3_000),
        ("refund", "later_lot", 11_100),
    ]
    assert owed_back(short.orders[1]) == [
        ("compensation", "later_lot", 2_000),
        ("refund", "later_lot", 2_000),
    ]
    assert market.stored(Payment, pending["id"]).state == "canceled"
    late = book(operator, pending)
    assert (late.status_code, late.json["refund_due_minor"]) == (200, pending["amount_minor"])


def test_who_waits_and_does_not_pay_the_balance_waits_no_more(
    market: Market, as_role, operator: Caller
) -> None:
    short = with_deposits(market, as_role, operator)
    presale.closed(market, short.sale)
    assert states(short) == ["balance_defaulted"] * 3
    day_passes(short)
    assert {each.state for each in waits(short).values()} == {"ended"}
    pool = market.pool(short.sale)
    assert (pool.boxes_sold, pool.boxes_pledged) == (0, 3), "stopped fruit is nobody's to sell"


def test_who_may_serve(short: Short, as_role) -> None:
    settled(short, 3, **HAIL)
    others = [as_role(role) for role in (Role.SHOPPER, Role.AUDITOR)]
    with short.market.unchanged():
        assert [serve(each, short).status_code for each in others] == [403, 403]
