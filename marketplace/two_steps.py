"""A call in two transactions, for who must ask somebody outside in between.

The first transaction marks the Idempotency-Key as in progress and writes down what will be asked. Then, outside of any
transaction, it is asked. The second stores the outcome, the answer under the key, and takes the mark away. Whoever
crashes in between leaves the mark: for LEASE_SECONDS copies hear that it is in flight, then the next one takes over and
goes through all steps again. So `first` must find what it wrote before, and asking twice must have one effect.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Index, String, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from marketplace import database, errors, idempotency
from marketplace.context import Context
from marketplace.database import Base
from marketplace.idempotency import Answer, Claim, IdempotencyKeyReused
from marketplace.points import Point, passed

LEASE_SECONDS: Final = 60
"""Longer than what is asked in between takes. If all of it answers at the very end of its time, repeats included, the
next copy may take over meanwhile: it asks the same under the same keys, and the answer that is stored first counts."""

Begun = TypeVar("Begun")
Told = TypeVar("Told")


class KeyInProgress(Base):
    """A key whose first transaction is stored and whose second is not yet."""

    __tablename__ = "key_in_progress"

    principal: Mapped[str] = mapped_column(String(80), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime]

    __table_args__ = (Index(None, "started_at"),)


def run(
    ctx: Context,
    claim: Claim,
    *,
    first: Callable[[Session], Begun],
    between: Callable[[Begun], Told],
    second: Callable[[Session, Begun, Told], Answer],
    refused: Callable[[errors.Refusal], Answer],
    given_up: Callable[[Session, Begun], None],
) -> Answer:
    """The stored answer of `claim`, or that of the steps.

    What `first` refuses is stored like every final refusal. What `between` raises is not: `given_up` leaves everything
    as a retry needs it. `second` refuses nothing: bad news for the caller is its answer, stored with its effect.
    Raises KeyInFlight, IdempotencyKeyReused, and what `between` raises.
    """

    def begin(session: Session) -> Answer | Begun:
        stored = idempotency.take(session, claim)
        if stored is not None:
            return stored
        _mark(session, ctx, claim)
        return first(session)

    try:
        begun = database.transact(begin)
    except errors.Refusal as refusal:
        if not idempotency.is_final(refusal):
            raise
        return idempotency.keep_refusal(ctx, claim, refused(refusal))
    if isinstance(begun, Answer):
        return begun
    passed(Point.KEY_MARKED)
    try:
        told = between(begun)
    except Exception:
        database.transact(lambda session: _give_up(session, ctx, claim, begun, given_up))
        passed(Point.GIVEN_UP)
        raise
    passed(Point.ASKED)

    def finish(session: Session) -> Answer:
        stored = idempotency.take(session, claim, waits=True)
        answer = stored or second(session, begun, told)
        _unmark(session, claim)
        return stored or idempotency.store(session, ctx, claim, answer)

    answer = database.transact(finish, recall=lambda session: idempotency.find(session, claim))
    passed(Point.CALL_STORED)
    return answer


def forget_old(session: Session, ctx: Context) -> None:
    """Marks that a crash left and nobody came back to."""
    before = ctx.now - timedelta(days=1)
    session.execute(delete(KeyInProgress).where(KeyInProgress.started_at < before))


def _mark(session: Session, ctx: Context, claim: Claim) -> None:
    row = {
        "fingerprint": claim.fingerprint,
        "request_id": ctx.request_id,
        "started_at": ctx.now,
    }
    statement = insert(KeyInProgress).values(principal=claim.principal, key=claim.key, **row)
    taken = session.execute(
        statement.on_conflict_do_update(
            index_elements=[KeyInProgress.principal, KeyInProgress.key],
            set_=row,
            where=(KeyInProgress.started_at < ctx.now - timedelta(seconds=LEASE_SECONDS))
            & (KeyInProgress.fingerprint == claim.fingerprint),
        ).returning(KeyInProgress.key)
    ).scalar_one_or_none()
    if taken is None:
        fingerprint = session.scalar(select(KeyInProgress.fingerprint).where(*_of(claim)))
        raise idempotency.in_flight() if fingerprint == claim.fingerprint else IdempotencyKeyReused()


def _unmark(session: Session, claim: Claim) -> None:
    session.execute(delete(KeyInProgress).where(*_of(claim)))


def _give_up(
    session: Session,
    ctx: Context,
    claim: Claim,
    begun: Begun,
    given_up: Callable[[Session, Begun], None],
) -> None:
    """Unless somebody has taken over meanwhile."""
    ours = session.scalar(select(KeyInProgress.request_id).where(*_of(claim)).with_for_update())
    if ours == ctx.request_id:
        given_up(session, begun)
        _unmark(session, claim)


def _of(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return KeyInProgress.principal == claim.principal, KeyInProgress.key == claim.key
