"""Bearer tokens: who they stand for, and when they stop to."""

import hashlib
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace import context, database, errors
from marketplace.access import Role
from marketplace.context import Actor
from marketplace.identity import accounts, arrivals, jobs, logins, sessions, tokens
from marketplace.identity.models import Account, LoginCode, LoginSession
from marketplace.values import new_id
from tests.house import Caller
from tests.identity.conftest import make_cooperatives, with_token


def open_for(account: Account) -> tuple[LoginSession, str]:
    with database.transaction() as session:
        return sessions.open_session(session, context.system(), account=account)


def actor_of(token: str) -> Actor:
    return arrivals.authenticate(token, now=context.now_utc())


def test_a_token_stands_for_its_account(app: Flask) -> None:
    cooperatives = set(make_cooperatives(2))
    with database.transaction() as session:
        account = accounts.create(
            session,
            context.system(),
            name="Zhao",
            roles=frozenset({Role.COOPERATIVE, Role.BUYER}),
            cooperative_ids=cooperatives,
        )
        row, token = sessions.open_session(session, context.system(), account=account)
    actor = actor_of(token)
    assert (actor.kind, actor.id, actor.session_id) == ("account", account.id, row.id)
    assert actor.roles == {Role.COOPERATIVE, Role.BUYER}
    assert actor.cooperative_ids == cooperatives


def test_the_token_itself_is_not_stored(staff: Account) -> None:
    row, token = open_for(staff)
    assert row.token_digest == hashlib.sha256(token.encode()).digest()
    assert len(token) >= 43


@pytest.mark.parametrize("token", ["", "x", "svc_", "svc_unknown", "x" * 5_000, "苹果", "a\x00b"])
def test_unknown_tokens_are_refused(app: Flask, token: str) -> None:
    with pytest.raises(errors.Unauthenticated):
        actor_of(token)


def test_a_session_ends_after_its_days(staff: Account) -> None:
    row, token = open_for(staff)
    assert arrivals.authenticate(token, now=row.expires_at - timedelta(seconds=1)).id == staff.id
    with pytest.raises(errors.Unauthenticated):
        arrivals.authenticate(token, now=row.expires_at)


def test_all_who_arrive_at_once_are_told_apart(app: Flask, staff: Account) -> None:
    """Each of many at once gets its own answer, whoever looked it up."""
    known = [open_for(staff)[1] for _ in range(6)]
    sessions_of = {token: actor_of(token).session_id for token in known}
    assert len(set(sessions_of.values())) == 6
    asked = [*known, "nobody"] * 12

    def ask(token: str) -> uuid.UUID | None:
        with app.app_context():
            try:
                return actor_of(token).session_id
            except errors.Unauthenticated:
                return None

    with ThreadPoolExecutor(max_workers=12) as pool:
        assert list(pool.map(ask, asked)) == [sessions_of.get(token) for token in asked]


def test_logging_out_ends_this_session_only(staff: Account, app: Flask) -> None:
    here, there = (with_token(app, open_for(staff)[1]) for _ in range(2))
    assert here.delete("/v1/sessions/current").status_code == 204
    assert here.get("/v1/accounts/me").status_code == 401
    assert here.delete("/v1/sessions/current").status_code == 401
    assert there.get("/v1/accounts/me").status_code == 200


def test_a_passer_by_cannot_log_out(anyone: Caller) -> None:
    assert anyone.delete("/v1/sessions/current").status_code == 401


def test_every_bad_credential_gets_the_same_answer(anyone: Caller, staff: Account) -> None:
    _, ended = open_for(staff)
    with database.transaction() as session:
        sessions.revoke_all(session, context.system(), account_id=staff.id)
    headers = [
        f"Bearer {ended}",
        f"Bearer {tokens.new_session_token()}",
        f"Bearer {tokens.new_service_key()}",
        "Bearer",
        "Basic YTpi",
        "nonsense",
    ]
    answers = [anyone.get("/v1/accounts/me", headers={"Authorization": value}) for value in headers]
    told = [{**answer.json, "instance": "", "request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {401}
    assert all("WWW-Authenticate" in answer.headers for answer in answers)
    assert all(one == told[0] for one in told)


def test_what_is_long_over_is_forgotten(staff: Account) -> None:
    old, _ = open_for(staff)
    fresh, token = open_for(staff)
    now = context.now_utc()
    with database.transaction() as session:
        row = session.get(LoginSession, old.id)
        assert row is not None
        row.revoked_at = now - timedelta(days=31)
        session.add(
            LoginCode(
                id=new_id(),
                phone="+8613800138000",
                code_hmac=b"x" * 32,
                wrong_tries=0,
                created_at=now - timedelta(days=2),
                expires_at=now - timedelta(days=2) + timedelta(minutes=10),
                ended_at=None,
            )
        )
    with database.transaction() as session:
        jobs.forget_old(session, context.system())
    with database.reading() as session:
        assert list(session.scalars(select(LoginSession.id))) == [fresh.id]
        assert list(session.scalars(select(LoginCode.id))) == []
    assert actor_of(token).id == staff.id


def test_nobody_slips_in_while_the_account_is_disabled(app: Flask, staff: Account) -> None:
    with database.reading() as session:
        known = logins.look_up(session, login="auditor.li")
    together = threading.Barrier(9)
    opened: list[bool] = []

    def enter() -> None:
        with app.app_context():
            together.wait()
            found = database.transact(
                lambda session: logins.enter(session, context.system(), known=known, is_right=True)
            )
            opened.append(found is not None)

    def disable() -> None:
        with app.app_context():
            together.wait()
            database.transact(
                lambda session: accounts.disable(session, context.system(), account_id=staff.id)
            )

    threads = [threading.Thread(target=work) for work in [*[enter] * 8, disable]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        rows = list(session.scalars(select(LoginSession.revoked_at)))
    assert len(opened) == 8
    assert len(rows) == sum(opened)
    assert None not in rows
