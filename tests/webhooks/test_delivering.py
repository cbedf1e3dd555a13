"""Sent, signed, tried again, rested, given up: one endpoint's fate touches nobody else's."""

import threading
import time
from dataclasses import replace

import pytest

from marketplace import database, jobs, metrics
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from marketplace.outbound import client as outbound
from marketplace.outbound.client import Answer
from marketplace.outbound.rules import Outcome
from marketplace.settings import PROJECT_ROOT
from marketplace.webhooks import delivering
from marketplace.webhooks.rules import TRIES_MAX, WAITS_SECONDS, DisabledReason
from tests.builders import broken
from tests.outbound.conftest import NAME, OK, dripping, pouring, saying
from tests.webhooks.conftest import (
    ACCEPTED,
    REFUSED,
    URL,
    attempts,
    deliveries,
    endpoint_of,
    hurried,
    messages,
    registered,
    stored,
    turn,
    verified,
    worked,
)

PATH = "/v1/webhook-endpoints"


def tried(operator, made):
    response = operator.post(f"{PATH}/{made['id']}/tests")
    assert response.status_code == 202, response.json
    return response.json


def test_a_message_arrives_signed_by_the_standard(app, market, operator, receiver):
    made = registered(operator)
    tried(operator, made)
    worked(app)
    [got] = receiver.got
    [message] = messages()
    assert got.url == URL
    assert got.headers["webhook-id"] == str(message.id) == got.json["id"]
    assert (got.json["type"], got.json["version"]) == ("webhook.test", 1)
    assert got.json["data"] == {"endpoint_id": made["id"]}
    assert verified(got, made["secret"])
    assert not verified(got, registered(operator)["secret"])
    changed = replace(got, body=got.body.replace(b"webhook.test", b"webhook.tesT"))
    assert not verified(changed, made["secret"])


def test_the_example_of_the_documentation_verifies_what_is_sent(app, market, operator, receiver):
    page = (PROJECT_ROOT / "docs" / "webhooks.md").read_text()
    known: dict = {}
    exec(page.split("```python\n")[1].split("```")[0], known)
    made = registered(operator)
    tried(operator, made)
    worked(app)
    [got] = receiver.got
    assert known["is_genuine"](got.headers, got.body, made["secret"])
    assert not known["is_genuine"](got.headers, got.body + b" ", made["secret"])
    assert not known["is_genuine"](got.headers, got.body, registered(operator)["secret"])
    late = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 400)}
    assert not known["is_genuine"](late, got.body, made["secret"])


def test_in_an_overlap_both_secrets_sign_and_then_the_new_one_alone(app, market, operator, receiver):
    made = registered(operator)
    new = operator.post(f"{PATH}/{made['id']}/secrets", json={"overlap_hours": 1}).json["secret"]
    tried(operator, made)
    turn(market.later(minutes=5), made["id"])
    [during] = receiver.got
    assert verified(during, made["secret"], tolerance=600)
    assert verified(during, new, tolerance=600)
    tried(operator, made)
    turn(market.later(hours=2), made["id"])
    after = receiver.got[-1]
    assert not verified(after, made["secret"], tolerance=8_000)
    assert verified(after, new, tolerance=8_000)


def test_what_fails_is_tried_again_until_it_is_dead_and_every_attempt_is_shown(
    app, market, operator, receiver
):
    made = registered(operator)
    sent = tried(operator, made)
    receiver.says = lambda received: REFUSED
    ctx = market.later(seconds=1)
    for tries in range(1, TRIES_MAX + 1):
        turn(ctx, made["id"])
        [row] = deliveries()
        assert (row.attempts, row.tries) == (tries, tries)
        if tries < TRIES_MAX:
            wait = (row.due_at - ctx.now).total_seconds()
            assert 0.79 * WAITS_SECONDS[tries - 1] <= wait <= 1.21 * WAITS_SECONDS[tries - 1] + 1
            assert row.state == "waiting"
            turn(replace(ctx, now=row.due_at - (row.due_at - ctx.now) / 2), made["id"])
            assert deliveries()[0].attempts == tries, "not before it is due"
            rests = endpoint_of(made).rests_until
            ctx = replace(ctx, now=max(row.due_at, rests or row.due_at))
    assert deliveries()[0].state == "dead"
    turn(replace(ctx, now=ctx.now.replace(year=ctx.now.year + 1)), made["id"])
    assert len(receiver.got) == TRIES_MAX
    assert len({got.body for got in receiver.got}) == 1
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    shown = operator.get(f"/v1/webhook-deliveries/{sent['id']}").json
    assert (shown["state"], shown["attempts"]) == ("dead", TRIES_MAX)
    assert [each["number"] for each in shown["log"]] == list(range(1, TRIES_MAX + 1))
    assert {(each["outcome"], each["status"], each["duration_ms"]) for each in shown["log"]} == {
        ("refused", 500, 3)
    }
    assert shown["body"] == receiver.got[0].json
    listed = operator.get(f"{PATH}/{made['id']}/deliveries", query_string={"state": "dead"}).json["items"]
    assert [each["id"] for each in listed] == [sent["id"]]


