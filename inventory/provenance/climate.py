"""How warm it was in a place: what loggers told as events of EPCIS (`sensor_reporting`), in tenths of a degree.

Loggers speak through the capture door. A report counts if it is of the place, in degrees Celsius and in the time that
is asked for; of a report over an interval its least and greatest value count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.traces.models import TraceEvent

CELSIUS: Final = "CEL"
EVENTS_MAX: Final = 5_000
"""Read of one stay, the newest first."""
DEGREES_MAX: Final = 60
"""What lies farther from zero is a broken logger's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    reports: int
    least_tenths: int
    greatest_tenths: int


def between(session: Session, place: str, since: datetime, until: datetime | None) -> Climate | None:
    """The range of what was told of the place; None if nothing was."""
    statement = select(TraceEvent.body).where(
        TraceEvent.biz_step == "sensor_reporting",
        TraceEvent.biz_location == place,
        TraceEvent.event_time >= since,
        ~TraceEvent.is_declaration,
    )
    if until is not None:
        statement = statement.where(TraceEvent.event_time < until)
    bodies = session.scalars(statement.order_by(TraceEvent.event_time.desc()).limit(EVENTS_MAX))
    return summary(orjson.loads(body) for body in bodies)


def summary(events: Iterator[Mapping[str, Any]]) -> Climate | None:
    """Pure."""
    reports, found = 0, []
    for event in events:
        for report in _reports(event):
            values = [tenths(report[name]) for name in ("value", "minValue", "maxValue") if name in report]
            good = [each for each in values if each is not None]
            if good:
                reports += 1
                found += good
    if not found:
        return None
    return Climate(reports=reports, least_tenths=min(found), greatest_tenths=max(found))


def tenths(value: object) -> int | None:
    """To the nearest tenth; None for what is no number, or none of a thermometer."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    is_read = number.is_finite() and abs(number) <= DEGREES_MAX
    return int((number * 10).to_integral_value()) if is_read else None


def _reports(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for element in event.get("sensorElementList") or ():
        for report in element.get("sensorReport") or ():
            if (
                str(report.get("type", "")).rpartition(":")[2] == "Temperature"
                and report.get("uom") == CELSIUS
            ):
                yield report
