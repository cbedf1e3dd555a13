"""Pages of lists: where one begins, and how it says where the next one is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from inventory.repository import answers, tokens
from inventory.repository.refusals import QueryParameterException, told_as
from inventory.repository.tokens import Position
from marketplace import context


def position(token: str | None, mark: str, now: datetime) -> Position | None:
    """Where the page begins that a token asks for; raises QueryParameterException."""
    with told_as(QueryParameterException):
        return None if token is None else tokens.read(token, mark, now)


def begin(query: Mapping[str, Any], question: Mapping[str, Any]) -> int:
    """How many of a list were given on earlier pages; raises QueryParameterException."""
    found = position(query["token"], tokens.fingerprint(question), context.current().now)
    return found.given if found else 0


def cut(found: list[Any], query: Mapping[str, Any], begin: int, question: Mapping[str, Any]) -> list[Any]:
    """The page of a list that was read one further than it holds; says where the next one is."""
    answers.tell(answers.VERSIONS)
    if len(found) > query["per_page"]:
        until = context.current().now + tokens.LIVES
        following = Position(0, 0, begin + query["per_page"], until)
        answers.tell_next(tokens.written(following, tokens.fingerprint(question)), until)
    return found[: query["per_page"]]
