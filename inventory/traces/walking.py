"""The way of a thing through the events of all counties: back to where it began, or on to where it went.

Level by level: the things of a level are looked up together, by the index of names, and the events that lead on are
read by their own keys. What an event that was declared wrong says leads nowhere.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from inventory.traces.walk_rules import BORN, LEADING, Direction, is_birth, next_keys

DEPTH_MAX: Final = 20
"""Levels that are followed unless told otherwise."""
KEYS_MAX: Final = 10_000
"""Things that are followed."""
EVENTS_MAX: Final = 5_000
"""Events that are read, of each level."""
BIRTHS_READ: Final = 3
"""A thing begins with the first word of it; more are not looked through."""

_NAMED: Final = text(
    """
    SELECT DISTINCT m.county_id, m.number FROM unnest(CAST(:keys AS text[])) AS wanted (key)
    CROSS JOIN LATERAL (
        (
            SELECT county_id, number FROM trace_mention
            WHERE trace_mention.key = wanted.key COLLATE "C" AND role = ANY (CAST(:leading AS text[]))
            ORDER BY number LIMIT :events_max
        ) UNION ALL (
            SELECT county_id, number FROM trace_mention
            WHERE trace_mention.key = wanted.key COLLATE "C" AND role = ANY (CAST(:born AS text[]))
            ORDER BY number LIMIT :births
        )
    ) AS m ORDER BY m.county_id, m.number LIMIT :events_max
    """
)
_READ: Final = text(
    """
    SELECT e.county_id, e.number, e.body, e.event_time, e.recorded_at
    FROM unnest(CAST(:counties AS uuid[]), CAST(:numbers AS bigint[])) AS wanted (county_id, number)
    JOIN trace_event e ON e.county_id = wanted.county_id AND e.number = wanted.number
    WHERE NOT e.is_declaration AND NOT EXISTS (
        SELECT FROM trace_event d
        WHERE d.county_id = e.county_id AND d.event_hash = e.event_hash AND d.is_declaration
    )
    ORDER BY e.county_id, e.number
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event that was met."""

    county_id: uuid.UUID
    number: int
    at: datetime
    recorded_at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where the way led."""

    depths: Mapping[str, int]
    """Each thing's canonical key, and after how many steps it was come to; 0 for where the way began."""
    events: Sequence[Told]
    """Each once, in the order in which they were met."""
    is_cut: bool
    """There was more than is followed."""


def walk(
    session: Session,
    keys: Iterable[str],
    direction: Direction,
    *,
    depth_max: int = DEPTH_MAX,
    keys_max: int = KEYS_MAX,
) -> Walk:
    """Follow the things with these canonical keys; each is followed once, so a ring of events ends."""
    depths = dict.fromkeys(keys, 0)
    met: dict[tuple[uuid.UUID, int], Told] = {}
    level, depth, is_cut = list(depths), 0, False
    while level:
        found, was_cut = _events(session, level, direction, known=met.keys())
        is_cut = is_cut or was_cut
        here = frozenset(level)
        new = {key for each in found for key in next_keys(each.body, here, direction)} - depths.keys()
        met |= {(each.county_id, each.number): each for each in found}
        depth += 1
        is_cut = is_cut or bool(new and (depth > depth_max or len(depths) + len(new) > keys_max))
        if depth > depth_max:
            break
        level = sorted(new)[: keys_max - len(depths)]
        depths |= dict.fromkeys(level, depth)
    return Walk(depths=depths, events=list(met.values()), is_cut=is_cut)


def _events(
    session: Session, keys: Sequence[str], direction: Direction, *, known: Iterable[tuple[uuid.UUID, int]]
) -> tuple[list[Told], bool]:
    named = session.execute(
        _NAMED,
        {
            "keys": keys,
            "leading": sorted(LEADING[direction]),
            "born": sorted(BORN),
            "births": BIRTHS_READ,
            "events_max": EVENTS_MAX + 1,
        },
    ).all()
    places = sorted({(row.county_id, row.number) for row in named[:EVENTS_MAX]} - set(known))
    if not places:
        return [], len(named) > EVENTS_MAX
    counties, numbers = zip(*places, strict=True)
    rows = session.execute(_READ, {"counties": list(counties), "numbers": list(numbers)})
    told = [
        Told(
            county_id=row.county_id,
            number=row.number,
            at=row.event_time,
            recorded_at=row.recorded_at,
            body=orjson.loads(row.body),
        )
        for row in rows
    ]
    leading = [each for each in told if is_birth(each.body) or each.body["type"] != "ObjectEvent"]
    return leading, len(named) > EVENTS_MAX
