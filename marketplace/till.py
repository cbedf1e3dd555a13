"""A till: a desk at which each asks about one row of its own: a hold to be ordered, a payment to be confirmed.

One look locks the keys and the rows of all who wait, a rule decides on each alone, one statement writes everything, one
commit. Refusals that are final are stored under their keys; what does not belong in a batch is handed back.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from marketplace import desk, door, errors, express, idempotency
from marketplace.context import Context
from marketplace.express import Statement, Work
from marketplace.idempotency import Answer, Claim
from marketplace.steps import Steps


@dataclass(frozen=True, slots=True)
class HandedBack:
    """This one is not served in a batch: its door serves it alone."""


HANDED_BACK: Final = HandedBack()

Told = desk.Told[HandedBack]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody wants done with one of its own rows."""

    ctx: Context
    claim: Claim
    subject_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(desk.Caller[Request]):
    """Who stands at the till."""

    subject_id: uuid.UUID


class Writing(ABC):
    """What a batch changes, gathered request by request and written in one statement."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        """Rows of the audit trail."""
        self._kept: list[dict[str, Any]] = []

    @abstractmethod
    def answer(self, request: Request) -> Answer | HandedBack:
        """Its answer when all is written. Raises what refuses it: then nothing of it is written."""

    @abstractmethod
    def statement(self) -> Statement:
        """Everything in one statement, which fails unless it is `whole`: no row but as it was under the lock."""

    def keep(self, request: Request, answer: Answer) -> None:
        """Store the answer under its key, together with what it answers."""
        self._kept.append(idempotency.row(request.ctx, request.claim, answer))

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.told or self._kept)

    def values(self) -> dict[str, Any]:
        """What `audit.TOLD` and `idempotency.KEPT` are given."""
        return {"told": express.as_json(self.told), "kept": express.as_json(self._kept)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """One kind of till. Each process has one of a name, and a kept connection of the same name."""

    name: str
    endpoint: str
    """The view that serves what is handed back, and whose entry in the access table counts."""
    look: str
    """Is given what `asked` says."""
    writing: Callable[[Any], Writing]
    """From the row of the look."""

    def come(
        self,
        ctx: Context,
        token: str | None,
        key: str,
        claim_of: Callable[[Context], Claim],
        *,
        subject_id: uuid.UUID,
    ) -> Steps[tuple[Context, Answer | HandedBack]]:
        """In steps: the till's answer to somebody who is known, or of whom only a token is known yet; and who it is.

        Raises Unauthenticated, Forbidden, KeyInFlight, IdempotencyKeyReused, DatabaseUnavailable.
        """

        def request_of(ctx: Context) -> Request:
            return Request(ctx=ctx, claim=claim_of(ctx), subject_id=subject_id)

        caller = Caller(
            ctx=ctx,
            token=token,
            endpoint=self.endpoint,
            key=key,
            request_of=request_of,
            subject_id=subject_id,
        )
        return (yield from desk.come(self.name, caller, self._serve))

    def serve(self, callers: Sequence[Caller]) -> list[Told]:
        """What each is told, in the order of the callers: no two who ask about one row are served at once."""
        return desk.serve(callers, self._at_once, lambda caller: [("subject", caller.subject_id)])

    def _serve(self, callers: Sequence[Caller]) -> Iterator[tuple[int, Told]]:
        return enumerate(self.serve(callers))

    def _at_once(self, callers: dict[int, Caller]) -> dict[int, Told]:
        return express.line(self.name).run(lambda work: self._work(work, callers))

    def _work(self, work: Work, callers: Mapping[int, Caller]) -> dict[int, Told]:
        [row] = work.rows((self.look, asked(list(callers.values()))))
        met = desk.meet(callers, row, name_of=lambda request: (request.claim.principal, request.claim.key))
        writing = self.writing(row)
        told: dict[int, Told] = {**met.told}
        for place, request in met.requests.items():
            told[place] = (request.ctx, _reply(writing, request))
        if writing:
            work.commit(writing.statement())
        return told


def asked(callers: Sequence[Caller]) -> dict[str, Any]:
    """What a look is given: who stands there, known already or by the digest of a token, each with its key."""
    rows = [
        {
            "place": place,
            "digest": caller.digest,
            "account": None if caller.token else caller.ctx.actor.id,
            "key": caller.key,
            "id": caller.subject_id,
        }
        for place, caller in enumerate(callers, start=1)
    ]
    return {"asked": express.as_json(rows)}


def asked_by(ctx: Context, subject_id: uuid.UUID) -> dict[str, Any]:
    """The same for the actor alone, in a transaction that has its key, if any, already."""
    return {"asked": express.as_json([{"place": 1, "account": ctx.actor.id, "id": subject_id}])}


def _reply(writing: Writing, request: Request) -> Answer | errors.Refusal | HandedBack:
    try:
        answer = writing.answer(request)
    except errors.Refusal as refusal:
        if not idempotency.is_final(refusal):
            return refusal
        answer = door.refused(refusal, request.ctx)
    if isinstance(answer, Answer):
        writing.keep(request, answer)
    return answer
