"""The results as a page: bench/results/chaos.md."""

import os
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench.chaos.broken import DEFECTS
from bench.chaos.findings import SENTENCES
from bench.chaos.run import Result
from marketplace.embedded import binaries, redis_server
from marketplace.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "bench" / "results" / "chaos.md"


def write(results: Sequence[Result], *, command: str, path: Path = PAGE) -> None:
    path.write_text(page(results, command=command), encoding="utf-8")


def page(results: Sequence[Result], *, command: str) -> str:
    runs = [each for each in results if each.scenario.broken is None]
    proofs = [each for each in results if each.scenario.broken is not None]
    parts = [
        "# Faults it survives: measured",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {_versions()}, {os.cpu_count()} cores, shared.",
        "Real gunicorn with two workers, PostgreSQL with fsync on, Redis; clients in a process of their own. What they"
        " were told is reconciled with what the database holds (`bench/chaos/checker.py`). The seed fixes what clients"
        " want and which faults come; how they meet is each time another."
        " A run ends by its time: on a busy machine it reaches fewer operations.",
    ]
    if runs:
        parts += [_runs(runs), _outages(runs), _redis(runs), _checks(runs)]
    if proofs:
        parts += [_proofs(proofs)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _versions() -> str:
    redis_version = redis_server.find()[1]
    names = ", ".join(f"{name} {metadata.version(name)}" for name in ("gunicorn", "SQLAlchemy", "psycopg"))
    return f"Python {platform.python_version()}, PostgreSQL {binaries.find().version}, Redis {redis_version}, {names}"


def _runs(results: Sequence[Result]) -> str:
    lines = [
        "## Runs",
        "",
        "| run | seed | seconds | operations | requests | answered again | sold out | faults | verdict |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in results:
        kinds = Counter(fault.kind for fault in each.faults)
        faults = ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items())) or "none"
        lines.append(
            f"| {each.scenario.name} | {each.seed} | {each.scenario.seconds:g} | {each.operations:,} "
            f"| {each.attempts:,} | {each.replayed:,} | {each.sold_out:,} | {faults} | {verdict(each)} |"
        )
    return "\n".join(lines)


def verdict(result: Result) -> str:
    if result.problems:
        return "**void**: " + "; ".join(result.problems)
    broken = sorted(result.report.broken())
    if not broken:
        return "clean"
    return "**red**: " + ", ".join(f"{name} × {len(result.report.found[name])}" for name in broken)


def _outages(results: Sequence[Result]) -> str:
    rows = [(each, outage) for each in results for outage in each.outages]
    if not rows:
        return ""
    lines = [
        "## Without a database",
        "",
        "Refusals must come within 5 s; of what is sent from 5 s after the return on, 99 % must be well. With"
        " workers or backends killed at the same time the numbers are shown and not judged.",
        "",
        "| run | seed | fault | away s | not served | slowest of them s | longest wait s "
        "| last failure after return s | well later |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each, outage in rows:
        later = f"{outage.well_share:.1%} of {outage.afterwards}" if outage.afterwards else "not seen"
        lines.append(
            f"| {each.scenario.name} | {each.seed} | {outage.kind} | {outage.away_seconds:.1f} | {outage.refused} "
            f"| {outage.slowest_refusal_seconds:.2f} | {outage.longest_wait_seconds:.2f} "
            f"| {outage.well_after_seconds:.2f} | {later} |"
        )
    same = all(
        each.workers_kept for each in results if each.outages and "workers" not in each.scenario.faults
    )
    lines += [
        "",
        f"Workers {'were the same' if same else '**were not the same**'} before and after, where none was killed.",
    ]
    return "\n".join(lines)


def _redis(results: Sequence[Result]) -> str:
    rows = [each for each in results if each.without_redis.count]
    if not rows:
        return ""
    lines = [
        "## Without Redis",
        "",
        "Milliseconds of answered requests while nothing was away, and while Redis was stopped or spoke nonsense.",
        "",
        "| run | seed | quiet | p50 | p99 | without Redis | p50 | p99 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.scenario.name} | {each.seed} | {each.quiet.count} | {each.quiet.p50:.0f} | {each.quiet.p99:.0f} "
        f"| {each.without_redis.count} | {each.without_redis.p50:.0f} | {each.without_redis.p99:.0f} |"
        for each in rows
    ]
    return "\n".join(lines)


def _checks(results: Sequence[Result]) -> str:
    lines = [
        "## What was looked at",
        "",
        f"Facts over all runs above. The app's own journal of pools was {_journal(results)}.",
        "",
        "| check | says | facts | against it |",
        "|---|---|---|---|",
    ]
    for name, sentence in SENTENCES.items():
        facts = sum(each.report.looked_at[name] for each in results)
        against = sum(len(each.report.found[name]) for each in results)
        lines.append(f"| {name} | {sentence} | {facts:,} | {against:,} |")
    return "\n".join(lines)


def _journal(results: Sequence[Result]) -> str:
    return (
        "read too"
        if any(each.has_journal for each in results)
        else "not there yet: the witness alone was read"
    )


def _proofs(results: Sequence[Result]) -> str:
    lines = [
        "## The checker on broken builds",
        "",
        "Each build has one defect and must come out red by the check that is meant for it.",
        "",
        "| build | its defect | meant for it | red | seen |",
        "|---|---|---|---|---|",
    ]
    for each in results:
        assert each.scenario.broken is not None
        defect = DEFECTS[each.scenario.broken]
        red = ", ".join(
            f"{name} × {len(each.report.found[name])}" for name in SENTENCES if each.report.found[name]
        )
        seen = "yes" if each.is_good else "**no**"
        lines.append(f"| {defect.name} | {defect.says} | {defect.found_by} | {red or 'nothing'} | {seen} |")
    return "\n".join(lines)
