"""Accounts: made, given roles and memberships, disabled and enabled. What is taken away is gone at once."""

import re
import uuid
from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from marketplace import audit, database, errors
from marketplace.access import PEOPLE, Role
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.identity import passwords, phones, sessions
from marketplace.identity.models import Account, AccountRole, AccountStatus, Membership
from marketplace.language import Text
from marketplace.values import new_id

_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,79}")
_OPERATORS_LOCK: Final = 0x6F70657261746F72
"""Advisory lock under which operators become fewer: one such change at a time."""


class AccountNotFound(errors.NotFound):
    title = Text(en="There is no such account.", zh="没有该账号。")


class LoginTaken(errors.Conflict):
    """Another account has this login."""

    title = Text(en="This login is taken.", zh="该登录名已被使用。")


class PhoneTaken(errors.Conflict):
    """Another account has this phone."""

    title = Text(en="This phone belongs to another account.", zh="该手机号已属于其他账号。")


class LoginNotUsable(errors.Invalid):
    """A login has 3 to 80 of a–z, 0–9 and . _ @ + -, and comes with a password (and the other way round)."""

    title = Text(
        en="A login has 3 to 80 letters a–z, digits or . _ @ + - and needs a password.",
        zh="登录名为 3 至 80 个字母、数字或 . _ @ + -，并须设置密码。",
    )


class PasswordNotUsable(errors.Invalid):
    """A password has 12 to 128 characters."""

    title = Text(en="A password has 12 to 128 characters.", zh="密码须为 12 至 128 个字符。")


class RoleNotAssignable(errors.Invalid):
    """An account has one or more of the roles that people can have."""

    title = Text(en="These roles cannot be given to an account.", zh="不能为账号设置这些角色。")


class MembershipNeedsRole(errors.Invalid):
    """Only an account with the role `cooperative` acts for cooperatives."""

    title = Text(en="Memberships need the role cooperative.", zh="合作社成员须具有合作社角色。")


class CooperativeUnknown(errors.Invalid):
    """A membership names a cooperative that does not exist."""

    title = Text(en="There is no such cooperative.", zh="没有该合作社。")


class LastOperator(errors.Conflict):
    """Somebody must be left who can give roles."""

    title = Text(en="The last active operator must stay.", zh="必须保留最后一位在用的运营人员。")


class AccountStateForbids(errors.Conflict):
    """It is disabled, or enabled, already."""

    title = Text(en="The account is in that state already.", zh="账号已处于该状态。")
    code = "state"


def create(
    session: Session,
    ctx: Context,
    *,
    name: str,
    roles: frozenset[Role],
    login: str | None = None,
    password: str | None = None,
    phone: str | None = None,
    cooperative_ids: Iterable[uuid.UUID] = (),
) -> Account:
    """A new active account.

    Raises RoleNotAssignable, MembershipNeedsRole, CooperativeUnknown, LoginNotUsable, PasswordNotUsable,
    PhoneNotUsable, LoginTaken, PhoneTaken.
    """
    memberships = frozenset(cooperative_ids)
    check_roles(roles, memberships)
    normal = _checked_login(login, password)
    password_hash = hash_new(password) if password is not None else None
    _check_cooperatives(session, memberships)
    account = Account(
        id=new_id(),
        name=name,
        login=normal,
        password_hash=password_hash,
        phone=phones.normal(phone) if phone is not None else None,
        status=AccountStatus.ACTIVE,
        created_at=ctx.now,
        version=1,
        role_rows=[AccountRole(role=role) for role in sorted(roles)],
        membership_rows=[Membership(cooperative_id=cooperative_id) for cooperative_id in sorted(memberships)],
    )
    with database.refusing({"uq_account_login": LoginTaken(), "uq_account_phone": PhoneTaken()}):
        session.add(account)
        session.flush()
    audit.record(session, ctx, "account.create", subject=("account", account.id), after=_powers(account))
    return account


def get(session: Session, *, account_id: uuid.UUID, locked: bool = False) -> Account:
    """Raises AccountNotFound."""
    found = session.get(Account, account_id, with_for_update=locked or None, populate_existing=locked)
    if found is None:
        raise AccountNotFound
    return found


def members_of_any(
    session: Session,
    *,
    cooperative_ids: Collection[uuid.UUID],
    after: uuid.UUID | None = None,
    size: int | None = None,
) -> list[uuid.UUID]:
    """Whoever acts for one or more of these cooperatives, each once, by id; at most `size` behind `after`."""
    found = select(Membership.account_id).where(Membership.cooperative_id.in_(cooperative_ids)).distinct()
    if after is not None:
        found = found.where(Membership.account_id > after)
    return list(session.scalars(found.order_by(Membership.account_id).limit(size)))


