"""Files at the door: how large a body may be, what it says it is, and how what others sent is handed out."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Final, TypeVar

from flask import Response, request

View = TypeVar("View", bound=Callable[..., Any])

MORE_BYTES: Final = 100_000
"""So much more than a file may have is read, so that who sends too much is told why."""


def takes_up_to(bytes_max: int) -> Callable[[View], View]:
    """The view's body may be as large as such a file, whatever other doors allow."""

    def decorate(view: View) -> View:
        @wraps(view)
        def edge(*args: Any, **kwargs: Any) -> Any:
            request.max_content_length = bytes_max + MORE_BYTES
            return view(*args, **kwargs)

        return edge  # type: ignore[return-value]

    return decorate


def is_said_to_be(media_types: Collection[str]) -> bool:
    """Whether the request says that its body is one of these, and not packed."""
    return request.mimetype in media_types and (request.content_encoding or "identity").lower() == "identity"


def attached(data: bytes, media_type: str, name: str) -> Response:
    """What somebody sent, to be saved: no browser runs it, guesses at it or keeps it."""
    response = Response(data, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
