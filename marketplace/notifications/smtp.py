"""E-mail by SMTP: plain text in UTF-8, with TLS from the start, by STARTTLS, or (on one's own machine) without.

A send is over within its time whatever the server does: each answer is waited for so long, and a timer ends the
connection when all of it together takes too long.
"""

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Final

from marketplace.notifications.failing import Uncertain, Undelivered
from marketplace.notifications.words import one_line
from marketplace.settings import Settings

_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.ASCII
)
ADDRESS_MAX: Final = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    id: str
    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """A server that takes our mail."""

    host: str
    port: int
    user: str
    password: str
    security: str
    """`tls`, `starttls` or `none`."""
    sender: str
    seconds: int
    """For one answer, and for all of them together."""
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Smtp":
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            user=settings.smtp_user,
            password=settings.smtp_password,
            security=settings.smtp_security,
            sender=settings.smtp_from,
            seconds=settings.smtp_timeout_seconds,
        )

    def send(self, mail: Mail) -> None:
        """Raises Undelivered; Uncertain when the whole mail was handed over and no answer came."""
        told = message(mail, sender=self.sender)
        handed_over = False
        hung_up = threading.Event()
        try:
            with self._connected(hung_up) as server:
                refused = server.mail(parseaddr(self.sender)[1])
                _check(refused)
                _check(server.rcpt(mail.to))
                code, answer = server.docmd("DATA")
                if code != _GO_ON:
                    raise smtplib.SMTPDataError(code, answer)
                handed_over = True
                _check(_hand_over(server, told))
                if hung_up.is_set():  # the answer is what was there of it by then
                    raise TimeoutError
        except smtplib.SMTPResponseException as problem:
            raise Undelivered(
                f"SMTP {problem.smtp_code}", is_final=_FINAL <= problem.smtp_code < _FINAL + 100
            ) from None
        except (OSError, smtplib.SMTPException, EOFError) as problem:
            why = f"SMTP: {type(problem).__name__}"
            if handed_over:
                raise Uncertain(why) from None
            raise Undelivered(why) from None

    @contextlib.contextmanager
    def _connected(self, hung_up: threading.Event) -> Iterator[smtplib.SMTP]:
        context = self.tls or ssl.create_default_context()
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(timeout=self.seconds, context=context)
            if self.security == "tls"
            else smtplib.SMTP(timeout=self.seconds)
        )
        server._host = self.host  # type: ignore[attr-defined]  # noqa: SLF001 (the name the certificate must bear)
        end = threading.Timer(self.seconds, _hang_up, [server, hung_up])
        end.daemon = True
        end.start()
        try:
            code, answer = server.connect(self.host, self.port)
            if code != _READY:
                raise smtplib.SMTPConnectError(code, answer)
            server.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                server.starttls(context=context)
                server.ehlo_or_helo_if_needed()
            if self.user:
                server.login(self.user, self.password)
            yield server
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.docmd("QUIT")
        finally:
            end.cancel()
            server.close()


_READY: Final = 220
_GO_ON: Final = 354
_FINAL: Final = 500
"""From here on a server says no for good."""


def message(mail: Mail, *, sender: str) -> EmailMessage:
    """The mail with its header; whatever is in the subject, it stays one line."""
    told = EmailMessage()
    name, address = parseaddr(sender)
    told["From"] = Address(display_name=one_line(name), addr_spec=address)
    if not is_address(mail.to):
        raise Undelivered("not an address", is_final=True)
    told["To"] = Address(addr_spec=mail.to)
    told["Subject"] = one_line(mail.subject)
    told["Date"] = formatdate(usegmt=True)
    told["Message-ID"] = f"<{mail.id}@{address.rpartition('@')[2]}>"
    told["Auto-Submitted"] = "auto-generated"
    told.set_content(mail.text, cte="base64")
    return told


def is_address(raw: str) -> bool:
    """An address that mail can be sent to as it stands: no name, no comment, no quoted part, no line end."""
    return len(raw) <= ADDRESS_MAX and _ADDRESS.fullmatch(raw) is not None and ".." not in raw


def _hand_over(server: smtplib.SMTP, told: EmailMessage) -> tuple[int, bytes]:
    data = told.as_bytes(policy=told.policy.clone(linesep="\r\n"))
    server.send(re.sub(rb"(?m)^\.", b"..", data.rstrip(b"\r\n")) + b"\r\n.\r\n")
    return server.getreply()


def _check(answer: tuple[int, bytes]) -> None:
    code, words = answer
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, words)


def _hang_up(server: smtplib.SMTP, hung_up: threading.Event) -> None:
    hung_up.set()
    sock = server.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
