"""Mail and webhooks against real servers on loopback: good ones, and those that refuse, hang, drop or drip."""

import email
import email.policy
import http.server
import json
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.language import Text
from marketplace.notifications.channels import ConsoleChannel, EmailChannel, Parcel, WebhookChannel
from marketplace.notifications.failing import Uncertain, Undelivered
from marketplace.notifications.smtp import Mail, is_address, message
from marketplace.notifications.webhook import Webhook
from tests.notifications.conftest import MailServer

TO = "li@example.org"
MAIL = Mail(id="m1", to=TO, subject="Your order 订单", text="First line 第一行\n.\n.. dots\nLast")


def parcel(**changes: object) -> Parcel:
    usual = {
        "id": uuid.UUID(int=1),
        "kind": "order_placed",
        "account_id": uuid.UUID(int=2),
        "facts": {"boxes": 3},
        "title": Text(en="Order", zh="订单"),
        "body": Text(en="Words", zh="文字"),
        "language": None,
    }
    return Parcel(**{**usual, **changes})  # type: ignore[arg-type]


def test_a_mail_arrives_whole_with_its_header(mail_server: MailServer):
    mail_server.client().send(MAIL)

    got = email.message_from_string(mail_server.mails[0], policy=email.policy.default)
    assert got["Subject"] == MAIL.subject
    assert (got["To"], got["From"]) == (TO, "Orchard <no-reply@orchard.example>")
    assert got["Message-ID"] == "<m1@orchard.example>"
    assert got.get_content().strip() == MAIL.text


def test_who_has_chosen_no_language_reads_both(mail_server: MailServer):
    channel = EmailChannel(mail_server.client())
    channel.deliver(parcel(), address=TO)
    channel.deliver(parcel(language="en"), address=TO)

    both, one = (email.message_from_string(mail, policy=email.policy.default) for mail in mail_server.mails)
    assert both["Subject"] == "订单 · Order"
    assert "文字" in both.get_content() and "Words" in both.get_content()
    assert one["Subject"] == "Order" and "文字" not in one.get_content()


@pytest.mark.parametrize(
    ("step", "said", "is_final"),
    [
        ("banner", "554 not here", True),
        ("MAIL", "550 no", True),
        ("RCPT", "550 unknown", True),
        ("RCPT", "451 later", False),
        ("DATA", "452 full", False),
        ("data", "554 spam", True),
        ("data", "451 later", False),
        ("banner", "drop", False),
        ("RCPT", "drop", False),
        ("EHLO", "hang", False),
        ("RCPT", "hang", False),
        ("MAIL", "drip", False),
    ],
)
def test_a_server_that_has_not_taken_it_is_told_apart(mail_server, step, said, is_final):
    mail_server.answers[step] = said
    if step == "EHLO":
        mail_server.answers["HELO"] = said
    began = time.monotonic()

    with pytest.raises(Undelivered) as caught:
        mail_server.client().send(MAIL)

    assert caught.value.is_final is is_final
    assert TO not in caught.value.why
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("said", ["drop", "hang", "drip"])
def test_a_mail_handed_over_without_an_answer_is_uncertain(mail_server, said):
    mail_server.answers["data"] = said

    with pytest.raises(Uncertain):
        mail_server.client().send(MAIL)

    assert len(mail_server.mails) == 1


def test_nobody_there_is_undelivered(mail_server):
    with pytest.raises(Undelivered):
        mail_server.client(port=1).send(MAIL)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_where_tls_is_asked_for_nothing_is_sent_without(mail_server, security):
    with pytest.raises(Undelivered):
        mail_server.client(security=security, user="u", password="secret").send(MAIL)

    assert mail_server.mails == []


@given(st.text(), st.text())
def test_no_subject_and_no_text_adds_a_field(subject, text):
    made = message(
        Mail(id="m", to=TO, subject=subject, text=text.encode(errors="replace").decode()), sender="a@b.c"
    )
    lines = made.as_bytes().split(b"\n\n")[0].splitlines()
    names = [line.split(b":")[0] for line in lines if not line.startswith((b" ", b"\t"))]

    assert {name.decode() for name in names} == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
        "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "raw",
    ["a@b\r\nBcc: c@d.e", "a b@c.d", '"a"@b.c', "a@b", "@b.c", "a@", "a@b..c", "a..b@c.d", "<a@b.c>", "a@b.c,d@e.f",
     "a@b.c\n", "å@b.c", "a" * 65 + "@b.c"],
)  # fmt: skip
def test_what_is_no_plain_address_is_never_written_to(raw):
    assert not is_address(raw)
    with pytest.raises(Undelivered):
        message(Mail(id="m", to=raw, subject="s", text="t"), sender="a@b.c")


class Taker(http.server.BaseHTTPRequestHandler):
    status = 200
    got: list[tuple[dict[str, str], dict[str, object]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), json.loads(body)))
        if self.status:
            self.send_response(self.status)
            self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@pytest.fixture
def taker() -> Iterator[tuple[str, type[Taker]]]:
    kind = type("One", (Taker,), {"got": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/in?x=1", kind
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_webhook_is_given_the_message_once_under_its_key(taker):
    url, kind = taker
    WebhookChannel(Webhook(url=url, token="t")).deliver(parcel(), address="somebody")

    [(headers, document)] = kind.got
    assert headers["Authorization"] == "Bearer t"
    assert headers["Idempotency-Key"] == document["id"] == str(uuid.UUID(int=1))
    assert document["facts"] == {"boxes": 3}
    assert document["title"] == {"en": "Order", "zh": "订单"}


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (429, False), (404, True), (302, False)])
def test_a_webhook_that_says_no_has_not_taken_it(taker, status, is_final):
    url, kind = taker
    kind.status = status
    with pytest.raises(Undelivered) as caught:
        Webhook(url=url, token="").post({}, key="k")
    assert caught.value.is_final is is_final


def test_a_webhook_that_says_nothing_is_uncertain(taker):
    url, kind = taker
    kind.status = 0
    with pytest.raises(Uncertain):
        Webhook(url=url, token="").post({}, key="k")


def test_a_webhook_that_is_away_has_not_taken_it():
    with pytest.raises(Undelivered):
        Webhook(url="http://127.0.0.1:1/", token="").post({}, key="k")


def test_the_seam_is_a_function_that_posts():
    asked = []
    Webhook(url="https://a.example", token="", send=lambda *given: asked.append(given) or 204).post(
        {}, key="k"
    )
    assert asked[0][0] == "https://a.example"


def test_the_console_s_line_has_no_word_of_the_message(monkeypatch):
    said = []
    monkeypatch.setattr("marketplace.notifications.channels.log.info", lambda *a, **k: said.append((a, k)))
    ConsoleChannel().deliver(parcel(body=Text(en="code 123456", zh="码 123456")), address="me")
    assert len(said) == 1
    assert "123456" not in str(said)
