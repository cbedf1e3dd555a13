"""Who acts, when, under which request, in which language: fixed once at the edge, passed to every use case."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Final

import flask

from marketplace.access import Role
from marketplace.language import DEFAULT, Language
from marketplace.values import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account, a service key, the system itself, or nobody yet (anonymous)."""

    kind: str
    """`anonymous`, `account`, `service` or `system`."""
    id: uuid.UUID | None = None
    roles: frozenset[Role] = frozenset({Role.ANONYMOUS})
    cooperative_ids: frozenset[uuid.UUID] = frozenset()
    scopes: frozenset[str] = frozenset()
    session_id: uuid.UUID | None = None

    @property
    def label(self) -> str:
        """How audit rows and idempotency keys name this actor."""
        return f"{self.kind}:{self.id}" if self.id else self.kind

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)

    def belongs_to(self, cooperative_id: uuid.UUID) -> bool:
        return cooperative_id in self.cooperative_ids


ANONYMOUS = Actor(kind="anonymous")
SYSTEM = Actor(kind="system", roles=frozenset({Role.SYSTEM}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    actor: Actor
    now: datetime
    request_id: str = field(default_factory=lambda: str(new_id()))
    language: Language = DEFAULT
    address: str | None = None

    @property
    def today(self) -> date:
        return self.now.date()


def now_utc() -> datetime:
    """The one place where the wall clock is read."""
    return _clocks[-1]()


@contextmanager
def clock_from(clock: Callable[[], datetime]) -> Iterator[None]:
    """Inside, all of this process goes by `clock`: only for a season that is played again from a seed."""
    _clocks.append(clock)
    try:
        yield
    finally:
        _clocks.pop()


_clocks: Final[list[Callable[[], datetime]]] = [partial(datetime.now, UTC)]


def system(request_id: str | None = None) -> Context:
    """The context of a job or a command: the system acts, now."""
    return Context(actor=SYSTEM, now=now_utc(), request_id=request_id or str(new_id()))


def current() -> Context:
    """The context of the request being served (set by the app's first station)."""
    context = flask.g.context
    assert isinstance(context, Context)
    return context
