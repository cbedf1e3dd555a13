"""What arrives: every event that a query finds, once and in order, through failing destinations and lost jobs."""

import base64
import hashlib
import hmac
import json
import random
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from inventory.epcis.reading import read
from inventory.repository import finding
from inventory.repository.subscriptions import gathering, waking
from marketplace import database
from marketplace.audit import AuditEntry
from marketplace.jobs.models import StoredJob
from marketplace.outbound import client as outbound
from marketplace.outbound.client import Answer
from marketplace.outbound.rules import Outcome
from marketplace.values import instant_text
from marketplace.webhooks.rules import TRIES_MAX, WAITS_SECONDS
from tests.builders import broken
from tests.outbound.conftest import NAME, OK, saying
from tests.repository.subscriptions.conftest import (
    DAILY,
    DEST,
    TOKEN,
    Desk,
    boxes,
    changed,
    events,
    gathered,
    later,
    results,
    row,
    sent,
    swept,
    waiting,
    waits_in_queue,
    worked,
)
from tests.repository.test_doors import plain, told
from tests.webhooks.conftest import ACCEPTED, REFUSED, Receiver, verified

TOO_LARGE = Answer(outcome=Outcome.REFUSED, status=413, duration_ms=3)
GONE = Answer(outcome=Outcome.REFUSED, status=410, duration_ms=3)


def test_a_stream_is_told_of_what_its_query_finds_soon_after_it_was_captured(
    app: Flask, desk: Desk, receiver: Receiver
):
    desk.tell(1)
    made = desk.subscribe()
    desk.tell(2, 3)
    desk.tell(4, step="receiving")

    worked(app)

    [got] = receiver.got
    assert got.url == DEST
    assert (results(got)["queryName"], results(got)["subscriptionID"]) == ("shipped", made["subscriptionID"])
    assert [plain(event) for event in events(got)] == [told(n, bizStep="shipping") for n in (2, 3)]
    assert all(event["eventID"] and event["recordTime"] for event in events(got))
    read(got.json)
    assert desk.shown(made)["lastNotifiedAt"]
    assert waiting(made) is None
    desk.tell(5)
    worked(app)
    assert boxes(receiver) == [2, 3, 5]
    assert broken(app) == []


