"""Asking to be told when a campaign opens, and being told: once, in batches, out of the way of the opening."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from campaigns import planning, subscriptions
from campaigns.models import Campaign, Subscription
from marketplace import context, database, jobs
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from marketplace.notifications.models import Notification
from tests.builders import Market, Sale

TOMORROW = timedelta(days=1)


def url(sale: Sale) -> str:
    return f"{sale.url}/subscription"


@pytest.fixture
def soon(market: Market) -> Sale:
    """A campaign that opens tomorrow."""
    return market.scheduled(at=market.ctx, opens_in=TOMORROW)


def open_(market: Market) -> None:
    """Let the time of every opening come."""

    def work(session: Session) -> None:
        opened_at = market.ctx.now - timedelta(minutes=1)
        session.execute(update(Campaign).where(Campaign.opens_at > opened_at).values(opens_at=opened_at))
        planning.follow_clock_everywhere(session, context.system())

    database.transact(work)


def told() -> dict[str, int]:
    with database.reading() as session:
        rows = session.execute(select(Notification.kind, func.count()).group_by(Notification.kind)).all()
        return {row[0]: row[1] for row in rows}


def subscribed() -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Subscription)) or 0


def crowd(sale: Sale, count: int) -> None:
    """So many shoppers who wait for the campaign."""
    database.transact(
        lambda session: session.execute(
            text("""
            WITH made AS (
                INSERT INTO account (id, name, status, created_at, version)
                SELECT gen_random_uuid(), 'n', 'active', now(), 1 FROM generate_series(1, :count) RETURNING id
            ), roles AS (
                INSERT INTO account_role SELECT id, 'shopper' FROM made
            ), trail AS (
                INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id)
                SELECT gen_random_uuid(), now(), 'system', 'account.create', 'account', id::text, 'x' FROM made
            )
            INSERT INTO campaign_subscription SELECT :campaign, id, now() FROM made
            """),
            {"count": count, "campaign": sale.campaign_id},
        )
    )


def test_who_asked_is_told_once_when_it_opens(app: Flask, market: Market, soon: Sale, shopper, as_role):
    first = shopper.post(url(soon))
    again = shopper.post(url(soon))
    as_role(Role.SHOPPER).post(url(soon))
    assert first.status_code == again.status_code == 200
    assert (
        first.json
        == again.json
        == {"campaign_id": str(soon.campaign_id), "created_at": first.json["created_at"]}
    )
    jobs.work(app, once=True)
    assert told() == {}

    open_(market)
    open_(market)
    jobs.work(app, once=True)

    assert told() == {"campaign_opened": 2}
    [item] = shopper.get("/v1/me/notifications").json["items"]
    assert item["facts"]["campaign_id"] == str(soon.campaign_id)


def test_a_pause_and_going_on_tells_nobody_again(app: Flask, market: Market, soon: Sale, shopper):
    shopper.post(url(soon))
    later = context.system()
    open_(market)
    asked = {"campaign_id": soon.campaign_id, "reason": "rain"}
    database.transact(
        lambda session: planning.move(session, later, event=planning.CampaignEvent.PAUSE, **asked)
    )
    database.transact(lambda session: planning.resume(session, later, **asked))
    jobs.work(app, once=True)

    assert told() == {"campaign_opened": 1}


def test_who_does_not_want_it_any_more_is_not_told(app: Flask, market: Market, soon: Sale, shopper):
    shopper.post(url(soon))
    assert shopper.delete(url(soon)).status_code == 204
    assert shopper.delete(url(soon)).status_code == 204
    open_(market)
    jobs.work(app, once=True)

    assert told() == {}


def test_who_waits_for_what_is_cancelled_is_told_that(app: Flask, soon: Sale, shopper, operator):
    shopper.post(url(soon))
    assert operator.post(f"{soon.url}/cancellation", {"reason": "hail"}).status_code == 200
    jobs.work(app, once=True)

    assert told() == {"campaign_cancelled": 1}


def test_only_what_is_announced_and_not_open_can_be_waited_for(market: Market, shopper):
    for sale, state in ((market.on_sale(), "deposit_open"), (market.over(), "deposit_closed")):
        answer = shopper.post(url(sale))
        assert (answer.status_code, answer.json["code"], answer.json["state"]) == (409, "open_already", state)
    assert subscribed() == 0


def test_a_draft_looks_like_what_is_missing(market: Market, shopper):
    missing = f"/v1/campaigns/{uuid.uuid4()}/subscription"
    for path in (url(market.draft()), missing):
        for answer in (shopper.post(path), shopper.delete(path)):
            assert (answer.status_code, answer.json["code"]) == (404, "campaign_not_found")


def test_the_opening_itself_writes_one_job_however_many_wait(app: Flask, market: Market, soon: Sale):
    crowd(soon, 3 * subscriptions.BATCH)
    open_(market)
    with database.reading() as session:
        waiting = session.scalars(select(StoredJob).where(StoredJob.name == subscriptions.TELL)).all()
        assert len(waiting) == 1
    assert told() == {}


def test_a_crowd_is_told_in_batches_and_after_a_broken_one_nobody_is_missed_or_told_twice(
    app: Flask, market: Market, soon: Sale, monkeypatch
):
    crowd(soon, count := 2 * subscriptions.BATCH + 17)
    open_(market)
    real, calls = subscriptions.notify_all, []

    def fails_once(session, ctx, messages):
        calls.append(len(messages))
        done = real(session, ctx, messages)
        if len(calls) == 2:
            raise RuntimeError
        return done

    monkeypatch.setattr(subscriptions, "notify_all", fails_once)
    jobs.work(app, once=True)
    assert told() == {"campaign_opened": subscriptions.BATCH}
    database.transact(lambda session: session.execute(update(StoredJob).values(due_at=func.now())))
    jobs.work(app, once=True)

    assert told() == {"campaign_opened": count}
    assert calls == [200, 200, 200, 17]