def test_the_queue_itself_brings_a_failed_message_back(app, market, operator, receiver):
    made = registered(operator)
    tried(operator, made)
    receiver.says = lambda received: REFUSED
    worked(app)
    [waits] = [job for job in stored(StoredJob) if job.name == "webhooks.deliver" and job.state == "waiting"]
    [row] = deliveries()
    assert waits.due_at == row.due_at
    receiver.says = lambda received: ACCEPTED
    database.transact(lambda session: session.get(StoredJob, waits.id).__setattr__("due_at", market.ctx.now))
    delivered_at = replace(market.ctx, now=row.due_at)
    turn(delivered_at, made["id"])
    assert [each.outcome for each in attempts()] == ["refused", "accepted"]
    assert endpoint_of(made).failures_in_row == 0


def test_an_endpoint_that_fails_in_a_row_rests_and_is_then_tried_with_one_message(
    app, market, operator, receiver
):
    made = registered(operator)
    for _ in range(12):
        market.case()
    receiver.says = lambda received: REFUSED
    ctx = market.later(seconds=5)
    turn(ctx, made["id"])
    assert len(receiver.got) == 5, "after five failures in a row nothing more is risked"
    sick = endpoint_of(made)
    assert sick.rests_until is not None
    turn(replace(ctx, now=sick.rests_until.replace(microsecond=0)), made["id"])
    assert len(receiver.got) == 5
    later = replace(ctx, now=sick.rests_until)
    turn(later, made["id"])
    assert len(receiver.got) == 6
    longer = endpoint_of(made)
    assert longer.rests_until - later.now > sick.rests_until - ctx.now
    receiver.says = lambda received: ACCEPTED
    turn(replace(ctx, now=longer.rests_until), made["id"])
    turn(replace(ctx, now=longer.rests_until), made["id"])
    assert endpoint_of(made).failures_in_row == 0
    shown = operator.get(f"{PATH}/{made['id']}").json
    assert (shown["failing_since"], shown["rests_until"]) == (None, None)


def test_five_days_without_an_answer_disable_an_endpoint_and_the_owner_s_others_are_told(
    app, market, operator, receiver, member
):
    mine = str(market.cooperative_ids[0])
    made = registered(operator, events=["case.opened"], cooperative_id=mine)
    registered(operator, url="https://second.example.com/", events=["case.opened"], cooperative_id=mine)
    theirs = str(market.cooperative_ids[1])
    registered(operator, url="https://foreign.example.com/", events=["case.opened"], cooperative_id=theirs)
    registered(operator, url="https://market.example.com/", events=["order.placed"])
    receiver.says = lambda received: REFUSED if received.url == URL else ACCEPTED
    market.case()
    turn(market.later(seconds=60), made["id"])
    hurried(days=4, hours=23)
    turn(market.later(seconds=60), made["id"])
    assert endpoint_of(made).state == "enabled"
    hurried(days=5)
    turn(market.later(seconds=60), made["id"])
    sick = endpoint_of(made)
    assert (sick.state, sick.disabled_reason) == ("disabled", DisabledReason.FAILING)
    hurried()
    for endpoint in (each for each in stored(type(sick)) if each.state == "enabled"):
        turn(market.later(seconds=120), str(endpoint.id))
    assert receiver.of("https://second.example.com/")[-1]["data"] == {
        "endpoint_id": made["id"],
        "reason": "failing",
    }
    assert receiver.types("https://market.example.com/") == ["webhook_endpoint.disabled"]
    assert receiver.types("https://foreign.example.com/") == []
    assert operator.get(f"{PATH}/{made['id']}").json["disabled_reason"] == "failing"
    assert member.post(f"{PATH}/{made['id']}/enabling").json["failures_in_row"] == 0


