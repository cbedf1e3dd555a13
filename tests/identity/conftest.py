"""A sender that keeps what it was given, and what most tests of identity do first."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from marketplace import context, database
from marketplace.access import Role
from marketplace.catalogue import cooperatives, counties
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


def make_cooperatives(count: int) -> list[uuid.UUID]:
    """The ids of that many cooperatives of one county."""

    def work(session: Session) -> list[uuid.UUID]:
        ctx = context.system()
        county = counties.create(session, ctx, code="yijun", name_en="Yijun", name_zh="宜君")
        made = [
            cooperatives.create(
                session,
                ctx,
                county_id=county.id,
                code=f"c{number}",
                name_en=f"Cooperative {number}",
                name_zh=f"合作社{number}",
                township_en="Town",
                township_zh="镇",
                member_households=10,
                members=30,
            )
            for number in range(count)
        ]
        return [cooperative.id for cooperative in made]

    return database.transact(work)


def at(now: datetime) -> Context:
    """A passer-by at a fixed time."""
    return Context(actor=ANONYMOUS, now=now)


def with_token(app: Flask, token: str) -> Caller:
    return Caller(app, token)


def wrong(code: str) -> str:
    """Six digits that are not the code."""
    return f"{(int(code) + 1) % 1_000_000:06d}"
