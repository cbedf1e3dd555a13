"""A desk: those who ask for the same kind of thing at once are let in, served and answered together, in one commit.

What is general in it stands here: who may come in by the look's sessions, whose key is known or in flight, who must be
served after whom, and that a request that breaks spoils nothing for the others. What a desk does is its owner's: the
counter of holds, the tills of orders and payments.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from flask import current_app, g

from marketplace import errors, idempotency, stations
from marketplace.context import Context
from marketplace.idempotency import Answer, Claim
from marketplace.identity import arrivals
from marketplace.identity.arrivals import Known, Nobody
from marketplace.steps import Joining, Steps
from marketplace.together import Together

AT_ONCE_MAX: Final = 64
LINGER_MS: Final = 3
"""A batch costs more than each in it: in a rush it waits for as many as came last time, but no longer than a commit."""


class Asking(Protocol):
    """What somebody who is known asks for under a key."""

    @property
    def ctx(self) -> Context: ...

    @property
    def claim(self) -> Claim: ...


Request = TypeVar("Request", bound=Asking)
Back = TypeVar("Back")
"""What a desk hands back instead of an answer: the caller's door does the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(Generic[Request]):
    """Who stands at a desk: let in already, or with the token that says who it is."""

    ctx: Context
    key: str
    request_of: Callable[[Context], Request]
    """What is asked for, once it is known who asks."""
    token: str | None = None
    endpoint: str = ""
    """The view whose entry in the access table counts for who is not let in yet."""

    @property
    def who(self) -> str:
        """As far as that is known yet: two who differ here may turn out to be one."""
        return self.token or self.ctx.actor.label

    @property
    def digest(self) -> str | None:
        return self.token and arrivals.digest_of(self.token)


SomeCaller = TypeVar("SomeCaller", bound=Caller[Any])


@dataclass(frozen=True, slots=True)
class Broken:
    """Serving this request failed, and not for its own sake: its caller gets the failure, nobody else does."""

    problem: Exception


Told = tuple[Context, Answer | errors.Refusal | Broken | Back]
"""Who it turned out to be, and the reply."""


def table(
    name: str, serve: Callable[[Sequence[Any]], Iterable[tuple[int, Any]]], *, linger_ms: int = 0
) -> Together[Any, Any]:
    """This process's one of that name, where those who come at once are served together; laid by the first."""
    tables = cast(dict[str, Together[Any, Any]], current_app.extensions.setdefault("desks", {}))
    return tables.get(name) or tables.setdefault(
        name, Together(serve, at_once_max=AT_ONCE_MAX, linger_ms=linger_ms)
    )


def come(
    name: str, caller: SomeCaller, serve: Callable[[Sequence[SomeCaller]], Iterable[tuple[int, Told[Back]]]]
) -> Steps[tuple[Context, Answer | Back]]:
    """In steps: wait for the answer of this process's desk of that name; the context says who asked.

    Raises Unauthenticated, Forbidden, KeyInFlight, IdempotencyKeyReused, DatabaseUnavailable, and what the desk
    refuses without an answer.
    """
    ctx, reply = yield Joining(table(name, serve, linger_ms=LINGER_MS), caller)
    g.context = ctx
    if isinstance(reply, errors.Refusal):
        raise reply
    if isinstance(reply, Broken):
        raise reply.problem
    return ctx, reply


def serve(
    callers: Sequence[SomeCaller],
    at_once: Callable[[dict[int, SomeCaller]], dict[int, Told[Back]]],
    names_of: Callable[[SomeCaller], Iterable[Hashable]],
) -> list[Told[Back]]:
    """What each is told, in the order of the callers; what spoils a batch is looked for by serving it one by one.

    `at_once` serves a batch: no two in it have one of `names_of`, or one key. Whom it tells nothing is served later.
    """
    told: dict[int, Told[Back]] = {}
    waiting = dict(enumerate(callers))
    while waiting:
        told |= _one_by_one_if_it_must(_apart(waiting, names_of), at_once)
        waiting = {place: caller for place, caller in waiting.items() if place not in told}
    return [told[place] for place in range(len(callers))]


