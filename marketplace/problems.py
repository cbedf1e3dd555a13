"""Families of refusal to HTTP: every answer that is not 2xx or 3xx leaves here, as RFC 9457 problem+json.

Only a browser that asks for a page outside of the API is told the same in a page.
"""

import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, cast

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge, RequestURITooLarge

from marketplace import database, errors, pages
from marketplace.context import Context
from marketplace.language import DEFAULT, Language, Text

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[type[errors.Refusal], int]] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.PaymentRefused: 402,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.Invalid: 422,
    errors.TooMany: 429,
    errors.TryLater: 503,
}
"""The one table from family to status."""

PLAIN: Final[dict[int, tuple[str, Text]]] = {
    400: ("malformed", errors.Malformed.title),
    401: ("unauthenticated", errors.Unauthenticated.title),
    403: ("forbidden", errors.Forbidden.title),
    404: ("not_found", errors.NotFound.title),
    405: (
        "method_not_allowed",
        Text(en="This address does not take that method.", zh="该地址不支持此方法。"),
    ),
    406: (
        "not_acceptable",
        Text(en="The asked media type cannot be given.", zh="无法提供所要求的媒体类型。"),
    ),
    408: ("too_slow", Text(en="The request took too long to arrive.", zh="请求传输超时。")),
    411: ("length_required", Text(en="The length of the body must be told.", zh="必须说明请求体长度。")),
    412: ("version", Text(en="It was changed by somebody else meanwhile.", zh="内容已被他人修改。")),
    413: ("too_large", Text(en="The body is too large.", zh="请求体过大。")),
    414: ("uri_too_long", Text(en="The address is too long.", zh="地址过长。")),
    415: (
        "unsupported_media_type",
        Text(en="The body must be JSON in UTF-8.", zh="请求体必须为 UTF-8 编码的 JSON。"),
    ),
    422: ("invalid", errors.Invalid.title),
    428: (
        "precondition_required",
        Text(en="Send If-Match with the version you saw.", zh="请用 If-Match 注明所见版本。"),
    ),
    429: ("too_many", errors.TooMany.title),
    431: ("headers_too_large", Text(en="The header fields are too large.", zh="请求头过大。")),
    500: ("internal", Text(en="Something broke on our side.", zh="系统内部出错。")),
    503: ("try_later", errors.TryLater.title),
}
"""Answers that HTTP itself gives: code word and title."""

ERRORS_MAX: Final = 50


class UnsupportedMediaType(errors.Malformed):
    """The body's Content-Type, charset or Content-Encoding is not JSON in plain UTF-8."""

    title = PLAIN[415][1]
    code = "unsupported_media_type"


class VersionMissing(errors.Malformed):
    """An edit did not say with If-Match which version it is based on."""

    title = PLAIN[428][1]
    code = "precondition_required"


class VersionDiffers(errors.Conflict):
    """Somebody else has changed it since; read it again."""

    title = PLAIN[412][1]
    code = "version"


STATUS.update({UnsupportedMediaType: 415, VersionMissing: 428, VersionDiffers: 412})


def configure(app: Flask) -> None:
    """Render every failure of the app; nothing else renders one."""
    app.register_error_handler(errors.Refusal, refusal_response)
    app.register_error_handler(HTTPException, http_response)
    app.register_error_handler(Exception, unforeseen_response)


def status_of(refusal: type[errors.Refusal]) -> int:
    for family in refusal.__mro__:
        if family in STATUS:
            return STATUS[family]
    return 500


def refusal_response(refusal: errors.Refusal) -> Response:
    language, request_id = _language(), _request_id()
    status, body, headers = rendered(refusal, language, request_id)
    if pages.is_asked_for():
        response = pages.refused(
            language,
            status=status,
            code=refusal.code,
            title=refusal.title,
            detail=refusal.detail,
            request_id=request_id,
        )
        del headers["Content-Type"]
    else:
        response = Response(body, status=status, mimetype=MEDIA_TYPE)
    response.headers.update(headers)
    return response


