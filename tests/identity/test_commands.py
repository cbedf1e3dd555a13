"""The first operator, made on the command line; and the promises afterwards."""

import pytest
from flask import Flask

from marketplace import context, database, verify
from marketplace.access import Role
from marketplace.identity import accounts, sessions
from marketplace.identity.commands import create_operator
from marketplace.identity.invariants import INVARIANTS
from tests.house import Caller
from tests.identity.conftest import PASSWORD


def run(app: Flask, *arguments: str, **options: object) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(create_operator, list(arguments), **options)  # type: ignore[arg-type]
    return result.exit_code, result.output


def test_the_password_may_come_from_the_environment(app: Flask, anyone: Caller) -> None:
    status, said = run(app, "--login", "Chief", env={"OPERATOR_PASSWORD": PASSWORD})
    assert status == 0, said
    assert PASSWORD not in said
    opened = anyone.post("/v1/sessions", {"login": "chief", "password": PASSWORD})
    assert opened.json["account"]["roles"] == ["operator"]


def test_otherwise_it_is_asked_for_twice_without_showing_it(app: Flask) -> None:
    status, said = run(app, "--login", "chief", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert status == 0, said
    assert PASSWORD not in said


@pytest.mark.parametrize(("login", "password"), [("chief", "short"), ("no good", PASSWORD)])
def test_what_cannot_be_is_said_in_one_line(app: Flask, login: str, password: str) -> None:
    status, said = run(app, "--login", login, env={"OPERATOR_PASSWORD": password})
    assert status == 1
    assert len(said.strip().splitlines()) == 1


def test_the_promises_hold_and_broken_ones_are_found(app: Flask) -> None:
    run(app, "--login", "chief", env={"OPERATOR_PASSWORD": PASSWORD})
    with database.reading() as session:
        assert [finding.broken for finding in verify.check(session, INVARIANTS)] == [0] * len(INVARIANTS)
    with database.transaction() as session:
        chief = accounts.find_by_login(session, login="chief")
        assert chief is not None
        sessions.open_session(session, context.system(), account=chief)
        chief.status = "disabled"
        other = accounts.create(
            session,
            context.system(),
            name="A",
            roles=frozenset({Role.COOPERATIVE}),
        )
        other.role_rows.clear()
    with database.reading() as session:
        broken = {finding.invariant.id for finding in verify.check(session, INVARIANTS) if not finding.holds}
    assert broken == {"I1", "I2", "I5"}
