"""Sessions and bearer tokens: opened at log-in, looked up at every request, revoked at once."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final, cast

from flask import current_app
from sqlalchemy import CursorResult, String, Uuid, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.access import Role
from marketplace.context import Actor, Context
from marketplace.identity import tokens
from marketplace.identity.models import (
    Account,
    AccountRole,
    AccountStatus,
    LoginSession,
    Membership,
    ServiceKey,
)
from marketplace.settings import Settings
from marketplace.values import new_id

TOKEN_LENGTH_MAX: Final = 200
KEPT_DAYS: Final = 30
"""How long a session that is over stays, for whoever must look into a break-in."""

_ROLES: Final = func.array(
    select(AccountRole.role).where(AccountRole.account_id == Account.id).scalar_subquery(),
    type_=ARRAY(String),
)
_COOPERATIVES: Final = func.array(
    select(Membership.cooperative_id).where(Membership.account_id == Account.id).scalar_subquery(),
    type_=ARRAY(Uuid),
)


def open_session(session: Session, ctx: Context, *, account: Account) -> tuple[LoginSession, str]:
    """A new session of the account, and its token in clear, which nobody can look up later."""
    settings: Settings = current_app.config["SETTINGS"]
    token = tokens.new_session_token()
    row = LoginSession(
        id=new_id(),
        account_id=account.id,
        token_digest=tokens.digest(token),
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(days=settings.session_days),
        revoked_at=None,
    )
    session.add(row)
    audit.record(
        session,
        ctx,
        "session.open",
        subject=("login_session", row.id),
        after={"account_id": str(account.id), "expires_at": row.expires_at.isoformat()},
    )
    return row, token


def authenticate(session: Session, ctx: Context, *, token: str) -> Actor:
    """Who a bearer token or service key stands for; raises Unauthenticated, alike for every reason."""
    if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
        raise errors.Unauthenticated
    actor = _service(session, token) if tokens.is_service_key(token) else _account(session, ctx.now, token)
    if actor is None:
        raise errors.Unauthenticated
    return actor


def log_out(session: Session, ctx: Context) -> None:
    """End the session that the request came with."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.id == ctx.actor.session_id, LoginSession.revoked_at.is_(None))
        .values(revoked_at=ctx.now)
    )
    audit.record(session, ctx, "session.close", subject=("login_session", ctx.actor.session_id))


def revoke_all(session: Session, ctx: Context, *, account_id: uuid.UUID, but: uuid.UUID | None = None) -> int:
    """End all sessions of the account, or all but one; how many. The caller has the account locked."""
    statement = update(LoginSession).where(
        LoginSession.account_id == account_id, LoginSession.revoked_at.is_(None)
    )
    if but is not None:
        statement = statement.where(LoginSession.id != but)
    return _count(session.execute(statement.values(revoked_at=ctx.now)))


def forget_old(session: Session, ctx: Context) -> int:
    """Delete sessions that ended KEPT_DAYS ago; how many."""
    before = ctx.now - timedelta(days=KEPT_DAYS)
    return _count(
        session.execute(
            delete(LoginSession).where(
                or_(LoginSession.expires_at < before, LoginSession.revoked_at < before)
            )
        )
    )


def _account(session: Session, now: datetime, token: str) -> Actor | None:
    found = session.execute(
        select(LoginSession.id, Account.id, _ROLES, _COOPERATIVES)
        .join(Account, Account.id == LoginSession.account_id)
        .where(
            LoginSession.token_digest == tokens.digest(token),
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > now,
            Account.status == AccountStatus.ACTIVE,
        )
    ).first()
    if found is None:
        return None
    session_id, account_id, roles, cooperative_ids = found
    return Actor(
        kind="account",
        id=account_id,
        roles=frozenset(Role(role) for role in roles),
        cooperative_ids=frozenset(cooperative_ids),
        session_id=session_id,
    )


def _service(session: Session, key: str) -> Actor | None:
    found = session.execute(
        select(ServiceKey.id, ServiceKey.scopes).where(
            ServiceKey.key_digest == tokens.digest(key), ServiceKey.revoked_at.is_(None)
        )
    ).first()
    if found is None:
        return None
    key_id, scopes = found
    return Actor(kind="service", id=key_id, roles=frozenset({Role.SERVICE}), scopes=frozenset(scopes))


def _count(result: Any) -> int:
    return cast(CursorResult[Any], result).rowcount
