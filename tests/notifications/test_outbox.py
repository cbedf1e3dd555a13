"""Told in the transaction of the cause, once; sent by the queue, at most once, only to who wants it."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text, update

from marketplace import context, database, jobs, verify
from marketplace.access import Role
from marketplace.identity import accounts
from marketplace.identity.models import Account
from marketplace.jobs.models import StoredJob
from marketplace.language import Text
from marketplace.notifications import Message, delivering, notify, notify_all
from marketplace.notifications.failing import Uncertain, Undelivered
from marketplace.notifications.kinds import OrderExpired, RefundPaid
from marketplace.notifications.models import Notification
from marketplace.notifications.rules import ATTEMPTS_MAX
from marketplace.values import Money
from tests.house import Caller
from tests.notifications.conftest import NOON, Remembering, at, deliveries, news, tell
from tests.test_metrics import value

EXPIRED = OrderExpired(order_id=uuid.UUID(int=1), boxes=2)
PAID_BACK = RefundPaid(order_id=uuid.UUID(int=1), amount=Money(100, "CNY"))


def work(app: Flask) -> None:
    """Let the queue do everything, also what waits for its time."""
    for _ in range(ATTEMPTS_MAX + 2):
        database.transact(lambda session: session.execute(update(StoredJob).values(due_at=text("now()"))))
        jobs.work(app, once=True)


def switch_off(caller: Caller, kind: str, channel: str = "console") -> None:
    answer = caller.put(
        "/v1/me/notification-preferences",
        {"language": None, "switched_off": [{"kind": kind, "channel": channel}]},
    )
    assert answer.status_code == 200, answer.json


def holds_true(app: Flask) -> bool:
    with database.reading() as session:
        return all(
            verify._find(session, each).holds
            for each in verify.invariants_of(app.extensions["modules"])
            if each.id in {"U1", "U2", "U3", "U4"}
        )


def test_a_message_is_sent_once_by_the_queue(app, channel: Remembering, shopper):
    before = value(
        app, "notification_deliveries_total", channel="console", kind="campaign_closed", outcome="sent"
    )
    assert tell(shopper.account_id)
    assert holds_true(app)
    work(app)
    work(app)

    [(parcel, address)] = channel.given
    assert address == str(shopper.account_id)
    assert parcel.title == Text(en="Spring is closed", zh="春 已截止")
    assert [each.state for each in deliveries()] == ["sent"]
    after = value(
        app, "notification_deliveries_total", channel="console", kind="campaign_closed", outcome="sent"
    )
    assert after == (before or 0) + 1
    assert holds_true(app)


def test_the_same_cause_is_told_once_to_each_person_and_kind(app, channel: Remembering, shopper, as_role):
    other = as_role(Role.SHOPPER)
    assert tell(shopper.account_id, cause="a")
    assert not tell(shopper.account_id, cause="a")
    assert tell(shopper.account_id, cause="b")
    assert tell(shopper.account_id, cause="a", about=EXPIRED)
    assert tell(other.account_id, cause="a")
    work(app)

    assert len(channel.given) == 4


def test_many_are_told_in_one_call_and_strangers_left_out(app, channel: Remembering, shopper, as_role):
    ids = [shopper.account_id, as_role(Role.SHOPPER).account_id, uuid.uuid4()]
    messages = [Message(account_id=each, cause="c", about=news()) for each in [*ids, ids[0]]]
    told = database.transact(lambda session: notify_all(session, at(), messages))
    work(app)

    assert told == 2
    assert {address for _, address in channel.given} == {str(each) for each in ids[:2]}
    assert database.transact(lambda session: notify_all(session, at(), [])) == 0


def test_what_is_undone_is_not_told(app, channel: Remembering, shopper):
    def fail(session):
        notify(session, at(), Message(account_id=shopper.account_id, cause="c", about=news()))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.transact(fail)
    work(app)

    assert channel.given == []
    assert deliveries() == []


def test_what_is_switched_off_is_not_sent_but_can_be_read(app, channel: Remembering, shopper):
    switch_off(shopper, "order_expired")
    tell(shopper.account_id, about=EXPIRED)
    tell(shopper.account_id, about=news())
    work(app)

    assert [parcel.kind for parcel, _ in channel.given] == ["campaign_closed"]
    assert {item["kind"] for item in shopper.get("/v1/me/notifications").json["items"]} == {
        "order_expired",
        "campaign_closed",
    }


def test_what_is_switched_off_while_it_waits_is_skipped(app, channel: Remembering, shopper):
    tell(shopper.account_id, about=EXPIRED)
    switch_off(shopper, "order_expired")
    work(app)

    assert channel.given == []
    assert [each.state for each in deliveries()] == ["skipped"]
    assert holds_true(app)


def test_a_disabled_account_is_told_nothing(app, channel: Remembering, shopper):
    tell(shopper.account_id, cause="before")
    database.transact(
        lambda session: accounts.disable(session, context.system(), account_id=shopper.account_id)
    )
    assert not tell(shopper.account_id, cause="after")
    work(app)

    assert channel.given == []


def test_without_an_address_no_mail_is_put_in(app, channel: Remembering, offering, shopper):
    offering["email"] = mail = Remembering()
    tell(shopper.account_id, cause="without")
    assert [each.channel for each in deliveries()] == ["console"]
    set_email(shopper, "li@example.org")
    tell(shopper.account_id, cause="with")
    work(app)

    assert [address for _, address in mail.given] == ["li@example.org"]


def test_an_address_taken_away_while_it_waits_is_not_written_to(app, offering, shopper):
    offering["email"] = mail = Remembering()
    set_email(shopper, "li@example.org")
    tell(shopper.account_id)
    assert shopper.delete("/v1/accounts/me/email").status_code == 200
    work(app)

    assert mail.given == []
    assert [each.state for each in deliveries()] == ["skipped"]


def set_email(caller: Caller, address: str | None) -> None:
    database.transact(
        lambda session: session.execute(
            update(Account).where(Account.id == caller.account_id).values(email=address)
        )
    )


def test_a_failure_is_tried_again_later_and_then_sent_once(app, channel: Remembering, shopper):
    channel.failures = [Undelivered("busy"), Undelivered("busy")]
    tell(shopper.account_id)
    jobs.work(app, once=True)
    [delivery] = deliveries()
    assert (delivery.state, delivery.attempts, delivery.problem) == ("waiting", 1, "busy")
    assert delivery.due_at > context.now_utc() + timedelta(seconds=20)
    assert holds_true(app)
    work(app)

    assert len(channel.given) == 1
    assert [(each.state, each.attempts) for each in deliveries()] == [("sent", 3)]


def test_after_so_many_failures_it_is_dead(app, channel: Remembering, shopper):
    channel.failures = [Undelivered("busy")] * 20
    tell(shopper.account_id)
    work(app)

    assert [(each.state, each.attempts) for each in deliveries()] == [("dead", ATTEMPTS_MAX)]


@pytest.mark.parametrize("problem", [Undelivered("no such box", is_final=True), Uncertain("no answer")])
def test_what_is_refused_for_good_or_may_have_been_taken_is_not_tried_again(app, channel, shopper, problem):
    channel.failures = [problem]
    tell(shopper.account_id)
    work(app)

    assert channel.given == []
    assert [(each.state, each.attempts) for each in deliveries()] == [("dead", 1)]


def test_a_unit_of_work_that_is_run_again_does_not_send_again(app, channel: Remembering, shopper):
    tell(shopper.account_id)
    [delivery] = deliveries()
    arguments = {"notification_ids": [str(delivery.notification_id)], "channel": "console"}

    def lost(session):
        delivering.deliver(session, context.system(), **arguments)
        if len(tries := [*tried, 1]) == 1:
            tried[:] = tries
            raise database.TryAgain

    tried: list[int] = []
    database.transact(lost)

    assert tried == [1]
    assert len(channel.given) == 1
    assert [each.state for each in deliveries()] == ["sent"]


def test_a_worker_that_died_while_it_sent_leaves_it_to_a_person(app, channel: Remembering, shopper):
    channel.failures = [SystemExit()]  # type: ignore[list-item]
    tell(shopper.account_id)
    work(app)

    assert channel.given == []
    assert [each.state for each in deliveries()] == ["waiting"]
    with database.reading() as session:
        assert [each.state for each in session.query(StoredJob)] == ["dead"]
    assert holds_true(app)


@pytest.mark.parametrize(("at_once_max", "jobs_put_in"), [(1, 5), (2, 3), (100, 1)])
def test_many_go_out_by_few_jobs_where_a_channel_allows(
    app, channel: Remembering, as_role, at_once_max, jobs_put_in
):
    """One fails, one is switched off meanwhile, one has left: the others are sent."""
    channel.at_once_max = at_once_max
    people = [as_role(Role.SHOPPER) for _ in range(5)]
    database.transact(
        lambda session: notify_all(
            session,
            at(),
            [Message(account_id=each.account_id, cause="c", about=EXPIRED) for each in people],
        )
    )
    with database.reading() as session:
        assert session.query(StoredJob).count() == jobs_put_in
    assert holds_true(app)
    gone, unwilling = people[1], people[2]
    database.transact(lambda session: accounts.disable(session, context.system(), account_id=gone.account_id))
    switch_off(unwilling, "order_expired")
    channel.failures = [None, Undelivered("busy")]
    database.transact(lambda session: session.execute(update(StoredJob).values(due_at=text("now()"))))
    jobs.work(app, once=True)

    states = {each.notification_id: each.state for each in deliveries()}
    assert sorted(states.values()) == ["sent", "sent", "skipped", "skipped", "waiting"]
    assert len(channel.given) == 2
    assert holds_true(app)
    work(app)
    assert len({parcel.id for parcel, _ in channel.given}) == len(channel.given) == 3


def test_at_night_only_what_is_urgent_goes_out(app, channel: Remembering, shopper):
    midnight = NOON + timedelta(hours=12)
    tell(shopper.account_id, now=midnight)

    [delivery] = deliveries()
    assert delivery.due_at == midnight + timedelta(hours=7)


def test_the_words_are_kept_as_they_were_told(app, channel: Remembering, shopper):
    tell(shopper.account_id, about=PAID_BACK)
    with database.reading() as session:
        [row] = session.query(Notification)
        assert row.facts == {"order_id": str(uuid.UUID(int=1)), "amount": {"minor": 100, "currency": "CNY"}}
        assert "1.00 CNY" in row.body_zh
