"""How long the settlement of a season takes: order lines are gathered, every cooperative is settled and proved."""

import statistics
import time
from datetime import date
from typing import Final

from bench.holds.ground import Bench, Part
from bench.holds.measure import Bar, Row
from bench.settlements import TERMS, lines_of
from orders.settlements.account import Account
from orders.settlements.facts import Facts, deliveries_of
from orders.settlements.proof import faults
from orders.settlements.rules import settle

COOPERATIVES: Final = 500
IN_SECONDS: Final = Bar(must=10, at_most=True)


def case(bench: Bench, *, lines: int) -> Part:
    part = Part(title=f"The settlement of {lines:,} order lines over {COOPERATIVES} cooperatives")
    told = lines_of(lines, COOPERATIVES)
    found = []
    for _ in range(bench.rounds):
        bench.progress.step("settling")
        begun = time.perf_counter()
        statements = [
            settle(
                Facts(
                    settlement=cooperative,
                    currency=currency,
                    settled_on=date(2026, 11, 26),
                    terms=TERMS,
                    deliveries=deliveries,
                ),
                Account(currency=currency),
            )
            for (cooperative, currency), deliveries in deliveries_of(told).items()
        ]
        wrong = [fault for each in statements for fault in faults(each)]
        found.append(time.perf_counter() - begun)
        part.wrong += [str(each) for each in wrong[:3]]
    part.rows.append(
        Row(
            what="gathered, settled and proved",
            value=statistics.median(found),
            unit="s",
            bar=IN_SECONDS,
            note=f"at most {max(found):.1f} s",
        )
    )
    part.notes.append("The rules alone, in one process: nothing is read from or written to a database.")
    return part
