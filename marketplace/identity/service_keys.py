"""Keys for programs: made by operators with a list of scopes, shown once, revoked at once."""

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.identity import tokens
from marketplace.identity.models import ServiceKey
from marketplace.identity.scopes import Scope
from marketplace.language import Text
from marketplace.values import new_id


class ServiceKeyNotFound(errors.NotFound):
    title = Text(en="There is no such service key.", zh="没有该服务密钥。")


def create(session: Session, ctx: Context, *, name: str, scopes: Iterable[Scope]) -> tuple[ServiceKey, str]:
    """A new key, and its clear text, which nobody can look up later."""
    clear = tokens.new_service_key()
    row = ServiceKey(
        id=new_id(),
        name=name,
        key_digest=tokens.digest(clear),
        scopes=sorted({scope.value for scope in scopes}),
        created_by=ctx.actor.id,
        created_at=ctx.now,
        revoked_at=None,
    )
    session.add(row)
    audit.record(
        session,
        ctx,
        "service_key.create",
        subject=("service_key", row.id),
        after={"name": name, "scopes": row.scopes},
    )
    return row, clear


def listed() -> Select[Any]:
    return select(ServiceKey)


def revoke(session: Session, ctx: Context, *, key_id: uuid.UUID) -> None:
    """End a key; doing it twice changes nothing. Raises ServiceKeyNotFound."""
    row = session.get(ServiceKey, key_id, with_for_update=True)
    if row is None:
        raise ServiceKeyNotFound
    row.revoked_at = row.revoked_at or ctx.now
    audit.record(session, ctx, "service_key.revoke", subject=("service_key", row.id))
