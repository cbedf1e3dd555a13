"""Publish upwards: lower packages say what happened, upper ones subscribed in their module.

Synchronous and inside the caller's transaction: a subscriber that refuses undoes the cause as well. Slow or
foreign work is enqueued by the subscriber as a job.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, current_app
from sqlalchemy.orm import Session

from marketplace.context import Context

Subscriber = Callable[[Session, Context, Any], None]
Subscription = tuple[type[Any], Subscriber]


def configure(app: Flask, subscriptions: Iterable[Subscription]) -> None:
    registry: defaultdict[type[Any], list[Subscriber]] = defaultdict(list)
    for kind, subscriber in subscriptions:
        registry[kind].append(subscriber)
    app.extensions["events"] = registry


def publish(session: Session, ctx: Context, event: object) -> None:
    """Call every subscriber of the event's class, in the order of registration."""
    for subscriber in current_app.extensions["events"].get(type(event), ()):
        subscriber(session, ctx, event)