def test_nobody_is_told_anything_when_nothing_is_found(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe(reportIfEmpty=True)
    desk.tell(1, step="receiving")

    worked(app)

    assert receiver.got == []
    assert row(made).cursor == 1


def test_a_county_without_streams_puts_in_no_job(app: Flask, desk: Desk, receiver: Receiver):
    desk.subscribe(schedule=DAILY)
    desk.tell(1, 2)

    assert waits_in_queue(waking.WAKE) == []


def test_a_document_of_many_events_puts_in_one_job(desk: Desk):
    desk.subscribe()
    desk.tell(1, 2, 3)

    assert len(waits_in_queue(waking.WAKE)) == 1


def test_what_is_not_taken_in_wakes_nobody(desk: Desk):
    desk.subscribe()
    desk.repository.send({"type": "EPCISDocument"}, status=400)
    body = {**told(1), "eventTime": "yesterday"}
    assert desk.who.post(f"{desk.repository.url}/events", json=body).status_code == 400

    assert waits_in_queue(waking.WAKE) == []


def test_a_schedule_is_told_when_it_is_due_of_all_that_came_since(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe(schedule=DAILY)
    due = row(made).due_at
    desk.tell(1)
    desk.tell(2)
    early = replace(later(), now=due - timedelta(seconds=1))
    gathered(made, early)
    assert waiting(made) is None

    gathered(made, replace(early, now=due))
    desk.tell(3)
    sent(made, replace(early, now=due))

    assert boxes(receiver) == [1, 2]
    assert row(made).due_at == due + timedelta(days=1)
    assert datetime.fromisoformat(receiver.got[0].json["creationDate"]) == due
    gathered(made, replace(early, now=due + timedelta(hours=23)))
    assert waiting(made) is None
    gathered(made, replace(early, now=due + timedelta(days=1, hours=3)))
    sent(made, replace(early, now=due + timedelta(days=2)))
    assert boxes(receiver) == [1, 2, 3]
    assert row(made).due_at == due + timedelta(days=2)


def test_an_empty_report_is_sent_to_who_asked_for_it_and_only_then(
    app: Flask, desk: Desk, receiver: Receiver
):
    quiet = desk.subscribe(schedule=DAILY)
    eager = desk.subscribe(schedule=DAILY, reportIfEmpty=True)
    desk.tell(1, step="receiving")
    due = replace(later(), now=row(eager).due_at)
    for made in (quiet, eager):
        gathered(made, due)
        sent(made, due)

    [got] = receiver.got
    assert results(got)["subscriptionID"] == eager["subscriptionID"]
    assert events(got) == []
    read(got.json)
    assert row(quiet).cursor == row(eager).cursor == 1
    gathered(eager, replace(due, now=due.now + timedelta(hours=1)))
    assert waiting(eager) is None, "one report for each time it was due"
    assert broken(app) == []


def test_a_report_with_events_is_not_followed_by_an_empty_one(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe(schedule=DAILY, reportIfEmpty=True)
    desk.tell(1)
    due = replace(later(), now=row(made).due_at)
    gathered(made, due)
    sent(made, due)
    gathered(made, due)

    assert boxes(receiver) == [1]
    assert waiting(made) is None


def test_the_minute_s_look_puts_what_is_due_soon_into_the_queue_at_its_second(
    app: Flask, desk: Desk, receiver: Receiver
):
    made = desk.subscribe(schedule={**DAILY, "second": "40"})
    due = row(made).due_at
    assert swept() == 0

    assert swept(replace(later(), now=due - timedelta(seconds=40))) == 1

    [job] = waits_in_queue(waking.GATHER)
    assert job.due_at == due
    assert job.arguments == {"subscription_id": made["subscriptionID"]}


def test_a_schedule_of_seconds_wakes_itself_between_the_looks(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe(schedule={"second": "[0-59]"})
    first = row(made).due_at
    [job] = waits_in_queue(waking.GATHER)
    assert job.due_at == first
    database.transact(lambda session: session.query(StoredJob).delete())

    gathered(made, replace(later(), now=first))

    [job] = waits_in_queue(waking.GATHER)
    assert job.due_at == row(made).due_at == first + timedelta(seconds=1)


def test_lost_jobs_are_made_up_for_by_the_minute_s_look(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe()
    desk.tell(1)
    database.transact(lambda session: session.query(StoredJob).delete())
    assert swept() == 1
    gathered(made)
    database.transact(lambda session: session.query(StoredJob).delete())
    assert swept() == 1
    worked(app)

    assert boxes(receiver) == [1]
    assert swept() == 0


def test_it_is_signed_by_both_standards_when_there_is_a_token(app: Flask, desk: Desk, receiver: Receiver):
    desk.subscribe(signatureToken=TOKEN)
    desk.tell(1)
    worked(app)

    [got] = receiver.got
    secret = "whsec_" + base64.b64encode(TOKEN.encode()).decode()
    assert verified(got, secret)
    assert not verified(replace(got, body=got.body + b" "), secret)
    expected = hmac.new(TOKEN.encode(), got.body, hashlib.sha256).digest()
    assert base64.b64decode(got.headers["GS1-Signature"]) == expected
    assert got.headers["GS1-EPCIS-Version"] == "2.0.0"
    assert got.headers["Content-Type"] == "application/json"


def test_a_token_of_standard_webhooks_signs_as_their_libraries_read_it(
    app: Flask, desk: Desk, receiver: Receiver
):
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    desk.subscribe(signatureToken=secret)
    desk.tell(1)
    worked(app)

    assert verified(receiver.got[0], secret)


def test_without_a_token_nothing_is_signed(app: Flask, desk: Desk, receiver: Receiver):
    desk.subscribe()
    desk.tell(1)
    worked(app)

    [got] = receiver.got
    assert {"webhook-signature", "GS1-Signature"}.isdisjoint(got.headers)
    assert got.headers["webhook-id"]


def test_many_events_come_in_several_deliveries(
    app: Flask, desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    made = desk.subscribe(schedule=DAILY)
    desk.tell(*range(1, 8))
    changed(made, batch_max=3)
    gathered(made, replace(later(), now=row(made).due_at))
    assert row(made).cursor == 3
    desk.tell(8)
    worked(app)
    sent(made, replace(later(), now=datetime(2100, 1, 1, tzinfo=UTC)))
    worked(app)

    assert [len(events(got)) for got in receiver.got] == [3, 3, 1]
    assert boxes(receiver) == list(range(1, 8))
    assert row(made).cursor == 7


def test_large_events_come_in_smaller_deliveries(
    app: Flask, desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    desk.tell(9)
    one = len(json.dumps(desk.repository.events()[0]).encode())
    monkeypatch.setattr(gathering, "BYTES_MAX", 2 * one)
    desk.subscribe()
    desk.tell(1, 2, 3, 4, 5)
    worked(app)
    assert boxes(receiver) == [1, 2, 3, 4, 5]
    assert [len(events(got)) for got in receiver.got] == [2, 2, 1]
    monkeypatch.setattr(gathering, "BYTES_MAX", 1)
    desk.tell(6, 7)
    worked(app)

    assert boxes(receiver) == [1, 2, 3, 4, 5, 6, 7]
    assert [len(events(got)) for got in receiver.got[-2:]] == [1, 1], "one too large goes alone"


def test_what_must_be_looked_at_for_long_is_looked_at_in_turns(
    app: Flask, desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    """Names of others cannot be told by the database: each event is looked at."""
    monkeypatch.setattr(finding, "LOOKED_AT_MAX", 2)
    desk.keep("ours", **{"EQ_https://ns.example.com/kind": "box"})
    url = f"{desk.repository.url}/queries/ours/subscriptions"
    asked = {"dest": DEST, "schedule": DAILY, "reportIfEmpty": True}
    made = desk.who.post(url, json=asked).json
    desk.tell(1, 2, 3, 4, 5)
    due = replace(later(), now=row(made).due_at)
    gathered(made, due)
    assert (row(made).cursor, row(made).goal, waiting(made)) == (2, 5, None)
    worked(app)
    sent(made, due)

    assert row(made).cursor == 5
    assert [events(got) for got in receiver.got] == [[]]
    assert broken(app) == []


def test_a_destination_that_takes_no_large_documents_gets_smaller_ones(
    app: Flask, desk: Desk, receiver: Receiver
):
    made = desk.subscribe()
    receiver.says = lambda received: TOO_LARGE if len(events(received)) > 2 else ACCEPTED
    desk.tell(*range(1, 8))
    worked(app)

    assert [len(events(got)) for got in receiver.got] == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert boxes(receiver)[-7:] == list(range(1, 8))
    assert (row(made).cursor, row(made).batch_max) == (7, 1)
    assert desk.shown(made)["failures"] == 0


def test_events_that_were_recorded_before_the_initial_time_are_not_told(
    app: Flask, desk: Desk, receiver: Receiver
):
    desk.tell(1)
    desk.tell(2)
    desk.tell(3)
    second = desk.repository.events()[1]["recordTime"]
    desk.subscribe(initialRecordTime=second)
    tomorrow = desk.subscribe(initialRecordTime=instant_text(later(days=1).now))
    worked(app)
    assert boxes(receiver) == [2, 3]
    desk.tell(4)
    worked(app)

    assert boxes(receiver) == [2, 3, 4]
    assert row(tomorrow).cursor == 4


def test_the_order_of_the_query_holds_within_a_delivery(app: Flask, desk: Desk, receiver: Receiver):
    for name, direction in (("rising", "ASC"), ("falling", "DESC")):
        desk.keep(name, orderBy="eventTime", orderDirection=direction)
        url = f"{desk.repository.url}/queries/{name}/subscriptions"
        assert desk.who.post(url, json={"dest": DEST, "stream": True}).status_code == 201
    desk.tell(2, 3, 1)
    worked(app)
    by_name = {results(got)["queryName"]: got for got in receiver.got}

    assert [event["eventTime"][14:16] for event in events(by_name["rising"])] == ["01", "02", "03"]
    assert [event["eventTime"][14:16] for event in events(by_name["falling"])] == ["03", "02", "01"]


def test_what_fails_is_sent_again_after_growing_pauses_under_the_same_id_and_then_it_pauses(
    app: Flask, desk: Desk, receiver: Receiver
):
    made = desk.subscribe()
    desk.tell(1)
    gathered(made)
    receiver.says = lambda received: REFUSED
    ctx = later(seconds=1)
    for tries in range(1, TRIES_MAX + 1):
        sent(made, ctx)
        shown, delivery = desk.shown(made), waiting(made)
        assert len(receiver.got) == tries
        assert (shown["failures"], shown["lastOutcome"], shown["lastStatus"]) == (tries, "refused", 500)
        if tries < TRIES_MAX:
            wait = (delivery.due_at - ctx.now).total_seconds()
            assert 0.79 * WAITS_SECONDS[tries - 1] <= wait <= 1.21 * WAITS_SECONDS[tries - 1] + 1
            assert shown["state"] == "active"
            sent(made, replace(ctx, now=delivery.due_at - timedelta(milliseconds=1)))
            assert len(receiver.got) == tries, "not before it is due"
            ctx = replace(ctx, now=delivery.due_at)
    assert (shown["state"], shown["pausedReason"]) == ("paused", "failing")
    assert shown["pausedAt"]
    assert len({(got.body, got.headers["webhook-id"]) for got in receiver.got}) == 1
    sent(made, replace(ctx, now=ctx.now + timedelta(days=400)))
    assert len(receiver.got) == TRIES_MAX
    assert swept(replace(ctx, now=ctx.now + timedelta(days=400))) == 0


def test_nothing_is_lost_when_a_paused_one_goes_on(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe()
    desk.tell(1)
    receiver.says = lambda received: GONE
    worked(app)
    assert desk.shown(made)["pausedReason"] == "gone"
    assert desk.shown(made)["lastStatus"] == 410
    desk.tell(2)
    desk.tell(3)
    worked(app)
    assert len(receiver.got) == 1
    receiver.says = lambda received: ACCEPTED

    response = desk.who.post(f"{desk.url}/{made['subscriptionID']}/resuming")
    assert (response.json["state"], response.json["failures"]) == ("active", 0)
    assert "pausedReason" not in response.json
    worked(app)

    assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]
    assert boxes(receiver) == [1, 1, 2, 3]
    assert broken(app) == []


def test_a_token_that_cannot_be_opened_pauses_it(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe(signatureToken=TOKEN)
    changed(made, sealed_token=row(desk.subscribe(signatureToken=TOKEN)).sealed_token)
    desk.tell(1)
    worked(app)

    assert desk.shown(made)["pausedReason"] == "token_unreadable"
    assert len(receiver.got) == 1, "the other one is told"


def test_while_a_destination_is_away_one_delivery_waits_and_the_chain_keeps_the_rest(
    app: Flask, desk: Desk, receiver: Receiver
):
    made = desk.subscribe()
    receiver.says = lambda received: REFUSED
    for number in range(1, 5):
        desk.tell(number)
        worked(app)
    assert (row(made).cursor, row(made).goal) == (1, 4)
    assert len(receiver.got) == 1
    receiver.says = lambda received: ACCEPTED
    sent(made, replace(later(), now=waiting(made).due_at))
    worked(app)

    assert boxes(receiver) == [1, 1, 2, 3, 4]


def test_a_sender_that_dies_after_its_call_sends_the_same_document_again(
    app: Flask, desk: Desk, receiver: Receiver
):
    made = desk.subscribe()
    desk.tell(1)
    gathered(made)

    class Killed(Exception):
        pass

    def die(received):
        raise Killed

    receiver.says = die
    with pytest.raises(Killed):
        sent(made)
    desk.tell(2)
    receiver.says = lambda received: ACCEPTED
    worked(app)

    assert boxes(receiver) == [1, 1, 2]
    assert receiver.got[0].body == receiver.got[1].body
    assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]


def test_a_gatherer_that_dies_has_moved_nothing(
    app: Flask, desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    made = desk.subscribe()
    desk.tell(1)

    class Killed(Exception):
        pass

    def die(*_args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(gathering.waking, "send", die)
        with pytest.raises(Killed):
            gathered(made)
    assert (row(made).cursor, waiting(made)) == (0, None)
    worked(app)

    assert boxes(receiver) == [1]


def test_no_two_senders_of_one_subscription_and_no_row_is_locked_while_it_is_called(
    app: Flask, desk: Desk, receiver: Receiver
):
    made = desk.subscribe()
    desk.tell(1)
    gathered(made)
    begun, go_on = threading.Event(), threading.Event()

    def hang(received):
        begun.set()
        assert go_on.wait(10)
        return ACCEPTED

    def first():
        with app.app_context():
            sent(made)

    receiver.says = hang
    app.extensions["lines:webhooks"] = threading.BoundedSemaphore(4)
    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert begun.wait(10)
        sent(made)
        assert len(receiver.got) == 1
        desk.tell(2)
        gathered(made)
        assert desk.who.delete(f"{desk.url}/{made['subscriptionID']}").status_code == 204
    finally:
        go_on.set()
        thread.join()
        del app.extensions["lines:webhooks"]
    assert waiting(made) is None
    assert broken(app) == []


def test_what_people_and_the_system_did_is_in_the_audit_trail(app: Flask, desk: Desk, receiver: Receiver):
    made = desk.subscribe()
    desk.tell(1)
    receiver.says = lambda received: GONE
    worked(app)
    desk.who.post(f"{desk.url}/{made['subscriptionID']}/resuming")
    desk.who.delete(f"{desk.url}/{made['subscriptionID']}")
    with database.reading() as session:
        entries = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_id == made["subscriptionID"])
            .order_by(AuditEntry.at, AuditEntry.id)
        ).all()

    assert [(each.action, each.actor.partition(":")[0]) for each in entries] == [
        ("event_subscription.made", "account"),
        ("event_subscription.paused", "system"),
        ("event_subscription.resumed", "account"),
        ("event_subscription.ended", "account"),
    ]
    assert entries[1].after == {"reason": "gone"}


def test_over_a_real_wire(app: Flask, desk: Desk, serve, client_of):
    server = serve(saying(OK))
    outbound.configure(app, client_of(server))
    try:
        made = desk.subscribe(dest=f"https://{NAME}:{server.port}/in", signatureToken=TOKEN)
        desk.tell(1)
        worked(app)
    finally:
        outbound.configure(app, None)
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    got = type("Got", (), {"headers": fields, "body": body})
    assert verified(got, "whsec_" + base64.b64encode(TOKEN.encode()).decode())
    read(json.loads(body))
    assert desk.shown(made)["lastNotifiedAt"]


def test_a_destination_whose_name_leads_inside_is_never_connected_to(app: Flask, desk: Desk):
    made = desk.subscribe()
    desk.tell(1)
    inside = outbound.Client(
        resolve=lambda host, port: ["10.0.0.1"], dial=lambda *_: pytest.fail("connected")
    )
    outbound.configure(app, inside)
    try:
        worked(app)
    finally:
        outbound.configure(app, None)

    assert desk.shown(made)["lastOutcome"] == "address_not_allowed"


def test_every_event_arrives_in_order_and_none_twice_but_by_its_id(
    app: Flask, desk: Desk, receiver: Receiver
):
    """Writers at once; a third of the calls fails, and now and then a sender or a gatherer is cut off."""
    made = desk.subscribe()
    chance = random.Random(59)
    taken: dict[str, list[int]] = {}

    class Killed(Exception):
        pass

    def badly(received):
        if chance.random() < 0.3:
            return REFUSED
        taken[received.headers["webhook-id"]] = [
            int(event["epcList"][0].rpartition(".")[2]) for event in events(received)
        ]
        if chance.random() < 0.3:
            raise Killed
        return ACCEPTED

    receiver.says = badly
    changed(made, batch_max=4)

    def write(number: int) -> None:
        with app.app_context():
            desk.tell(*range(number, number + 3))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 40, 3)]
    for each in threads:
        each.start()
    until = time.monotonic() + 120
    while time.monotonic() < until:  # as long as the writers need, however fast the sender looks
        ctx = later(days=10)
        try:
            gathered(made, ctx)
            sent(made, ctx)
        except Killed:
            continue
        if not any(each.is_alive() for each in threads) and row(made).cursor == 39 and not waiting(made):
            break
    for each in threads:
        each.join()
    in_chain = [int(event["epcList"][0].rpartition(".")[2]) for event in desk.repository.events(perPage=100)]
    assert len(in_chain) == 39
    assert [number for each in taken.values() for number in each] == in_chain
    assert broken(app) == []
