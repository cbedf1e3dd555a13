"""Doors of log-in, accounts and service keys.

The log-in doors own their transactions step by step: passwords are compared outside of one, and a refused
attempt is committed before it is answered.
"""

import hashlib
import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace import context, errors, versions
from marketplace.access import Role
from marketplace.database import reading, transact
from marketplace.door import Blueprint
from marketplace.identity import (
    accounts,
    codes,
    emails,
    households,
    logins,
    passwords,
    phones,
    schemas,
    service_keys,
    sessions,
)
from marketplace.identity.models import Account, ServiceKey
from marketplace.identity.scopes import Scope
from marketplace.limits import limited
from marketplace.paging import Query, page_of, read
from marketplace.problems import VersionDiffers, VersionMissing

log_ins = Blueprint("sessions", __name__, url_prefix="/sessions", description="Log-in 登录")
people = Blueprint("accounts", __name__, url_prefix="/accounts", description="Accounts and roles 账号")
keys = Blueprint(
    "service_keys", __name__, url_prefix="/service-keys", description="Keys for programs 服务密钥"
)
blueprints: Final = (log_ins, people, keys)

NOT_STORED: Final = {"Cache-Control": "no-store"}
ROLE_REFUSALS: Final = (
    accounts.RoleNotAssignable,
    accounts.MembershipNeedsRole,
    accounts.CooperativeUnknown,
)


def _login(body: dict[str, Any]) -> str:
    """Counts by the login that is tried; hashed, as people type passwords there."""
    return hashlib.sha256(accounts.normal_login(body["login"]).encode()).hexdigest()


