"""Cost stays flat as a campaign grows, and while lapsed holds are swept away."""

import statistics
from pathlib import Path
from typing import Final

import psycopg

from bench.holds import seed
from bench.holds.cases.selling import FEW, fresh
from bench.holds.ground import HELD, Bench, Part
from bench.holds.load import Sample
from bench.holds.measure import Bar, Lane, Row, compared
from marketplace.embedded.databases import DatabaseUrls

HERE: Final = Path(__file__).resolve().parents[1] / "sql"
PAST_HOLDS: Final = 1_000_000
LOTS: Final = 10_000
LAPSED: Final = 100_000
FLAT: Final = Bar(must=0.9)
SWEPT: Final = Bar(must=2, at_most=True)


def flat(bench: Bench) -> Part:
    """Two copies, one of them with a long past: both sell from a pool of a million boxes."""
    part = Part(title=f"With {PAST_HOLDS:,} past holds and {LOTS:,} lots")
    with bench.market("small", part) as (small, _), bench.servers.copy("case_grown") as urls:
        bench.progress.step(f"writing {PAST_HOLDS:,} past holds")
        grow(bench, urls)
        with bench.servers.serve("grown", urls) as grown:
            sale = bench.world.hot[0]
            before = Lane(f"holds, empty, {FEW} connections", fresh(bench, small, sale, FEW), (HELD,))
            after = Lane(f"holds, grown, {FEW} connections", fresh(bench, grown, sale, FEW), (HELD,))
            bench.interleave(part, [before, after])
        part.rows.append(compared(after, before, bar=FLAT))
        broken = seed.broken_promises(bench.servers.settings(urls))
        part.wrong += [f"grown: invariant {each} is broken" for each in broken]
    return part


def sweep(bench: Bench) -> Part:
    """Live holds while the job of every minute writes down that a rush of holds has lapsed."""
    part = Part(title=f"While {LAPSED:,} lapsed holds are swept")
    swept_during: list[int] = []
    with bench.market("calm", part) as (calm, _), bench.market("swept", part) as (swept, urls):
        sale = bench.world.hot[0]
        living = fresh(bench, swept, sale, FEW)

        def measure(number: int) -> Sample:
            _let_lapse(bench, urls)
            sample = living(number)
            left = _finish_sweep(urls)
            swept_during.append(LAPSED - left)
            return sample

        still = Lane(f"holds, calm, {FEW} connections", fresh(bench, calm, sale, FEW), (HELD,))
        busy = Lane(f"holds, while swept, {FEW} connections", measure, (HELD,))
        bench.interleave(part, [still, busy])
    tails = [two.p99_ms / one.p99_ms for one, two in zip(still.samples, busy.samples, strict=True)]
    part.rows += [
        Row(
            what="p99 while swept, of the p99 without",
            value=statistics.median(tails),
            unit="×",
            per_second=busy.per_second,
            p50_ms=busy.p50_ms,
            p99_ms=busy.p99_ms,
            against=still.name,
            other_per_second=still.per_second,
            bar=SWEPT,
            note=f"p99 without: {still.p99_ms:,.1f} ms",
        ),
        compared(busy, still),
    ]
    if not any(swept_during):
        part.wrong.append("sweep: nothing was swept while live holds went on")
    part.notes.append(
        "the lapsed holds are written before each round, and vacuumed; the job has been at it since then"
    )
    part.notes.append(
        f"swept while a round lasted: {', '.join(f'{number:,}' for number in swept_during[1:])}"
    )
    return part


def grow(bench: Bench, urls: DatabaseUrls) -> None:
    """The past of `grow.sql`, spread over four pools of which the first is the hot one."""
    world = bench.world
    values = {
        "holds": PAST_HOLDS,
        "lots": LOTS,
        "shoppers": world.shoppers,
        "items": [sale.item_id for sale in world.hot[:4]],
        "cooperative": world.cooperative_id,
        "cold_store": world.cold_store_id,
    }
    run_sql(urls, "grow.sql", values)
    seed.tidy(urls.owner_url)


def _let_lapse(bench: Bench, urls: DatabaseUrls) -> None:
    items = [sale.item_id for sale in bench.world.hot[:4]]
    run_sql(urls, "lapse.sql", {"holds": LAPSED, "shoppers": bench.world.shoppers, "items": items})
    seed.tidy(urls.owner_url)  # a hundred thousand rows written at once are no part of what is measured


def _finish_sweep(urls: DatabaseUrls) -> int:
    """What was not swept when the round was over is ended by SQL; how many that were."""
    with seed.connect(urls.owner_url) as connection, connection.transaction():
        connection.execute("DELETE FROM job WHERE name = 'inventory.expire_holds' AND state = 'waiting'")
        connection.execute(
            "SELECT FROM hold WHERE kind = 'cart' AND state = 'active' AND expires_at <= now()"
            " ORDER BY id FOR NO KEY UPDATE"
        )
        connection.execute("SELECT FROM pool ORDER BY id FOR NO KEY UPDATE")
        row = connection.execute((HERE / "unlapse.sql").read_text()).fetchone()
    seed.tidy(urls.owner_url)
    return int(row[0]) if row else 0


def run_sql(urls: DatabaseUrls, name: str, values: dict[str, object]) -> None:
    """The statements of a file, in one transaction; each may use the named values."""
    statements = [each for each in (HERE / name).read_text().split(";\n") if each.strip()]
    with seed.connect(urls.owner_url) as connection, connection.transaction():
        cursor = psycopg.ClientCursor(connection)  # CREATE TABLE AS takes no parameters from the wire
        for statement in statements:
            cursor.execute(statement, values)
