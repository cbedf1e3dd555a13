"""Callers at a till, as a rush brings them: with a token, many at once."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select, text

from marketplace import context, database, till
from marketplace.context import ANONYMOUS, Context
from marketplace.idempotency import Answer, Claim, IdempotencyKey
from marketplace.till import Till
from tests.house import Caller

CHANGING = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[0-9:.]+Z|\b[2-9A-HJ-NP-Z]{10}\b"
)
"""Ids, instants and references: what differs from one order to the next."""


def arriving(
    at: Till,
    who: Caller,
    subject_id: str | uuid.UUID,
    *,
    key: str = "",
    fingerprint: str = "f",
    request_of: Callable[[Context], Any] | None = None,
) -> till.Caller:
    """Somebody of whom only a token is known yet."""
    used, subject = key or uuid.uuid4().hex, uuid.UUID(str(subject_id))

    def usual(ctx: Context) -> till.Request:
        claim = Claim(principal=ctx.actor.label, key=used, fingerprint=fingerprint)
        return till.Request(ctx=ctx, claim=claim, subject_id=subject)

    return till.Caller(
        ctx=Context(actor=ANONYMOUS, now=context.now_utc()),
        token=who.token,
        endpoint=at.endpoint,
        key=used,
        request_of=request_of or usual,
        subject_id=subject,
    )


def serve(at: Till, *callers: till.Caller) -> list[Any]:
    """What each is told, in one go."""
    return [reply for _, reply in at.serve(callers)]


def status(reply: object) -> int:
    assert isinstance(reply, Answer), reply
    return reply.status


def code(reply: object) -> str:
    """The code of a refusal that is an answer."""
    assert isinstance(reply, Answer), reply
    return str(json.loads(reply.body)["code"])


def transactions(table: str) -> int:
    """How many wrote the rows of a table as they are now."""
    with database.reading() as session:
        return int(session.scalar(text(f'SELECT count(DISTINCT xmin::text) FROM "{table}"')) or 0)


def without_what_changes(said: str) -> str:
    return CHANGING.sub("…", said)


def stored_keys(key: str) -> int:
    """How many answers stand under a key."""
    with database.reading() as session:
        statement = select(func.count()).select_from(IdempotencyKey).where(IdempotencyKey.key == key)
        return session.scalar(statement) or 0
