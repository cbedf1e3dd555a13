"""Lists in pages: ids are ordered by time, so the last id of a page is the cursor of the next."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, after_this_request, request
from marshmallow import Schema, fields
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from marketplace.fields import Id, Whole


class Query(Schema):
    """What every list takes in its address."""

    reads_text_alone = True
    limit = Whole(low=1, high=100, in_query=True, load_default=20)
    cursor = Id(load_default=None)


def page_of(item: type[Schema]) -> type[Schema]:
    """The shape of a page of `item`: `items`, and `next_cursor` or null."""
    return type(
        f"{item.__name__}Page",
        (Schema,),
        {
            "items": fields.List(fields.Nested(item)),
            "next_cursor": fields.UUID(allow_none=True),
        },
    )


def read(
    session: Session,
    statement: Select[Any],
    by: InstrumentedAttribute[uuid.UUID] | ColumnElement[uuid.UUID],
    *,
    limit: int,
    cursor: uuid.UUID | None,
) -> dict[str, Any]:
    """One page of `statement` in the order of the id column `by`; the next page's address is the `Link`."""
    if cursor is not None:
        statement = statement.where(by > cursor)
    rows = list(session.scalars(statement.order_by(by).limit(limit + 1)))
    return cut(rows, limit=limit, id_of=lambda row: row.id)


def cut(rows: Sequence[Any], *, limit: int, id_of: Callable[[Any], uuid.UUID]) -> dict[str, Any]:
    """The page of `limit` rows out of one more than that, in whatever order; the last of them is the next cursor."""
    items = rows[:limit]
    following = id_of(items[-1]) if len(rows) > limit else None
    if following is not None:
        _link_next(following)
    return {"items": items, "next_cursor": following}


def only(statement: Select[Any], query: dict[str, Any], *columns: InstrumentedAttribute[Any]) -> Select[Any]:
    """The rows whose columns are what the query says of them, where it says something; takes these out of it."""
    for column in columns:
        value = query.pop(column.key)
        if value is not None:
            statement = statement.where(column == value)
    return statement


def link(cursor: str) -> str:
    """What `Link` says of the next page of the list that is being asked for."""
    return link_of(request.path, request.args.to_dict(), cursor)


def link_of(path: str, query: Mapping[str, str], cursor: str) -> str:
    return f'<{path}?{urlencode({**query, "cursor": cursor})}>; rel="next"'


def _link_next(cursor: uuid.UUID) -> None:
    value = link(str(cursor))

    @after_this_request
    def add(response: Response) -> Response:
        response.headers["Link"] = value
        return response
