"""Optimistic edits: what a person reads carries its version as ETag; an edit says what it saw in If-Match."""

from typing import Any, Final

from flask import Response, after_this_request, request

from marketplace.problems import VersionDiffers, VersionMissing

IF_MATCH: Final[dict[str, Any]] = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "The ETag of what the edit is based on.",
    "schema": {"type": "string"},
}
"""How a door describes the header field."""


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
