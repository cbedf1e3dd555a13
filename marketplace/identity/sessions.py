"""Sessions and bearer tokens: opened at log-in, revoked at once. `arrivals` looks them up at every request."""

import uuid
from datetime import timedelta
from typing import Any, Final, cast

from flask import current_app
from sqlalchemy import CursorResult, delete, or_, update
from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import Context
from marketplace.identity import tokens
from marketplace.identity.models import (
    Account,
    LoginSession,
)
from marketplace.settings import Settings
from marketplace.values import new_id

KEPT_DAYS: Final = 30
"""How long a session that is over stays, for whoever must look into a break-in."""


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


def _count(result: Any) -> int:
    return cast(CursorResult[Any], result).rowcount
