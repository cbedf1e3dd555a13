"""One-time codes for phones: stored as keyed hashes, few tries, the newest only, a handful an hour."""

import hmac
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Final, Protocol

import click
from flask import Flask, current_app
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from marketplace import audit, errors, turns
from marketplace.context import Context
from marketplace.identity.models import EmailCode, LoginCode
from marketplace.language import Language, Text
from marketplace.settings import Settings
from marketplace.values import new_id

DIGITS: Final = 6
TRIES_MAX: Final = 5
PER_HOUR_MAX: Final = 5
KEPT_DAYS: Final = 1
"""Longer than the hour over which codes are counted."""

_MESSAGE: Final = Text(
    en="{code} is your log-in code for the next {minutes} minutes. Give it to nobody.",
    zh="您的登录验证码为 {code}，{minutes} 分钟内有效，请勿告诉他人。",
)


class TooManyCodes(errors.TooMany):
    """A phone gets at most five codes an hour."""

    title = Text(en="Too many codes were asked for; wait a little.", zh="获取验证码过于频繁，请稍候。")
    code = "too_many"


class CodeNotSent(errors.TryLater):
    """The code could not be handed to whoever delivers messages."""

    title = Text(en="The code could not be sent; try again shortly.", zh="验证码发送失败，请稍后再试。")


class Sender(Protocol):
    """Delivers a message to a phone. Raises OSError when it cannot."""

    def send(self, *, phone: str, message: str) -> None: ...


class ConsoleSender:
    """Prints the message on the server's terminal: for development, until there is a contract for messages."""

    def send(self, *, phone: str, message: str) -> None:
        click.echo(f"{phone}: {message}", err=True)


def configure(app: Flask, sender: Sender | None = None) -> None:
    """Choose who delivers codes; an app that never calls this prints them."""
    app.extensions["code_sender"] = sender or ConsoleSender()


def issue(session: Session, ctx: Context, *, phone: str) -> tuple[LoginCode, str]:
    """A new code for the phone (E.164), and its digits to be sent; older ones end. Raises TooManyCodes."""
    _lock(session, phone)
    _check_frequency(session, ctx, phone)
    session.execute(
        update(LoginCode)
        .where(LoginCode.phone == phone, LoginCode.ended_at.is_(None))
        .values(ended_at=ctx.now)
    )
    code_id = new_id()
    digits = new_digits()
    row = LoginCode(
        id=code_id,
        phone=phone,
        code_hmac=keyed_hash("login-code", code_id, digits),
        wrong_tries=0,
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(minutes=_settings().login_code_minutes),
        ended_at=None,
    )
    session.add(row)
    audit.record(session, ctx, "login_code.issue", subject=("login_code", row.id))
    return row, digits


def send(*, phone: str, digits: str, language: Language) -> None:
    """Hand the code over, after it was committed; raises CodeNotSent."""
    sender: Sender = current_app.extensions.get("code_sender") or ConsoleSender()
    message = _MESSAGE.format(code=digits, minutes=_settings().login_code_minutes).pick(language)
    try:
        sender.send(phone=phone, message=message)
    except OSError as problem:
        raise CodeNotSent from problem


def redeem(session: Session, ctx: Context, *, phone: str, digits: str) -> bool:
    """Whether `digits` is the phone's live code, which ends with it. A wrong try counts: commit either way."""
    row = session.scalar(
        select(LoginCode)
        .where(LoginCode.phone == phone, LoginCode.ended_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or row.expires_at <= ctx.now:
        return False
    return try_digits(ctx, row, "login-code", digits)


def try_digits(ctx: Context, row: LoginCode | EmailCode, purpose: str, digits: str) -> bool:
    """Whether these are a locked code's digits; it ends with the right ones, and with the fifth wrong try."""
    if hmac.compare_digest(row.code_hmac, keyed_hash(purpose, row.id, digits)):
        row.ended_at = ctx.now
        return True
    row.wrong_tries += 1
    if row.wrong_tries >= TRIES_MAX:
        row.ended_at = ctx.now
    return False


def forget_old(session: Session, ctx: Context) -> int:
    """Delete codes older than KEPT_DAYS; how many."""
    before = ctx.now - timedelta(days=KEPT_DAYS)
    gone = [session.execute(delete(kind).where(kind.created_at < before)) for kind in (LoginCode, EmailCode)]
    return sum(int(getattr(each, "rowcount", 0)) for each in gone)


def _check_frequency(session: Session, ctx: Context, phone: str) -> None:
    check_frequency(session, ctx, LoginCode.created_at, LoginCode.phone == phone)


def check_frequency(
    session: Session, ctx: Context, created_at: InstrumentedAttribute[datetime], of: ColumnElement[bool]
) -> None:
    """Raises TooManyCodes when PER_HOUR_MAX of these codes were made within the hour."""
    hour = timedelta(hours=1)
    count, oldest = session.execute(
        select(func.count(), func.min(created_at)).where(of, created_at > ctx.now - hour)
    ).one()
    if count >= PER_HOUR_MAX:
        wait = oldest + hour - ctx.now
        raise TooManyCodes(retry_after_seconds=max(1, int(wait.total_seconds()) + 1))


def _lock(session: Session, phone: str) -> None:
    turns.take(session, f"login-code\n{phone}")


def new_digits() -> str:
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"


def keyed_hash(purpose: str, code_id: uuid.UUID, digits: str) -> bytes:
    """A million codes are tried in a moment; without the key that is of no use."""
    message = f"{purpose}\n{code_id}\n{digits}".encode()
    return hmac.digest(_settings().secret_key.encode(), message, "sha256")


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
