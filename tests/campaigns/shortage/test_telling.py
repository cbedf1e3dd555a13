"""Who is told what of a shortage, in both languages, once, in batches."""

import uuid

import pytest
from sqlalchemy import select, text

from campaigns.shortage import closing, telling
from campaigns.shortage.models import ShortageCut, ShortageElection
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from marketplace.notifications.models import Notification
from tests.builders import Market
from tests.campaigns.presale import now
from tests.campaigns.shortage.stage import Short, harvested, let_pass, opened
from tests.house import Caller

BOXES = (1, 2, 5, 10)
HAIL = {"cause": "force_majeure", "evidence": "hail"}


@pytest.fixture
def short(market: Market, as_role, operator: Caller) -> Short:
    return harvested(market, as_role, operator, BOXES, there=12)


def told(kind: str) -> dict[uuid.UUID, Notification]:
    """By account."""
    with database.reading() as session:
        found = session.scalars(select(Notification).where(Notification.kind == kind)).all()
        return {each.account_id: each for each in found}


def work(short: Short) -> None:
    jobs.work(short.market.app, once=True)


def remind(short: Short) -> int:
    shortage = short.shortage()
    return database.transact(
        lambda session: telling.tell_choice(
            session, now(short.market), shortage_id=str(shortage.id), is_reminder=True, told_until=None
        )
    )


def settle(short: Short) -> None:
    let_pass(short, 49)
    database.transact(lambda session: closing.advance_due(session, short.market.later()))


def test_every_buyer_is_told_that_they_may_choose_and_until_when(short: Short) -> None:
    opened(short, **HAIL)
    work(short)
    found = told("shortage_election")
    assert set(found) == {each.account_id for each in short.buyers}
    mine = found[short.buyers[3].account_id]
    assert "12 of 18 boxes are there." in mine.body_en
    assert "共售出 18 箱，现有 12 箱。" in mine.body_zh
    assert (mine.facts["boxes"], mine.facts["order_id"]) == (10, short.orders[3]["id"])


def test_who_has_not_chosen_is_reminded_once_before_the_end(short: Short) -> None:
    shortage = opened(short, **HAIL)
    with database.reading() as session:
        [reminder] = session.scalars(
            select(StoredJob).where(
                StoredJob.name == telling.TELL_CHOICE, StoredJob.arguments["is_reminder"].as_boolean()
            )
        )
    left = shortage.elections_due_at - reminder.due_at
    assert left.total_seconds() == 12 * 3_600
    url = f"/v1/orders/{short.orders[3]['id']}/election"
    assert short.buyers[3].post(url, json={"choice": "fewer", "wanted_boxes": 4}).status_code == 200
    assert [remind(short), remind(short)] == [3, 0]
    assert set(told("shortage_reminder")) == {each.account_id for each in short.buyers[:3]}


def test_nobody_is_reminded_when_the_time_is_over(short: Short) -> None:
    opened(short, **HAIL)
    let_pass(short, 49)
    assert remind(short) == 0
    settle(short)
    assert remind(short) == 0


def test_everybody_learns_the_outcome_with_its_written_reason(short: Short) -> None:
    opened(short)
    settle(short)
    work(short)
    with database.reading() as session:
        found = {str(each.order_id): each for each in session.scalars(select(ShortageCut))}
    cut, spared = told("shortage_cut"), told("shortage_spared")
    assert len(cut) + len(spared) == 4
    for buyer, order in zip(short.buyers, short.orders, strict=True):
        row = found[order["id"]]
        message = (cut if row.boxes_after < row.boxes_before else spared)[buyer.account_id]
        assert row.reason_en in message.body_en
        assert row.reason_zh in message.body_zh
        if row.boxes_cut:
            assert message.facts["refund"]["minor"] == row.refund_minor + row.compensation_minor
    assert told("refund_due") == {}, "the cut says what goes back"


def test_a_cooperative_is_asked_and_learns_what_it_carries(short: Short, as_role) -> None:
    market = short.market
    lacking, neighbour = (
        as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[number],)) for number in (0, 1)
    )
    market.lot(2, cooperative=1)
    [offer] = opened(short).offers
    asked = told("shortage_offered")
    assert set(asked) == {neighbour.account_id}
    assert offer.reason_en in asked[neighbour.account_id].body_en
    database.transact(lambda session: closing.advance_due(session, short.market.later()))
    let_pass(short, 25)
    database.transact(lambda session: closing.advance_due(session, short.market.later()))
    settle(short)
    carried = told("shortage_carried")
    assert set(carried) == {lacking.account_id}
    assert "18 − 12 = 6 missing" in carried[lacking.account_id].body_en


def test_when_neighbours_cover_all_no_buyer_notices(short: Short, as_role) -> None:
    market = short.market
    market.lot(20, cooperative=1)
    [offer] = opened(short, **HAIL).offers
    neighbour = as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[1],))
    assert neighbour.post(f"/v1/shortage-offers/{offer.id}/accept", json={}).status_code == 200
    work(short)
    assert (told("shortage_election"), told("shortage_cut"), told("shortage_spared")) == ({}, {}, {})


def test_many_are_told_batch_by_batch(short: Short, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "BATCH", 2)
    opened(short, **HAIL)
    work(short)
    assert len(told("shortage_election")) == 4
    settle(short)
    work(short)
    assert len(told("shortage_cut")) + len(told("shortage_spared")) == 4
    with database.reading() as session:
        assert session.scalars(select(ShortageElection)).all() == []
        waiting = select(text("count(*)")).select_from(StoredJob).where(StoredJob.state == "dead")
        assert session.scalar(waiting) == 0
