"""The counter: shoppers who ask for boxes at the same time are served together, in one transaction and one commit.

Each gets the answer that it would have got alone, stored under its key. Refusals that are final are stored, too;
a request for what does not sell at all is handed back, for its campaign to say why. Who comes to the counter, and who
is turned away before, stands in `coming`.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app
from sqlalchemy.orm import Session

from inventory import granting, holds, sweeping, waitlist
from inventory.gate import keeping, taking
from inventory.grant_rules import Ask, Cause, Decision, Line, Refused
from inventory.granting import Facts, Placed, Standing
from marketplace import context, database, door, errors, express, idempotency, stations
from marketplace.context import Context
from marketplace.express import Work
from marketplace.idempotency import Answer, Claim
from marketplace.identity import arrivals
from marketplace.identity.arrivals import Known, Nobody

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who stands at the counter: let in already, or with the token that says who it is."""

    ctx: Context
    lines: Sequence[Line]
    key: str
    request_of: Callable[[Context], Request]
    """What is asked for, once it is known who asks."""
    network: str | None = None
    token: str | None = None
    endpoint: str = ""
    """The view whose entry in the access table counts for who is not let in yet."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Serving this request failed, and not for its own sake: its caller gets the failure, nobody else does."""

    problem: Exception


Reply = Answer | Refused | errors.Refusal | Broken
Told = tuple[Context, Reply]
"""Who it turned out to be, and the reply."""


class RoomToMake(Exception):
    """These pools count boxes whose holds have lapsed, or have boxes free that somebody in line waits for."""

    def __init__(self, pool_ids: Sequence[uuid.UUID]) -> None:
        self.pool_ids = pool_ids
        super().__init__(f"{len(pool_ids)} pools")


def let_in(request: Request) -> Caller:
    """The caller of a request of somebody who is known."""
    ask = request.ask
    return Caller(
        ctx=request.ctx,
        lines=ask.lines,
        key=request.claim.key,
        request_of=lambda _: request,
        network=ask.network,
    )


def let_in_all(callers: Sequence[Caller]) -> list[Request | Told]:
    """What each asks for, now that one look has told who they are; or why they are not let in."""
    tokens = [caller.token for caller in callers if caller.token is not None]
    known = dict(zip(tokens, arrivals.look_up(tokens), strict=True)) if tokens else {}
    found: list[Request | Told] = []
    for caller in callers:
        try:
            found.append(caller.request_of(_let_in(caller, known)))
        except errors.Refusal as refusal:
            found.append((caller.ctx, refusal))
    return found


def serve(callers: Sequence[Caller]) -> list[Told]:
    """What each is told, in the order of the callers; what spoils a batch is looked for by serving it one by one."""
    told: dict[int, Told] = {}
    waiting = dict(enumerate(callers))
    while waiting:
        told |= _one_by_one_if_it_must(_apart(waiting))
        waiting = {place: caller for place, caller in waiting.items() if place not in told}
    return [told[place] for place in range(len(callers))]


def _apart(waiting: dict[int, Caller]) -> dict[int, Caller]:
    """As many as can be served at once: no two of one buyer or under one key, as far as that is known yet."""
    seen: set[object] = set()
    batch = {}
    for place, caller in waiting.items():
        names = {caller.token or caller.ctx.actor.id, (caller.token or caller.ctx.actor.label, caller.key)}
        if seen.isdisjoint(names):
            seen |= names
            batch[place] = caller
    return batch


def _one_by_one_if_it_must(batch: dict[int, Caller]) -> dict[int, Told]:
    """Of whom two turn out to be one buyer, the later is told nothing yet."""
    try:
        return _serve(batch)
    except errors.Refusal as refusal:
        return {place: (caller.ctx, refusal) for place, caller in batch.items()}
    except Exception as problem:  # noqa: BLE001 (its caller raises it)
        if len(batch) == 1:
            return {place: (caller.ctx, Broken(problem)) for place, caller in batch.items()}
    told: dict[int, Told] = {}
    for place, caller in batch.items():
        told |= _one_by_one_if_it_must({place: caller})
    return told


def _serve(callers: dict[int, Caller]) -> dict[int, Told]:
    """One transaction. Where it finds that boxes are held by nobody any more, they are freed first, in another."""
    for again in range(LOOKS_MAX):
        try:
            return express.line("counter").run(lambda work: _work(work, callers))
        except RoomToMake as room:
            if not _make_room(room.pool_ids) and again:
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


def _work(work: Work, callers: dict[int, Caller]) -> dict[int, Told]:
    pool_ids = {line.pool_id for caller in callers.values() for line in caller.lines}
    gate = keeping.of_app()
    leases = gate.leases(pool_ids) if gate else {}
    if not leases and _are_empty(pool_ids):
        looked = _looked(callers, work.look(_statement(callers, locks=False)))
        if looked.are_hopeless:
            _check_room(looked)
            return looked.told | {place: _refused(looked, place) for place in looked.decisions}
    looked = _looked(callers, work.rows(_statement(callers, locks=True)))
    _check_room(looked)
    _remember_empty(looked)
    writing = granting.Writing(looked.facts)
    told = looked.told | {place: _reply(writing, looked, place) for place in looked.decisions}
    if writing:
        keeping.forget(writing.freed)
        work.commit(writing.statement(), check=writing.check)
    if gate is not None:
        refused = _refused_by_pool(looked)
        short = refused.keys() | {pool_id for pool_id, pool in writing.pools.items() if pool.available == 0}
        for pool_id in short:
            gate.short(pool_id)
        taking.remember_refused(gate, refused)
        taking.take(work, gate, {each: leases[each] for each in leases.keys() & short}, looked.facts, writing)
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What a look says of a batch, by places."""

    facts: Facts
    told: dict[int, Told]
    """Who is not let in, and whose key is known."""
    requests: dict[int, Request]
    decisions: dict[int, Decision]
    """The rule's, for everybody else."""

    @property
    def are_hopeless(self) -> bool:
        """Nobody gets anything, whatever happens meanwhile to others."""
        return all(
            isinstance(each, Refused) and each.cause not in HANDED_BACK for each in self.decisions.values()
        )


