"""Log-in with login and password, and changing the password."""

import statistics
import time

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.identity import accounts, logins, passwords
from marketplace.identity.models import Account
from tests.house import Caller
from tests.identity.conftest import PASSWORD, make_account, with_token


def actions() -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def log_in(caller: Caller, login: str, password: str = PASSWORD) -> Caller:
    response = caller.post("/v1/sessions", {"login": login, "password": password})
    assert response.status_code == 201, response.json
    return with_token(caller.app, response.json["token"])


def test_the_right_password_opens_a_session(anyone: Caller, staff: Account) -> None:
    response = anyone.post("/v1/sessions", {"login": "auditor.li", "password": PASSWORD})
    assert response.status_code == 201
    assert response.json["account"]["id"] == str(staff.id)
    assert response.json["account"]["roles"] == ["auditor"]
    assert "password" not in str(response.json)
    assert response.headers["Cache-Control"] == "no-store"
    me = with_token(anyone.app, response.json["token"]).get("/v1/accounts/me")
    assert me.json["id"] == str(staff.id)


def test_logins_do_not_differ_by_letter_case(anyone: Caller, staff: Account) -> None:
    assert log_in(anyone, " Auditor.LI ").get("/v1/accounts/me").status_code == 200


def test_wrong_login_wrong_password_and_disabled_answer_alike(anyone: Caller, staff: Account) -> None:
    make_account("gone", roles=(Role.BUYER,))
    with database.transaction() as session:
        gone = accounts.find_by_login(session, login="gone")
        assert gone is not None
        accounts.disable(session, context.system(), account_id=gone.id)
    bodies = [
        {"login": "auditor.li", "password": "not the password"},
        {"login": "auditor.li", "password": "short"},
        {"login": "nobody", "password": PASSWORD},
        {"login": "不存在", "password": PASSWORD},
        {"login": "gone", "password": PASSWORD},
    ]
    answers = [anyone.post("/v1/sessions", body) for body in bodies]
    assert {answer.status_code for answer in answers} == {401}
    told = [{**answer.json, "instance": "", "request_id": ""} for answer in answers]
    assert all(one == told[0] for one in told)
    assert told[0]["code"] == "wrong_credentials"


def test_refused_attempts_are_recorded_without_what_was_typed(anyone: Caller, staff: Account) -> None:
    anyone.post("/v1/sessions", {"login": "auditor.li", "password": "my secret number"})
    anyone.post("/v1/sessions", {"login": "typed my password here", "password": "my secret number"})
    with database.reading() as session:
        rows = list(session.scalars(select(AuditEntry).where(AuditEntry.action == "session.refuse")))
        assert sorted(row.subject_id for row in rows) == sorted([str(staff.id), "unknown"])
        assert all(row.before is None and row.after is None for row in rows)


def test_an_unknown_login_takes_as_long_as_a_wrong_password() -> None:
    stored = passwords.hash_of(PASSWORD)
    passwords.verify(None, "warm up")

    def seconds(known: str | None) -> float:
        started = time.perf_counter()
        assert not passwords.verify(known, "wrong password")
        return time.perf_counter() - started

    pairs = [(seconds(stored), seconds(None)) for _ in range(9)]
    known, unknown = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert 0.5 < known / unknown < 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"login": "auditor.li"},
        {"login": "auditor.li", "password": ""},
        {"login": "auditor.li", "password": "x" * 129},
        {"login": "auditor.li", "password": 5},
        {"login": "auditor.li", "password": PASSWORD, "role": "operator"},
        [],
    ],
)
def test_other_shapes_are_invalid(anyone: Caller, body: object) -> None:
    assert anyone.post("/v1/sessions", body).status_code == 422


def test_a_hash_with_older_parameters_is_renewed_at_log_in(anyone: Caller, staff: Account) -> None:
    dated = passwords.argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.transaction() as session:
        accounts.get(session, account_id=staff.id).password_hash = dated
    log_in(anyone, "auditor.li")
    with database.reading() as session:
        known = logins.look_up(session, login="auditor.li")
        assert known is not None
        assert known.password_hash != dated
    log_in(anyone, "auditor.li")


def test_a_password_changed_during_the_comparison_opens_nothing(app: Flask, staff: Account) -> None:
    with database.reading() as session:
        known = logins.look_up(session, login="auditor.li")
    with database.transaction() as session:
        accounts.get(session, account_id=staff.id).password_hash = passwords.hash_of("another password")
    with database.transaction() as session:
        assert logins.enter(session, context.system(), known=known, is_right=True) is None


def test_changing_the_password_ends_the_other_sessions(anyone: Caller, staff: Account) -> None:
    here, there = log_in(anyone, "auditor.li"), log_in(anyone, "auditor.li")
    change = {"old_password": PASSWORD, "new_password": "a different password"}
    assert here.post("/v1/accounts/me/password", change).status_code == 204
    assert here.get("/v1/accounts/me").status_code == 200
    assert there.get("/v1/accounts/me").status_code == 401
    assert anyone.post("/v1/sessions", {"login": "auditor.li", "password": PASSWORD}).status_code == 401
    log_in(anyone, "auditor.li", "a different password")


def test_the_present_password_is_asked_for_once_more(anyone: Caller, staff: Account) -> None:
    here = log_in(anyone, "auditor.li")
    change = {"old_password": "not the password", "new_password": "a different password"}
    response = here.post("/v1/accounts/me/password", change)
    assert (response.status_code, response.json["code"]) == (403, "wrong_password")
    assert "account.refuse_password" in actions()
    log_in(anyone, "auditor.li")


def test_a_new_password_has_twelve_characters_or_more(anyone: Caller, staff: Account) -> None:
    here = log_in(anyone, "auditor.li")
    for password in ("elevenchars", "x" * 129, None, "with\x00 a nul in it"):
        body = {"old_password": PASSWORD, "new_password": password}
        assert here.post("/v1/accounts/me/password", body).status_code in (400, 422)


def test_who_has_no_password_cannot_change_it(as_role: object) -> None:
    shopper = as_role(Role.SHOPPER)  # type: ignore[operator]
    change = {"old_password": PASSWORD, "new_password": "a different password"}
    response = shopper.post("/v1/accounts/me/password", change)
    assert (response.status_code, response.json["code"]) == (409, "password_not_set")


def test_a_passer_by_has_no_password_to_change(anyone: Caller) -> None:
    change = {"old_password": PASSWORD, "new_password": "a different password"}
    assert anyone.post("/v1/accounts/me/password", change).status_code == 401