def test_410_disables_an_endpoint_at_once(app, market, operator, receiver):
    made = registered(operator)
    market.case()
    market.case()
    receiver.says = lambda received: Answer(outcome=Outcome.REFUSED, status=410)
    worked(app)
    assert len(receiver.got) == 1
    assert endpoint_of(made).disabled_reason == DisabledReason.GONE
    assert [each.state for each in deliveries()] == ["waiting", "waiting"]


def test_a_turn_ends_after_a_second_and_the_rest_has_its_next_turn(app, market, operator, receiver):
    made = registered(operator)
    for _ in range(4):
        market.case()

    def slowly(received):
        time.sleep(0.6)
        return ACCEPTED

    receiver.says = slowly
    turn(market.later(seconds=1), made["id"])
    assert len(receiver.got) == 2
    receiver.says = lambda received: ACCEPTED
    turn(market.later(seconds=1), made["id"])
    assert len(receiver.got) == 4


def test_no_two_senders_of_one_endpoint_and_no_row_is_locked_while_it_is_called(
    app, market, operator, receiver
):
    made = registered(operator)
    market.case()
    begun, go_on = threading.Event(), threading.Event()

    def hang(received):
        begun.set()
        assert go_on.wait(10)
        return ACCEPTED

    receiver.says = hang

    def first():
        with app.app_context():
            turn(market.later(seconds=1), made["id"])

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(10)
    app.extensions["webhook_senders"] = threading.BoundedSemaphore(4)
    try:
        turn(market.later(seconds=1), made["id"])
        assert len(receiver.got) == 1
        edited = operator.post(f"{PATH}/{made['id']}/secrets", json={})
        assert edited.status_code == 201, "its doors stay open meanwhile"
        market.case()
    finally:
        go_on.set()
        thread.join()
        del app.extensions["webhook_senders"]
    turn(market.later(seconds=2), made["id"])
    assert len({got.headers["webhook-id"] for got in receiver.got}) == len(receiver.got) == 2


