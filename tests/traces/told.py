"""Events of a box that is seen again and again, and what became of them."""

from typing import Any

from sqlalchemy import select

from inventory.traces import recording, verifying
from inventory.traces.models import TraceEvent
from marketplace import database
from tests.builders import Market

BOX = "https://id.gs1.org/01/09521234000013/21/K7Q2M9XW4T"


def observed(number: int, **more: Any) -> dict[str, Any]:
    """A box is seen for the n-th time."""
    return {
        "type": "ObjectEvent",
        "eventTime": f"2026-11-27T01:{number // 60 % 60:02}:{number % 60:02}.{number // 3600:03}Z",
        "eventTimeZoneOffset": "+08:00",
        "action": "OBSERVE",
        "bizStep": "storing",
        "epcList": ["https://example.org/01/09521234000013/21/K7Q2M9XW4T"],
        **more,
    }


def recorded(market: Market, *events: dict[str, Any], context: Any = ()) -> list[recording.Recorded]:
    return database.transact(
        lambda session: recording.record(
            session, market.ctx, county_id=market.county_id, events=events, context=context
        )
    )


def rows(market: Market) -> list[TraceEvent]:
    with database.reading() as session:
        return list(
            session.scalars(
                select(TraceEvent).where(TraceEvent.county_id == market.county_id).order_by(TraceEvent.number)
            )
        )


def verdict(market: Market, notes: tuple[str, ...] = ()) -> verifying.Verdict:
    with database.reading() as session:
        return verifying.verify(session, county_id=market.county_id, county_code="YJ", kept_notes=notes)
