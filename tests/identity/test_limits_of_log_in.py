"""How often somebody may try."""

from collections.abc import Iterator

import pytest
from flask import Flask

from marketplace import limits
from marketplace.identity import passwords
from tests.house import Caller
from tests.identity.conftest import Mailbox


@pytest.fixture(autouse=True)
def counted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(app.extensions, "limits", limits.Counts(None))
    quick = passwords.argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


def try_login(caller: Caller, login: str) -> int:
    return caller.post("/v1/sessions", {"login": login, "password": "a wrong password"}).status_code


def test_one_login_may_be_tried_ten_times_in_five_minutes(anyone: Caller) -> None:
    assert [try_login(anyone, "chief") for _ in range(11)] == [401] * 10 + [429]
    assert try_login(anyone, " CHIEF") == 429
    assert try_login(anyone, "another") == 401


def test_one_address_may_try_twenty_logins_a_minute(anyone: Caller) -> None:
    assert [try_login(anyone, f"login{number}") for number in range(21)] == [401] * 20 + [429]


def test_one_address_may_ask_for_five_codes_a_minute(anyone: Caller, mailbox: Mailbox) -> None:
    phones = [f"1380013800{number}" for number in range(6)]
    found = [anyone.post("/v1/sessions/codes", {"phone": phone}).status_code for phone in phones]
    assert found == [202] * 5 + [429]


def test_one_address_may_try_twenty_codes_a_minute(anyone: Caller) -> None:
    body = {"phone": "13800138000", "code": "123456"}
    found = [anyone.post("/v1/sessions/phone", body) for _ in range(21)]
    assert [answer.status_code for answer in found] == [401] * 20 + [429]
    assert int(found[-1].headers["Retry-After"]) >= 1
