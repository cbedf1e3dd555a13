"""Holds on one hot pool, refusals of a pool that is sold out, and the way from a hold to a confirmed payment."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.holds import baselines, load, profiling, seed
from bench.holds.ground import HELD, REFUSED, SHOWN, Bench, Part, Shoppers, label
from bench.holds.load import Failed, Sample
from bench.holds.measure import Bar, Lane, Row, compared
from bench.holds.seed import Sale
from bench.holds.server import Web
from marketplace.embedded.databases import DatabaseUrls

FEW: Final = 16
MANY: Final = 64

OF_BARE: Final = Bar(must=0.25, aim=0.5)
MANY_AGAINST_FEW: Final = Bar(must=0.9, aim=1.2)
TAIL: Final = Bar(must=4, aim=2.5, at_most=True)
OF_PGBENCH: Final = Bar(must=0.45, aim=1.2)
SOLD_OUT_OF_BARE: Final = Bar(must=0.6, aim=0.85)
CONFIRM_OF_BARE: Final = Bar(must=0.10, aim=0.25)

CONFIRMED: Final = "confirm 200"
STEPS: Final = ("hold 201", "order 201", CONFIRMED, "spent 200")
"""`spent`: every hold that was placed is confirmed already, and the round ends early."""


def holds(bench: Bench) -> Part:
    """One hot pool, fresh shoppers; a pool of its own for each number of connections."""
    part = Part(title="Holds on one hot pool")
    with (
        bench.bare() as bare,
        bench.market("holds", part) as (web, urls),
        baselines.prepared(bench.servers) as forms,
    ):
        first, second, spare = bench.world.hot[:3]
        bare_few = Lane(f"bare, {FEW} connections", fresh(bench, bare, first, FEW), (SHOWN,))
        few = Lane(f"holds, {FEW} connections", fresh(bench, web, first, FEW), (HELD,))
        bare_many = Lane(f"bare, {MANY} connections", fresh(bench, bare, second, MANY), (SHOWN,))
        many = Lane(f"holds, {MANY} connections", fresh(bench, web, second, MANY), (HELD,))
        one = Lane(
            f"pgbench, {baselines.FORMS[baselines.ONE_STATEMENT]}, {FEW} clients",
            lambda _round: baselines.run(forms, baselines.ONE_STATEMENT, clients=FEW, seconds=bench.seconds),
        )
        bench.interleave(part, [bare_few, few, bare_many, many, one])
        part.rows += [
            compared(few, bare_few, bar=OF_BARE),
            compared(many, bare_many, bar=OF_BARE),
            compared(many, few, bar=MANY_AGAINST_FEW),
            *(_tail(lane) for lane in (few, many)),
            compared(few, one, bar=OF_PGBENCH),
        ]
        if part.missed:
            part.profile = profiling.hint(bench, urls, lambda web: fresh(bench, web, spare, 1)(0))
    return part


def sold_out(bench: Bench) -> Part:
    """Everybody asks for the last box, which somebody has."""
    part = Part(title="Refused as sold out")
    sale = bench.world.sold_out
    with (
        bench.bare() as bare,
        bench.market("sold_out", part) as (web, urls),
        bench.servers.serve("sold_out_alone", urls, redis=False) as alone,
    ):
        _sell_the_last_box(bench, web, sale)
        base = Lane(f"bare, {MANY} connections", _asking(bench, bare, sale), (SHOWN,))
        with_redis = Lane(f"sold out, with Redis, {MANY} connections", _asking(bench, web, sale), (REFUSED,))
        without = Lane(
            f"sold out, without Redis, {MANY} connections", _asking(bench, alone, sale), (REFUSED,)
        )
        bench.interleave(part, [base, with_redis, without])
        part.rows += [compared(lane, base, bar=SOLD_OUT_OF_BARE) for lane in (with_redis, without)]
        if part.missed:
            part.profile = profiling.hint(
                bench, urls, lambda web: _asking(bench, web, sale, connections=1)(0)
            )
    return part


def confirm(bench: Bench) -> Part:
    """What is counted: payments that their payer has confirmed, a second."""
    part = Part(title="From a hold to a confirmed payment (offline gateway)")
    path = bench.servers.folder / "placed.txt"
    with bench.bare() as bare, bench.market("confirm", part) as (web, urls):
        placing, going = bench.world.hot[:2]
        place = fresh(bench, web, placing, FEW)

        def of_placed(number: int) -> Sample:
            place(number)
            _write_placed(urls, placing, path)
            return _confirming(bench, web, "placed", path)

        shoppers = Shoppers(bench.world.shoppers)

        def whole(_round: int) -> Sample:
            sample = _confirming(bench, web, "whole", shoppers.next, shoppers.count, going.path, going.body())
            shoppers.came(sample.statuses.get(STEPS[0], 0) + FEW + 1)
            return sample

        base = Lane(f"bare, {FEW} connections", fresh(bench, bare, placing, FEW), (SHOWN,))
        ordering = Lane(f"confirmations, {FEW} connections", of_placed, STEPS)
        journeys = Lane(f"whole journeys, {FEW} connections", whole, STEPS)
        bench.interleave(part, [base, ordering, journeys])
        counted_is = "order of a hold placed before + confirmation of its payment, 2 requests each"
        part.rows += [
            compared(ordering, base, bar=CONFIRM_OF_BARE, note=counted_is),
            compared(journeys, base, note="hold + order + confirmation, 3 requests each"),
        ]
        if part.missed:
            spare = bench.world.hot[2]
            part.profile = profiling.hint(
                bench, urls,
                lambda web: _confirming(
                    bench, web, "whole", 0, shoppers.count, spare.path, spare.body(), connections=1
                ),
            )  # fmt: skip
    return part


def fresh(bench: Bench, web: Web, sale: Sale, connections: int) -> Callable[[int], Sample]:
    return bench.holding(web, sale, connections=connections, shoppers=Shoppers(bench.world.shoppers))


def _asking(bench: Bench, web: Web, sale: Sale, *, connections: int = MANY) -> Callable[[int], Sample]:
    shoppers = Shoppers(bench.world.shoppers)
    return bench.holding(web, sale, connections=connections, shoppers=shoppers, again=True)


def _sell_the_last_box(bench: Bench, web: Web, sale: Sale) -> None:
    """Whoever is first has it; the rest of this second is refused already."""
    sample = load.run(
        "holds.lua",
        web.url,
        label(),
        0,
        bench.world.shoppers,
        sale.path,
        sale.body(),
        connections=4,
        seconds=1,
    )
    if sample.statuses.get(HELD, 0) != 1 or sample.unexpected(HELD, REFUSED):
        raise Failed(f"one box was sold as {dict(sample.statuses)}")


def _confirming(bench: Bench, web: Web, kind: str, *arguments: object, connections: int = FEW) -> Sample:
    return load.run(
        "confirm.lua", web.url, label(), kind, *arguments,
        connections=connections, seconds=bench.seconds, counted=CONFIRMED,
    )  # fmt: skip


def _write_placed(urls: DatabaseUrls, sale: Sale, path: Path) -> None:
    """The holds that wait for their order, with the number of their shopper: an account's id is its number."""
    with seed.connect(urls.owner_url) as connection:
        rows = connection.execute(
            "SELECT id, owner_id FROM hold WHERE kind = 'cart' AND state = 'active' AND purpose_id = %s",
            [sale.item_id],
        ).fetchall()
    path.write_text("".join(f"{hold_id} {owner_id.int & 0xFFFF_FFFF_FFFF}\n" for hold_id, owner_id in rows))


def _tail(lane: Lane) -> Row:
    return Row(
        what=f"{lane.name}: p99 / p50",
        value=lane.tail,
        unit="×",
        per_second=lane.per_second,
        p50_ms=lane.p50_ms,
        p99_ms=lane.p99_ms,
        bar=TAIL,
    )
