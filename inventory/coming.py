"""Who comes to the counter: all who wait at once are let in by one look, turned away by the gate in one, served in one.

The gate stands before the counter: a refusal there is not stored under a key, for no work had begun. Who is turned
away goes at once and does not wait for those who are served.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from flask import current_app, g

from inventory import counter, grant_rules, holds
from inventory.counter import Broken, Reply, Request
from inventory.gate import keeping
from inventory.gate.keeping import Seeker, TurnedAway
from inventory.grant_rules import Refused
from marketplace import door, errors, stations
from marketplace.context import Context
from marketplace.idempotency import Answer
from marketplace.identity import arrivals
from marketplace.together import Together

AT_ONCE_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A caller: let in already, or with the token that says who it is."""

    ctx: Context
    endpoint: str
    """The view whose entry in the access table counts for who is not let in yet."""
    token: str | None
    request_of: Callable[[Context], Request]
    """What is asked for, once it is known who asks."""


def come(caller: Coming) -> tuple[Context, Answer | Refused]:
    """Wait for the counter's answer; the context says who asked.

    Raises Unauthenticated, Forbidden, KeyInFlight, IdempotencyKeyReused, PoolBusy, DatabaseUnavailable.
    """
    together = cast(
        Together[Coming, tuple[Context, Reply]],
        current_app.extensions.get("counter")
        or current_app.extensions.setdefault("counter", Together(_serve, at_once_max=AT_ONCE_MAX, linger_seconds=float(__import__("os").environ.get("LNG","0.002")))),
    )
    ctx, reply = together.ask(caller)
    g.context = ctx
    if isinstance(reply, errors.Refusal):
        raise reply
    if isinstance(reply, Broken):
        raise reply.problem
    return ctx, reply


def _serve(callers: Sequence[Coming]) -> Iterator[tuple[int, tuple[Context, Reply]]]:
    requests: dict[int, Request] = {}
    for place, (ctx, refusal) in enumerate(_let_in(callers)):
        if refusal is None:
            requests[place] = callers[place].request_of(ctx)
        else:
            yield place, (ctx, refusal)
    for place, told in _at_the_gate(requests):
        yield place, (requests[place].ctx, told)
        del requests[place]
    replies = counter.serve(list(requests.values())) if requests else []
    for (place, request), reply in zip(requests.items(), replies, strict=True):
        yield place, (request.ctx, reply)


def _let_in(callers: Sequence[Coming]) -> Iterator[tuple[Context, errors.Refusal | None]]:
    tokens = [caller.token for caller in callers if caller.token is not None]
    found = iter(arrivals.look_up(tokens) if tokens else ())
    for caller in callers:
        ctx = caller.ctx
        try:
            if caller.token is not None:
                ctx = stations.known(ctx, arrivals.actor_of(next(found), now=ctx.now))
                stations.check_entry(ctx, endpoint=caller.endpoint)
        except errors.Refusal as refusal:
            yield ctx, refusal
        else:
            yield ctx, None


def _at_the_gate(requests: dict[int, Request]) -> list[tuple[int, Answer]]:
    """The refusals that the counter would give; the rule looks at the first pool first."""
    gate = keeping.of_app()
    if gate is None or not requests:
        return []
    told = gate.ask([_seeker(request) for request in requests.values()])
    return [
        (place, _turned_away(request, each))
        for (place, request), each in zip(requests.items(), told, strict=True)
        if each is not None
    ]


def _seeker(request: Request) -> Seeker:
    line = grant_rules.summed(request.ask.lines)[0]
    return Seeker(pool_id=line.pool_id, boxes=line.boxes, buyer_id=request.ask.buyer_id, claim=request.claim)


def _turned_away(request: Request, told: TurnedAway) -> Answer:
    refusal = holds.sold_out(
        grant_rules.summed(request.ask.lines)[0].boxes,
        available=told.available,
        next_expires_at=told.next_expires_at,
        waitlist=request.ask.waitlist,
    )
    return door.refused(refusal, request.ctx)
