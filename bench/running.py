"""What every bench that is run from the command line has in common: options, cases one after the other, its page."""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from bench.holds import report, seed, server
from bench.holds.ground import Bench, Part
from bench.holds.load import Failed
from bench.holds.measure import Progress
from marketplace.embedded import binaries
from marketplace.embedded.errors import CannotStart

Case = Callable[[Bench], Part]


def parser(name: str, about: str | None, *, cases: Collection[str]) -> argparse.ArgumentParser:
    """For `python -m bench.<name>`."""
    made = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=about)
    made.add_argument("--only", choices=list(cases), nargs="+", help="only these cases")
    made.add_argument(
        "--output",
        type=lambda given: Path(given).resolve(),
        default=None,
        help="where the page goes (whole run: bench/results)",
    )
    return made


def command_of(name: str, arguments: Sequence[str], *, make: str) -> str:
    """As it was typed: by make, if these are the arguments that make gives."""
    if list(arguments) == ["--output", f"bench/results/{name}.md"]:
        return make
    return " ".join((f"python -m bench.{name}", *arguments))


def case(name: str, run: Case, bench: Bench) -> Part:
    """What it found, or that it failed and why: the others are run all the same."""
    try:
        return run(bench)
    except Failed as problem:
        return Part(title=name, wrong=[str(problem)])


def carried(
    chosen: Sequence[str],
    cases: Mapping[str, Case],
    progress: Progress,
    *,
    shoppers: int,
    seconds: float,
    rounds: int,
) -> list[Part]:
    """What each of the chosen cases found, one after the other, on servers of this run."""
    with server.started() as servers:
        progress.step("filling the template")
        urls = servers.make_template()
        world = seed.fill(servers.settings(urls), urls.owner_url, shoppers=shoppers)
        bench = Bench(servers=servers, world=world, seconds=seconds, rounds=rounds, progress=progress)
        return [case(name, cases[name], bench) for name in chosen]


def head(command: str, *, load_before: float) -> str:
    """When, with what, and on what it was measured."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in report.PACKAGES)
    return (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {versions}, PostgreSQL "
        f"{binaries.find().version}, {os.cpu_count() or 1} cores. "
        f"Load average in the minute before: {load_before:.1f}."
    )


def sections(parts: Sequence[Part]) -> Iterator[str]:
    """The lines of what each case found: its table, notes, and what was wrong."""
    for part in parts:
        yield from ("", f"## {part.title}", "", *report.HEAD, *(report.table_line(row) for row in part.rows))
        if part.notes:
            yield from ("", *(f"* {note}" for note in part.notes))
        if part.wrong:
            yield from ("", *(f"* **Wrong**: {wrong}" for wrong in part.wrong))


def carry_out(main: Callable[[Sequence[str]], int]) -> NoReturn:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, as after Ctrl-C
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as problem:
        sys.exit(str(problem))