def _statement(callers: Mapping[int, Caller], *, locks: bool) -> express.Statement:
    standing = [
        Standing(
            lines=caller.lines,
            buyer_id=None if caller.token else caller.ctx.actor.id,
            digest=caller.token and arrivals.digest_of(caller.token),
            network=caller.network,
            key=caller.key,
        )
        for caller in callers.values()
    ]
    return granting.look(standing, locks=locks)


def _looked(callers: Mapping[int, Caller], rows: Sequence[Any]) -> _Looked:
    row = granting.checked(rows)
    sessions = {each["digest"]: arrivals.account_of(each) for each in row.sessions or ()}
    known = _by_token(callers.values(), sessions)
    stored = {each.pop("place"): each for each in row.keys_stored or ()}
    told: dict[int, Told] = {}
    requests: dict[int, Request] = {}
    buyers = set()
    for number, (place, caller) in enumerate(callers.items()):
        try:
            request = caller.request_of(_let_in(caller, known))
        except errors.Refusal as refusal:
            told[place] = (caller.ctx, refusal)
            continue
        if request.ask.buyer_id in buyers:
            continue
        buyers.add(request.ask.buyer_id)
        is_ours = bool(row.keys_locked[number])
        stored_answer = idempotency.known(request.claim, is_ours=is_ours, stored=stored.get(number + 1))
        if stored_answer is not None:
            told[place] = (request.ctx, stored_answer)
        else:
            requests[place] = request
    asks = [request.ask for request in requests.values()]
    facts = granting.facts_of(asks, row)
    return _Looked(
        facts=facts,
        told=told,
        requests=requests,
        decisions=dict(zip(requests, granting.by_rule(asks, facts), strict=True)),
    )


def _by_token(callers: Iterable[Caller], sessions: Mapping[str, Known]) -> dict[str, Known | Nobody]:
    """By token who it is; those of no session may be service keys, and are asked for by themselves."""
    tokens = [caller.token for caller in callers if caller.token is not None]
    found: dict[str, Known | Nobody] = {}
    for token in tokens:
        known = sessions.get(arrivals.digest_of(token) or "")
        found[token] = known or arrivals.look_up([token])[0]
    return found


def _let_in(caller: Caller, known: Mapping[str, Known | Nobody]) -> Context:
    """Raises Unauthenticated, Forbidden."""
    if caller.token is None:
        return caller.ctx
    ctx = stations.known(caller.ctx, arrivals.actor_of(known[caller.token], now=caller.ctx.now))
    stations.check_entry(ctx, endpoint=caller.endpoint)
    return ctx


def _are_empty(pool_ids: Iterable[uuid.UUID]) -> bool:
    """Whether each of them had nothing left a moment ago."""
    empty, now = _empty_pools(), time.monotonic_ns()
    return all(empty.get(pool_id, 0) > now for pool_id in pool_ids)


def _remember_empty(looked: _Looked) -> None:
    empty, now = _empty_pools(), time.monotonic_ns()
    for pool_id, pool in looked.facts.pools.items():
        if pool.available == 0:
            empty[pool_id] = now + HOPELESS_NANOSECONDS
        else:
            empty.pop(pool_id, None)


def _empty_pools() -> dict[uuid.UUID, int]:
    found: dict[uuid.UUID, int] = current_app.extensions.setdefault("empty_pools", {})
    return found


def _check_room(looked: _Looked) -> None:
    facts = looked.facts
    short = granting.short_of_lapsed(facts, looked.decisions.values())
    if short or facts.line_pool_ids:
        raise RoomToMake(sorted({*short, *facts.line_pool_ids}))


def _refused_by_pool(looked: _Looked) -> dict[uuid.UUID, list[Claim]]:
    """The keys under which it was stored that a pool is sold out."""
    found: dict[uuid.UUID, list[Claim]] = {}
    for place, decision in looked.decisions.items():
        if isinstance(decision, Refused) and decision.cause == Cause.SOLD_OUT:
            found.setdefault(decision.pool_id, []).append(looked.requests[place].claim)
    return found


def _refused(looked: _Looked, place: int) -> Told:
    """Without locks nothing is stored, as at the gate: no work had begun."""
    request, decision = looked.requests[place], looked.decisions[place]
    assert isinstance(decision, Refused)
    return request.ctx, door.refused(holds.refusal(decision, looked.facts), request.ctx)


def _reply(writing: granting.Writing, looked: _Looked, place: int) -> Told:
    request, decision = looked.requests[place], looked.decisions[place]
    if not isinstance(decision, Refused):
        answer = request.answered(writing.grant(request.ctx, request.ask, decision))
    elif decision.cause in HANDED_BACK:
        return request.ctx, decision
    else:
        answer = door.refused(holds.refusal(decision, looked.facts), request.ctx)
    writing.keep(request.ctx, request.claim, answer)
    return request.ctx, answer
