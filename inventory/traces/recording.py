"""Events of EPCIS written down: in the unit of work that caused them, and in the county's chain.

A use case says what happened as it happens; the chain grows once, at the unit's end (marketplace/last_words.py): its
head is the last row that is locked, so writers wait for each other's COMMIT only, and nobody waits in a circle.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import psycopg
from sqlalchemy.orm import Session

from inventory.traces import chain, entries
from inventory.traces.entries import Entry
from inventory.traces.merkle import Frontier, Node, leaf_hash, runs_of
from marketplace import errors, last_words
from marketplace.context import Context
from marketplace.database import driver_of
from marketplace.events import publish
from marketplace.language import Text

KEPT_LEVELS: Final = range(8, 57, 8)
"""Of which levels the hashes over whole runs are kept."""


class EventNamed(errors.Conflict):
    """Another event has this `eventID`."""

    title = Text(en="Another event has this eventID.", zh="已有其他事件使用该 eventID。")


@dataclass(frozen=True, slots=True)
class EventsRecorded:
    """A county's chain will have grown when the unit of work ends."""

    county_id: uuid.UUID


@dataclass(slots=True, kw_only=True)
class Recorded:
    """An event that was told. Where it stands in the chain is known when the unit of work is about to end."""

    county_id: uuid.UUID
    entry: Entry
    actor: str
    number: int | None = None
    is_new: bool = field(default=True)
    """False: it had been told before, and stands where it stood."""


def record(
    session: Session,
    ctx: Context,
    *,
    county_id: uuid.UUID,
    events: Sequence[Mapping[str, Any]],
    context: Sequence[Any] = (),
) -> list[Recorded]:
    """Write down right events (`epcis.reading.read`), in their order; `context` is that of their document.

    Told again, an event is the one that is there. Raises Invalid as `entries.entry_of`; at the end of the unit of work
    EventNamed for an `eventID` that another event has.
    """
    made = [
        Recorded(
            county_id=county_id,
            entry=entries.entry_of(event, recorded_at=ctx.now, context=context),
            actor=ctx.actor.label,
        )
        for event in events
    ]
    publish(session, ctx, EventsRecorded(county_id))
    for each in made:
        last_words.keep(session, _append, each)
    return made


@dataclass(slots=True)
class _Chain:
    length: int
    head: bytes
    frontier: Frontier


def _append(session: Session, recorded: list[Recorded]) -> None:
    session.flush()
    driver = driver_of(session)
    by_county: dict[uuid.UUID, list[Recorded]] = {}
    for each in recorded:
        by_county.setdefault(each.county_id, []).append(each)
    for county_id in sorted(by_county):
        _append_to(driver, county_id, by_county[county_id])


def _append_to(driver: psycopg.Connection[Any], county_id: uuid.UUID, recorded: list[Recorded]) -> None:
    with driver.pipeline():
        driver.execute(_BEGIN, {"county_id": county_id, "seed": entries.county_seed(county_id)})
        found = driver.execute(_LOCK, {"county_id": county_id})
        hashes = [each.entry.event_hash for each in recorded]
        names = [each.entry.event_id for each in recorded]
        known = driver.execute(_KNOWN, {"county_id": county_id, "hashes": hashes, "names": names})
        row = found.fetchone()
        assert row is not None
        rows = known.fetchall()
    before = _Chain(row[0], row[1], Frontier(row[0], runs_of(row[2])))
    new = _new_ones(recorded, rows, before.length)
    if not new:
        return
    entry_bytes = [each.entry.chained for each in new]
    links = chain.chained(entry_bytes, before.head)
    frontier, completed = before.frontier.extended([leaf_hash(each) for each in entry_bytes])
    with driver.pipeline():
        driver.execute(_EVENTS, _event_columns(county_id, new, links))
        driver.execute(_MENTIONS, _mention_columns(county_id, new))
        if kept := [node for node in completed if node.level in KEPT_LEVELS]:
            driver.execute(_RUNS, _run_columns(county_id, kept))
        driver.execute(
            _GROW,
            {
                "county_id": county_id,
                "length": frontier.size,
                "head": links[-1],
                "frontier": b"".join(frontier.hashes),
            },
        )


