"""Events that a query finds, page by page: the database takes out what it can tell, the rest is looked at here.

Rows are read in steps and forgotten, so that a page needs little memory however many events there are. A page that has
looked at very many of them ends early, and the next one goes on where it stopped.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, select, tuple_
from sqlalchemy.orm import Session

from inventory.epcis.event_hash import namespaces_of
from inventory.repository import prefilter
from inventory.repository.matching import matcher, order_key
from inventory.repository.query_rules import Query
from inventory.repository.refusals import QueryTooLargeException
from inventory.repository.tokens import LIVES, Position
from inventory.traces.models import TraceEvent
from marketplace.language import Text

STEP: Final = 500
"""Rows read at once."""
LOOKED_AT_MAX: Final = 20_000
"""Rows that one page looks at; then it ends with what it has."""
COUNTED_MAX: Final = 100_000
"""Rows looked at to count or to put in order by what no column holds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TOO_MANY: Final = Text(
    en="There are more than {n} events; ask for fewer.", zh="超过 {n} 个事件，请缩小查询范围。"
)
_TOO_WIDE: Final = Text(
    en="Too many events would have to be looked at; ask by time, step, place or object as well.",
    zh="需检查的事件过多，请同时按时间、业务步骤、地点或对象查询。",
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is told: its members and the contexts beside the standard's."""

    number: int
    at: datetime
    event: dict[str, Any]
    contexts: list[Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Events in their order, and where the next page begins; None at the end."""

    events: Sequence[Told]
    following: Position | None


def page(
    session: Session, *, county_id: uuid.UUID, query: Query, position: Position | None, now: datetime
) -> Page:
    """One page of a county's events; raises QueryTooLargeException."""
    if query.most is not None and position is None:
        _count(session, county_id, query)
    if query.order is not None and query.order.names:
        return _sorted_page(session, county_id, query, position, now)
    given = position.given if position else 0
    wanted = query.per_page if query.limit is None else min(query.per_page, query.limit - given)
    found: list[Told] = []
    last: Told | None = None
    finds = matcher(query)
    for looked_at, told in enumerate(_rows(session, county_id, query, position)):
        if len(found) == wanted or looked_at == LOOKED_AT_MAX:
            break
        last = told
        if finds(told.event, namespaces_of(told.contexts)):
            found.append(told)
    else:
        return Page(found, None)
    if last is None or (query.limit is not None and given + len(found) >= query.limit):
        return Page(found, None)
    micros = (last.at - _EPOCH) // timedelta(microseconds=1)
    return Page(found, Position(last.number, micros, given + len(found), now + LIVES))


def _count(session: Session, county_id: uuid.UUID, query: Query) -> None:
    """Refuse a query that finds more than it allows."""
    assert query.most is not None
    for number, _ in enumerate(_found(session, county_id, query), 1):
        if number > query.most:
            raise QueryTooLargeException(_TOO_MANY.format(n=query.most))


def _sorted_page(
    session: Session, county_id: uuid.UUID, query: Query, position: Position | None, now: datetime
) -> Page:
    """A page in the order of a member of others: all that are found are put in order first."""
    assert query.order is not None
    key = order_key(query.order)
    found = [
        (key(told.event, namespaces_of(told.contexts)), told.number)
        for told in _found(session, county_id, query)
    ]
    found.sort(reverse=query.order.descending)
    if query.limit is not None:
        del found[query.limit :]
    begin = position.given if position else 0
    numbers = [number for _, number in found[begin : begin + query.per_page]]
    rows = {
        row.number: _told(row)
        for row in session.execute(
            _columns().where(TraceEvent.county_id == county_id, TraceEvent.number.in_(numbers))
        )
    }
    end = begin + len(numbers)
    following = Position(0, 0, end, now + LIVES) if end < len(found) else None
    return Page([rows[number] for number in numbers], following)


def _found(session: Session, county_id: uuid.UUID, query: Query) -> Iterator[Told]:
    """All events that the query finds; raises QueryTooLargeException when too many have to be looked at."""
    finds = matcher(query)
    for looked_at, told in enumerate(_rows(session, county_id, query, None), 1):
        if looked_at > COUNTED_MAX:
            raise QueryTooLargeException(_TOO_WIDE)
        if finds(told.event, namespaces_of(told.contexts)):
            yield told


def _rows(session: Session, county_id: uuid.UUID, query: Query, position: Position | None) -> Iterator[Told]:
    """The rows that may be found, in the order of the query, read step by step."""
    is_by_time = query.order is not None and query.order.field == "eventTime"
    descending = query.order is not None and query.order.descending and not query.order.names
    keys: list[Any] = [*([TraceEvent.event_time] if is_by_time else []), TraceEvent.number]
    statement = _columns().where(*prefilter.conditions(query, county_id))
    statement = statement.order_by(*(each.desc() if descending else each for each in keys)).limit(STEP)
    after = _after(position, is_by_time=is_by_time) if position else None
    while True:
        step = statement if after is None else statement.where(_beyond(keys, after, descending=descending))
        rows = session.execute(step).all()
        for row in rows:
            yield _told(row)
        if len(rows) < STEP:
            return
        after = (rows[-1].event_time, rows[-1].number) if is_by_time else (rows[-1].number,)


def _after(position: Position, *, is_by_time: bool) -> tuple[Any, ...]:
    if not is_by_time:
        return (position.after,)
    return (_EPOCH + timedelta(microseconds=position.at_micros), position.after)


def _beyond(keys: Sequence[Any], after: tuple[Any, ...], *, descending: bool) -> ColumnElement[bool]:
    here, there = tuple_(*keys), tuple_(*after)
    return here < there if descending else here > there


def _columns() -> Select[int, datetime, str, str | None]:
    return select(TraceEvent.number, TraceEvent.event_time, TraceEvent.body, TraceEvent.context)


def _told(row: Row[int, datetime, str, str | None]) -> Told:
    contexts = json.loads(row.context) if row.context else []
    return Told(row.number, row.event_time, json.loads(row.body), contexts)
