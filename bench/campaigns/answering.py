"""What one answer to an allocation costs: the same among a thousand cooperatives as among fifty."""

import statistics
import time
from collections.abc import Iterable
from typing import Final

from flask import Flask
from sqlalchemy import select

from bench.campaigns import crowd, failing
from bench.holds.ground import Bench, Part
from bench.holds.measure import Bar, Row
from campaigns.allotting import allotting
from campaigns.allotting.models import Commitment
from marketplace import context, database

FLAT: Final = Bar(must=1.5, at_most=True)
ORDERS_OF_A_SELLER: Final = 4
GIVING_BACK: Final = 10
"""One of so many answers gives a box back, where it has one to spare."""


def case(bench: Bench, *, sizes: Iterable[int]) -> Part:
    part = Part(title="An answer to an allocation, among few cooperatives and among many")
    costs = []
    for sellers in sizes:
        bench.progress.step(f"answers of {sellers} cooperatives")
        with bench.servers.copy(f"answers_{sellers}") as urls:
            app = crowd.build(bench.servers, urls)
            with app.app_context():
                orders = sellers * ORDERS_OF_A_SELLER
                found = crowd.gather(urls, bench.world, orders=orders, sellers=sellers, is_met=True)
                failing.close(found)
            failing.commit_all(app)
            seconds = _answered(app)
            with app.app_context():
                part.wrong += [f"{sellers} answers: {each}" for each in crowd.broken(app)]
            crowd.close(app)
        costs.append((sellers, statistics.median(seconds) * 1_000))
        part.rows.append(
            Row(
                what=f"answers of {sellers:,} cooperatives, all but the last",
                value=sum(seconds),
                unit="s",
                note=f"half of them within {costs[-1][1]:.1f} ms, the slowest {max(seconds) * 1_000:.0f} ms",
            )
        )
    for sellers, each in costs[1:]:
        part.rows.append(
            Row(
                what=f"an answer among {sellers:,} against one among {costs[0][0]:,}",
                value=each / costs[0][1],
                unit="×",
                bar=FLAT,
                note=f"{each:.1f} ms against {costs[0][1]:.1f} ms",
            )
        )
    return part


def _answered(app: Flask) -> list[float]:
    """The seconds of each answer but the last, with which what was given back is split again."""
    with app.app_context(), database.reading() as session:
        asked = session.execute(
            select(Commitment.id, Commitment.boxes)
            .where(Commitment.state == "offered")
            .order_by(Commitment.id)
        ).all()
    seconds = []
    for place, (commitment_id, boxes) in enumerate(asked):
        less = boxes - 1 if place % GIVING_BACK == 0 and boxes > 1 else None
        begun = time.monotonic()
        with app.app_context():
            database.transact(
                lambda session, each=commitment_id, less=less: allotting.answer(
                    session, context.system(), commitment_id=each, boxes=less
                )
            )
        seconds.append(time.monotonic() - begun)
    return seconds[:-1]