def _new_ones(recorded: list[Recorded], rows: Sequence[Any], length: int) -> list[Recorded]:
    """Those that were not told before, numbered; of the others it is said where they stand."""
    stand = {_identity(event_hash, declared): number for number, event_hash, _, declared in rows}
    names = {event_id for _, _, event_id, declared in rows if declared is None}
    new: list[Recorded] = []
    for each in recorded:
        entry = each.entry
        identity = _identity(entry.event_hash, entry.body if entry.is_declaration else None)
        if identity in stand:
            each.number, each.is_new = stand[identity], False
            continue
        if not entry.is_declaration:
            if entry.event_id in names:
                raise EventNamed(event_id=entry.event_id)
            names.add(entry.event_id)
        new.append(each)
        each.number = stand[identity] = length + len(new)
    return new


def _identity(event_hash: str, declaration: str | bytes | None) -> tuple[str, str]:
    """Two texts of one event have one; of a declaration of error, the hash says only which event it is about."""
    if declaration is None:
        return event_hash, ""
    told = orjson.loads(declaration)
    return event_hash, repr(sorted((name, value) for name, value in told.items() if name != "recordTime"))


def _event_columns(county_id: uuid.UUID, new: Sequence[Recorded], links: Sequence[bytes]) -> dict[str, Any]:
    told = [each.entry for each in new]
    return {
        "county_id": county_id,
        "number": [each.number for each in new],
        "body": [each.body.decode() for each in told],
        "context": [each.context.decode() if each.context else None for each in told],
        "link": list(links),
        "actor": [each.actor for each in new],
        **{name: [getattr(each, name) for each in told] for name in _PLAIN},
    }


def _mention_columns(county_id: uuid.UUID, new: Sequence[Recorded]) -> dict[str, Any]:
    told = [(key, str(role), each.number) for each in new for role, key in sorted(each.entry.mentions)]
    return {
        "county_id": county_id,
        "key": [key for key, _, _ in told],
        "role": [role for _, role, _ in told],
        "number": [number for _, _, number in told],
    }


def _run_columns(county_id: uuid.UUID, runs: Sequence[Node]) -> dict[str, Any]:
    return {
        "county_id": county_id,
        "level": [run.level for run in runs],
        "index": [run.index for run in runs],
        "hash": [run.hash for run in runs],
    }


_PLAIN: Final = (
    "event_id",
    "event_hash",
    "is_declaration",
    "event_type",
    "action",
    "event_time",
    "recorded_at",
    "biz_step",
    "disposition",
    "read_point",
    "biz_location",
)
_BEGIN: Final = """
    INSERT INTO trace_chain (county_id, length, head, frontier) VALUES (%(county_id)s, 0, %(seed)s, '')
    ON CONFLICT DO NOTHING
"""
_LOCK: Final = "SELECT length, head, frontier FROM trace_chain WHERE county_id = %(county_id)s FOR UPDATE"
_KNOWN: Final = """
    SELECT number, event_hash, event_id, CASE WHEN is_declaration THEN body END FROM trace_event
    WHERE county_id = %(county_id)s AND (event_hash = ANY(%(hashes)s) OR event_id = ANY(%(names)s))
"""
_EVENTS: Final = """
    INSERT INTO trace_event (county_id, number, body, context, link, actor, event_id, event_hash, is_declaration,
        event_type, action, event_time, recorded_at, biz_step, disposition, read_point, biz_location)
    SELECT %(county_id)s, r.* FROM unnest(%(number)s::bigint[], %(body)s::text[], %(context)s::text[],
        %(link)s::bytea[], %(actor)s::text[], %(event_id)s::text[], %(event_hash)s::text[],
        %(is_declaration)s::boolean[], %(event_type)s::text[], %(action)s::text[], %(event_time)s::timestamptz[],
        %(recorded_at)s::timestamptz[], %(biz_step)s::text[], %(disposition)s::text[], %(read_point)s::text[],
        %(biz_location)s::text[]) AS r
"""
_MENTIONS: Final = """
    INSERT INTO trace_mention (county_id, key, role, number)
    SELECT %(county_id)s, r.* FROM unnest(%(key)s::text[], %(role)s::text[], %(number)s::bigint[]) AS r
"""
_RUNS: Final = """
    INSERT INTO trace_run (county_id, level, index, hash)
    SELECT %(county_id)s, r.* FROM unnest(%(level)s::smallint[], %(index)s::bigint[], %(hash)s::bytea[]) AS r
"""
_GROW: Final = """
    UPDATE trace_chain SET length = %(length)s, head = %(head)s, frontier = %(frontier)s
    WHERE county_id = %(county_id)s
"""
