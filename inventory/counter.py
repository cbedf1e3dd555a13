"""The counter: shoppers who ask for boxes at the same time are served together, in one transaction and one commit.

Each gets the answer that it would have got alone, stored under its key. Refusals that are final are stored, too;
a request for what does not sell at all is handed back, for its campaign to say why.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from flask import current_app
from sqlalchemy.orm import Session

from inventory import granting, holds
from inventory.grant_rules import Ask, Cause, Decision, Refused
from inventory.granting import Facts, Placed, PoolBusy
from marketplace import context, database, door, errors, idempotency
from marketplace.context import Context
from marketplace.idempotency import Answer, Claim
from marketplace.together import Together

AT_ONCE_MAX: Final = 64
LOOKS_MAX: Final = 50
"""How often a batch looks again while lapsed holds that it needs are being written down by somebody else."""
LOOK_AGAIN_SECONDS: Final = 0.004
HOPELESS_NANOSECONDS: Final = 1_000_000_000
"""After a pool had nothing left, for so long a batch looks without locks first: they would disturb those who pay."""

HANDED_BACK: Final = frozenset({Cause.NO_SUCH_POOL, Cause.NOT_SELLING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one shopper asks for under a key; `answered` shapes what it is granted."""

    ctx: Context
    ask: Ask
    claim: Claim
    answered: Callable[[Sequence[Placed]], Answer]


Reply = Answer | Refused | errors.Refusal


def ask(request: Request) -> Answer | Refused:
    """Wait for the counter's answer. Raises KeyInFlight, IdempotencyKeyReused, PoolBusy, DatabaseUnavailable."""
    together = cast(
        Together[Request, Reply],
        current_app.extensions.setdefault("counter", Together(serve, at_once_max=AT_ONCE_MAX)),
    )
    reply = together.ask(request)
    if isinstance(reply, errors.Refusal):
        raise reply
    return reply


def serve(requests: Sequence[Request]) -> list[Reply]:
    """The replies, in the order of the requests; what spoils a batch is looked for by serving it one by one."""
    replies: dict[int, Reply] = {}
    waiting = dict(enumerate(requests))
    while waiting:
        batch = _apart(waiting)
        replies |= _one_by_one_if_it_must(batch)
        waiting = {place: request for place, request in waiting.items() if place not in replies}
    return [replies[place] for place in range(len(requests))]


def _apart(waiting: dict[int, Request]) -> dict[int, Request]:
    """As many as can be served at once: no two of one buyer or under one key."""
    seen: set[object] = set()
    batch = {}
    for place, request in waiting.items():
        names = {request.ask.buyer_id, (request.claim.principal, request.claim.key)}
        if seen.isdisjoint(names):
            seen |= names
            batch[place] = request
    return batch


def _one_by_one_if_it_must(batch: dict[int, Request]) -> dict[int, Reply]:
    try:
        return dict(zip(batch, _serve(list(batch.values())), strict=True))
    except errors.Refusal as refusal:
        return dict.fromkeys(batch, refusal)
    except Exception:
        if len(batch) == 1:
            raise
    replies: dict[int, Reply] = {}
    for place, request in batch.items():
        replies |= _one_by_one_if_it_must({place: request})
    return replies


def _serve(requests: Sequence[Request]) -> list[Reply]:
    """One transaction. After a commit whose outcome is unknown it runs again and finds its keys, if it was stored."""
    for look in range(LOOKS_MAX):
        try:
            return database.transact(lambda session: _work(session, requests), recall=_not_known)
        except PoolBusy:
            if look == LOOKS_MAX - 1:
                raise
            time.sleep(LOOK_AGAIN_SECONDS)
    raise PoolBusy


def _not_known(_session: Session) -> None:
    """Looked up by the work itself, when it runs again."""


def _work(session: Session, requests: Sequence[Request]) -> list[Reply]:
    known = idempotency.claim_all(session, [request.claim for request in requests])
    replies: list[Reply | None] = list(known)
    fresh = [(place, request) for place, request in enumerate(requests) if replies[place] is None]
    if fresh:
        facts, decisions = _decided(session, [request.ask for _, request in fresh])
        writing = granting.Writing(facts)
        for (place, request), decision in zip(fresh, decisions, strict=True):
            replies[place] = _reply(writing, facts, request, decision)
        writing.store(session)
    return cast(list[Reply], replies)


def _decided(session: Session, asks: Sequence[Ask]) -> tuple[Facts, list[Decision]]:
    empty: dict[uuid.UUID, int] = current_app.extensions.setdefault("empty_pools", {})
    now = time.monotonic_ns()
    if all(empty.get(line.pool_id, 0) > now for ask in asks for line in ask.lines):
        facts, decisions = granting.look_only(session, asks)
        if granting.is_hopeless(facts, decisions):
            return facts, decisions
    facts, decisions = granting.decide(session, context.system(), asks)
    for pool_id, pool in facts.pools.items():
        if pool.available == 0:
            empty[pool_id] = now + HOPELESS_NANOSECONDS
        else:
            empty.pop(pool_id, None)
    return facts, decisions


def _reply(writing: granting.Writing, facts: Facts, request: Request, decision: Decision) -> Reply:
    if not isinstance(decision, Refused):
        answer = request.answered(writing.grant(request.ctx, request.ask, decision))
    elif decision.cause in HANDED_BACK:
        return decision
    else:
        answer = door.refused(holds.refusal(decision, facts), request.ctx)
    writing.keep(request.ctx, request.claim, answer)
    return answer
