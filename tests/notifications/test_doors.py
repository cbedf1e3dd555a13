"""A person's own messages, choices and e-mail address."""

import email
import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.identity.models import EmailCode
from marketplace.notifications import channels
from tests.house import Caller
from tests.notifications.conftest import MailServer, tell

PREFERENCES = "/v1/me/notification-preferences"
EMAIL = "/v1/accounts/me/email"


def test_one_s_own_messages_in_pages_the_newest_first(app, shopper, as_role):
    for number in range(3):
        tell(shopper.account_id, cause=str(number))
    tell(as_role(Role.SHOPPER).account_id)

    first = shopper.get("/v1/me/notifications?limit=2")
    rest = shopper.get(f"/v1/me/notifications?limit=2&cursor={first.json['next_cursor']}")

    ids = [item["id"] for item in first.json["items"] + rest.json["items"]]
    assert ids == sorted(ids, reverse=True) and len(ids) == 3
    assert 'rel="next"' in first.headers["Link"] and "Link" not in rest.headers
    assert first.json["unread"] == 3
    assert rest.json["next_cursor"] is None


def test_messages_speak_the_reader_s_language(app, shopper):
    tell(shopper.account_id)
    [zh] = shopper.get("/v1/me/notifications", headers={"Accept-Language": "zh"}).json["items"]
    [en] = shopper.get("/v1/me/notifications", headers={"Accept-Language": "en"}).json["items"]
    assert (zh["title"], en["title"]) == ("春 已截止", "Spring is closed")


def test_one_is_marked_as_read_or_all_up_to_it(app, shopper):
    for number in range(3):
        tell(shopper.account_id, cause=str(number))
    newest, middle, oldest = (each["id"] for each in shopper.get("/v1/me/notifications").json["items"])

    def unread() -> set[str]:
        return {each["id"] for each in shopper.get("/v1/me/notifications?unread=true").json["items"]}

    read = shopper.post(f"/v1/me/notifications/{oldest}/reading", {})
    again = shopper.post(f"/v1/me/notifications/{oldest}/reading", {})
    assert read.json["read_at"] == again.json["read_at"] is not None
    assert unread() == {newest, middle}
    shopper.post(f"/v1/me/notifications/{middle}/reading", {"and_older": True})
    assert unread() == {newest}
    assert shopper.get("/v1/me/notifications").json["unread"] == 1


def test_a_foreign_message_is_a_missing_one(app, shopper, as_role):
    tell(shopper.account_id)
    [item] = shopper.get("/v1/me/notifications").json["items"]
    other = as_role(Role.SHOPPER)
    for each in (item["id"], str(uuid.uuid4())):
        answer = other.post(f"/v1/me/notifications/{each}/reading", {"and_older": True})
        assert (answer.status_code, answer.json["code"]) == (404, "notification_not_found")
    assert shopper.get("/v1/me/notifications").json["unread"] == 1


def test_everything_is_on_until_it_is_switched_off(app, shopper):
    shown = shopper.get(PREFERENCES).json
    assert shown["language"] is None
    assert all(each["is_on"] for each in shown["items"])

    off = {"kind": "order_placed", "channel": "email"}
    changed = shopper.put(PREFERENCES, {"language": "zh", "switched_off": [off, off]})
    assert changed.status_code == 200
    assert changed.json == shopper.get(PREFERENCES).json
    assert [each["kind"] for each in changed.json["items"] if not each["is_on"]] == ["order_placed"]
    assert shopper.get("/v1/accounts/me").json["language"] == "zh"

    back = shopper.put(PREFERENCES, {"language": None, "switched_off": []})
    assert all(each["is_on"] for each in back.json["items"])


@pytest.mark.parametrize("kind", ["refund_due", "shortage_election", "balance_defaulted"])
def test_what_nobody_may_miss_cannot_be_switched_off(app, shopper, kind):
    body = {"language": "en", "switched_off": [{"kind": kind, "channel": "email"}]}
    answer = shopper.put(PREFERENCES, body)
    assert (answer.status_code, answer.json["code"], answer.json["kinds"]) == (
        409,
        "kind_is_mandatory",
        [kind],
    )
    assert shopper.get(PREFERENCES).json["language"] is None