def members_by_cooperative(
    session: Session, cooperative_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Whoever acts for each of these cooperatives; one without members is left out."""
    rows = session.execute(
        select(Membership.cooperative_id, Membership.account_id)
        .where(Membership.cooperative_id.in_(cooperative_ids))
        .order_by(Membership.cooperative_id, Membership.account_id)
    )
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    for cooperative_id, account_id in rows:
        found.setdefault(cooperative_id, []).append(account_id)
    return found


def listed() -> Select[Any]:
    return select(Account)


def find_by_phone(session: Session, *, phone: str, locked: bool = False) -> Account | None:
    """`phone` in E.164."""
    statement = select(Account).where(Account.phone == phone)
    if locked:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def find_by_login(session: Session, *, login: str) -> Account | None:
    return session.scalar(select(Account).where(Account.login == normal_login(login)))


def set_roles(
    session: Session,
    ctx: Context,
    *,
    account: Account,
    roles: frozenset[Role],
    cooperative_ids: Iterable[uuid.UUID] = (),
) -> Account:
    """Replace roles and memberships of a locked account and end its sessions.

    Raises RoleNotAssignable, MembershipNeedsRole, CooperativeUnknown, LastOperator.
    """
    memberships = frozenset(cooperative_ids)
    check_roles(roles, memberships)
    _check_cooperatives(session, memberships)
    if Role.OPERATOR not in roles:
        _check_operator_remains(session, account)
    before = _powers(account)
    had = {row.role: row for row in account.role_rows}
    belonged = {row.cooperative_id: row for row in account.membership_rows}
    account.role_rows = [had.get(role) or AccountRole(role=role) for role in sorted(roles)]
    account.membership_rows = [
        belonged.get(cooperative_id) or Membership(cooperative_id=cooperative_id)
        for cooperative_id in sorted(memberships)
    ]
    account.version += 1
    sessions.revoke_all(session, ctx, account_id=account.id)
    audit.record(
        session,
        ctx,
        "account.set_roles",
        subject=("account", account.id),
        before=before,
        after=_powers(account),
    )
    return account


def disable(session: Session, ctx: Context, *, account_id: uuid.UUID) -> Account:
    """Shut an account out at once. Raises AccountNotFound, AccountStateForbids, LastOperator."""
    account = get(session, account_id=account_id, locked=True)
    _check_operator_remains(session, account)
    _change_status(session, ctx, account, AccountStatus.DISABLED, "account.disable")
    sessions.revoke_all(session, ctx, account_id=account.id)
    return account


def enable(session: Session, ctx: Context, *, account_id: uuid.UUID) -> Account:
    """Let an account in again; it must log in anew. Raises AccountNotFound, AccountStateForbids."""
    account = get(session, account_id=account_id, locked=True)
    _change_status(session, ctx, account, AccountStatus.ACTIVE, "account.enable")
    return account


def end_sessions(session: Session, ctx: Context, *, account_id: uuid.UUID) -> None:
    """Log an account out everywhere. Raises AccountNotFound."""
    account = get(session, account_id=account_id, locked=True)
    ended = sessions.revoke_all(session, ctx, account_id=account.id)
    audit.record(
        session, ctx, "account.end_sessions", subject=("account", account.id), after={"sessions": ended}
    )


def check_roles(roles: frozenset[Role], cooperative_ids: frozenset[uuid.UUID]) -> None:
    """Raises RoleNotAssignable, MembershipNeedsRole."""
    if not roles or not roles <= PEOPLE:
        raise RoleNotAssignable
    if cooperative_ids and Role.COOPERATIVE not in roles:
        raise MembershipNeedsRole


def normal_login(login: str) -> str:
    """Logins differ by more than letter case."""
    return login.strip().lower()


def hash_new(password: str) -> str:
    """The hash of a password that somebody chose; raises PasswordNotUsable."""
    if not passwords.LENGTH_MIN <= len(password) <= passwords.LENGTH_MAX:
        raise PasswordNotUsable
    return passwords.hash_of(password)


def _checked_login(login: str | None, password: str | None) -> str | None:
    if (login is None) != (password is None):
        raise LoginNotUsable
    if login is None:
        return None
    normal = normal_login(login)
    if not _LOGIN.fullmatch(normal):
        raise LoginNotUsable
    return normal


def _check_cooperatives(session: Session, cooperative_ids: frozenset[uuid.UUID]) -> None:
    """Raises CooperativeUnknown. Cooperatives are never deleted, so what is found stays."""
    if not cooperative_ids:
        return
    found = session.scalars(select(Cooperative.id).where(Cooperative.id.in_(cooperative_ids)))
    if set(found) != cooperative_ids:
        raise CooperativeUnknown


def _change_status(
    session: Session, ctx: Context, account: Account, after: AccountStatus, action: str
) -> None:
    if account.status == after:
        raise AccountStateForbids(account_status=account.status)
    before = account.status
    account.status = after
    account.version += 1
    audit.record(
        session,
        ctx,
        action,
        subject=("account", account.id),
        before={"status": before},
        after={"status": after.value},
    )


def _check_operator_remains(session: Session, account: Account) -> None:
    """Raises LastOperator unless another active operator stays; serialised, so that two cannot leave at once."""
    if Role.OPERATOR not in account.roles or account.status != AccountStatus.ACTIVE:
        return
    session.execute(select(func.pg_advisory_xact_lock(_OPERATORS_LOCK)))
    others = session.scalar(
        select(func.count())
        .select_from(Account)
        .join(AccountRole)
        .where(
            AccountRole.role == Role.OPERATOR,
            Account.status == AccountStatus.ACTIVE,
            Account.id != account.id,
        )
    )
    if not others:
        raise LastOperator


def _powers(account: Account) -> dict[str, Any]:
    return {
        "roles": sorted(account.roles),
        "cooperative_ids": sorted(str(cooperative_id) for cooperative_id in account.cooperative_ids),
    }
