"""Idempotency-Key: same key and same request, same answer; claimed and stored in the business transaction.

The key belongs to its principal. While one copy is at work, others get KeyInFlight (a transaction-scoped
advisory lock says so at once, nobody waits). A success is stored with the change it answers. A refusal rolls the
change back and is then stored alone, unless the other copy has stored its answer first: that one counts.
Failures of our own (5xx) leave no trace, so a retry runs afresh.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

from flask import request
from sqlalchemy import Index, String, delete
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from marketplace import database, errors, turns
from marketplace.context import Context
from marketplace.database import Base
from marketplace.language import Text

HEADER: Final = "Idempotency-Key"
_FORM: Final = re.compile(r"[\x21-\x7e]{16,255}")


class IdempotencyKeyMissing(errors.Malformed):
    """A call that moves stock or money must carry an Idempotency-Key."""

    title = Text(en="This call needs an Idempotency-Key.", zh="此操作需要 Idempotency-Key。")


class IdempotencyKeyMalformed(errors.Malformed):
    """The key is not 16 to 255 visible ASCII characters."""

    title = Text(
        en="An Idempotency-Key has 16 to 255 visible ASCII characters.",
        zh="Idempotency-Key 须为 16 至 255 个可见 ASCII 字符。",
    )


class IdempotencyKeyReused(errors.Invalid):
    """The key was used before for another request."""

    title = Text(en="This key belongs to another request.", zh="该键已用于另一个请求。")


class KeyInFlight(errors.Conflict):
    """A copy of this request is being worked on right now."""

    title = Text(en="The same request is being worked on.", zh="相同的请求正在处理中。")


class IdempotencyKey(Base):
    """One used key and the answer it got."""

    __tablename__ = "idempotency_key"

    principal: Mapped[str] = mapped_column(String(80), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    body: Mapped[str]
    request_id: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "created_at"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the caller gets: status, body text and header fields; `replayed` when it was stored before."""

    status: int
    body: str
    headers: dict[str, str]
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The key of the request being served, with the fingerprint of method, address and body."""

    principal: str
    key: str
    fingerprint: str


def claim_of_request(ctx: Context) -> Claim:
    """The claim that the current request makes; raises IdempotencyKeyMissing or -Malformed."""
    keys = request.headers.getlist(HEADER)
    if not keys:
        raise IdempotencyKeyMissing
    if len(keys) > 1 or not is_well_formed(keys[0]):
        raise IdempotencyKeyMalformed
    return claim_of(ctx, keys[0], method=request.method, address=request.full_path, body=request.get_data())


def is_well_formed(key: str) -> bool:
    return _FORM.fullmatch(key) is not None


def claim_of(ctx: Context, key: str, *, method: str, address: str, body: bytes) -> Claim:
    """The claim of a request; `address`: its path, a question mark, and its query."""
    digest = hashlib.sha256()
    for part in (method.encode(), address.encode(), body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return Claim(principal=ctx.actor.label, key=key, fingerprint=digest.hexdigest())


def run(
    ctx: Context,
    claim: Claim,
    work: Callable[[Session], Answer],
    refused: Callable[[errors.Refusal], Answer],
) -> Answer:
    """The stored answer of `claim`, or that of `work`, stored with what it did.

    `refused` turns a final refusal into the answer to store. Raises KeyInFlight, IdempotencyKeyReused, and
    whatever is not final (Invalid shapes never get here; TryLater and TooMany may succeed later).
    """

    def fresh(session: Session) -> Answer:
        return take(session, claim) or store(session, ctx, claim, work(session))

    try:
        return database.transact(fresh, recall=lambda session: find(session, claim))
    except errors.Refusal as refusal:
        if not is_final(refusal):
            raise
        return keep_refusal(ctx, claim, refused(refusal))


def keep_refusal(ctx: Context, claim: Claim, answer: Answer) -> Answer:
    """Store a final refusal alone, after what it refused was rolled back; or what another copy has stored before."""
    return database.transact(
        lambda session: take(session, claim) or store(session, ctx, claim, answer),
        recall=lambda session: find(session, claim),
    )


def is_final(refusal: errors.Refusal) -> bool:
    """Whether asking again under the same key must get the same refusal: then it is stored."""
    return not isinstance(refusal, errors.TryLater | errors.TooMany | KeyInFlight | IdempotencyKeyReused)


def known(claim: Claim, *, is_ours: bool, stored: Mapping[str, Any] | None) -> Answer | errors.Refusal | None:
    """The stored answer of a claim, why it is refused, or None: then it may be worked on.

    What `run` does, for who has locked the key by itself and looked it up under the lock;
    who works stores a `row` with the change.
    """
    if not is_ours:
        return in_flight()
    return _answer_of(None if stored is None else SimpleNamespace(**stored), claim)


KEPT: Final = """
    kept AS (
        INSERT INTO idempotency_key (principal, key, fingerprint, status, headers, body, request_id, created_at)
        SELECT r.principal, r.key, r.fingerprint, r.status, r.headers, r.body, r.request_id, r.created_at
        FROM jsonb_to_recordset(%(kept)s::jsonb) AS r(principal text, key text, fingerprint text,
            status bigint, headers jsonb, body text, request_id text, created_at timestamptz)
    )"""
"""A part of a statement that writes many things at once: the rows `kept`, in JSON."""


def row(ctx: Context, claim: Claim, answer: Answer) -> dict[str, Any]:
    """The columns that keep an answer under its key."""
    return {
        "principal": claim.principal,
        "key": claim.key,
        "fingerprint": claim.fingerprint,
        "status": answer.status,
        "headers": {**answer.headers, "Content-Language": ctx.language},
        "body": answer.body,
        "request_id": ctx.request_id,
        "created_at": ctx.now,
    }


_TRY: Final = "SELECT pg_try_advisory_xact_lock(%(number)s::bigint)"
_WAIT: Final = "SELECT pg_advisory_xact_lock(%(number)s::bigint)::text IS NOT NULL"


def take(session: Session, claim: Claim, *, waits: bool = False) -> Answer | None:
    """Lock the key, then look for its answer: two statements, for the second must see what the lock waited for.

    `waits`: for who has done the work already, and must store its outcome after whoever has the lock.
    Raises KeyInFlight.
    """
    locked, stored = database.ask_together(
        session,
        (_WAIT if waits else _TRY, {"number": _lock_number(claim)}),
        (
            "SELECT fingerprint, status, headers, body FROM idempotency_key"
            " WHERE principal = %(principal)s AND key = %(key)s",
            {"principal": claim.principal, "key": claim.key},
        ),
    )
    if not locked[0]:
        raise in_flight()
    names = ("fingerprint", "status", "headers", "body")
    return _given(SimpleNamespace(**dict(zip(names, stored, strict=True))) if stored else None, claim)


def _lock_number(claim: Claim) -> int:
    """What is locked for a key; the looks of counter and tills, functions of the database, count the same."""
    return turns.number_of(f"{claim.principal}\n{claim.key}")


def in_flight() -> KeyInFlight:
    refusal = KeyInFlight()
    refusal.retry_after_seconds = 1
    return refusal


def find(session: Session, claim: Claim) -> Answer | None:
    return _given(session.get(IdempotencyKey, (claim.principal, claim.key)), claim)


def _given(row: Any, claim: Claim) -> Answer | None:
    found = _answer_of(row, claim)
    if isinstance(found, errors.Refusal):
        raise found
    return found


def _answer_of(row: Any, claim: Claim) -> Answer | IdempotencyKeyReused | None:
    if row is None:
        return None
    if row.fingerprint != claim.fingerprint:
        return IdempotencyKeyReused()
    return Answer(status=row.status, body=row.body, headers=row.headers, replayed=True)


def store(session: Session, ctx: Context, claim: Claim, answer: Answer) -> Answer:
    session.add(IdempotencyKey(**row(ctx, claim, answer)))
    return answer


def forget_old(session: Session, ctx: Context, *, days: int) -> int:
    """Delete keys older than `days` (at least the three days for which providers resend); how many."""
    before = ctx.now - timedelta(days=max(days, 3))
    gone = session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < before))
    return int(getattr(gone, "rowcount", 0))
