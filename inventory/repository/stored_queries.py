"""Queries that are kept under a name, one list for each county."""

import uuid
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory.repository.models import EventQuery
from inventory.repository.query_rules import of_document
from inventory.repository.refusals import (
    NoSuchNameException,
    QueryParameterException,
    ResourceAlreadyExistsException,
    told_as,
)
from inventory.repository.subscriptions.models import EventSubscription
from marketplace import audit, database
from marketplace.catalogue import counties
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

QUERIES_MAX: Final = 1_000
"""Of one county."""
_FULL: Final = Text(en="A county keeps at most {n} queries.", zh="每县最多保存 {n} 个查询。")


def keep(
    session: Session, ctx: Context, *, county_id: uuid.UUID, name: str, query: dict[str, Any]
) -> EventQuery:
    """Keep a query under a name.

    Raises CountyNotFound, QueryParameterException, ResourceAlreadyExistsException.
    """
    counties.get(session, county_id=county_id)
    with told_as(QueryParameterException):
        of_document(query, "/query")
    kept = session.scalar(select(func.count()).select_from(every(county_id).subquery()))
    if int(kept or 0) >= QUERIES_MAX:
        raise ResourceAlreadyExistsException(_FULL.format(n=QUERIES_MAX))
    found = EventQuery(
        id=new_id(), county_id=county_id, name=name, query=query, actor=ctx.actor.label, created_at=ctx.now
    )
    session.add(found)
    with database.refusing({"uq_event_query_county_id_name": ResourceAlreadyExistsException()}):
        session.flush()
    after = {"county_id": str(county_id), "name": name}
    audit.record(session, ctx, "event_query.kept", subject=("event_query", found.id), after=after)
    return found


def get(session: Session, *, county_id: uuid.UUID, name: str) -> EventQuery:
    """The query of this name; raises NoSuchNameException."""
    found = None if "\x00" in name else session.scalar(every(county_id).where(EventQuery.name == name))
    if found is None:
        raise NoSuchNameException
    return found


def remove(session: Session, ctx: Context, *, county_id: uuid.UUID, name: str) -> None:
    """Forget a query, and end its subscriptions, as the standard has it; raises NoSuchNameException."""
    found = get(session, county_id=county_id, name=name)
    ended = select(func.count()).where(EventSubscription.query_id == found.id)
    before = {
        "county_id": str(county_id),
        "name": name,
        "subscriptions": session.scalar(ended),
    }
    audit.record(session, ctx, "event_query.removed", subject=("event_query", found.id), before=before)
    session.delete(found)


def every(county_id: uuid.UUID) -> Select[EventQuery]:
    """All queries of a county."""
    return select(EventQuery).where(EventQuery.county_id == county_id)
