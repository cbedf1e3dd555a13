"""A cold store's bills by the doors, of days on which fruit lay there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from werkzeug.test import TestResponse

from marketplace.database import db
from tests.builders import Market
from tests.campaigns.settling.scene import done
from tests.house import Caller


def lain(market: Market, *boxes: int, days: int = 10) -> None:
    """So many boxes of each cooperative came into the store so many days ago, and lie there."""
    then = replace(market, ctx=market.later(days=-days))
    for cooperative, count in enumerate(boxes):
        if count:
            then.lot(count, cooperative=cooperative, variety="Stored")


def told(market: Market, **changes: Any) -> dict[str, Any]:
    """What an invoice over the ten days until yesterday says."""
    return {
        "cold_store_id": str(market.cold_store_id),
        "reference": "INV-1",
        "starts_on": (market.today - timedelta(days=10)).isoformat(),
        "ends_on": (market.today - timedelta(days=2)).isoformat(),
        "amount_minor": 1_000,
        "currency": "CNY",
        **changes,
    }


def record(market: Market, operator: Caller, **changes: Any) -> TestResponse:
    return operator.post("/v1/storage-bills", json=told(market, **changes))


def parted(market: Market, operator: Caller, **changes: Any) -> str:
    """Its id."""
    bill = done(record(market, operator, **changes))
    done(operator.post(f"/v1/storage-bills/{bill['id']}/parting"))
    return str(bill["id"])


def shares(operator: Caller, bill_id: str) -> list[tuple[int, int, str]]:
    """Grams times days, amount and state of each part, in the order of cooperatives."""
    parts = done(operator.get(f"/v1/storage-bills/{bill_id}"))["parts"]
    return [(each["gram_days"], each["amount_minor"], each["state"]) for each in parts]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    seen: list[str] = []

    def note(*args: Any) -> None:
        seen.append(args[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
