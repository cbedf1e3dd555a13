"""A hint at where the time goes when a bar is missed: one worker with one thread under the standard profiler."""

import io
import pstats
import re
from collections.abc import Callable
from typing import Final

from bench.holds.ground import Bench
from bench.holds.load import Failed
from bench.holds.profiled import FILE
from bench.holds.server import PROFILED, Web
from marketplace.embedded.databases import DatabaseUrls
from marketplace.settings import PROJECT_ROOT

LINES: Final = 14
SECONDS: Final = 4
_ROW: Final = re.compile(r"^\s+[\d/]+\s+[\d.]+\s+[\d.]+\s+[\d.]+\s+[\d.]+ \S")


def hint(bench: Bench, urls: DatabaseUrls, put_load: Callable[[Web], object]) -> str:
    """The functions that took most time of their own, and the first ones by what they called."""
    path = bench.servers.folder / "profile"
    bench.progress.step("profiling one worker")
    with bench.servers.serve(
        "profiled",
        urls,
        app=PROFILED,
        workers=1,
        WEB_THREADS="1",
        WORKER_EMBEDDED="false",
        **{FILE: str(path)},
    ) as web:
        put_load(web)
    if not path.exists():
        raise Failed("the profiled worker left no profile")
    return "\n".join([*top(str(path), "tottime"), "", *top(str(path), "cumulative")])


def top(path: str, order: str) -> list[str]:
    """The first lines of a profile in this order, with paths that say nothing of the machine."""
    text = io.StringIO()
    pstats.Stats(path, stream=text).sort_stats(order).print_stats(LINES)
    lines = [line for line in text.getvalue().splitlines() if _ROW.match(line)]
    return [f"by {order}: calls, own s, per call, with callees s, per call", *map(shortened, lines)]


def shortened(line: str) -> str:
    """`…/site-packages/` and the project's own folder are left out."""
    line = line.replace(f"{PROJECT_ROOT}/", "")
    return re.sub(r"\S*/(?:site-packages|lib/python3\.\d+)/", "", line).strip()
