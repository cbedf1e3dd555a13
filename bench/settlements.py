"""How long a settlement of many order lines over many cooperatives takes: `python -m bench.settlements`.

Gathering lines, settling each cooperative and proving every statement are timed apart; the best of some rounds counts.
"""

import argparse
import random
import time
from datetime import date

from orders.settlements.account import Account
from orders.settlements.facts import Facts, SuppliedBoxes, Terms, deliveries_of
from orders.settlements.proof import faults
from orders.settlements.rules import settle

TERMS = Terms(commission_bps=400, retention_permille=50, retained_until=date(2027, 5, 31))


def lines_of(count: int, cooperatives: int) -> list[SuppliedBoxes]:
    """The same ones every time."""
    chance = random.Random(1)
    return [
        SuppliedBoxes(
            cooperative=f"C{chance.randrange(cooperatives):04}",
            currency="CNY",
            item=chance.choice(("fuji", "gala")),
            grade=chance.choice("AB"),
            unit_price_minor=chance.choice((5_200, 5_600)),
            boxes=chance.randint(1, 5),
        )
        for _ in range(count)
    ]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=100_000)
    asked.add_argument("--cooperatives", type=int, default=500)
    asked.add_argument("--rounds", type=int, default=5)
    told = asked.parse_args()
    lines = lines_of(told.lines, told.cooperatives)
    best = [float("inf")] * 3
    for _ in range(told.rounds):
        begun = time.perf_counter()
        found = deliveries_of(lines)
        gathered = time.perf_counter()
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
            for (cooperative, currency), deliveries in found.items()
        ]
        settled = time.perf_counter()
        if any(faults(each) for each in statements):
            raise SystemExit("a statement does not hold together")
        proved = time.perf_counter()
        taken = (gathered - begun, settled - gathered, proved - settled)
        best = [min(pair) for pair in zip(best, taken, strict=True)]
    for name, seconds in zip(("gathered", "settled", "proved"), best, strict=True):
        print(f"{told.lines:,} lines, {len(statements)} statements, {name}: {seconds:.3f} s")


if __name__ == "__main__":
    main()
