"""Who has something in a campaign is told when its sale stands still, goes on and is over, and who is asked is told."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns import notifying, planning
from campaigns.states import CampaignEvent, CampaignState
from marketplace import database
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from marketplace.notifications.models import Notification
from tests.builders import Market, Sale, held, ordered, paid
from tests.campaigns import allotted, presale
from tests.campaigns.inbox import told, work
from tests.house import Caller

REASON = {"reason": "a storm"}
PAUSED, RESUMED, CLOSED = "campaign_paused", "campaign_resumed", "campaign_closed"


def step(operator: Caller, sale: Sale, word: str) -> None:
    response = operator.post(f"{sale.url}/{word}", json=REASON)
    assert response.status_code == 200, response.json


@pytest.fixture
def member(market: Market, as_role: Callable[..., Caller]) -> Caller:
    """Of the cooperative that pledges."""
    return as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])


def test_a_pause_is_told_to_who_holds_has_ordered_or_bought_and_to_who_pledged(
    market: Market, as_role: Callable[..., Caller], operator: Caller, member: Caller
) -> None:
    sale = market.on_sale(20)
    other = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[1:2])
    people = [as_role(Role.SHOPPER) for _ in range(5)]
    holding, waiting, bought, gone, stranger = people
    held(holding, sale)
    ordered(waiting, sale)
    paid(bought, operator, sale, 2)
    order = ordered(gone, sale)
    assert gone.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200

    step(operator, sale, "pause")
    assert [told(each, PAUSED) for each in (*people, member)] == [[]] * 6, "by jobs"
    work(market)

    for each in (holding, waiting, bought):
        assert told(each, PAUSED) == [
            {
                "campaign_id": str(sale.campaign_id),
                "campaign": {"en": "Spring presale", "zh": "春季预售"},
                "reason": {"en": "a storm", "zh": "a storm"},
                "effect": {
                    "en": notifying.FOR_BUYERS[CampaignState.DEPOSIT_OPEN, CampaignState.PAUSED].en,
                    "zh": notifying.FOR_BUYERS[CampaignState.DEPOSIT_OPEN, CampaignState.PAUSED].zh,
                },
            }
        ]
    [pledged] = told(member, PAUSED)
    assert pledged["effect"]["en"] == "What you have pledged stays in it."
    assert [told(each, PAUSED) for each in (gone, stranger, other)] == [[], [], []]


def test_each_pause_is_told_and_each_end_of_one(
    market: Market, shopper: Caller, operator: Caller, member: Caller
) -> None:
    sale = market.on_sale(20)
    ordered(shopper, sale)
    for _ in range(2):
        for word in ("pause", "resumption"):
            step(operator, sale, word)
            work(market)
    for each in (shopper, member):
        assert [len(told(each, kind)) for kind in (PAUSED, RESUMED)] == [2, 2]
    assert told(shopper, RESUMED)[0]["closes_at"] == operator.get(sale.url).json["campaign"]["closes_at"]


def test_a_pause_that_is_over_before_it_is_told_is_not_told_nor_its_end(
    market: Market, shopper: Caller, operator: Caller, member: Caller
) -> None:
    sale = market.on_sale(20)
    ordered(shopper, sale)
    step(operator, sale, "pause")
    step(operator, sale, "resumption")
    work(market)
    for each in (shopper, member):
        assert [told(each, kind) for kind in (PAUSED, RESUMED)] == [[], []]


def test_only_who_was_told_of_a_pause_is_told_of_its_end(
    market: Market, as_role: Callable[..., Caller], operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "BATCH", 1)
    sale = market.on_sale(20)
    first, second = (as_role(Role.SHOPPER) for _ in range(2))
    for each in (first, second):
        ordered(each, sale)
    step(operator, sale, "pause")
    number = _number(sale)
    arguments: dict[str, Any] = {"campaign_id": str(sale.campaign_id), "number": number, "told_until": None}
    assert database.transact(lambda session: notifying.tell_buyers(session, market.ctx, **arguments)) == 1
    step(operator, sale, "resumption")
    work(market)
    assert [len(told(first, kind)) for kind in (PAUSED, RESUMED)] == [1, 1]
    assert [len(told(second, kind)) for kind in (PAUSED, RESUMED)] == [0, 0], (
        "the rest of the pause came too late"
    )


def test_while_a_batch_tells_of_a_move_there_is_no_other(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(20)
    ordered(shopper, sale)
    step(operator, sale, "pause")
    number = _number(sale)
    arguments: dict[str, Any] = {"campaign_id": str(sale.campaign_id), "number": number, "told_until": None}

    def work_and_look(session: Session) -> None:
        assert notifying.tell_buyers(session, market.ctx, **arguments) == 1
        with database.db.engine.connect() as another, pytest.raises(OperationalError, match="lock"):
            another.execute(
                text("SELECT 1 FROM campaign WHERE id = :id FOR NO KEY UPDATE NOWAIT"),
                {"id": sale.campaign_id},
            )

    database.transact(work_and_look)


def test_many_are_told_batch_by_batch_and_nobody_twice(
    market: Market, as_role: Callable[..., Caller], operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "BATCH", 2)
    sale = market.on_sale(20)
    people = [as_role(Role.SHOPPER) for _ in range(5)]
    members = [as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1]) for _ in range(3)]
    for each in people:
        ordered(each, sale)
    step(operator, sale, "pause")
    assert _jobs(notifying.TELL_BUYERS) == 1, "one for all of them"
    work(market)
    assert (_jobs(notifying.TELL_BUYERS), _jobs(notifying.TELL_PLEDGED)) == (3, 2)
    assert [len(told(each, PAUSED)) for each in (*people, *members)] == [1] * 8
    for name in (notifying.tell_buyers, notifying.tell_pledged):
        again = {"campaign_id": str(sale.campaign_id), "number": _number(sale), "told_until": None}
        assert database.transact(lambda session: name(session, market.ctx, **again)) == 0  # noqa: B023


def test_the_end_of_a_sale_is_told_with_what_comes_next(
    market: Market, shopper: Caller, operator: Caller, member: Caller
) -> None:
    sale = market.on_sale(20)
    paid(shopper, operator, sale, 2)
    step(operator, sale, "closing")
    work(market)
    [closed] = told(shopper, CLOSED)
    assert closed["effect"]["en"] == "Your orders go on as agreed."
    [pledged] = told(member, CLOSED)
    assert pledged["effect"]["en"].startswith("What it has sold is split over those that pledged")


def test_with_a_goal_it_is_told_that_this_is_decided_next(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(20, goal_boxes=5)
    paid(shopper, operator, sale, 2)
    step(operator, sale, "closing")
    work(market)
    [closed] = told(shopper, CLOSED)
    assert closed["effect"] == {"en": notifying.TO_A_GOAL.en, "zh": notifying.TO_A_GOAL.zh}


def test_what_has_failed_by_then_is_not_told_as_closed(
    market: Market, shopper: Caller, operator: Caller, member: Caller
) -> None:
    sale = market.on_sale(20, goal_boxes=5)
    paid(shopper, operator, sale, 2)
    step(operator, sale, "closing")
    assert operator.post(f"{sale.url}/evaluation").json["state"] == "failed"
    work(market)
    assert [told(each, CLOSED) for each in (shopper, member)] == [[], []]
    assert len(told(shopper, "campaign_failed")) == 1


def test_a_pause_that_outlasts_the_sale_is_told_as_its_end(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(20)
    paid(shopper, operator, sale, 2)
    step(operator, sale, "pause")
    work(market)
    presale.let_pass(market, sale, hours=241)
    step(operator, sale, "resumption")
    work(market)
    assert [len(told(shopper, kind)) for kind in (PAUSED, RESUMED, CLOSED)] == [1, 0, 1]


def test_a_draft_that_is_moved_tells_nobody(market: Market, member: Caller) -> None:
    sale = market.on_sale(20)
    work(market)
    assert _jobs(notifying.TELL_BUYERS) == _jobs(notifying.TELL_PLEDGED) == 0
    database.transact(
        lambda session: planning.move(
            session, market.ctx, campaign_id=sale.campaign_id, event=CampaignEvent.PAUSE, reason="a storm"
        )
    )
    assert _jobs(notifying.TELL_BUYERS) == _jobs(notifying.TELL_PLEDGED) == 1


def test_cooperatives_are_told_what_a_campaign_asks_of_them_and_until_when(
    market: Market, operator: Caller
) -> None:
    asked = allotted.sold(market, operator, pledged=(10, 10), orders=(4, 4)).start()
    work(market)
    found = {each.code: each for each in asked.commitments() if each.boxes}
    assert len(found) == 2
    for code, commitment in found.items():
        [message] = told(asked.member(code), "commitment_asked")
        assert (message["commitment_id"], message["boxes"]) == (str(commitment.id), commitment.boxes)
        assert commitment.answer_due_at is not None
        assert message["answer_until"].startswith(commitment.answer_due_at.strftime("%Y-%m-%dT%H:%M"))
    work(market)
    assert _count("commitment_asked") == 2


def _number(sale: Sale) -> int:
    with database.reading() as session:
        return planning.transitions_of(session, campaign_id=sale.campaign_id)[-1].number


def _jobs(name: str) -> int:
    with database.reading() as session:
        counted = select(func.count()).select_from(StoredJob).where(StoredJob.name == name)
        return session.scalar(counted) or 0


def _count(kind: str) -> int:
    with database.reading() as session:
        counted = select(func.count()).select_from(Notification).where(Notification.kind == kind)
        return session.scalar(counted) or 0
