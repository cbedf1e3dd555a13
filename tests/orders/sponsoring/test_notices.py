"""Sponsors are told each step of what they buy, and cooperatives what is due to them; in both languages, once."""

from typing import Any

import pytest
from sqlalchemy import select

from marketplace import database
from marketplace.access import Role
from marketplace.notifications.models import Notification, NotificationDelivery
from orders.sponsoring import notifying
from tests.builders import PRICE_MINOR, Market
from tests.campaigns.inbox import told, work
from tests.house import Caller
from tests.orders.sponsoring.fund import TOTAL, WHY, Fund, drafted, stocked


@pytest.fixture
def fund(market: Market, buyer: Caller, operator: Caller) -> Fund:
    return drafted(stocked(market), buyer, operator)


def cny(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "CNY"}


def kinds_of(fund: Fund) -> list[str]:
    """What the sponsor was told, first first."""
    work(fund.market)
    with database.reading() as session:
        found = select(Notification.kind).where(
            Notification.account_id == fund.sponsor.account_id, Notification.kind.startswith("sponsorship_")
        )
        return list(session.scalars(found.order_by(Notification.id)))


def test_a_sponsor_is_told_every_step_of_a_sponsorship(fund: Fund) -> None:
    fund.committed()
    assert kinds_of(fund) == ["sponsorship_signed", "sponsorship_accepted"]
    assert told(fund.sponsor, "sponsorship_accepted") == [
        {"sponsorship_id": fund.id, "boxes": 20, "total": cny(TOTAL), "escrow": cny(TOTAL)}
    ]
    fund.paid(TOTAL)
    assert kinds_of(fund)[2:] == ["sponsorship_funded"]
    fund.allocated()
    fund.order.committed()
    assert kinds_of(fund)[3:] == ["sponsorship_allocated"]
    [allocated] = told(fund.sponsor, "sponsorship_allocated")
    assert (allocated["boxes"], allocated["sponsorship_id"]) == (20, fund.id)
    fund.delivered().over().done(fund.step(fund.operator, "ending"))
    work(fund.market)
    fund.done(fund.step(fund.operator, "closing"))
    assert kinds_of(fund)[4:] == ["sponsorship_ended", "sponsorship_closed"]
    [ended] = told(fund.sponsor, "sponsorship_ended")
    assert (ended["boxes_donated"], ended["returned"]) == (20, cny(0))
    assert told(fund.sponsor, "sponsorship_closed") == [
        {"sponsorship_id": fund.id, "paid": cny(TOTAL), "returned": cny(0)}
    ]


def test_both_languages_are_written(fund: Fund) -> None:
    fund.committed()
    work(fund.market)
    with database.reading() as session:
        row = session.scalar(select(Notification).where(Notification.kind == "sponsorship_accepted"))
        assert row is not None
        assert "is accepted" in row.title_en
        assert "已被接受" in row.title_zh


def test_a_rejected_and_a_cancelled_one_are_told_with_their_reasons(fund: Fund) -> None:
    fund.done(fund.step(fund.sponsor, "signature"))
    fund.done(fund.step(fund.operator, "rejection", WHY))
    fund.committed().paid(TOTAL - 1)
    fund.done(fund.step(fund.sponsor, "cancellation", WHY))
    work(fund.market)
    reason = {"en": WHY["reason"], "zh": WHY["reason"]}
    assert [each["reason"] for each in told(fund.sponsor, "sponsorship_rejected")] == [reason]
    [cancelled] = told(fund.sponsor, "sponsorship_cancelled")
    assert (cancelled["reason"], cancelled["returned"]) == (reason, cny(TOTAL - 1))
    assert len(told(fund.sponsor, "sponsorship_signed")) == 2, "signed twice, and told twice"