def _apart(
    waiting: Mapping[int, SomeCaller], names_of: Callable[[SomeCaller], Iterable[Hashable]]
) -> dict[int, SomeCaller]:
    """As many as can be served at once, as far as that is known yet."""
    seen: set[Hashable] = set()
    batch = {}
    for place, caller in waiting.items():
        names = {("key", caller.who, caller.key), *names_of(caller)}
        if seen.isdisjoint(names):
            seen |= names
            batch[place] = caller
    return batch


def _one_by_one_if_it_must(
    batch: dict[int, SomeCaller], at_once: Callable[[dict[int, SomeCaller]], dict[int, Told[Back]]]
) -> dict[int, Told[Back]]:
    """Of whom two turn out to be one, the later is told nothing yet."""
    try:
        return at_once(batch)
    except errors.Refusal as refusal:
        return {place: (caller.ctx, refusal) for place, caller in batch.items()}
    except Exception as problem:  # noqa: BLE001 (its caller raises it)
        if len(batch) == 1:
            return {place: (caller.ctx, Broken(problem)) for place, caller in batch.items()}
    told: dict[int, Told[Back]] = {}
    for place, caller in batch.items():
        told |= _one_by_one_if_it_must({place: caller}, at_once)
    return told


def let_in_all(callers: Sequence[Caller[Request]]) -> list[Request | tuple[Context, errors.Refusal]]:
    """What each asks for, now that one look has told who they are; or why they are not let in."""
    tokens = [caller.token for caller in callers if caller.token is not None]
    known = dict(zip(tokens, arrivals.look_up(tokens), strict=True)) if tokens else {}
    found: list[Request | tuple[Context, errors.Refusal]] = []
    for caller in callers:
        try:
            found.append(caller.request_of(_let_in(caller, known)))
        except errors.Refusal as refusal:
            found.append((caller.ctx, refusal))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Met(Generic[Request]):
    """A batch after its look, by places: who is told something already, and what everybody else asks for."""

    told: dict[int, tuple[Context, Answer | errors.Refusal]]
    """Who is not let in, and whose key is known."""
    requests: dict[int, Request]


def meet(
    callers: Mapping[int, Caller[Request]], row: Any, *, name_of: Callable[[Request], Hashable]
) -> Met[Request]:
    """Let in by the look's `sessions`, and what `keys_locked` and `keys_stored` say of the keys, both in the order of
    the callers. Of two with one name, now that it is known who they are, only the first is in it."""
    sessions = {each["digest"]: arrivals.account_of(each) for each in row.sessions or ()}
    known = _by_token(callers.values(), sessions)
    stored = {each.pop("place"): each for each in row.keys_stored or ()}
    met: Met[Request] = Met(told={}, requests={})
    names = set()
    for number, (place, caller) in enumerate(callers.items()):
        try:
            request = caller.request_of(_let_in(caller, known))
        except errors.Refusal as refusal:
            met.told[place] = (caller.ctx, refusal)
            continue
        if (name := name_of(request)) in names:
            continue
        names.add(name)
        is_ours = bool(row.keys_locked[number])
        reply = idempotency.known(request.claim, is_ours=is_ours, stored=stored.get(number + 1))
        if reply is not None:
            met.told[place] = (request.ctx, reply)
        else:
            met.requests[place] = request
    return met


def _by_token(callers: Iterable[Caller[Any]], sessions: Mapping[str, Known]) -> dict[str, Known | Nobody]:
    """By token who it is; those of no session may be service keys, and are asked for in one look of their own."""
    found: dict[str, Known | Nobody] = {}
    strangers = []
    for caller in callers:
        if caller.token is None:
            continue
        if (known := sessions.get(caller.digest or "")) is not None:
            found[caller.token] = known
        else:
            strangers.append(caller.token)
    if strangers:
        found |= zip(strangers, arrivals.look_up(strangers), strict=True)
    return found


def _let_in(caller: Caller[Any], known: Mapping[str, Known | Nobody]) -> Context:
    """Raises Unauthenticated, Forbidden."""
    if caller.token is None:
        return caller.ctx
    ctx = stations.known(caller.ctx, arrivals.actor_of(known[caller.token], now=caller.ctx.now))
    stations.check_entry(ctx, endpoint=caller.endpoint)
    return ctx
