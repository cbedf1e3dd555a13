"""A person's e-mail address: told, proved by the code that was sent there, taken away.

Only a proved address is ever written to. Two people may share one: nobody logs in by it.
"""

import uuid
from datetime import timedelta
from typing import Final

import click
from flask import current_app
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from marketplace import audit, errors, turns
from marketplace.context import Context
from marketplace.identity import accounts, codes
from marketplace.identity.models import Account, EmailCode
from marketplace.language import Language, Text
from marketplace.notifications import channels
from marketplace.notifications.failing import Uncertain, Undelivered
from marketplace.notifications.smtp import Mail, is_address
from marketplace.settings import Settings
from marketplace.values import new_id

_PURPOSE: Final = "email-code"
_SUBJECT: Final = Text(en="Your code", zh="您的验证码")
_MESSAGE: Final = Text(
    en="{code} proves your e-mail address for the next {minutes} minutes. Give it to nobody.",
    zh="您的邮箱验证码为 {code}，{minutes} 分钟内有效，请勿告诉他人。",
)


class EmailNotUsable(errors.Invalid):
    """Not a plain e-mail address, such as li@example.org."""

    title = Text(en="This is not an e-mail address.", zh="这不是有效的邮箱地址。")


class EmailCodeWrong(errors.Conflict):
    """The code is wrong, used, replaced by a newer one or too old: all alike."""

    title = Text(en="The code is wrong or has lapsed.", zh="验证码错误或已失效。")


def normal(raw: str) -> str:
    """The address with its domain in lower case. Raises EmailNotUsable."""
    local, _, domain = raw.strip().rpartition("@")
    found = f"{local}@{domain.lower()}"
    if not is_address(found):
        raise EmailNotUsable
    return found


def issue(session: Session, ctx: Context, *, email: str) -> tuple[EmailCode, str]:
    """A new code for the actor's address, and its digits to be sent; an older one ends. Raises TooManyCodes."""
    account_id = accounts.get(session, account_id=_own_id(ctx), locked=True).id
    turns.take(session, f"{_PURPOSE}\n{email}")
    is_either = or_(EmailCode.email == email, EmailCode.account_id == account_id)
    codes.check_frequency(session, ctx, EmailCode.created_at, is_either)
    session.execute(
        update(EmailCode)
        .where(EmailCode.account_id == account_id, EmailCode.ended_at.is_(None))
        .values(ended_at=ctx.now)
    )
    code_id, digits = new_id(), codes.new_digits()
    row = EmailCode(
        id=code_id,
        account_id=account_id,
        email=email,
        code_hmac=codes.keyed_hash(_PURPOSE, code_id, digits),
        wrong_tries=0,
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(minutes=_settings().login_code_minutes),
        ended_at=None,
    )
    session.add(row)
    audit.record(session, ctx, "email_code.issue", subject=("email_code", row.id))
    return row, digits


def send(row: EmailCode, *, digits: str, language: Language) -> None:
    """Hand the code over, after it was committed; raises CodeNotSent. Without a mail server it is printed."""
    message = _MESSAGE.format(code=digits, minutes=_settings().login_code_minutes).pick(language)
    smtp = channels.of(current_app).smtp
    if smtp is None:
        click.echo(f"{row.email}: {message}", err=True)
        return
    try:
        smtp.send(Mail(id=str(row.id), to=row.email, subject=_SUBJECT.pick(language), text=message))
    except (Undelivered, Uncertain) as problem:
        raise codes.CodeNotSent from problem


def prove(session: Session, ctx: Context, *, digits: str) -> Account | None:
    """Keep the address that the actor's live code was sent to; None for a wrong code, whose try counts: commit it."""
    account = accounts.get(session, account_id=_own_id(ctx), locked=True)
    row = session.scalar(
        select(EmailCode)
        .where(EmailCode.account_id == account.id, EmailCode.ended_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or row.expires_at <= ctx.now or not codes.try_digits(ctx, row, _PURPOSE, digits):
        audit.record(session, ctx, "email_code.refuse", subject=("account", account.id))
        return None
    return _set(session, ctx, account, row.email)


def forget(session: Session, ctx: Context) -> Account:
    """Write to the actor no more by e-mail."""
    return _set(session, ctx, accounts.get(session, account_id=_own_id(ctx), locked=True), None)


def speak(session: Session, ctx: Context, *, language: Language | None) -> Account:
    """In which language the actor is written to; None: in both."""
    account = accounts.get(session, account_id=_own_id(ctx), locked=True)
    before = account.language
    account.version += before != language
    account.language = language
    subject = ("account", account.id)
    after = {"language": language}
    audit.record(
        session, ctx, "account.set_language", subject=subject, before={"language": before}, after=after
    )
    return account


def _set(session: Session, ctx: Context, account: Account, email: str | None) -> Account:
    """The trail says that there is an address, not which."""
    before = account.email is not None
    account.version += account.email != email
    account.email = email
    audit.record(
        session,
        ctx,
        "account.set_email",
        subject=("account", account.id),
        before={"is_set": before},
        after={"is_set": email is not None},
    )
    return account


def _own_id(ctx: Context) -> uuid.UUID:
    if ctx.actor.id is None:
        raise errors.Forbidden
    return ctx.actor.id


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
