"""Cooperatives are told of the shares that a bulk order has for them, while they have not answered."""

import uuid

import pytest
from sqlalchemy import func, select

from marketplace import database
from marketplace.jobs.models import StoredJob
from orders import notifying
from orders.models import Share
from tests.builders import Market
from tests.campaigns import inbox
from tests.house import Caller
from tests.orders import life as lives
from tests.orders.life import Life


@pytest.fixture
def life(market: Market, buyer: Caller, operator: Caller) -> Life:
    """Twelve boxes over three cooperatives with 20 boxes each."""
    for cooperative in range(3):
        market.lot(20, cooperative=cooperative)
    return lives.place(market, buyer, operator, lives.members_of(market), 12)


def test_an_approved_order_tells_each_cooperative_its_share_and_until_when(life: Life) -> None:
    life.approved()
    with database.reading() as session:
        waiting = select(func.count()).select_from(StoredJob).where(StoredJob.name == notifying.TELL_OFFERED)
        assert session.scalar(waiting) == 3
    inbox.work(life.market)
    for (_, code), (_, boxes) in life.states().items():
        [message] = inbox.told(life.member(code), "share_offered")
        assert (message["boxes"], message["cooperative"]["en"] != "") == (boxes, True)
        assert f"/v1/shares/{message['share_id']}" == life.share_url(code)
        with database.reading() as session:
            due = session.get_one(Share, uuid.UUID(message["share_id"])).answer_due_at
        assert due is not None
        assert message["answer_until"].startswith(due.strftime("%Y-%m-%dT%H:%M:%S"))
    assert inbox.told(life.buyer, "share_offered") == []


def test_who_has_answered_by_then_is_not_asked_any_more(life: Life) -> None:
    life.approved().done(life.confirm("YJ01"))
    inbox.work(life.market)
    assert inbox.told(life.member("YJ01"), "share_offered") == []
    assert len(inbox.told(life.member("YJ02"), "share_offered")) == 1


def test_whoever_is_asked_again_is_told_of_the_new_share(life: Life) -> None:
    life.approved()
    inbox.work(life.market)
    life.done(life.confirm("YJ01")).done(life.confirm("YJ02")).done(life.decline("YJ03"))
    inbox.work(life.market)
    asked = {code for (run, code), (state, _) in life.states().items() if run == 2 and state == "offered"}
    assert asked
    for code in asked:
        assert len(inbox.told(life.member(code), "share_offered")) == 2
    assert len(inbox.told(life.member("YJ03"), "share_offered")) == 1
