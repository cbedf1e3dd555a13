"""Events of EPCIS written down: in the unit of work that caused them, and in the county's chain.

A use case says what happened as it happens; the chain grows once, at the unit's end (marketplace/last_words.py): its
head is the last row that is locked, so writers wait for each other's COMMIT only, and nobody waits in a circle.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import psycopg
from sqlalchemy.orm import Session

from inventory.traces import chain
from inventory.traces.entries import Entry, county_seed, entry_of
from inventory.traces.merkle import Frontier, Node, leaf_hash, runs_of
from marketplace import errors, express, last_words
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
            entry=entry_of(event, recorded_at=ctx.now, context=context),
            actor=ctx.actor.label,
        )
        for event in events
    ]
    publish(session, ctx, EventsRecorded(county_id))
    for each in made:
        last_words.keep(session, _append, each)
    return made


class Register:
    """A county's chain, locked until the unit of work ends: what is told already, and what comes behind it.

    Whoever makes one locks nothing after it but the register of another county, in the order of their ids.
    """

    def __init__(
        self, driver: psycopg.Connection[Any], county_id: uuid.UUID, entries: Sequence[Entry]
    ) -> None:
        """`entries` are all that may be asked for or added."""
        self._driver, self._county_id = driver, county_id
        with driver.pipeline():
            driver.execute(_BEGIN, {"county_id": county_id, "seed": county_seed(county_id)})
            found = driver.execute(_LOCK, {"county_id": county_id})
            driver.execute(_BY_INDEX)
            events = [each for each in entries if not each.is_declaration]
            known = driver.execute(
                _KNOWN,
                {
                    "county_id": county_id,
                    "hashes": [each.event_hash for each in events],
                    "names": [each.event_id for each in events],
                    "declared": list({each.event_hash for each in entries if each.is_declaration}),
                },
            )
            row = found.fetchone()
            assert row is not None
            rows = known.fetchall()
        self._length, self._head = row[0], row[1]
        self._frontier = Frontier(self._length, runs_of(row[2]))
        self._stand = {_identity(event_hash, declared): number for number, event_hash, _, declared in rows}
        self._names = {event_id: event_hash for _, event_hash, event_id, declared in rows if declared is None}
        self._new: list[Recorded] = []

    def named_otherwise(self, entries: Sequence[Entry]) -> list[int]:
        """Which of them, told in this order, have the `eventID` of another event."""
        names: dict[str, str] = {}
        found = []
        for place, each in enumerate(entries):
            if each.is_declaration:
                continue
            there = self._names.get(each.event_id) or names.setdefault(each.event_id, each.event_hash)
            if there != each.event_hash:
                found.append(place)
        return found

    def add(self, recorded: Iterable[Recorded]) -> None:
        """Number those that were not told before; of the others say where they stand. Raises EventNamed."""
        for each in recorded:
            entry = each.entry
            identity = _identity(entry.event_hash, entry.body if entry.is_declaration else None)
            if identity in self._stand:
                each.number, each.is_new = self._stand[identity], False
                continue
            if not entry.is_declaration:
                if entry.event_id in self._names:
                    raise EventNamed(event_id=entry.event_id)
                self._names[entry.event_id] = entry.event_hash
            self._new.append(each)
            each.number = self._stand[identity] = self._length + len(self._new)

    def write(self) -> None:
        """Let the chain grow by what was added."""
        new = self._new
        if not new:
            return
        entry_bytes = [each.entry.chained for each in new]
        links = chain.chained(entry_bytes, self._head)
        frontier, completed = self._frontier.extended([leaf_hash(each) for each in entry_bytes])
        driver, county_id = self._driver, self._county_id
        with driver.pipeline():
            driver.execute(_EVENTS, {"county_id": county_id, "rows": _event_rows(new, links)})
            driver.execute(_MENTIONS, {"county_id": county_id, "rows": _mention_rows(new)})
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


def _append(session: Session, recorded: list[Recorded]) -> None:
    session.flush()
    driver = driver_of(session)
    by_county: dict[uuid.UUID, list[Recorded]] = {}
    for each in recorded:
        by_county.setdefault(each.county_id, []).append(each)
    for county_id in sorted(by_county):
        register = Register(driver, county_id, [each.entry for each in by_county[county_id]])
        register.add(by_county[county_id])
        register.write()


def _identity(event_hash: str, declaration: str | bytes | None) -> tuple[str, str]:
    """Two texts of one event have one; of a declaration of error, the hash says only which event it is about."""
    if declaration is None:
        return event_hash, ""
    told = orjson.loads(declaration)
    return event_hash, repr(sorted((name, value) for name, value in told.items() if name != "recordTime"))


def _event_rows(new: Sequence[Recorded], links: Sequence[bytes]) -> str:
    return express.as_json(
        [
            {
                "number": each.number,
                "body": each.entry.body.decode(),
                "context": each.entry.context.decode() if each.entry.context else None,
                "link": link.hex(),
                "actor": each.actor,
                **{name: getattr(each.entry, name) for name in _PLAIN},
            }
            for each, link in zip(new, links, strict=True)
        ]
    )


def _mention_rows(new: Sequence[Recorded]) -> str:
    return express.as_json(
        [
            {"key": key, "role": role, "number": each.number}
            for each in new
            for role, key in sorted(each.entry.mentions)
        ]
    )


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
_BY_INDEX: Final = "SET LOCAL enable_seqscan = off"
"""Nothing but the chain comes after it, and each look at it is for few rows by their keys: however small the table was
when a plan was made."""
_KNOWN: Final = """
    SELECT e.number, e.event_hash, e.event_id, NULL
    FROM unnest(%(hashes)s::text[]) AS h CROSS JOIN LATERAL (
        SELECT number, event_hash, event_id FROM trace_event
        WHERE county_id = %(county_id)s AND event_hash = h AND NOT is_declaration LIMIT 1) AS e
    UNION ALL
    SELECT e.number, e.event_hash, e.event_id, NULL
    FROM unnest(%(names)s::text[]) AS n CROSS JOIN LATERAL (
        SELECT number, event_hash, event_id FROM trace_event
        WHERE county_id = %(county_id)s AND event_id = n AND NOT is_declaration LIMIT 1) AS e
    UNION ALL
    SELECT e.number, e.event_hash, e.event_id, e.body
    FROM unnest(%(declared)s::text[]) AS d CROSS JOIN LATERAL (
        SELECT number, event_hash, event_id, body FROM trace_event
        WHERE county_id = %(county_id)s AND event_hash = d AND is_declaration OFFSET 0) AS e
