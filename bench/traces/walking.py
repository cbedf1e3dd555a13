"""A box followed back through six levels, among few events and among many: the time must not grow with them."""

import random
import statistics
import time
import uuid
from typing import Any, Final

import psycopg
from flask import Flask

import wsgi
from bench.holds import seed
from bench.holds.ground import Bench, Part
from bench.holds.measure import Bar, Row
from inventory.traces import walking
from inventory.traces.walk_rules import Direction
from marketplace import database, express

LEVELS: Final = 6
TURNS: Final = 5
TIMES: Final = 100
WARMING: Final = 20
WITHIN: Final = Bar(must=50, at_most=True)
GROWTH: Final = Bar(must=1.5, at_most=True)
STEPS: Final = LEVELS + 1
"""Events of one box: its lot's birth, and one for each level."""

BEHIND: Final = 1_000
"""The county's own events come first."""
COUNTY: Final = """
    INSERT INTO trace_chain VALUES (%(county)s, 0, decode(repeat('00', 32), 'hex'), '') ON CONFLICT DO NOTHING
    """
EVENTS: Final = f"""
    INSERT INTO trace_event (county_id, number, body, link, event_id, event_hash, is_declaration, event_type, action,
        event_time, recorded_at, biz_step, actor)
    SELECT %(county)s::uuid, {BEHIND} + n * {STEPS} + step,
        CASE step WHEN 1 THEN '{{"action":"ADD","bizStep":"commissioning","quantityList":[{{"epcClass":"' || made
            || '"}}],"type":"ObjectEvent"}}'
        ELSE '{{"bizStep":"commissioning","inputQuantityList":[{{"epcClass":"' || taken
            || '"}}],"outputQuantityList":[{{"epcClass":"' || made || '"}}],"type":"TransformationEvent"}}' END,
        decode(repeat('00', 32), 'hex'), 'e' || n * {STEPS} + step, 'h' || n * {STEPS} + step, false,
        CASE step WHEN 1 THEN 'ObjectEvent' ELSE 'TransformationEvent' END, CASE step WHEN 1 THEN 'ADD' END,
        now(), now(), 'commissioning', 'system'
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n, generate_series(1, {STEPS}) AS step,
        LATERAL (SELECT 'https://example.org/' || n || '/' || step AS made,
            'https://example.org/' || n || '/' || step - 1 AS taken) AS named
    """
MENTIONS: Final = f"""
    INSERT INTO trace_mention (key, role, county_id, number)
    SELECT 'https://example.org/' || n || '/' || step - how.back, CASE step WHEN 1 THEN 'cl' ELSE how.role END,
        %(county)s::uuid, {BEHIND} + n * {STEPS} + step
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n, generate_series(1, {STEPS}) AS step,
        (VALUES ('oc', 0), ('ic', 1)) AS how (role, back)
    WHERE step > 1 OR how.back = 0
    """
UNBOUND: Final = "ALTER TABLE trace_mention DROP CONSTRAINT fk_trace_mention_county_id_number_trace_event"
"""Ten million events are written without looking each of them up."""
BATCH: Final = 100_000


def case(bench: Bench, *, few: int, many: int) -> Part:
    """Both are filled before either is measured, and they are measured in turns: ratios want the same minutes."""
    part = Part(title=f"A box followed back through {LEVELS} levels")
    with bench.servers.copy("trace_walk_few") as small, bench.servers.copy("trace_walk_many") as large:
        grounds = ((small, few // STEPS), (large, many // STEPS))
        for urls, boxes in grounds:
            with seed.connect(urls.owner_url) as owner:
                (county_id,) = owner.execute("SELECT id FROM county").fetchone() or (None,)
                owner.execute("SET synchronous_commit = off")
                owner.execute(UNBOUND)
                fill(bench, owner, county_id, 0, boxes)
            seed.tidy(urls.owner_url)
        bench.progress.step(f"following boxes among {few:,} and {many:,} events")
        taken: list[list[float]] = [[], []]
        apps = [wsgi.build(bench.servers.settings(urls, redis=False)) for urls, _ in grounds]
        for turn in range(TURNS + 1):
            for place, (_, boxes) in enumerate(grounds):
                found = followed(apps[place], boxes, turn)
                taken[place] += found if turn else []  # the first turn warms the tables
        for app in apps:
            express.close_all(app)
        medians = [1_000 * statistics.median(each) for each in taken]
        part.rows += [
            Row(what=f"among {few:,} events", value=medians[0], unit="ms"),
            Row(what=f"among {many:,} events", value=medians[1], unit="ms", bar=WITHIN),
            Row(what="growth", value=medians[1] / medians[0], unit="times", bar=GROWTH),
        ]
        part.notes.append(
            f"medians of {TURNS} turns of {TIMES} boxes drawn at random, with the tables warm; the two in turns"
        )
    return part


def fill(bench: Bench, owner: psycopg.Connection[Any], county_id: uuid.UUID, begin: int, end: int) -> int:
    """Boxes from `begin` to `end`, each with its own way; a batch is one commit."""
    owner.execute(COUNTY, {"county": county_id})
    for first in range(begin, end, BATCH):
        bench.progress.step(f"filling in, {first:,} of {end:,} ways")
        values = {"county": county_id, "first": first, "last": min(first + BATCH, end) - 1}
        owner.execute(EVENTS, values)
        owner.execute(MENTIONS, values)
    return end


def followed(app: Flask, boxes: int, turn: int) -> list[float]:
    """How long each of some boxes took, in seconds."""
    drawn = random.Random(turn)
    taken = []
    with app.app_context():
        for number in range(WARMING + TIMES):
            key = f"https://example.org/{drawn.randrange(boxes)}/{STEPS}"
            begun = time.perf_counter()
            with database.reading() as session:
                found = walking.walk(session, [key], Direction.BACK)
            if number >= WARMING:  # the first ones warm the connection and the plans
                taken.append(time.perf_counter() - begun)
            assert len(found.events) == STEPS, found.depths
    return taken
