"""Who comes to the counter: all who wait at once are turned away by the gate in one go, and served in another.

The gate stands before the counter: a refusal there is not stored under a key, for no work had begun. Who is turned
away goes at once and does not wait for those who are served.
"""

from collections.abc import Iterator, Mapping, Sequence

from inventory import counter, grant_rules, holds
from inventory.counter import Caller, Request, Told
from inventory.gate import keeping
from inventory.gate.keeping import Seeker, TurnedAway
from inventory.grant_rules import Line, Refused
from marketplace import desk, door
from marketplace.context import Context
from marketplace.idempotency import Answer
from marketplace.steps import Steps


def come(caller: Caller) -> Steps[tuple[Context, Answer | Refused]]:
    """In steps: wait for the counter's answer; the context says who asked.

    Raises Unauthenticated, Forbidden, KeyInFlight, IdempotencyKeyReused, PoolBusy, DatabaseUnavailable.
    """
    return (yield from desk.come("counter", caller, _serve))


def _serve(callers: Sequence[Caller]) -> Iterator[tuple[int, Told]]:
    waiting = dict(enumerate(callers))
    for place, told in _at_the_gate(waiting):
        yield place, told
        del waiting[place]
    yield from zip(waiting, counter.serve(list(waiting.values())) if waiting else (), strict=True)


def _at_the_gate(callers: Mapping[int, Caller]) -> list[tuple[int, Told]]:
    """The refusals that the counter would give; the rule looks at the first pool first."""
    gate = keeping.of_app()
    if gate is None:
        return []
    short = {place: each for place, each in callers.items() if gate.is_short(_first_line(each).pool_id)}
    if not short:
        return []
    found = desk.let_in_all(list(short.values()))
    refused = [
        (place, told) for place, told in zip(short, found, strict=True) if not isinstance(told, Request)
    ]
    asked = {place: told for place, told in zip(short, found, strict=True) if isinstance(told, Request)}
    turned_away = gate.ask([_seeker(short[place], request) for place, request in asked.items()])
    return refused + [
        (place, (request.ctx, _turned_away(short[place], request, each)))
        for (place, request), each in zip(asked.items(), turned_away, strict=True)
        if each is not None
    ]


def _first_line(caller: Caller) -> Line:
    return grant_rules.summed(caller.lines)[0]


def _seeker(caller: Caller, request: Request) -> Seeker:
    line = _first_line(caller)
    return Seeker(pool_id=line.pool_id, boxes=line.boxes, buyer_id=request.ask.buyer_id, claim=request.claim)


def _turned_away(caller: Caller, request: Request, told: TurnedAway) -> Answer:
    refusal = holds.sold_out(
        _first_line(caller).boxes,
        available=told.available,
        next_expires_at=told.next_expires_at,
        waitlist=request.ask.waitlist,
    )
    return door.refused(refusal, request.ctx)
