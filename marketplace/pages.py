"""Pages that a person opens: HTML in both languages out of our own templates, which load nothing from elsewhere."""

from typing import Any, Final

from flask import Response, g, has_request_context, render_template, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from marketplace.language import Language, Text

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page of our own may load: only from here. Swagger UI sets styles inline."""
STRICT_POLICY: Final = POLICY.replace(" 'unsafe-inline'", "")
"""The same, with styles from our files alone."""


def page(template: str, language: Language, *, status_code: int = 200, **values: Any) -> Response:
    text = render_template(template, language=language, **values)
    response = Response(text, status=status_code, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


def refused(
    language: Language, *, status: int, code: str, title: Text, detail: Text | None, request_id: str | None
) -> Response:
    """Why there is nothing to see, for a person; programs are told the same as problem+json."""
    return page(
        "refused.html",
        language,
        status_code=status,
        status=status,
        code=code,
        title=title,
        detail=detail or title,
        request_id=request_id,
    )


def is_asked_for() -> bool:
    """Whether a browser asks, outside of the API: programs do not name HTML among what they take."""
    path, accepted = asked()
    return not path.startswith("/v1/") and any(
        kind == "text/html" and quality > 0 for kind, quality in parse_accept_header(accepted, MIMEAccept)
    )


def asked() -> tuple[str, str]:
    """The path that is asked for, and the Accept of who asks; on the fast path there is no request of Flask's."""
    if has_request_context():
        return request.path, request.headers.get("Accept", "")
    found: tuple[str, str] = g.get("asked", ("/v1/", ""))
    return found
