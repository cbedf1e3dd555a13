"""Optimistic edits: what a person reads carries its version as ETag; an edit says what it saw in If-Match.

What phones look at again and again carries a digest as ETag: who has it already says so in If-None-Match.
"""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, after_this_request, request

from marketplace import context
from marketplace.context import ANONYMOUS
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


def fresh(body: bytes, *, etag: str, headers: Mapping[str, str] | None = None) -> Response:
    """The JSON body to be kept and asked for again, or 304 to who has it already."""
    whose = "no-cache" if context.current().actor is ANONYMOUS else "private, no-cache"
    known = {"ETag": f'"{etag}"', "Cache-Control": whose, **(headers or {})}
    if _has(etag):
        response = Response(status=304, headers=known)
        del response.headers["Content-Type"]
        return response
    return Response(body, headers=known, mimetype="application/json")


def _has(etag: str) -> bool:
    given = request.headers.get("If-None-Match")
    return given is not None and (given == f'"{etag}"' or request.if_none_match.contains_weak(etag))


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
