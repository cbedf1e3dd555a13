"""Optimistic edits: what a person reads carries its version as ETag; an edit says what it saw in If-Match.

What phones look at again and again carries a digest as ETag: who has it already says so in If-None-Match.
"""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Response, after_this_request, request
from werkzeug.http import parse_etags

from marketplace import context
from marketplace.context import ANONYMOUS, Context
from marketplace.idempotency import Answer
from marketplace.problems import VersionDiffers, VersionMissing

IF_MATCH: Final[dict[str, Any]] = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "The ETag of what the edit is based on.",
    "schema": {"type": "string"},
}
"""How a door describes the header field."""


IF_NONE_MATCH: Final[dict[str, Any]] = {
    "in": "header",
    "name": "If-None-Match",
    "description": "The ETag of what you have; unchanged, it is not sent again.",
    "schema": {"type": "string"},
}
ETAG: Final[dict[str, Any]] = {
    "ETag": {"description": "Changes with every byte of the body.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "Keep it, and ask each time.", "schema": {"type": "string"}},
}


def fresh(
    text: str, *, etag: str, headers: Mapping[str, str] | None = None, mimetype: str = "application/json"
) -> Response:
    """The text to be kept and asked for again, or 304 to who has it already."""
    told = answer(
        context.current(), text, etag=etag, seen=request.headers.get("If-None-Match"), headers=headers
    )
    response = Response(told.body, status=told.status, headers=told.headers, mimetype=mimetype)
    if told.status == HTTPStatus.NOT_MODIFIED:
        del response.headers["Content-Type"]
    return response


def answer(
    ctx: Context, text: str, *, etag: str, seen: str | None, headers: Mapping[str, str] | None = None
) -> Answer:
    """The same as an answer; `seen`: the If-None-Match of who asks."""
    whose = "no-cache" if ctx.actor is ANONYMOUS else "private, no-cache"
    known = {"ETag": f'"{etag}"', "Cache-Control": whose, **(headers or {})}
    if has(seen, etag):
        return Answer(status=HTTPStatus.NOT_MODIFIED, body="", headers=known)
    return Answer(status=HTTPStatus.OK, body=text, headers=known)


def digest(text: str) -> str:
    """The ETag of a text that is told as it is: another for every byte."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def has(given: str | None, etag: str) -> bool:
    """Whether a caller who sends this If-None-Match has it already."""
    return given is not None and (given == f'"{etag}"' or parse_etags(given).contains_weak(etag))


def tag(version: int) -> None:
    """Send `version` as the ETag of the answer being made."""

    @after_this_request
    def add(response: Response) -> Response:
        response.headers["ETag"] = f'"{version}"'
        return response


def check(version: int) -> None:
    """Raises VersionMissing without If-Match, VersionDiffers unless it names `version`."""
    if "If-Match" not in request.headers:
        raise VersionMissing
    if not request.if_match.contains(str(version)):
        raise VersionDiffers(version=version)
