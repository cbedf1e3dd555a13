"""What PostgreSQL alone can do on the same server: pgbench with the forms that a hold may take.

Counted are rows of `form_hold`, not transactions: a transaction that found every slot locked holds nothing.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from bench.holds import seed
from bench.holds.load import Failed, Sample
from bench.holds.server import Ground
from marketplace.embedded import binaries, databases
from marketplace.embedded.databases import DatabaseUrls

HERE: Final = Path(__file__).resolve().parent / "pgbench"
DATABASE: Final = "forms"
ONE_STATEMENT: Final = "one_statement_hot_row"
FORMS: Final = {
    "three_statements_hot_row": "three statements in BEGIN … COMMIT, one hot row",
    ONE_STATEMENT: "one statement (CTE), one hot row",
    "slots_random": "one statement, 16 slots at random",
    "slots_skip_locked": "one statement, 16 slots, skip locked",
    "together_64": "64 holds granted by one transaction",
}
_LATENCY: Final = re.compile(r"latency average = ([\d.]+) ms")
_PROCESSED: Final = re.compile(r"number of transactions actually processed: (\d+)")
_SPEED: Final = re.compile(r"^tps = ([\d.]+) \(without initial connection time\)", re.MULTILINE)
_FAILED: Final = re.compile(r"number of failed transactions: (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What pgbench printed."""

    transactions: int
    failed: int
    latency_ms: float
    per_second: float
    """Without the time that connecting took."""


@contextmanager
def prepared(ground: Ground) -> Iterator[DatabaseUrls]:
    """A database of its own for the forms, on the same server."""
    urls = databases.ensure_database(ground.postgres, DATABASE)
    with seed.connect(urls.owner_url) as connection:
        connection.execute((HERE / "schema.sql").read_text())
    try:
        yield urls
    finally:
        with ground.admin("postgres") as connection:
            connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def parse(output: str) -> Told:
    """Raises Failed when pgbench measured nothing."""
    processed, failed, latency, speed = (
        form.search(output) for form in (_PROCESSED, _FAILED, _LATENCY, _SPEED)
    )
    if processed is None or latency is None or speed is None:
        raise Failed(f"pgbench measured nothing: {output.strip()[-500:]}")
    return Told(
        transactions=int(processed[1]),
        failed=int(failed[1]) if failed else 0,
        latency_ms=float(latency[1]),
        per_second=float(speed[1]),
    )


def run(urls: DatabaseUrls, form: str, *, clients: int, seconds: float) -> Sample:
    """Holds of one form; tables begin empty, so that each run meets the same."""
    with seed.connect(urls.owner_url) as connection:
        connection.execute("TRUNCATE form_key, form_hold")
        connection.execute("UPDATE form_pool SET held = 0")
        connection.execute("UPDATE form_slot SET held = 0")
        connection.execute("VACUUM form_pool, form_slot")
    done = subprocess.run(
        [_program(), "--no-vacuum", "--protocol", "prepared", "--client", str(clients), "--jobs", "1",
         "--time", str(max(1, round(seconds))), "--file", str(HERE / f"{form}.sql")],
        env=_environment(urls.owner_url), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Failed(f"pgbench ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    told = parse(done.stdout)
    with seed.connect(urls.owner_url) as connection:
        row = connection.execute("SELECT count(*) FROM form_hold").fetchone()
    held = int(row[0]) if row else 0
    statuses = {"held": held, "nothing free": max(0, told.transactions - held), "failed": told.failed}
    return Sample(
        requests=told.transactions,
        seconds=told.transactions / told.per_second,
        p50_ms=told.latency_ms,
        p99_ms=0.0,
        longest_ms=0.0,
        statuses={status: number for status, number in statuses.items() if number},
        counted="held",
    )


def _program() -> str:
    """Beside the server's own programs."""
    return str(binaries.find().folder / "pgbench")


def _environment(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    place = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "PATH": os.environ.get("PATH", ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/"),
        "PGHOST": place.get("host", ""),
        "PGPORT": place.get("port", "5432"),
    }