"""
_EVENTS: Final = """
    INSERT INTO trace_event (county_id, number, body, context, link, actor, event_id, event_hash, is_declaration,
        event_type, action, event_time, recorded_at, biz_step, disposition, read_point, biz_location)
    SELECT %(county_id)s, r.number, r.body, r.context, decode(r.link, 'hex'), r.actor, r.event_id, r.event_hash,
        r.is_declaration, r.event_type, r.action, r.event_time, r.recorded_at, r.biz_step, r.disposition,
        r.read_point, r.biz_location
    FROM json_to_recordset(%(rows)s::json) AS r(number bigint, body text, context text, link text, actor text,
        event_id text, event_hash text, is_declaration boolean, event_type text, action text, event_time timestamptz,
        recorded_at timestamptz, biz_step text, disposition text, read_point text, biz_location text)
    ORDER BY r.number
"""
_MENTIONS: Final = """
    INSERT INTO trace_mention (county_id, key, role, number)
    SELECT %(county_id)s, r.key, r.role, r.number
    FROM json_to_recordset(%(rows)s::json) AS r(key text, role text, number bigint)
"""
_RUNS: Final = """
    INSERT INTO trace_run (county_id, level, index, hash)
    SELECT %(county_id)s, r.* FROM unnest(%(level)s::smallint[], %(index)s::bigint[], %(hash)s::bytea[]) AS r
"""
_GROW: Final = """
    UPDATE trace_chain SET length = %(length)s, head = %(head)s, frontier = %(frontier)s
    WHERE county_id = %(county_id)s
"""
