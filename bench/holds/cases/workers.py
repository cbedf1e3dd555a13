"""What a request costs beside time: statements, and the memory of the workers."""

import http.client
import itertools
import secrets
import time
from collections import Counter
from typing import Final
from urllib.parse import urlsplit

from bench.holds import load, statement_log
from bench.holds.cases.reads import LIST
from bench.holds.cases.selling import MANY
from bench.holds.ground import HELD, SHOWN, Bench, Part, Shoppers, label
from bench.holds.load import Failed, Sample
from bench.holds.measure import Bar, Row
from bench.holds.seed import Sale
from bench.holds.server import Web

ASKED: Final = 20
REQUESTS: Final = 100_000
PER_HOLD: Final = Bar(must=2, aim=1, at_most=True)
PER_LIST: Final = Bar(must=1, aim=0, at_most=True)
SECONDS_MAX: Final = 300.0
MEMORY: Final = Bar(must=200, at_most=True)


def statements(bench: Bench) -> Part:
    part = Part(title="Statements for each request")
    sale = bench.world.hot[0]
    with (
        bench.servers.copy("case_statements") as urls,
        bench.servers.serve("statements", urls, workers=1, WORKER_EMBEDDED="false") as web,
        statement_log.logging(bench.servers),
    ):
        bench.progress.step("counting statements")
        numbers = itertools.count()
        for what, expected, bar in (("hold", HELD, PER_HOLD), ("list", SHOWN, PER_LIST)):

            def ask(times: int = ASKED, *, what: str = what, expected: str = expected) -> None:
                for _ in range(times):
                    n = next(numbers)
                    status = _hold(web, sale, n) if what == "hold" else _list(web, n)
                    if str(status) != expected:
                        raise Failed(f"{what}: {status}")

            ask(3)
            seen = statement_log.of(bench.servers, "case_statements", ask)
            part.rows.append(_row(what, seen, bar))
            part.notes += _told(what, seen)
    return part


def memory(bench: Bench) -> Part:
    """A mix of holds, lists, pages and refusals until so many are answered."""
    part = Part(title=f"Memory of a worker after {REQUESTS:,} requests")
    world = bench.world
    with bench.market("memory", part) as (web, _):
        at_first = max(web.rss_mib())
        shoppers = [Shoppers(world.shoppers), Shoppers(world.shoppers)]
        turns = itertools.cycle(
            [
                bench.holding(web, world.hot[0], connections=MANY, shoppers=shoppers[0]),
                bench.reading(web, LIST, connections=MANY),
                bench.holding(web, world.sold_out, connections=MANY, shoppers=shoppers[1], again=True),
                bench.reading(web, world.hot[0].page, connections=MANY),
            ]
        )
        done: Counter[str] = Counter()
        until = time.monotonic() + SECONDS_MAX
        while done.total() < REQUESTS and time.monotonic() < until:
            bench.progress.step(f"memory: {done.total():,} of {REQUESTS:,} requests")
            sample: Sample = next(turns)(1)
            done.update(sample.statuses)
            if strange := sample.unexpected(HELD, SHOWN, "409"):
                part.wrong.append(f"memory: unexpected answers {strange}")
                break
        sizes = web.rss_mib()
        part.rows.append(_size(at_first, max(sizes), done.total()))
    return part


def _size(at_first: float, at_last: float, requests: int) -> Row:
    """A server too slow for so many requests in SECONDS_MAX has not met the bar, whatever it has grown to."""
    what = "largest worker's resident memory"
    mix = f"{at_first:,.0f} MiB at the start; holds, lists, refusals and pages in turn"
    if requests >= REQUESTS:
        return Row(what=what, value=at_last, unit="MiB", bar=MEMORY, note=mix)
    few = f"{at_last:,.0f} MiB after the {requests:,} requests that {SECONDS_MAX:g} s were enough for; {mix}"
    return Row(what=what, value=None, unit="MiB", bar=MEMORY, note=few)


def _row(what: str, seen: Counter[str], bar: Bar) -> Row:
    working, framing = statement_log.split(seen)
    return Row(
        what=f"statements for a {what}", value=working / ASKED, unit="", bar=bar,
        note=f"beside {framing / ASKED:.2f} that only begin and end transactions",
    )  # fmt: skip


def _told(what: str, seen: Counter[str]) -> list[str]:
    return [
        f"{what}: {number / ASKED:.2f} × `{statement_log.shown(text).replace('|', '/')}`"
        for text, number in seen.most_common()
    ]


def _hold(web: Web, sale: Sale, n: int) -> int:
    fields = {
        "Authorization": f"Bearer bench{n:038d}",
        "Idempotency-Key": f"bench-{label()}-{secrets.token_hex(8)}",
        "Content-Type": "application/json",
    }
    return _ask(web, "POST", sale.path, n, fields, sale.body())


def _list(web: Web, n: int) -> int:
    return _ask(web, "GET", LIST, n, {})


def _ask(web: Web, method: str, path: str, n: int, fields: dict[str, str], body: str | None = None) -> int:
    connection = http.client.HTTPConnection(urlsplit(web.url).netloc, timeout=load.GRACE_SECONDS)
    try:
        forwarded = {"X-Forwarded-For": f"10.{n // 65536 % 256}.{n // 256 % 256}.{n % 256}"}
        connection.request(method, path, body=body, headers=fields | forwarded)
        return connection.getresponse().status
    finally:
        connection.close()
