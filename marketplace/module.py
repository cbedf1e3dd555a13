"""What a package plugs into the app. Each package says it in its own `module.py`; `wsgi.py` names them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import flask
from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.door import Blueprint
from marketplace.events import Subscription
from marketplace.fast_path import FastDoor
from marketplace.language import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work for later. `run(session, ctx, **arguments)` is one unit of work; it may be run more than once.

    Retries wait `wait_seconds`, doubled each time; after `attempts_max` the job is dead until an operator
    retries it. `cron` (five fields, UTC) also starts it periodically, with no arguments.

    `joined` names an argument that is a list: jobs that are due together and alike in everything else are run as one,
    with all their lists in one. After a failure each is tried again alone.

    A job that rests is work for which nobody waits, piece by piece: after one piece a process leaves the next alone for
    `rest_ms`, so that a heap of it does not take the machine, or a lock, from live requests.
    """

    name: str
    run: Callable[..., Any]
    attempts_max: int = 8
    wait_seconds: int = 5
    cron: str | None = None
    joined: str | None = None
    rest_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """A sentence that must always be true, and the query that answers the rows for which it is not."""

    id: str
    says: Text
    sql: str
    check: Callable[[Session], list[dict[str, Any]]] | None = None
    """For what SQL cannot say: answers the offending rows; `sql` is then empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    name: str
    blueprints: tuple[Blueprint, ...] = ()
    pages: tuple[flask.Blueprint, ...] = ()
    """Of HTML, for people: outside of /v1 and of the API's description."""
    fast_doors: tuple[FastDoor, ...] = ()
    jobs: tuple[Job, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    commands: tuple[click.Command, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    closings: tuple["JobRun", ...] = ()
    """What a process that works does at its end, each in a unit of work of its own: `closing(session, ctx=…)`."""


JobRun = Callable[[Session, Context], Any]
