"""A sender that keeps what it was given, and what most tests of identity do first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from flask import Flask

from marketplace import context, database
from marketplace.access import Role
from marketplace.context import ANONYMOUS, Context
from marketplace.identity import accounts, codes
from marketplace.identity.models import Account
from tests.house import Caller

PASSWORD = "a long enough password"
PHONE = "13800138000"
E164 = "+8613800138000"


@dataclass
class Mailbox:
    """Stands where the phone network would."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    is_down: bool = False

    def send(self, *, phone: str, message: str) -> None:
        if self.is_down:
            raise ConnectionError
        self.messages.append((phone, message))

    def last_code(self) -> str:
        return re.findall(r"\d{6}", self.messages[-1][1])[0]


@pytest.fixture
def mailbox(app: Flask) -> Iterator[Mailbox]:
    box = Mailbox()
    codes.configure(app, box)
    yield box
    del app.extensions["code_sender"]


@pytest.fixture
def staff(app: Flask) -> Account:
    """An auditor who logs in with login and password."""
    return make_account("auditor.li", roles=(Role.AUDITOR,))


def make_account(login: str, *, roles: tuple[Role, ...]) -> Account:
    return database.transact(
        lambda session: accounts.create(
            session,
            context.system(),
            name=login,
            roles=frozenset(roles),
            login=login,
            password=PASSWORD,
        )
    )


def at(now: datetime) -> Context:
    """A passer-by at a fixed time."""
    return Context(actor=ANONYMOUS, now=now)


def with_token(app: Flask, token: str) -> Caller:
    return Caller(app, token)


def wrong(code: str) -> str:
    """Six digits that are not the code."""
    return f"{(int(code) + 1) % 1_000_000:06d}"
