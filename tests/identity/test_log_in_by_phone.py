"""Log-in with a code sent to a phone."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from marketplace import context, database
from marketplace.access import Role
from marketplace.identity import accounts, codes
from marketplace.identity.models import Account, LoginCode, LoginSession
from tests.house import Caller
from tests.identity.conftest import E164, PHONE, Mailbox, at, with_token, wrong

NOON = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)


def ask(caller: Caller, mailbox: Mailbox, phone: str = PHONE) -> str:
    response = caller.post("/v1/sessions/codes", {"phone": phone})
    assert response.status_code == 202, response.json
    return mailbox.last_code()


def enter(caller: Caller, code: str, phone: str = PHONE) -> int:
    return caller.post("/v1/sessions/phone", {"phone": phone, "code": code}).status_code


def count(of: type[Account | LoginSession | LoginCode]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(of)) or 0


def test_the_first_log_in_makes_a_shoppers_account(anyone: Caller, mailbox: Mailbox) -> None:
    code = ask(anyone, mailbox)
    assert count(Account) == 0
    response = anyone.post("/v1/sessions/phone", {"phone": PHONE, "code": code})
    assert response.status_code == 201
    assert response.json["account"]["roles"] == ["shopper"]
    assert response.json["account"]["phone"] == E164
    assert response.headers["Cache-Control"] == "no-store"
    assert with_token(anyone.app, response.json["token"]).get("/v1/accounts/me").status_code == 200


def test_the_second_log_in_finds_the_same_account(anyone: Caller, mailbox: Mailbox) -> None:
    for spelling in (PHONE, "+86 138 0013 8000", "0086-138-0013-8000"):
        assert enter(anyone, ask(anyone, mailbox, spelling), spelling) == 201
    assert count(Account) == 1


def test_the_message_speaks_the_callers_language(anyone: Caller, mailbox: Mailbox) -> None:
    anyone.post("/v1/sessions/codes", {"phone": PHONE}, headers={"Accept-Language": "zh"})
    assert "验证码" in mailbox.messages[-1][1]
    anyone.post("/v1/sessions/codes", {"phone": PHONE}, headers={"Accept-Language": "en"})
    assert "log-in code" in mailbox.messages[-1][1]


def test_asking_answers_the_same_for_known_and_unknown_phones(anyone: Caller, mailbox: Mailbox) -> None:
    enter(anyone, ask(anyone, mailbox))
    known = anyone.post("/v1/sessions/codes", {"phone": PHONE})
    unknown = anyone.post("/v1/sessions/codes", {"phone": "13900139000"})
    assert known.status_code == unknown.status_code == 202
    assert set(known.json) == set(unknown.json) == {"expires_at"}


def test_a_code_works_once(anyone: Caller, mailbox: Mailbox) -> None:
    code = ask(anyone, mailbox)
    assert [enter(anyone, code), enter(anyone, code)] == [201, 401]


def test_two_at_once_with_the_same_code_open_one_session(app: Flask, mailbox: Mailbox) -> None:
    code = ask(Caller(app), mailbox)
    together = threading.Barrier(6)
    found: list[int] = []

    def run() -> None:
        together.wait()
        found.append(enter(Caller(app), code))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [201, 401, 401, 401, 401, 401]
    assert (count(Account), count(LoginSession)) == (1, 1)


def test_a_new_code_ends_the_older(anyone: Caller, mailbox: Mailbox) -> None:
    older = ask(anyone, mailbox)
    newer = ask(anyone, mailbox)
    if older != newer:
        assert enter(anyone, older) == 401
    assert enter(anyone, newer) == 201


def test_five_wrong_tries_end_a_code(anyone: Caller, mailbox: Mailbox) -> None:
    code = ask(anyone, mailbox)
    assert [enter(anyone, wrong(code)) for _ in range(5)] == [401] * 5
    assert enter(anyone, code) == 401


def test_four_wrong_tries_do_not(anyone: Caller, mailbox: Mailbox) -> None:
    code = ask(anyone, mailbox)
    assert [enter(anyone, wrong(code)) for _ in range(4)] == [401] * 4
    assert enter(anyone, code) == 201


def test_wrong_tries_at_once_are_all_counted(app: Flask, mailbox: Mailbox) -> None:
    code = ask(Caller(app), mailbox)
    together = threading.Barrier(5)

    def run() -> None:
        together.wait()
        enter(Caller(app), wrong(code))

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert enter(Caller(app), code) == 401


def test_a_code_lives_ten_minutes(anyone: Caller, mailbox: Mailbox) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=10, seconds=1), tick=True):
        code = ask(anyone, mailbox)
    assert enter(anyone, code) == 401


def test_a_phone_gets_five_codes_an_hour(app: Flask) -> None:
    for minute in range(5):
        with database.transaction() as session:
            codes.issue(session, at(NOON + timedelta(minutes=minute)), phone=E164)
    with pytest.raises(codes.TooManyCodes) as refused, database.transaction() as session:
        codes.issue(session, at(NOON + timedelta(minutes=30)), phone=E164)
    assert refused.value.retry_after_seconds == 30 * 60 + 1
    with database.transaction() as session:
        codes.issue(session, at(NOON + timedelta(minutes=30)), phone="+8613900139000")
        codes.issue(session, at(NOON + timedelta(minutes=61)), phone=E164)


def test_the_sixth_code_is_refused_at_the_door(anyone: Caller, mailbox: Mailbox) -> None:
    for _ in range(5):
        ask(anyone, mailbox)
    response = anyone.post("/v1/sessions/codes", {"phone": PHONE})
    assert (response.status_code, response.json["code"]) == (429, "too_many")
    assert int(response.headers["Retry-After"]) > 3_000
    assert len(mailbox.messages) == 5


def test_codes_asked_for_at_once_are_counted_too(app: Flask, mailbox: Mailbox) -> None:
    together = threading.Barrier(8)
    found: list[int] = []

    def run() -> None:
        together.wait()
        found.append(Caller(app).post("/v1/sessions/codes", {"phone": PHONE}).status_code)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [202] * 5 + [429] * 3


@pytest.mark.parametrize(
    "phone",
    ["", "abc", "110", "123456789012345678", "+8613800138000 ext. 5", "010-62345678", "+999123", 5, None],
)
def test_what_is_no_mobile_phone_is_invalid(anyone: Caller, mailbox: Mailbox, phone: object) -> None:
    assert anyone.post("/v1/sessions/codes", {"phone": phone}).status_code == 422
    assert anyone.post("/v1/sessions/phone", {"phone": phone, "code": "123456"}).status_code == 422
    assert mailbox.messages == []


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６", "12345\n", 123456, None])
def test_a_code_is_six_digits(anyone: Caller, code: object) -> None:
    assert anyone.post("/v1/sessions/phone", {"phone": PHONE, "code": code}).status_code == 422


def test_a_phone_that_never_asked_is_refused_alike(anyone: Caller, mailbox: Mailbox) -> None:
    never = anyone.post("/v1/sessions/phone", {"phone": PHONE, "code": "123456"})
    code = ask(anyone, mailbox)
    mistaken = anyone.post("/v1/sessions/phone", {"phone": PHONE, "code": wrong(code)})
    assert never.status_code == mistaken.status_code == 401
    assert never.json["code"] == mistaken.json["code"] == "wrong_code"


def test_a_disabled_account_does_not_get_in(anyone: Caller, mailbox: Mailbox) -> None:
    enter(anyone, ask(anyone, mailbox))
    with database.transaction() as session:
        account = accounts.find_by_phone(session, phone=E164)
        assert account is not None
        accounts.disable(session, context.system(), account_id=account.id)
    assert enter(anyone, ask(anyone, mailbox)) == 401


def test_operators_do_not_get_in_by_phone(anyone: Caller, mailbox: Mailbox) -> None:
    with database.transaction() as session:
        accounts.create(session, context.system(), name="Wang", roles=frozenset({Role.OPERATOR}), phone=PHONE)
    assert enter(anyone, ask(anyone, mailbox)) == 401


def test_a_sender_that_is_down_means_try_later(anyone: Caller, mailbox: Mailbox) -> None:
    mailbox.is_down = True
    response = anyone.post("/v1/sessions/codes", {"phone": PHONE})
    assert (response.status_code, response.json["code"]) == (503, "code_not_sent")


def test_without_a_sender_the_code_is_printed(anyone: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    assert anyone.post("/v1/sessions/codes", {"phone": PHONE}).status_code == 202
    assert E164 in capsys.readouterr().err


def test_a_code_is_stored_only_as_a_keyed_hash(app: Flask) -> None:
    with database.transaction() as session:
        row, digits = codes.issue(session, at(NOON), phone=E164)
    assert len(row.code_hmac) == 32
    assert digits.encode() not in row.code_hmac
