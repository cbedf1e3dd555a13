"""The table of a run, for people: bench/results/holds.md."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from bench.holds.ground import Part
from bench.holds.measure import Row
from marketplace.running.launch import Launch

HEAD: Final = (
    "| what | r/s | p50 ms | p99 ms | against | r/s | value | must | aim | says |",
    "|---|---:|---:|---:|---|---:|---:|---|---|---|",
)
PACKAGES: Final = ("Flask", "gunicorn", "SQLAlchemy", "psycopg", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a reader must know to do it again."""

    command: str
    seconds: float
    rounds: int
    shoppers: int
    postgres: str
    redis: str
    cores: int
    load_before: float
    """Processes that wanted a core in the minute before the run began."""


def write(path: Path, run: Run, parts: Sequence[Part]) -> None:
    path.write_text(page(run, parts, day=f"{datetime.now(UTC):%Y-%m-%d}"))


def page(run: Run, parts: Sequence[Part], *, day: str) -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    lines = [
        "# Holds: measured",
        "",
        f"`{run.command}`, {day}, Python {platform.python_version()}, {versions}, PostgreSQL {run.postgres}, "
        f"Redis {run.redis}, {run.cores} cores.",
        "",
        f"Medians of {run.rounds} interleaved rounds of {run.seconds:g} s after one to warm up; a ratio is the median "
        f"of the rounds' own ratios. Load average in the minute before: {run.load_before:.1f}. Trust the "
        "ratios, not the requests per second.",
        "",
        *(f"* {line}" for line in conditions(run)),
        "",
        *summary(parts),
    ]
    for part in parts:
        lines += ["", f"## {part.title}", "", *HEAD, *(table_line(row) for row in part.rows)]
        lines += ["", *(f"* {note}" for note in part.notes)] if part.notes else []
        lines += ["", *(f"* **Wrong**: {wrong}" for wrong in part.wrong)] if part.wrong else []
        lines += (
            ["", "Where one worker's time goes (cProfile, own time):", "", "```", part.profile, "```"]
            if part.profile
            else []
        )
    return "\n".join(lines) + "\n"


def conditions(run: Run) -> list[str]:
    return [
        "PostgreSQL with fsync, full_page_writes and synchronous_commit on; Redis beside it; gunicorn with 2 workers "
        f"by `gunicorn.conf.py` (its worker class, {Launch().web_threads} threads each; "
        "only `max_requests` is off, so that no worker is "
        "replaced while it is measured); ENVIRONMENT=production, one log line for each request, jobs in the workers.",
        f"Every hold comes from a fresh shopper of {run.shoppers:,} (session, role, limit, validation, audit row), "
        "with a fresh Idempotency-Key, from an address of its own (TRUSTED_PROXY_HOPS=1): rate limits are on and "
        "refuse nobody.",
        "“bare” is the smallest Flask app that answers JSON, under the same gunicorn, worker class and load: requests "
        "of the same form, the same number of connections.",
        "Load comes from one wrk thread on the same machine. Statuses that nobody expected, broken connections and "
        "broken invariants fail the run.",
        "Other shops (django-oscar, Saleor, Vendure, Medusa) were not run here: their bars are not judged.",
    ]


def summary(parts: Sequence[Part]) -> list[str]:
    """How many bars are met, and which are not."""
    judged = [row for part in parts for row in part.rows if row.bar is not None]
    missed = [row for row in judged if row.verdict == "**missed**"]
    unmeasured = [row for row in judged if row.value is None]
    lines = [f"{len(judged) - len(missed) - len(unmeasured)} of {len(judged)} bars met."]
    lines += [
        f"* missed: {row.what}{_against(row)} {figure(row)} ({row.bar.words(row.bar.must)})"
        for row in missed
        if row.bar
    ]
    lines += [f"* not measured: {row.what} ({row.note})" for row in unmeasured]
    return lines


def table_line(row: Row) -> str:
    bar = row.bar
    cells = (
        row.what + (f" ({row.note})" if row.note else ""),
        _number(row.per_second, 0),
        _number(row.p50_ms, 1),
        _number(row.p99_ms, 1),
        row.against,
        _number(row.other_per_second, 0),
        figure(row),
        bar.words(bar.must) if bar else "",
        bar.words(bar.aim) if bar else "",
        row.verdict,
    )
    return f"| {' | '.join(cells)} |"


def figure(row: Row) -> str:
    if row.value is None:
        return "–"
    return f"{row.value:,.2f} {row.unit}".strip()


def _against(row: Row) -> str:
    return f", against {row.against}:" if row.against else ":"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