def test_boxes_that_nobody_is_left_for_are_told_at_once(
    market: Market, buyer: Caller, operator: Caller
) -> None:
    fund = drafted(stocked(market, 7, 7, 6), buyer, operator).funded().allocated()
    order = fund.order.approved()
    order.done(order.confirm("YJ01")).done(order.confirm("YJ02")).done(order.decline("YJ03"))
    assert told(buyer, "sponsorship_short") == [{"sponsorship_id": fund.id, "boxes": 20, "boxes_short": 6}]
    order.done(order.accept_short())
    assert kinds_of(fund)[-1] == "sponsorship_allocated"
    assert told(buyer, "sponsorship_allocated")[0]["boxes"] == 14


def test_a_split_that_is_given_up_is_told_with_what_is_left_in_escrow(fund: Fund) -> None:
    fund.funded().allocated()
    order = fund.order.approved()
    order.done(order.cancel())
    work(fund.market)
    assert [each["escrow"] for each in told(fund.sponsor, "sponsorship_given_up")] == [cny(TOTAL)]


def test_what_is_carried_on_is_told_with_its_new_end(market: Market, buyer: Caller, operator: Caller) -> None:
    fund = drafted(stocked(market), buyer, operator, end_policy="carried_on", carry_days=5).drawing()
    fund.over().done(fund.step(operator, "ending"))
    work(market)
    [carried] = told(buyer, "sponsorship_carried")
    assert carried["boxes"] == 20
    assert carried["draws_until"][:16] == fund.seen()["draws_until"][:16]


def test_a_cooperative_is_told_of_each_tranche_of_its_own(fund: Fund) -> None:
    fund.drawing()
    member, other = fund.members[0], fund.members[1]
    boxes = fund.shares()["YJ01"]["boxes"]
    [first] = told(member, "tranche_released")
    assert (first["amount"], first["tranche"]["en"]) == (cny(boxes * PRICE_MINOR * 3 // 10), "confirmation")
    before = len(told(other, "tranche_released"))
    fund.done(fund.move("intakes", "YJ01", 1)).done(fund.move("intakes", "YJ01", 1))
    intakes = [each["amount"] for each in told(member, "tranche_released")[:2]]
    assert intakes == [cny(PRICE_MINOR * 4 // 10)] * 2, "each part of it"
    assert len(told(other, "tranche_released")) == before == 1, "nobody else's"
    assert told(fund.sponsor, "tranche_released") == []


def test_who_does_not_want_a_kind_is_not_sent_it_and_what_binds_is_sent_all_the_same(fund: Fund) -> None:
    refused = [{"kind": kind, "channel": "console"} for kind in ("sponsorship_signed", "sponsorship_carried")]
    response = fund.sponsor.put(
        "/v1/me/notification-preferences", json={"language": None, "switched_off": refused}
    )
    assert response.status_code == 200, response.json
    fund.committed()
    work(fund.market)
    with database.reading() as session:
        sent = session.scalars(
            select(Notification.kind)
            .join(NotificationDelivery, NotificationDelivery.notification_id == Notification.id)
            .where(Notification.account_id == fund.sponsor.account_id)
        ).all()
    assert sent == ["sponsorship_accepted"]
    assert len(told(fund.sponsor, "sponsorship_signed")) == 1, "it is there to be read"


def test_nobody_is_told_twice_when_the_job_is_run_again(fund: Fund) -> None:
    fund.done(fund.step(fund.sponsor, "signature"))
    told_now = [
        database.transact(
            lambda session: notifying.tell_sponsor(session, fund.market.ctx, sponsorship_id=fund.id, number=2)
        )
        for _ in range(2)
    ]
    assert told_now == [True, False]
    assert kinds_of(fund) == ["sponsorship_signed"]


def test_a_stranger_is_told_nothing(fund: Fund, as_role: Any) -> None:
    stranger = as_role(Role.BUYER)
    fund.funded()
    work(fund.market)
    assert told(stranger, "sponsorship_funded") == []
    assert len(told(fund.sponsor, "sponsorship_funded")) == 1
