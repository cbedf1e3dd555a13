"""The counter: shoppers who ask for boxes at the same time are served together, in one transaction and one commit.

Each gets the answer that it would have got alone, stored under its key. Refusals that are final are stored, too;
a request for what does not sell at all is handed back, for its campaign to say why. Who comes to the counter, and who
is turned away before, stands in `coming`.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flask import current_app
from sqlalchemy.orm import Session

from inventory import granting, holds, sweeping, waitlist
from inventory.gate import keeping, taking
from inventory.grant_rules import Ask, Cause, Decision, Refused
from inventory.granting import Facts, Placed
from marketplace import context, database, door, errors, express
from marketplace.context import Context
from marketplace.express import Work
from marketplace.idempotency import Answer, Claim

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


@dataclass(frozen=True, slots=True)
class Broken:
    """Serving this request failed, and not for its own sake: its caller gets the failure, nobody else does."""

    problem: Exception


Reply = Answer | Refused | errors.Refusal | Broken


class RoomToMake(Exception):
    """These pools count boxes whose holds have lapsed, or have boxes free that somebody in line waits for."""

    def __init__(self, pool_ids: Sequence[uuid.UUID]) -> None:
        self.pool_ids = pool_ids
        super().__init__(f"{len(pool_ids)} pools")


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
    except Exception as problem:  # noqa: BLE001 (its caller raises it)
        if len(batch) == 1:
            return dict.fromkeys(batch, Broken(problem))
    replies: dict[int, Reply] = {}
    for place, request in batch.items():
        replies |= _one_by_one_if_it_must({place: request})
    return replies


def _serve(requests: Sequence[Request]) -> list[Reply]:
    """One transaction. Where it finds that boxes are held by nobody any more, they are freed first, in another."""
    for look in range(LOOKS_MAX):
        try:
            return express.line("counter").run(lambda work: _work(work, requests))
        except RoomToMake as room:
            if not _make_room(room.pool_ids) and look:
                time.sleep(LOOK_AGAIN_SECONDS)
    raise granting.PoolBusy


def _make_room(pool_ids: Sequence[uuid.UUID]) -> int:
    """Frees boxes whose holds have lapsed and offers what is free to those in line, pool by pool; how many holds."""
    ctx = context.system()

    def free(session: Session) -> int:
        return sum(
            sweeping.expire_of(session, ctx, pool_id) + waitlist.offer(session, ctx, pool_id=pool_id)
            for pool_id in pool_ids
        )

    return database.transact(free)


def _work(work: Work, requests: Sequence[Request]) -> list[Reply]:
    asks, claims = [request.ask for request in requests], [request.claim for request in requests]
    gate = keeping.of_app()
    leases = gate.leases({line.pool_id for ask in asks for line in ask.lines}) if gate else {}
    looked, decisions = _decided(work, asks, claims, locked=bool(leases))
    writing = granting.Writing(looked.facts)
    replies = [
        known or _reply(writing, looked.facts, request, decision)
        for known, request, decision in zip(looked.known, requests, decisions, strict=True)
    ]
    if writing:
        keeping.forget(writing.freed)
        work.commit(writing.statement(), check=writing.check)
    if gate is not None:
        refused = _refused_by_pool(requests, decisions)
        short = refused.keys() | {pool_id for pool_id, pool in writing.pools.items() if pool.available == 0}
        for pool_id in short:
            gate.short(pool_id)
        taking.remember_refused(gate, refused)
        taking.take(work, gate, {each: leases[each] for each in leases.keys() & short}, looked.facts, writing)
    return replies


def _refused_by_pool(
    requests: Sequence[Request], decisions: Sequence[Decision | None]
) -> dict[uuid.UUID, list[Claim]]:
    """The keys under which it was stored that a pool is sold out."""
    found: dict[uuid.UUID, list[Claim]] = {}
    for request, decision in zip(requests, decisions, strict=True):
        if isinstance(decision, Refused) and decision.cause == Cause.SOLD_OUT:
            found.setdefault(decision.pool_id, []).append(request.claim)
    return found


def _decided(
    work: Work, asks: Sequence[Ask], claims: Sequence[Claim], *, locked: bool
) -> tuple[granting.Looked, Sequence[Decision | None]]:
    """The rule's decision for every request whose key is not known; `locked`: a look without locks will not do."""
    empty: dict[uuid.UUID, int] = current_app.extensions.setdefault("empty_pools", {})
    now = time.monotonic_ns()
    if not locked and all(empty.get(line.pool_id, 0) > now for ask in asks for line in ask.lines):
        looked = granting.look_only(work, asks, claims)
        decisions = _of_fresh(asks, looked)
        if all(each is None or isinstance(each, Refused) for each in decisions):
            _check_room(looked, decisions)
            return looked, decisions
    looked = granting.lock_and_look(work, asks, claims)
    decisions = _of_fresh(asks, looked)
    _check_room(looked, decisions)
    for pool_id, pool in looked.facts.pools.items():
        if pool.available == 0:
            empty[pool_id] = now + HOPELESS_NANOSECONDS
        else:
            empty.pop(pool_id, None)
    return looked, decisions


def _of_fresh(asks: Sequence[Ask], looked: granting.Looked) -> list[Decision | None]:
    fresh = [ask for ask, known in zip(asks, looked.known, strict=True) if known is None]
    decided = iter(granting.by_rule(fresh, looked.facts))
    return [next(decided) if known is None else None for known in looked.known]


def _check_room(looked: granting.Looked, decisions: Sequence[Decision | None]) -> None:
    short = granting.short_of_lapsed(looked.facts, [each for each in decisions if each is not None])
    if short or looked.facts.line_pool_ids:
        raise RoomToMake(sorted({*short, *looked.facts.line_pool_ids}))


def _reply(writing: granting.Writing, facts: Facts, request: Request, decision: Decision | None) -> Reply:
    assert decision is not None, "every request whose key is not known was decided"
    if not isinstance(decision, Refused):
        answer = request.answered(writing.grant(request.ctx, request.ask, decision))
    elif decision.cause in HANDED_BACK:
        return decision
    else:
        answer = door.refused(holds.refusal(decision, facts), request.ctx)
    writing.keep(request.ctx, request.claim, answer)
    return answer
