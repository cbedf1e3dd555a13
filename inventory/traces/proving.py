"""The proof that an event is in its county's chain: its path to the root that a signed checkpoint names.

Who has the proof, the checkpoint and the public key needs nothing else of us (RFC 6962, 2.1.1). The hashes over long
runs are kept; those over short ones are made anew from the events, some hundred of them at most.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.traces import merkle
from inventory.traces.entries import chained
from inventory.traces.models import TraceCheckpoint, TraceEvent, TraceRun
from marketplace import errors
from marketplace.language import Text

KEPT_LEVELS: Final = 8
"""The hashes of every eighth level are kept."""


class NotSignedYet(errors.NotFound):
    """The event is there, but the next checkpoint is not; it is signed within ten minutes."""

    title = Text(
        en="The county's chain is signed every ten minutes; this event is not signed for yet.",
        zh="县级追溯链每十分钟签署一次，此事件尚未签署。",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    county_id: uuid.UUID
    number: int
    """Of the event; it is entry `number - 1` of the tree."""
    body: str
    """Canonical JSON (RFC 8785), byte by byte what was hashed; behind a line break its context, if it has one."""
    context: str | None
    leaf: bytes
    size: int
    path: Sequence[bytes]
    note: str
    """The signed checkpoint over the first `size` events."""


def prove(session: Session, *, county_id: uuid.UUID, number: int) -> Proof:
    """Against the first checkpoint that has seen the event, so that the proof stays the same. Raises NotSignedYet."""
    checkpoint = session.scalars(
        select(TraceCheckpoint)
        .where(TraceCheckpoint.county_id == county_id, TraceCheckpoint.length >= number)
        .order_by(TraceCheckpoint.length)
        .limit(1)
    ).first()
    if checkpoint is None:
        raise NotSignedYet
    event = session.get_one(TraceEvent, (county_id, number))

    def run(level: int, index: int) -> bytes:
        kept = level - level % KEPT_LEVELS
        start, count = index << (level - kept), 1 << (level - kept)
        return merkle.root(_hashes(session, county_id, kept, start, count))

    return Proof(
        county_id=county_id,
        number=number,
        body=event.body,
        context=event.context,
        leaf=_leaf(event.body, event.context),
        size=checkpoint.length,
        path=merkle.path_of(number - 1, checkpoint.length, run),
        note=checkpoint.note,
    )


def _hashes(session: Session, county_id: uuid.UUID, level: int, start: int, count: int) -> list[bytes]:
    if level:
        runs = select(TraceRun.hash).where(
            TraceRun.county_id == county_id,
            TraceRun.level == level,
            TraceRun.index.between(start, start + count - 1),
        )
        return list(session.scalars(runs.order_by(TraceRun.index)))
    events = select(TraceEvent.body, TraceEvent.context).where(
        TraceEvent.county_id == county_id, TraceEvent.number.between(start + 1, start + count)
    )
    return [_leaf(body, context) for body, context in session.execute(events.order_by(TraceEvent.number))]


def _leaf(body: str, context: str | None) -> bytes:
    return merkle.leaf_hash(chained(body.encode(), None if context is None else context.encode()))
