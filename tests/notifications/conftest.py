"""A mail server of the tests' own on loopback, a channel that remembers, and who is told things."""

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from flask import Flask

from marketplace import database
from marketplace.context import SYSTEM, Context
from marketplace.language import Text
from marketplace.notifications import Message, channels, notify
from marketplace.notifications.channels import Channel, Parcel
from marketplace.notifications.kinds import About, CampaignClosed
from marketplace.notifications.models import NotificationDelivery
from marketplace.notifications.smtp import Smtp
from tests.builders import shopper

__all__ = ["shopper"]

NOON = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
"""Noon in the county."""


@dataclass
class MailServer:
    """Speaks SMTP as RFC 5321 asks, but for the one step in which it misbehaves."""

    answers: dict[str, str] = field(default_factory=dict)
    """What it says to a command (or `banner`, `data`) instead of yes; `hang`, `drop`, `drip`."""
    mails: list[str] = field(default_factory=list)
    port: int = 0

    def serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            if not self._say(connection, "banner", "220 here"):
                return
            for line in lines:
                verb = line.split()[0].decode(errors="replace").upper() if line.split() else ""
                if not self._say(
                    connection, verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 yes")
                ):
                    return
                if verb == "QUIT":
                    return
                if verb == "DATA" and "DATA" not in self.answers:
                    body = b"".join(iter(lines.readline, b".\r\n"))
                    self.mails.append(body.decode())
                    if not self._say(connection, "data", "250 taken"):
                        return

    def _say(self, connection: socket.socket, step: str, usual: str) -> bool:
        said = self.answers.get(step, usual)
        if said == "drop":
            return False
        if said == "hang":
            time.sleep(5)
            return False
        if said == "drip":
            with contextlib.suppress(OSError):
                for _ in range(50):
                    connection.sendall(b"2")
                    time.sleep(0.1)
            return False
        with contextlib.suppress(OSError):
            connection.sendall(f"{said}\r\n".encode())
        return True

    def client(self, **changes: object) -> Smtp:
        usual = Smtp(
            host="127.0.0.1",
            port=self.port,
            user="",
            password="",
            security="none",
            sender="Orchard <no-reply@orchard.example>",
            seconds=1,
        )
        return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server
    listener.close()


@dataclass
class Remembering:
    """A channel that keeps what it was given, or fails as it is told."""

    given: list[tuple[Parcel, str]] = field(default_factory=list)
    failures: list[Exception | None] = field(default_factory=list)
    """What becomes of the next ones; None: it is taken."""
    at_once_max: int = 1

    def deliver(self, parcel: Parcel, *, address: str) -> None:
        if self.failures and (problem := self.failures.pop(0)) is not None:
            raise problem
        self.given.append((parcel, address))


@pytest.fixture
def offering(app: Flask) -> Iterator[dict[str, Channel]]:
    """The channels of the app, to be changed by a test."""
    usual = channels.of(app)
    mine: dict[str, Channel] = {}
    app.extensions["notification_channels"] = replace(usual, by_name=mine)
    yield mine
    app.extensions["notification_channels"] = usual


@pytest.fixture
def channel(offering: dict[str, Channel]) -> Remembering:
    made = Remembering()
    offering["console"] = made
    return made


def at(now: datetime = NOON) -> Context:
    return Context(actor=SYSTEM, now=now)


def news() -> About:
    return CampaignClosed(
        campaign_id=uuid.uuid4(), campaign=Text(en="Spring", zh="春"), effect=Text(en="All.", zh="全。")
    )


def tell(
    account_id: uuid.UUID, *, cause: str = "c", about: About | None = None, now: datetime = NOON
) -> bool:
    message = Message(account_id=account_id, cause=cause, about=about or news())
    return database.transact(lambda session: notify(session, at(now), message))


def deliveries() -> list[NotificationDelivery]:
    with database.reading() as session:
        found = list(session.query(NotificationDelivery).order_by(NotificationDelivery.channel))
        session.expunge_all()
        return found
