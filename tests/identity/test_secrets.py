"""What the database keeps of passwords, codes, tokens and keys: nothing that could be used."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from marketplace.access import Role
from marketplace.embedded.databases import DatabaseUrls
from marketplace.identity.models import Account
from tests import servers
from tests.house import Caller
from tests.identity.conftest import PASSWORD, PHONE, Mailbox


def everything_stored(urls: DatabaseUrls) -> str:
    """All rows of all tables as text; bytes in hexadecimal."""
    with psycopg.connect(servers.plain(urls.owner_url)) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [
            row
            for (name,) in names
            for row in connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name)))
        ]
    return "\n".join(text for (text,) in rows)


def test_a_copy_of_the_database_lets_nobody_in(
    anyone: Caller,
    as_role: Callable[..., Caller],
    staff: Account,
    mailbox: Mailbox,
    database_urls: DatabaseUrls,
    caplog: pytest.LogCaptureFixture,
) -> None:
    by_password = anyone.post("/v1/sessions", {"login": "auditor.li", "password": PASSWORD}).json
    anyone.post("/v1/sessions", {"login": "auditor.li", "password": "mistyped secret"})
    anyone.post("/v1/sessions", {"login": "typed in the wrong field", "password": "x"})
    anyone.post("/v1/sessions/codes", {"phone": PHONE})
    code = mailbox.last_code()
    by_phone = anyone.post("/v1/sessions/phone", {"phone": PHONE, "code": code}).json
    key = as_role(Role.OPERATOR).post("/v1/service-keys", {"name": "A", "scopes": ["lots.read"]}).json

    stored = everything_stored(database_urls)
    assert "auditor.li" in stored
    secrets = [PASSWORD, "mistyped secret", "typed in the wrong field"]
    secrets += [by_password["token"], by_phone["token"], key["key"]]
    for secret in secrets:
        assert secret not in stored
        assert secret.encode().hex() not in stored
        assert secret not in caplog.text
    assert code.encode().hex() not in stored
    assert f'"{code}"' not in stored
