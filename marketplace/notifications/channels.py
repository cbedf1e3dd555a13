"""Channels: how a message leaves the house. One interface, and what this installation offers of it."""

import uuid
from dataclasses import dataclass
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from flask import Flask

from marketplace.language import Language, Text
from marketplace.logs import log
from marketplace.notifications.rules import ChannelName, Quiet
from marketplace.notifications.smtp import Mail, Smtp
from marketplace.notifications.webhook import Webhook
from marketplace.settings import Settings

_BETWEEN: Final = " · "


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message as a channel is given it."""

    id: uuid.UUID
    kind: str
    account_id: uuid.UUID
    facts: dict[str, Any]
    title: Text
    body: Text
    language: Language | None
    """The person's; without one both languages stand together."""

    @property
    def subject(self) -> str:
        title = self.title
        return title.pick(self.language) if self.language else f"{title.zh}{_BETWEEN}{title.en}"

    @property
    def words(self) -> str:
        body = self.body
        return body.pick(self.language) if self.language else f"{body.zh}\n\n{body.en}"


class Channel(Protocol):
    """Delivers a message to an address. Raises Undelivered when it has not, and then it certainly has not."""

    at_once_max: int
    """So many messages at most are one job's: if its worker dies, somebody has to decide about all of them."""

    def deliver(self, parcel: Parcel, *, address: str) -> None: ...


class ConsoleChannel:
    """A line in the log: for development, and where nothing else is set up. Names the message, not its words."""

    at_once_max = 100

    def deliver(self, parcel: Parcel, *, address: str) -> None:
        log.info("notification", kind=parcel.kind, notification=str(parcel.id), account=address)


class EmailChannel:
    """By SMTP; the id of the message is its Message-ID, so that no reader shows it twice."""

    at_once_max = 1

    def __init__(self, smtp: Smtp) -> None:
        self._smtp = smtp

    def deliver(self, parcel: Parcel, *, address: str) -> None:
        self._smtp.send(Mail(id=str(parcel.id), to=address, subject=parcel.subject, text=parcel.words))


class WebhookChannel:
    """One JSON POST to the operator's own address, which passes it on as it likes."""

    at_once_max = 1

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def deliver(self, parcel: Parcel, *, address: str) -> None:
        document = {
            "id": str(parcel.id),
            "kind": parcel.kind,
            "account_id": address,
            "language": parcel.language,
            "facts": parcel.facts,
            "title": {"en": parcel.title.en, "zh": parcel.title.zh},
            "body": {"en": parcel.body.en, "zh": parcel.body.zh},
        }
        self._webhook.post(document, key=str(parcel.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What this installation sends by, and when it is quiet."""

    by_name: dict[str, Channel]
    quiet: Quiet
    smtp: Smtp | None


def configure(app: Flask, settings: Settings) -> None:
    """Make the channels that the settings name. Opens no connection."""
    smtp = Smtp.of(settings) if settings.smtp_host else None
    made: dict[str, Channel] = {}
    for name in settings.notify_channels.split(","):
        if name == ChannelName.EMAIL and smtp is not None:
            made[name] = EmailChannel(smtp)
        elif name == ChannelName.WEBHOOK:
            made[name] = WebhookChannel(
                Webhook(url=settings.notify_webhook_url, token=settings.notify_webhook_token)
            )
        elif name == ChannelName.CONSOLE:
            made[name] = ConsoleChannel()
    first, last = map(int, settings.notify_quiet_hours.split("-"))
    quiet = Quiet(first=first, last=last, zone=ZoneInfo(settings.notify_zone))
    app.extensions["notification_channels"] = Offered(by_name=made, quiet=quiet, smtp=smtp)


def of(app: Flask) -> Offered:
    found: Offered = app.extensions["notification_channels"]
    return found


def address_of(channel: str, *, account_id: uuid.UUID, email: str | None) -> str | None:
    """Where a person is reached by a channel; None: nowhere."""
    return email if channel == ChannelName.EMAIL else str(account_id)


__all__ = ("Channel", "Offered", "Parcel", "address_of", "configure", "of")
