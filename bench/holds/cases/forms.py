"""For the record: what each form of a hold costs this PostgreSQL, without any Python."""

from typing import Final

from bench.holds import baselines
from bench.holds.ground import Bench, Part
from bench.holds.load import Sample
from bench.holds.measure import Lane, Row, interleave
from marketplace.embedded.databases import DatabaseUrls

CLIENTS: Final = (1, 4, 16, 48)
"""The embedded server lets 60 in."""
ROUNDS: Final = 2
SECONDS_MAX: Final = 2.0


def forms(bench: Bench) -> Part:
    part = Part(title="What each form of a hold costs PostgreSQL (pgbench, for the record)")
    with baselines.prepared(bench.servers) as urls:
        for clients in CLIENTS:
            lanes = {form: _lane(bench, urls, form, clients) for form in baselines.FORMS}
            interleave(list(lanes.values()), rounds=min(ROUNDS, bench.rounds), progress=bench.progress)
            base = lanes[baselines.ONE_STATEMENT]
            part.rows += [_row(lane, base) for lane in lanes.values()]
    return part


def _lane(bench: Bench, urls: DatabaseUrls, form: str, clients: int) -> Lane:
    def measure(_round: int) -> Sample:
        return baselines.run(urls, form, clients=clients, seconds=min(bench.seconds, SECONDS_MAX))

    return Lane(f"{baselines.FORMS[form]}, {clients} client{'s' if clients > 1 else ''}", measure)


def _row(lane: Lane, base: Lane) -> Row:
    empty = lane.statuses().get("nothing free", 0)
    return Row(
        what=lane.name,
        value=lane.per_second / base.per_second,
        against="one statement, one hot row",
        per_second=lane.per_second,
        other_per_second=base.per_second,
        p50_ms=lane.p50_ms,
        note=f"{empty:,} tries found every slot locked" if empty else "",
    )