def test_channels_that_do_not_reach_somebody_say_so(app, shopper):
    reach = {each["channel"]: each["reaches_you"] for each in shopper.get(PREFERENCES).json["items"]}
    assert reach == {"console": True, "email": False, "webhook": False}


@pytest.fixture
def post(app: Flask, mail_server: MailServer):
    usual = channels.of(app)
    app.extensions["notification_channels"] = channels.Offered(
        by_name=usual.by_name, quiet=usual.quiet, smtp=mail_server.client()
    )
    yield mail_server
    app.extensions["notification_channels"] = usual


def ask(caller: Caller, server: MailServer, address: str = "li@Example.org") -> str:
    answer = caller.post(EMAIL, {"email": address}, headers={"Accept-Language": "en"})
    assert answer.status_code == 202, answer.json
    sent = email.message_from_string(server.mails[-1])
    return re.findall(r"\d{6}", sent.get_payload(decode=True).decode())[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_an_address_is_one_s_own_when_its_code_comes_back(app, shopper, post):
    code = ask(shopper, post)
    assert shopper.get("/v1/accounts/me").json["email"] is None
    refused = shopper.put(EMAIL, {"code": wrong(code)})
    assert (refused.status_code, refused.json["code"]) == (409, "email_code_wrong")
    proved = shopper.put(EMAIL, {"code": code})
    assert (proved.status_code, proved.json["email"]) == (200, "li@example.org")
    assert shopper.put(EMAIL, {"code": code}).status_code == 409
    assert shopper.delete(EMAIL).json["email"] is None


def test_a_code_ends_by_a_newer_one_by_time_and_by_five_wrong_tries(app, shopper, post):
    older, newer = ask(shopper, post), ask(shopper, post, "other@example.org")
    if older != newer:
        assert shopper.put(EMAIL, {"code": older}).status_code == 409
    with time_machine.travel(context.now_utc() + timedelta(minutes=11), tick=False):
        assert shopper.put(EMAIL, {"code": newer}).status_code == 409
    code = ask(shopper, post)
    for _ in range(5):
        assert shopper.put(EMAIL, {"code": wrong(code)}).status_code == 409
    assert shopper.put(EMAIL, {"code": code}).status_code == 409


def test_somebody_else_s_code_proves_nothing(app, shopper, post, as_role):
    code = ask(shopper, post)
    assert as_role(Role.SHOPPER).put(EMAIL, {"code": code}).status_code == 409
    assert shopper.put(EMAIL, {"code": code}).status_code == 200


def test_an_address_gets_five_codes_an_hour_whoever_asks(app, post, as_role):
    for _ in range(5):
        ask(as_role(Role.SHOPPER), post)
    answer = as_role(Role.SHOPPER).post(EMAIL, {"email": "li@example.org"})
    assert (answer.status_code, answer.json["code"]) == (429, "too_many")
    assert len(post.mails) == 5


@pytest.mark.parametrize("raw", ["no address", "a@b", "a@b.c, d@e.f", "<a@b.cd>"])
def test_what_is_no_address_is_refused(app, shopper, post, raw):
    answer = shopper.post(EMAIL, {"email": raw})
    assert (answer.status_code, answer.json["title"][:4]) == (422, "This")
    assert post.mails == []


def test_a_mail_server_that_is_away_is_told(app, shopper, post):
    post.answers["banner"] = "drop"
    answer = shopper.post(EMAIL, {"email": "li@example.org"})
    assert (answer.status_code, answer.json["code"]) == (503, "code_not_sent")


def test_without_a_mail_server_the_code_is_printed(app, shopper, capsys):
    assert shopper.post(EMAIL, {"email": "li@example.org"}).status_code == 202
    assert re.search(r"li@example.org: .*\d{6}", capsys.readouterr().err)


def test_neither_address_nor_code_is_in_the_trail_or_stored_in_clear(app, shopper, post):
    code = ask(shopper, post)
    shopper.put(EMAIL, {"code": code})
    with database.reading() as session:
        trail = [(row.before, row.after) for row in session.scalars(select(AuditEntry))]
        stored = [row.code_hmac for row in session.scalars(select(EmailCode))]
    assert "example.org" not in str(trail) and code not in str(trail)
    assert code.encode() not in stored[0]