def rendered(
    refusal: errors.Refusal, language: Language, request_id: str | None
) -> tuple[int, str, dict[str, str]]:
    """Status, body and header fields of the answer that a refusal gives to this request."""
    status = status_of(type(refusal))
    headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"}
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="marketplace"'
    return status, _of_request(_told(refusal, language), request_id), headers


def document(refusal: errors.Refusal, language: Language) -> dict[str, Any]:
    """The problem's members, without those that only the request knows (instance, request_id)."""
    return _document(type(refusal), refusal.detail, refusal.facts, language)


def _document(
    kind: type[errors.Refusal], detail: Text | None, facts: Mapping[str, Any], language: Language
) -> dict[str, Any]:
    return {
        "type": f"/problems/{kind.slug()}",
        "title": kind.title.pick(language),
        "status": status_of(kind),
        "detail": (detail or kind.title).pick(language),
        "code": kind.code,
        **{name: _plain(value, language) for name, value in facts.items()},
    }


def http_response(failure: HTTPException) -> Response:
    """werkzeug's and flask-smorest's own failures; keeps their header fields (Allow, Retry-After)."""
    status = failure.code or 500
    if status < 400:
        return Response(failure.get_response().get_data(), status=status, headers=failure.get_headers())
    code, title = PLAIN.get(status, (f"http_{status}", Text(en=failure.name, zh=failure.name)))
    response = _plain_response(status, code, title)
    for name, value in failure.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    if isinstance(failure, RequestEntityTooLarge | RequestURITooLarge):
        response.headers["Connection"] = "close"
    return response


def unforeseen_response(failure: Exception) -> Response:
    """A broken promise of our own code: logged in full, answered with nothing but the request id."""
    meaning = database.translated(failure)
    if isinstance(meaning, errors.Refusal):
        log.warning("the database is not available", exc_info=failure)
        return refusal_response(meaning)
    log.error("unforeseen failure", exc_info=failure)
    return http_response(InternalServerError())


def _plain_response(status: int, code: str, title: Text) -> Response:
    """What HTTP itself says, without a page that explains it."""
    language, request_id = _language(), _request_id()
    if pages.is_asked_for():
        response = pages.refused(
            language, status=status, code=code, title=title, detail=None, request_id=request_id
        )
    else:
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": title.pick(language),
            "status": status,
            "detail": title.pick(language),
            "code": code,
        }
        response = Response(_of_request(_text(body), request_id), status=status, mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def _of_request(text: str, request_id: str | None) -> str:
    """The document with what only the request knows as its last members."""
    if not request_id:
        return text
    known = json.dumps({"instance": f"urn:request:{request_id}", "request_id": request_id})
    return f"{text[:-1]}, {known[1:]}"


def _told(refusal: errors.Refusal, language: Language) -> str:
    """The document's text; a crowd that is refused alike is told the same words, put together once."""
    facts = tuple((name, type(value), value) for name, value in refusal.facts.items())
    try:
        return _usual_text(cast(Any, type(refusal)), refusal.detail, facts, language)
    except TypeError:  # a list among the facts
        return _text(document(refusal, language))


@lru_cache(maxsize=1_000)
def _usual_text(
    kind: type[errors.Refusal],
    detail: Text | None,
    facts: tuple[tuple[str, type, Any], ...],
    language: Language,
) -> str:
    return _text(_document(kind, detail, {name: value for name, _, value in facts}, language))


def _request_id() -> str | None:
    known = getattr(g.get("context"), "request_id", None) or g.get("request_id")
    return None if known is None else str(known)


def _language() -> Language:
    context = g.get("context")
    return context.language if isinstance(context, Context) else DEFAULT


def _plain(value: Any, language: Language) -> Any:
    """JSON form of an extension member: texts in the asked language, ids and times as strings."""
    if isinstance(value, Text):
        return value.pick(language)
    if isinstance(value, dict):
        return {name: _plain(inner, language) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, language) for inner in list(value)[:ERRORS_MAX]]
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
