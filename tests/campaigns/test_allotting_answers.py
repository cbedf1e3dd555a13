"""What an answer reads: what concerns it, however many others are asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from campaigns.allotting import standing
from campaigns.allotting.models import AllottedItem, Commitment
from campaigns.models import Campaign
from inventory.models import Hold
from marketplace import database
from tests.builders import Market
from tests.campaigns import allotted
from tests.campaigns.allotted import Allotted, sold
from tests.house import Caller


@contextmanager
def loaded() -> Iterator[list[type]]:
    """The rows of pledges and commitments that are read."""
    found: list[type] = []

    def note(target: Any, _context: Any) -> None:
        found.append(type(target))

    for table in (Hold, Commitment):
        event.listen(table, "load", note)
    try:
        yield found
    finally:
        for table in (Hold, Commitment):
            event.remove(table, "load", note)


@pytest.fixture
def life(market: Market, operator: Caller) -> Allotted:
    """Two, four and six boxes are asked for; each cooperative has pledged three times."""
    life = sold(market, operator, pledged=(7, 7, 7))
    for number in range(3):
        for _ in range(2):
            market.lot(7, cooperative=number)
            allotted.pledge(market, life.sale, number, 7)
    return life.start()


def answering(life: Allotted, code: str, **body: Any) -> Callable[[], Any]:
    """The answer, its question looked up before."""
    url = f"/v1/commitments/{life.latest(code).id}/confirmation"
    return lambda: life.done(life.member(code).post(url, json=body))


def counted_as_read(life: Allotted) -> None:
    """What the database counts is what the rows say."""
    with database.reading() as session:
        campaign = session.get_one(Campaign, life.sale.campaign_id)
        counted = standing.counted(session, campaign)
        assert counted == {each.item.id: each.standing for each in standing.of_items(session, campaign)}
        session.rollback()


def test_an_answer_reads_its_own_commitment_and_no_pledge(life: Allotted) -> None:
    counted_as_read(life)
    for code, body in (("YJ01", {}), ("YJ02", {"boxes": 1})):
        answer = answering(life, code, **body)
        with loaded() as found:
            answer()
        assert found.count(Hold) == 0, body
        assert 0 < found.count(Commitment) <= 2, "read, and read again under the lock"
        counted_as_read(life)
    answer = answering(life, "YJ03")
    with loaded() as found:
        answer()
    assert found.count(Hold) == 9, "the last one: what is open is split again over what is pledged"
    counted_as_read(life)
    assert [each for each in life.told() if each[1] == "offered"] == [
        ("YJ01", "offered", 1),
        ("YJ03", "offered", 2),
    ]


def test_what_was_sold_meanwhile_is_seen_by_the_next_answer(life: Allotted, market: Market) -> None:
    """Though it is a whole yes, and two are asked still."""

    def sell(session: Any) -> None:
        session.get_one(AllottedItem, life.sale.item_id).boxes -= 1

    database.transact(sell)  # as if the last box had been paid since
    life.done(life.confirm("YJ01"))
    assert life.overview()["items"][0]["boxes"] == 12


def test_who_gives_back_more_than_others_can_give_ends_it_at_once(market: Market, operator: Caller) -> None:
    life = sold(market, operator, pledged=(4, 4, 4)).start()
    with loaded() as found:
        life.done(life.decline("YJ03"))
    assert life.state == "failed"
    assert found, "what changes anything is decided on rows that are locked"
