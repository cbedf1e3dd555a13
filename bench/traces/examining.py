"""How fast a chain is verified: every link and leaf of it, against a signed checkpoint, in one process."""

import time
from typing import Final

import wsgi
from bench.holds import seed
from bench.holds.ground import Bench, Part
from bench.holds.measure import Bar, Row
from bench.traces import documents
from bench.traces.capturing import CODE
from inventory.traces import checkpointing, recording, verifying
from marketplace import context, database, express

AT_LEAST: Final = Bar(must=20_000)
BATCH: Final = 1_000


def case(bench: Bench, *, events: int) -> Part:
    part = Part(title=f"The chain of {events:,} events verified")
    with bench.servers.copy("trace_verify") as urls:
        with seed.connect(urls.owner_url) as owner:
            (county_id,) = owner.execute("SELECT id FROM county").fetchone() or (None,)
        app = wsgi.build(bench.servers.settings(urls, redis=False))
        with app.app_context():
            ctx = context.system()
            for first in range(0, events, BATCH):
                bench.progress.step(f"writing events, {first:,} of {events:,}")
                told = [documents.event("VERIFY", first + number) for number in range(BATCH)]
                database.transact(
                    lambda session, told=told: recording.record(
                        session, ctx, county_id=county_id, events=told, context=()
                    )
                )
            database.transact(lambda session: checkpointing.sign_all(session, ctx))
            bench.progress.step("verifying")
            begun = time.perf_counter()
            with database.reading() as session:
                kept = checkpointing.of_county(session, county_id)
                verdict = verifying.verify(session, county_id=county_id, county_code=CODE, kept_notes=kept)
            seconds = time.perf_counter() - begun
            express.close_all(app)
    if verdict.finding is not None or verdict.events < events or not verdict.checkpoints:
        part.wrong.append(f"{verdict}")
    row = Row(
        what="events a second", value=verdict.events / seconds, unit="a second", bar=AT_LEAST,
        note=f"{seconds:.1f} s",
    )  # fmt: skip
    part.rows.append(row)
    return part