@log_ins.post("")
@limited("20 per minute", per="address")
@log_ins.arguments(schemas.LogIn)
@limited("10 per 5 minutes", per=_login)
@log_ins.problems(logins.WrongCredentials, errors.TooMany)
@log_ins.response(201, schemas.OpenedSession)
def log_in(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Log in with login and password 密码登录"""
    ctx = context.current()
    with reading() as session:
        known = logins.look_up(session, login=body["login"])
    is_right = passwords.verify(known.password_hash if known else None, body["password"])
    is_dated = known is not None and is_right and passwords.is_dated(known.password_hash)
    new_hash = passwords.hash_of(body["password"]) if is_dated else None

    def work(session: Session) -> dict[str, Any] | None:
        return _opened(logins.enter(session, ctx, known=known, is_right=is_right, new_hash=new_hash))

    opened = transact(work)
    if opened is None:
        raise logins.WrongCredentials
    return opened, 201, NOT_STORED


@log_ins.post("/codes")
@limited("5 per minute", per="address")
@log_ins.arguments(schemas.AskForCode)
@log_ins.problems(phones.PhoneNotUsable, codes.TooManyCodes, codes.CodeNotSent)
@log_ins.response(202, schemas.SentCode)
def request_code(body: dict[str, Any]) -> dict[str, Any]:
    """Have a code sent to a phone; the same for every phone 获取验证码"""
    ctx = context.current()
    phone = phones.normal(body["phone"])
    row, digits = transact(lambda session: codes.issue(session, ctx, phone=phone))
    codes.send(phone=phone, digits=digits, language=ctx.language)
    return {"expires_at": row.expires_at}


@log_ins.post("/phone")
@limited("20 per minute", per="address")
@log_ins.arguments(schemas.LogInByPhone)
@log_ins.problems(phones.PhoneNotUsable, logins.WrongCode, accounts.PhoneTaken, errors.TooMany)
@log_ins.response(201, schemas.OpenedSession)
def log_in_by_phone(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Log in with the code; a shopper's first log-in makes the account 验证码登录"""
    ctx = context.current()
    phone = phones.normal(body["phone"])
    opened = transact(
        lambda session: _opened(logins.enter_by_phone(session, ctx, phone=phone, digits=body["code"]))
    )
    if opened is None:
        raise logins.WrongCode
    return opened, 201, NOT_STORED


@log_ins.delete("/current")
@log_ins.writes(204, key=False)
def log_out(session: Session) -> None:
    """End this session 退出登录"""
    sessions.log_out(session, context.current())


@people.get("/me")
@people.response(200, schemas.Account)
def get_me() -> dict[str, Any]:
    """Who I am 我的账号"""
    ctx = context.current()
    assert ctx.actor.id is not None
    with reading() as session:
        account = _shown(accounts.get(session, account_id=ctx.actor.id))
    versions.tag(account["version"])
    return account


@people.post("/me/password")
@limited("5 per minute", per="actor")
@people.arguments(schemas.ChangePassword)
@people.problems(logins.WrongPassword, logins.PasswordNotSet, errors.TooMany)
@people.response(204)
def change_password(body: dict[str, Any]) -> None:
    """Change my password; ends my other sessions 修改密码"""
    ctx = context.current()
    with reading() as session:
        known = logins.own(session, ctx)
    is_right = passwords.verify(known.password_hash, body["old_password"])
    new_hash = accounts.hash_new(body["new_password"])
    is_changed = transact(
        lambda session: logins.change_password(
            session, ctx, known=known, is_right=is_right, new_hash=new_hash
        )
    )
    if not is_changed:
        raise logins.WrongPassword


@people.post("/me/email")
@limited("5 per minute", per="actor")
@people.arguments(schemas.TellEmail)
@people.problems(emails.EmailNotUsable, codes.TooManyCodes, codes.CodeNotSent)
@people.response(202, schemas.SentCode)
def tell_email(body: dict[str, Any]) -> dict[str, Any]:
    """Have a code sent to my e-mail address 登记邮箱"""
    ctx = context.current()
    email = emails.normal(body["email"])
    row, digits = transact(lambda session: emails.issue(session, ctx, email=email))
    emails.send(row, digits=digits, language=ctx.language)
    return {"expires_at": row.expires_at}


@people.put("/me/email")
@limited("20 per minute", per="actor")
@people.arguments(schemas.ProveEmail)
@people.problems(emails.EmailCodeWrong, errors.TooMany)
@people.response(200, schemas.Account)
def prove_email(body: dict[str, Any]) -> dict[str, Any]:
    """Prove my e-mail address with the code; from then on I am written to there 验证邮箱"""
    ctx = context.current()

    def work(session: Session) -> dict[str, Any] | None:
        account = emails.prove(session, ctx, digits=body["code"])
        return None if account is None else _shown(account)

    shown = transact(work)
    if shown is None:
        raise emails.EmailCodeWrong
    versions.tag(shown["version"])
    return shown


@people.delete("/me/email")
@people.writes(200, schemas.Account, key=False)
def forget_email(session: Session) -> dict[str, Any]:
    """Write to me by e-mail no more 删除邮箱"""
    return _shown(emails.forget(session, context.current()))


@people.put("/me/household")
@people.arguments(schemas.TellHousehold)
@people.problems(households.HouseholdSet)
@people.writes(200, schemas.Account, key=False)
def tell_household(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Say where I live, once, for limits by household; only a digest is kept 登记住户"""
    return _shown(households.tell(session, context.current(), **body))


@people.put("/<uuid:account_id>/household")
@people.arguments(schemas.ChangeHousehold)
@people.problems(accounts.AccountNotFound)
@people.writes(200, schemas.Account, key=False)
def change_household(session: Session, body: dict[str, Any], account_id: uuid.UUID) -> dict[str, Any]:
    """Set an account's household right, or take it away (operators) 更改住户"""
    return _shown(households.change(session, context.current(), account_id=account_id, **body))


@people.get("")
@people.arguments(Query, location="query")
@people.response(200, page_of(schemas.Account))
def list_accounts(query: dict[str, Any]) -> dict[str, Any]:
    """All accounts, oldest first 账号列表"""
    with reading() as session:
        page = read(session, accounts.listed(), Account.id, **query)
        return {**page, "items": [_shown(account) for account in page["items"]]}


@people.post("")
@people.arguments(schemas.CreateAccount)
@people.problems(
    accounts.LoginTaken,
    accounts.PhoneTaken,
    accounts.LoginNotUsable,
    phones.PhoneNotUsable,
    *ROLE_REFUSALS,
)
@people.writes(201, schemas.Account, key=False, location=lambda made: f"/v1/accounts/{made['id']}")
def create_account(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Make an account (operators) 创建账号"""
    facts = {**body, "roles": _roles(body["roles"])}
    return _shown(accounts.create(session, context.current(), **facts))


@people.get("/<uuid:account_id>")
@people.problems(accounts.AccountNotFound)
@people.response(200, schemas.Account)
def get_account(account_id: uuid.UUID) -> dict[str, Any]:
    """One account 查询账号"""
    with reading() as session:
        account = _shown(accounts.get(session, account_id=account_id))
    versions.tag(account["version"])
    return account


@people.put("/<uuid:account_id>/roles")
@people.doc(parameters=[versions.IF_MATCH])
@people.arguments(schemas.SetRoles)
@people.problems(
    accounts.AccountNotFound, accounts.LastOperator, VersionMissing, VersionDiffers, *ROLE_REFUSALS
)
@people.writes(200, schemas.Account, key=False)
def set_roles(session: Session, body: dict[str, Any], account_id: uuid.UUID) -> dict[str, Any]:
    """Replace roles and memberships; ends the account's sessions 设置角色"""
    account = accounts.get(session, account_id=account_id, locked=True)
    versions.check(account.version)
    changed = accounts.set_roles(
        session,
        context.current(),
        account=account,
        roles=_roles(body["roles"]),
        cooperative_ids=body["cooperative_ids"],
    )
    return _shown(changed)


@people.post("/<uuid:account_id>/disabling")
@people.problems(accounts.AccountNotFound, accounts.AccountStateForbids, accounts.LastOperator)
@people.writes(200, schemas.Account, key=False)
def disable_account(session: Session, account_id: uuid.UUID) -> dict[str, Any]:
    """Shut an account out at once 停用账号"""
    return _shown(accounts.disable(session, context.current(), account_id=account_id))


@people.post("/<uuid:account_id>/enabling")
@people.problems(accounts.AccountNotFound, accounts.AccountStateForbids)
@people.writes(200, schemas.Account, key=False)
def enable_account(session: Session, account_id: uuid.UUID) -> dict[str, Any]:
    """Let an account in again 启用账号"""
    return _shown(accounts.enable(session, context.current(), account_id=account_id))


@people.delete("/<uuid:account_id>/sessions")
@people.problems(accounts.AccountNotFound)
@people.writes(204, key=False)
def end_sessions(session: Session, account_id: uuid.UUID) -> None:
    """Log an account out everywhere 结束全部会话"""
    accounts.end_sessions(session, context.current(), account_id=account_id)


@keys.post("")
@keys.arguments(schemas.CreateServiceKey)
@keys.writes(201, schemas.CreatedServiceKey, key=False)
def create_service_key(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Make a key for a program; it is shown this once 创建服务密钥"""
    row, clear = service_keys.create(
        session, context.current(), name=body["name"], scopes=[Scope(scope) for scope in body["scopes"]]
    )
    return {**_shown_key(row), "key": clear}


@keys.get("")
@keys.arguments(Query, location="query")
@keys.response(200, page_of(schemas.ServiceKey))
def list_service_keys(query: dict[str, Any]) -> dict[str, Any]:
    """All keys, revoked ones too 服务密钥列表"""
    with reading() as session:
        page = read(session, service_keys.listed(), ServiceKey.id, **query)
        return {**page, "items": [_shown_key(row) for row in page["items"]]}


@keys.delete("/<uuid:key_id>")
@keys.problems(service_keys.ServiceKeyNotFound)
@keys.writes(204, key=False)
def revoke_service_key(session: Session, key_id: uuid.UUID) -> None:
    """End a key at once 吊销服务密钥"""
    service_keys.revoke(session, context.current(), key_id=key_id)


def _roles(names: list[str]) -> frozenset[Role]:
    return frozenset(Role(name) for name in names)


def _opened(opened: logins.Opened | None) -> dict[str, Any] | None:
    if opened is None:
        return None
    return {
        "token": opened.token,
        "expires_at": opened.session.expires_at,
        "account": _shown(opened.account),
    }


def _shown(account: Account) -> dict[str, Any]:
    """What is answered, read while the transaction is open."""
    worked_out = {
        "roles": sorted(account.roles),
        "cooperative_ids": sorted(account.cooperative_ids),
        "household_is_set": account.household is not None,
    }
    names = schemas.Account().fields.keys() - worked_out.keys()
    return {name: getattr(account, name) for name in names} | worked_out


def _shown_key(row: ServiceKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in schemas.ServiceKey().fields}