def test_slow_receivers_leave_a_worker_for_other_work(app, market, operator, receiver):
    """Two threads, three endpoints that hang: one thread hangs with them, the other one works."""
    for number in range(3):
        registered(operator, url=f"https://slow{number}.example.com/")
    market.case()
    hung, release = threading.Event(), threading.Event()

    def hang(received):
        hung.set()
        return ACCEPTED if release.wait(20) else REFUSED

    def works():
        with app.app_context():
            while not release.is_set():
                if not jobs.worker.run_next(app, app.extensions["jobs"]):
                    time.sleep(0.02)

    receiver.says = hang
    threads = [threading.Thread(target=works) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        assert hung.wait(10)
        other = [
            database.transact(lambda session: jobs.enqueue(session, "jobs.forget_done")) for _ in range(3)
        ]
        until = time.monotonic() + 10
        while time.monotonic() < until and any(job_of(each).state != "done" for each in other):
            time.sleep(0.05)
        assert [job_of(each).state for each in other] == ["done"] * 3
        assert len(receiver.got) == 1
    finally:
        release.set()
        for each in threads:
            each.join()


def job_of(job_id):
    [found] = [job for job in stored(StoredJob) if job.id == job_id]
    return found


def test_a_sender_whose_job_was_lost_is_woken_every_minute(app, market, operator, receiver):
    made = registered(operator)
    market.case()
    database.transact(lambda session: session.query(StoredJob).delete())
    assert database.transact(lambda session: delivering.sweep(session, market.later(minutes=1))) == 1
    worked(app)
    assert [each.state for each in deliveries()] == ["delivered"]
    assert database.transact(lambda session: delivering.sweep(session, market.later(minutes=1))) == 0
    assert made["state"] == "enabled"


def test_a_sender_that_dies_after_its_call_sends_the_same_message_again(app, market, operator, receiver):
    made = registered(operator)
    market.case()

    class Killed(Exception):
        pass

    def die(received):
        raise Killed

    receiver.says = die
    with pytest.raises(Killed):
        turn(market.later(seconds=1), made["id"])
    assert not attempts()
    receiver.says = lambda received: ACCEPTED
    turn(market.later(seconds=1), made["id"])
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert [each.outcome for each in attempts()] == ["accepted"]


def test_attempts_are_counted_for_prometheus(app, market, operator, receiver):
    made = registered(operator)
    tried(operator, made)
    receiver.says = lambda received: REFUSED
    worked(app)
    page = metrics.render(app)[0].decode()
    assert 'webhook_attempts_total{outcome="refused"}' in page
    assert 'webhook_endpoints_not_well{state="failing"} 1.0' in page
    assert "webhook_deliveries_due 0.0" in page


@pytest.mark.parametrize(
    ("say", "outcome", "status"),
    [
        (saying(OK), "accepted", 204),
        (saying("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"), "accepted", 200),
        (saying("HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\nsecret"), "refused", 500),
        (saying("HTTP/1.1 302 Go\r\nLocation: https://127.0.0.1/secret\r\n\r\n"), "redirected", 302),
        (pouring("HTTP/1.1 200 OK\r\n\r\nsecret", 2**31), "answer_too_long", None),
        (dripping("HTTP/1.1 200 OK\r\n\r\nsecret"), "too_slow", None),
    ],
    ids=["204", "200", "500", "302", "2 GB", "drips"],
)
def test_over_a_real_wire_the_outcome_is_shown_and_never_what_was_said(
    app, market, operator, serve, client_of, say, outcome, status
):
    server = serve(say)
    outbound.configure(app, client_of(server, total_ms=1_500))
    try:
        made = registered(operator, url=f"https://{NAME}:{server.port}/in")
        sent = tried(operator, made)
        worked(app)
    finally:
        outbound.configure(app, None)
    shown = operator.get(f"/v1/webhook-deliveries/{sent['id']}")
    assert [(each["outcome"], each["status"]) for each in shown.json["log"]] == [(outcome, status)]
    assert "secret" not in shown.get_data(as_text=True)
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    got = type("Got", (), {"headers": fields, "body": body})
    assert verified(got, made["secret"])


def test_an_endpoint_whose_name_leads_inside_is_never_connected_to(app, market, operator):
    made = registered(operator)
    inside = outbound.Client(
        resolve=lambda host, port: ["10.0.0.1"], dial=lambda *_: pytest.fail("connected")
    )
    outbound.configure(app, inside)
    try:
        sent = tried(operator, made)
        worked(app)
    finally:
        outbound.configure(app, None)
    shown = operator.get(f"/v1/webhook-deliveries/{sent['id']}").json
    assert [each["outcome"] for each in shown["log"]] == ["address_not_allowed"]


def test_every_message_arrives_at_least_once_through_failing_receivers_and_killed_senders(
    app, market, operator, receiver, as_role
):
    """Thirty writers at once; a third of the calls fails, and now and then a sender is cut off after its call."""
    made = registered(operator, events=["case.opened"])
    taken, count = [], 0

    class Killed(Exception):
        pass

    def badly(received):
        nonlocal count
        count += 1
        if count % 3 == 0:
            return REFUSED
        taken.append(received.headers["webhook-id"])
        if count % 25 == 0:
            raise Killed
        return ACCEPTED

    receiver.says = badly

    def write():
        with app.app_context():
            market.case()

    threads = [threading.Thread(target=write) for _ in range(30)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for _ in range(400):
        hurried()
        try:
            turn(market.later(seconds=60), made["id"])
        except Killed:
            continue
        if all(each.state == "delivered" for each in deliveries()):
            break
    assert len(messages()) == 30
    assert set(taken) == {str(each.id) for each in messages()}
    assert {each.state for each in deliveries()} == {"delivered"}
    assert broken(app) == []
    assert as_role(Role.AUDITOR).get(f"{PATH}/{made['id']}").json["failures_in_row"] == 0
