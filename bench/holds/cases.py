"""The cases of `performance.md`: which loads are compared with which, and the bars."""

from collections.abc import Callable
from typing import Final

from bench.holds import baselines
from bench.holds.ground import HELD, SHOWN, Bench, Part, Shoppers
from bench.holds.load import Sample
from bench.holds.measure import Bar, Lane, Row, compared
from bench.holds.seed import Sale
from bench.holds.server import Web

CLIENTS: Final = 16
MANY: Final = 64

OF_BARE: Final = Bar(must=0.25, aim=0.5)
MANY_AGAINST_FEW: Final = Bar(must=0.9, aim=1.2)
TAIL: Final = Bar(must=4, aim=2.5, at_most=True)
OF_PGBENCH: Final = Bar(must=0.45, aim=1.2)


def holds(bench: Bench) -> Part:
    """One hot pool."""
    part = Part(title="Holds on one hot pool")
    with (
        bench.bare() as bare,
        bench.market("holds", part) as (web, _),
        baselines.prepared(bench.servers) as forms,
    ):
        first, second = bench.world.hot[:2]
        few = Lane(f"holds, {CLIENTS} connections", _fresh(bench, web, first, CLIENTS), (HELD,))
        many = Lane(f"holds, {MANY} connections", _fresh(bench, web, second, MANY), (HELD,))
        bare_few = Lane(f"bare, {CLIENTS} connections", _fresh(bench, bare, first, CLIENTS), (SHOWN,))
        bare_many = Lane(f"bare, {MANY} connections", _fresh(bench, bare, second, MANY), (SHOWN,))
        one = Lane(
            f"pgbench, {baselines.FORMS[baselines.ONE_STATEMENT]}, {CLIENTS} clients",
            lambda _round: baselines.run(
                forms, baselines.ONE_STATEMENT, clients=CLIENTS, seconds=bench.seconds
            ),
        )
        bench.interleave(part, [bare_few, few, bare_many, many, one])
    part.rows += [
        compared(few, bare_few, bar=OF_BARE),
        compared(many, bare_many),
        compared(many, few, bar=MANY_AGAINST_FEW),
        *(_tail(lane) for lane in (few, many)),
        compared(few, one, bar=OF_PGBENCH),
    ]
    return part


def forms(bench: Bench) -> Part:
    """For the record: what each form costs on this server."""
    part = Part(title="What each form of a hold costs PostgreSQL (pgbench, for the record)")
    with baselines.prepared(bench.servers) as urls:
        for clients in (1, CLIENTS, FORM_CLIENTS_MAX):
            lanes = [
                Lane(
                    f"{says}, {clients} client{'s' if clients > 1 else ''}",
                    lambda _round, form=form, clients=clients: baselines.run(
                        urls, form, clients=clients, seconds=bench.seconds
                    ),
                )
                for form, says in baselines.FORMS.items()
            ]
            bench.interleave(part, lanes)
            base = next(
                lane for lane in lanes if lane.name.startswith(baselines.FORMS[baselines.ONE_STATEMENT])
            )
            part.rows += [compared(lane, base) for lane in lanes]
    return part


FORM_CLIENTS_MAX: Final = 48
"""The embedded server lets 60 in."""


def _fresh(bench: Bench, web: Web, sale: Sale, connections: int) -> Callable[[int], Sample]:
    return bench.holding(web, sale, connections=connections, shoppers=Shoppers(bench.world.shoppers))


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


CASES: Final[dict[str, Callable[[Bench], Part]]] = {"holds": holds, "forms": forms}
STEPS: Final = {"holds": 5, "forms": 15}
"""Lanes of each case, for the progress bar."""
