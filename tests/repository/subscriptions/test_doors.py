"""The doors of subscriptions: made, shown without their token, refused under the standard's names, ended."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from inventory.repository.subscriptions import subscribing
from inventory.repository.subscriptions.models import EventDelivery, EventSubscription
from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.identity import service_keys
from marketplace.identity.scopes import Scope
from tests.house import Caller
from tests.repository.subscriptions.conftest import (
    DAILY,
    DEST,
    TOKEN,
    Desk,
    changed,
    gathered,
    row,
    waiting,
)
from tests.repository.test_doors import Repository, another_county
from tests.webhooks.conftest import Receiver


def test_a_subscription_is_made_and_shown_with_the_names_of_the_standard(desk: Desk):
    response = desk.who.post(
        desk.url,
        json={"dest": DEST, "signatureToken": TOKEN, "reportIfEmpty": True, "schedule": DAILY},
    )

    assert response.status_code == 201, response.json
    made = response.json
    assert response.headers["Location"] == f"{desk.url}/{made['subscriptionID']}"
    assert response.headers["GS1-EPCIS-Version"] == "2.0.0"
    assert (made["queryName"], made["dest"], made["schedule"]) == ("shipped", DEST, DAILY)
    assert made["reportIfEmpty"] is True
    assert "stream" not in made
    assert made["dueAt"].endswith("T01:05:00Z")
    assert (made["state"], made["isSigned"], made["failures"]) == ("active", True, 0)
    assert desk.shown(made) == made
    assert desk.who.get(desk.url).json == [made]


def test_its_token_is_sealed_and_nobody_is_told_it(desk: Desk):
    made = desk.subscribe(signatureToken=TOKEN)

    answers = [desk.who.get(desk.url), desk.who.get(f"{desk.url}/{made['subscriptionID']}")]
    with database.reading() as session:
        noted = [entry.after for entry in session.scalars(select(AuditEntry)) if entry.after]
    assert all(TOKEN not in answer.get_data(as_text=True) for answer in answers)
    assert TOKEN not in str(made) + str(noted)
    assert TOKEN.encode() not in (row(made).sealed_token or b"")
    assert row(desk.subscribe()).sealed_token is None


@pytest.mark.parametrize(
    ("body", "exception", "pointer"),
    [
        ({}, "SubscriptionControlsException", None),
        ({"stream": False}, "SubscriptionControlsException", None),
        ({"stream": True, "schedule": DAILY}, "SubscriptionControlsException", None),
        ({"schedule": {}}, "SubscriptionControlsException", "/schedule"),
        ({"schedule": {"hour": "24"}}, "SubscriptionControlsException", "/schedule/hour"),
        ({"schedule": {"second": "0/30"}}, "SubscriptionControlsException", "/schedule/second"),
        (
            {"schedule": {"dayOfMonth": "31", "month": "2"}},
            "SubscriptionControlsException",
            "/schedule",
        ),
        ({"stream": True, "signatureToken": "a\x00b"}, "SubscriptionControlsException", "/signatureToken"),
        ({"stream": True, "signatureToken": "whsec_*"}, "SubscriptionControlsException", "/signatureToken"),
        ({"stream": True, "dest": "http://client.example.com/"}, "InvalidURIException", "/dest"),
        ({"stream": True, "dest": "https://127.0.0.1/"}, "InvalidURIException", "/dest"),
        ({"stream": True, "dest": "https://[::1]/"}, "InvalidURIException", "/dest"),
        ({"stream": True, "dest": "https://localhost/"}, "InvalidURIException", "/dest"),
        ({"stream": True, "dest": "https://a:b@client.example.com/"}, "InvalidURIException", "/dest"),
        ({"stream": True, "dest": "https://client.example.com:22/"}, "InvalidURIException", "/dest"),
    ],
)
def test_what_is_wrong_is_refused_under_the_names_of_the_standard(
    desk: Desk, body: dict[str, Any], exception: str, pointer: str | None
):
    response = desk.who.post(desk.url, json={"dest": DEST, **body})

    assert response.status_code == 400, response.json
    assert response.json["exception"] == f"epcisException:{exception}"
    assert [each["pointer"] for each in response.json["errors"]] == ([pointer] if pointer else [])
    assert desk.who.get(desk.url).json == []


@pytest.mark.parametrize(
    "body",
    [
        {"dest": 1, "stream": True},
        {"stream": True},
        {"dest": DEST, "stream": "true"},
        {"dest": f"{DEST}\x00", "stream": True},
        {"dest": DEST, "stream": True, "signatureToken": ""},
        {"dest": DEST, "stream": True, "initialRecordTime": "yesterday"},
        {"dest": DEST, "stream": True, "initialRecordTime": "9999-12-31T23:59:59-23:59"},
        {"dest": DEST, "schedule": {"hours": "1"}},
        {"dest": DEST, "schedule": {"hour": 1}},
        {"dest": DEST, "stream": True, "secret": "x"},
    ],
)
def test_a_body_of_another_shape_is_refused(desk: Desk, body: dict[str, Any]):
    assert desk.who.post(desk.url, json=body).status_code == 422
    assert desk.who.get(desk.url).json == []


@pytest.mark.parametrize(
    "counts", [{"maxEventCount": 5}, {"eventCountLimit": 5, "orderBy": "eventTime"}], ids=["most", "limit"]
)
def test_a_query_that_counts_its_events_can_only_be_asked(desk: Desk, counts: dict[str, Any]):
    desk.keep("counted", **counts)

    response = desk.who.post(
        f"{desk.repository.url}/queries/counted/subscriptions", json={"dest": DEST, "stream": True}
    )

    assert response.status_code == 409
    assert response.json["exception"] == "epcisException:SubscribeNotPermittedException"


def test_what_is_not_there_or_elsewhere_is_missing(desk: Desk):
    made = desk.subscribe()
    desk.keep("other")
    elsewhere = Repository(desk.who, another_county("elsewhere"))
    there = {
        f"{desk.repository.url}/queries/none/subscriptions": "no_such_name_exception",
        f"{elsewhere.url}/queries/shipped/subscriptions": "no_such_name_exception",
        f"{desk.repository.url}/queries/%00/subscriptions": "no_such_name_exception",
        f"{desk.repository.url}/queries/other/subscriptions": "no_such_subscription_exception",
    }

    for url, code in there.items():
        one = f"{url}/{made['subscriptionID']}"
        answers = [desk.who.get(one), desk.who.delete(one), desk.who.post(f"{one}/resuming")]
        if code == "no_such_name_exception":
            answers += [desk.who.get(url), desk.who.post(url, json={"dest": DEST, "stream": True})]
        assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(404, code)}
    missing = desk.who.get(f"{desk.url}/{uuid.uuid4()}")
    assert (missing.status_code, missing.json["code"]) == (404, "no_such_subscription_exception")
    assert desk.shown(made) == made


def test_who_unsubscribes_is_told_nothing_more(desk: Desk, receiver: Receiver):
    made = desk.subscribe()
    desk.tell(1)
    gathered(made)
    assert waiting(made) is not None

    assert desk.who.delete(f"{desk.url}/{made['subscriptionID']}").status_code == 204

    assert desk.who.get(desk.url).json == []
    assert waiting(made) is None
    assert desk.who.delete(f"{desk.url}/{made['subscriptionID']}").status_code == 404


def test_a_query_goes_with_its_subscriptions(desk: Desk):
    made = desk.subscribe()
    desk.subscribe(schedule=DAILY)
    desk.tell(1)
    gathered(made)

    assert desk.who.delete(f"{desk.repository.url}/queries/shipped").status_code == 204

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(EventSubscription)) == 0
        assert session.scalar(select(func.count()).select_from(EventDelivery)) == 0
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "event_query.removed")).one()
    assert entry.before["subscriptions"] == 2


def test_a_list_comes_in_pages(desk: Desk):
    made = [desk.subscribe(stream=True)["subscriptionID"] for _ in range(5)]
    address, found = f"{desk.url}?perPage=2", []
    while address:
        response = desk.who.get(address)
        assert response.status_code == 200, response.json
        found.append([each["subscriptionID"] for each in response.json])
        address = response.headers.get("Link", "")[1:].partition(">")[0]

    assert found == [made[:2], made[2:4], made[4:]]
    desk.keep("other")
    foreign = desk.who.get(f"{desk.url}?perPage=2").headers["Link"][1:].partition(">")[0]
    assert desk.who.get(foreign.replace("/shipped/", "/other/")).status_code == 400


def test_there_are_not_more_than_there_may_be(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subscribing, "QUERY_MAX", 2)
    monkeypatch.setattr(subscribing, "COUNTY_MAX", 3)
    desk.subscribe()
    desk.subscribe()
    assert "2" in desk.subscribe(status=409)["detail"]
    desk.keep("other")
    other = f"{desk.repository.url}/queries/other/subscriptions"
    assert desk.who.post(other, json={"dest": DEST, "stream": True}).status_code == 201
    full = desk.who.post(other, json={"dest": DEST, "stream": True})
    assert (full.status_code, "3" in full.json["detail"]) == (409, True)


def test_two_who_subscribe_at_once_do_not_both_get_the_last_place(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(subscribing, "QUERY_MAX", 1)
    together, statuses = threading.Barrier(4), []

    def ask():
        together.wait(10)
        statuses.append(desk.who.post(desk.url, json={"dest": DEST, "stream": True}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(statuses) == [201, 409, 409, 409]


def test_who_subscribes_while_the_query_is_removed_finds_no_query(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """The query goes after it was looked for and before the subscription is written."""
    make_room = subscribing._make_room

    def remove(session: Any, kept: Any) -> None:
        make_room(session, kept)
        gone = threading.Thread(
            target=lambda: statuses.append(
                desk.who.delete(f"{desk.repository.url}/queries/shipped").status_code
            )
        )
        gone.start()
        gone.join()

    statuses: list[int] = []
    monkeypatch.setattr(subscribing, "_make_room", remove)

    refused = desk.subscribe(status=404)

    assert (statuses, refused["code"]) == ([204], "no_such_name_exception")


def test_only_a_paused_one_goes_on(desk: Desk):
    made = desk.subscribe()

    refused = desk.who.post(f"{desk.url}/{made['subscriptionID']}/resuming")

    assert (refused.status_code, refused.json["code"]) == (409, "subscription_active")


def test_a_paused_schedule_goes_on_with_its_next_moment(desk: Desk):
    made = desk.subscribe(schedule=DAILY)
    long_ago = row(made).due_at.replace(year=2025)
    changed(made, state="paused", paused_reason="failing", paused_at=long_ago, due_at=long_ago)
    assert "dueAt" not in desk.shown(made)

    response = desk.who.post(f"{desk.url}/{made['subscriptionID']}/resuming")

    assert response.status_code == 200
    assert response.json == desk.shown(made) == made


def test_discovery_says_what_may_be_done(desk: Desk):
    made = desk.subscribe()
    allowed = {
        desk.url: "OPTIONS, GET, POST",
        f"{desk.url}/{made['subscriptionID']}": "OPTIONS, GET, DELETE",
        f"{desk.url}/{made['subscriptionID']}/resuming": "OPTIONS, POST",
    }

    for url, methods in allowed.items():
        response = desk.who.call("OPTIONS", url)
        assert (response.status_code, response.headers["Allow"]) == (204, methods)
        assert response.headers["GS1-EPCIS-Max"] == "2.0.0"


def test_operators_subscribe_and_auditors_look(desk: Desk, as_role: Callable[..., Caller]):
    made = desk.subscribe()
    auditor, shopper = as_role(Role.AUDITOR), as_role(Role.SHOPPER)
    one = f"{desk.url}/{made['subscriptionID']}"

    assert auditor.get(one).json == made
    assert auditor.get(desk.url).json == [made]
    assert {
        auditor.post(desk.url, json={"dest": DEST, "stream": True}).status_code,
        auditor.delete(one).status_code,
        auditor.post(f"{one}/resuming").status_code,
        shopper.get(one).status_code,
    } == {403}


def test_a_key_that_may_only_tell_events_is_not_sent_any(app: Flask, desk: Desk):
    def status(*scopes: Scope) -> int:
        def work(session: Any) -> str:
            return service_keys.create(session, context.system(), name="partner", scopes=scopes)[1]

        headers = {"Authorization": f"Bearer {database.transact(work)}"}
        response = app.test_client().post(f"{desk.url}", json={"dest": DEST, "stream": True}, headers=headers)
        return response.status_code

    assert status(Scope.EPCIS_WRITE) == 403
    assert status(Scope.EPCIS_READ) == 403
    assert status(Scope.EPCIS_READ, Scope.EPCIS_WRITE) == 201
