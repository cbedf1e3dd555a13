"""Events taken in over HTTP by fifty writers, a hundred in a document: read, validated, hashed, indexed and chained;
beside a bare INSERT of the same JSON. Afterwards the chain is one, without gaps, and verifies.
"""

import secrets
import uuid
from pathlib import Path
from typing import Final

import wsgi
from bench.holds import load, seed
from bench.holds.ground import Bench, Part
from bench.holds.load import HOW_TO_GET_WRK, Sample
from bench.holds.measure import Bar, Lane, Row, compared
from bench.holds.server import Web
from bench.traces import bare, documents
from inventory.traces import verifying
from marketplace import database, express
from marketplace.settings import Settings

WRITERS: Final = 50
EVENTS: Final = 100
TAKEN: Final = "202"
CODE: Final = "YJ"
"""Of the county that is measured (bench/holds/seed.py)."""
OF_BARE: Final = Bar(must=0.25)
DOCUMENTS_PER_SECOND_MAX: Final = 250
"""Nobody takes more in: so many are made for each second, and none comes twice."""
SCRIPT: Final = str(Path(__file__).with_name("capture.lua"))
BARE: Final = "bench.traces.bare:app"
OURS, PLAIN = f"documents of {EVENTS} events", f"bare INSERT of the same {EVENTS} events"
OPERATOR: Final = (
    "INSERT INTO account_role (account_id, role) SELECT account_id, 'operator' FROM account_role LIMIT 1"
)
WHO: Final = "SELECT right(account_id::text, 12) FROM account_role WHERE role = 'operator'"


def case(bench: Bench, *, seconds: float) -> Part:
    """`seconds`: long enough for many answers to each writer, for all of them have a document under way."""
    part = Part(title=f"Events taken in, {WRITERS} writers with {EVENTS} in a document")
    if load.installed() is None:
        part.rows.append(Row(what=OURS, against=PLAIN, value=None, bar=OF_BARE, note=HOW_TO_GET_WRK))
        return part
    with bench.servers.copy("trace_capture") as urls, bench.servers.copy("trace_bare") as bare_urls:
        with seed.connect(bare_urls.owner_url) as owner:
            for statement in bare.TABLE.split(";"):
                owner.execute(statement)
        with seed.connect(urls.owner_url) as owner:
            owner.execute(OPERATOR)
            (who,) = owner.execute(WHO).fetchone() or ("0",)
            (county_id,) = owner.execute("SELECT id FROM county").fetchone() or (None,)
        path = f"/v1/counties/{county_id}/epcis/capture"
        with (
            bench.servers.serve(
                "trace_capture", urls, redis=False, WORKER_EMBEDDED="false", RATE_LIMITS_ENABLED="false"
            ) as web,
            bench.servers.serve(
                "trace_bare", bare_urls, app=BARE, redis=False, WORKER_EMBEDDED="false"
            ) as other,
        ):
            lanes = [
                Lane(
                    name,
                    lambda _, web=web, path=path: sent(bench, web, path, int(who, 16), seconds),
                    (TAKEN,),
                )
                for name, web, path in ((OURS, web, path), (PLAIN, other, bare.PATH))
            ]
            bench.interleave(part, lanes)
            part.rows.append(compared(*lanes, bar=OF_BARE, note="read, validated, hashed, chained"))
        taken = lanes[0].statuses().get(TAKEN, 0) * EVENTS
        part.wrong += not_one_chain(bench.servers.settings(urls, redis=False), county_id, taken)
        part.notes.append(
            f"{taken:,} events were taken in while it was measured; the chain is one and verifies"
        )
    return part


def sent(bench: Bench, web: Web, path: str, who: int, seconds: float) -> Sample:
    """Fresh documents for so many seconds."""
    file = bench.servers.folder / "documents.txt"
    count = round(seconds + 1) * DOCUMENTS_PER_SECOND_MAX
    file.write_text("".join(documents.lines(secrets.token_hex(4), count, EVENTS)))
    return load.run(SCRIPT, web.url, path, file, who, connections=WRITERS, seconds=seconds)


def not_one_chain(settings: Settings, county_id: uuid.UUID, taken: int) -> list[str]:
    """What is wrong with the chain that was written."""
    app = wsgi.build(settings)
    with app.app_context():
        with database.reading() as session:
            verdict = verifying.verify(session, county_id=county_id, county_code=CODE)
        express.close_all(app)
    wrong = [] if verdict.finding is None else [f"the chain is broken: {verdict.finding}"]
    if verdict.events < taken:
        wrong.append(f"{taken} events were taken, {verdict.events} are in the chain")
    return wrong
