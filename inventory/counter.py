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
from marketplace import context, database, desk, door, express
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(desk.Caller[Request]):
    """Who stands at the counter, and for which boxes."""

    lines: Sequence[Line]
    network: str | None = None


Told = desk.Told[Refused]


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


def serve(callers: Sequence[Caller]) -> list[Told]:
    """What each is told, in the order of the callers: no two of one buyer are served at once."""
    return desk.serve(callers, _serve, lambda caller: [("who", caller.who)])


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
        writing.store_on(work)
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
            digest=caller.digest,
            network=caller.network,
            key=caller.key,
        )
        for caller in callers.values()
    ]
    return granting.look(standing, locks=locks)


def _looked(callers: Mapping[int, Caller], rows: Sequence[Any]) -> _Looked:
    row = granting.checked(rows)
    met = desk.meet(callers, row, name_of=lambda request: request.ask.buyer_id)
    requests = met.requests
    asks = [request.ask for request in requests.values()]
    facts = granting.facts_of(asks, row)
    return _Looked(
        facts=facts,
        told=dict(met.told),
        requests=requests,
        decisions=dict(zip(requests, granting.by_rule(asks, facts), strict=True)),
    )


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
