"""Logging in, by password or by phone, and changing one's password.

A refused attempt leaves its trace too. So the functions answer None (or False) after having recorded it, and
the edge commits that before it refuses.
"""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.context import Context
from marketplace.identity import accounts, codes, sessions
from marketplace.identity.models import Account, AccountStatus, LoginSession
from marketplace.language import Text

_NEWCOMER: Final = Text(en="Shopper {digits}", zh="用户{digits}")


class WrongCredentials(errors.Unauthenticated):
    """The login or the password is wrong, or the account is disabled: all alike."""

    title = Text(en="Login or password is wrong.", zh="登录名或密码错误。")


class WrongCode(errors.Unauthenticated):
    """The code is wrong, used, replaced by a newer one or too old, or the account is disabled: all alike."""

    title = Text(en="The code is wrong or has lapsed.", zh="验证码错误或已失效。")


class WrongPassword(errors.Forbidden):
    """The present password, asked for once more, is wrong."""

    title = Text(en="The present password is wrong.", zh="当前密码错误。")


class PasswordNotSet(errors.Conflict):
    """The account logs in by phone and has no password to change."""

    title = Text(en="This account has no password.", zh="该账号没有密码。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a password is compared with, outside of any transaction."""

    account_id: uuid.UUID
    password_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A fresh log-in; `token` is in clear, once."""

    account: Account
    session: LoginSession
    token: str


def look_up(session: Session, *, login: str) -> Known | None:
    """What belongs to a login, if there is such an account."""
    account = accounts.find_by_login(session, login=login)
    if account is None or account.password_hash is None:
        return None
    return Known(account_id=account.id, password_hash=account.password_hash)


def own(session: Session, ctx: Context) -> Known:
    """The actor's present password; raises PasswordNotSet."""
    found = session.scalar(select(Account.password_hash).where(Account.id == ctx.actor.id))
    if found is None or ctx.actor.id is None:
        raise PasswordNotSet
    return Known(account_id=ctx.actor.id, password_hash=found)


def enter(
    session: Session, ctx: Context, *, known: Known | None, is_right: bool, new_hash: str | None = None
) -> Opened | None:
    """A session after the password was compared, if account and password still are what they were.

    `new_hash`: the same password under today's parameters, to be kept instead.
    """
    account = accounts.get(session, account_id=known.account_id, locked=True) if known else None
    if (
        known is None
        or account is None
        or not is_right
        or account.password_hash != known.password_hash
        or account.status != AccountStatus.ACTIVE
    ):
        _refuse(session, ctx, account)
        return None
    if new_hash is not None:
        account.password_hash = new_hash
    return _open(session, ctx, account)


def enter_by_phone(session: Session, ctx: Context, *, phone: str, digits: str) -> Opened | None:
    """A session for the right code; the shopper's account is made at the first one. Raises PhoneTaken.

    Operators and auditors do not get in this way: six digits are too little for what they may do.
    """
    is_right = codes.redeem(session, ctx, phone=phone, digits=digits)
    account = accounts.find_by_phone(session, phone=phone, locked=True)
    if not is_right or (account is not None and not _may_use_phone(account)):
        _refuse(session, ctx, account)
        return None
    if account is None:
        name = _NEWCOMER.format(digits=phone[-4:]).pick(ctx.language)
        account = accounts.create(session, ctx, name=name, roles=frozenset({Role.SHOPPER}), phone=phone)
    return _open(session, ctx, account)


def change_password(session: Session, ctx: Context, *, known: Known, is_right: bool, new_hash: str) -> bool:
    """Keep the new password and end the account's other sessions; False, recorded, if the old one was wrong."""
    account = accounts.get(session, account_id=known.account_id, locked=True)
    if not is_right or account.password_hash != known.password_hash:
        audit.record(session, ctx, "account.refuse_password", subject=("account", account.id))
        return False
    account.password_hash = new_hash
    ended = sessions.revoke_all(session, ctx, account_id=account.id, but=ctx.actor.session_id)
    audit.record(
        session,
        ctx,
        "account.change_password",
        subject=("account", account.id),
        after={"sessions_ended": ended},
    )
    return True


def _open(session: Session, ctx: Context, account: Account) -> Opened:
    row, token = sessions.open_session(session, ctx, account=account)
    return Opened(account=account, session=row, token=token)


def _may_use_phone(account: Account) -> bool:
    return account.status == AccountStatus.ACTIVE and account.roles.isdisjoint(STAFF)


def _refuse(session: Session, ctx: Context, account: Account | None) -> None:
    """What was typed is not recorded: people mistake the fields and type passwords as logins."""
    subject = account.id if account else "unknown"
    audit.record(session, ctx, "session.refuse", subject=("account", subject))
