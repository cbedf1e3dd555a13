"""The door: a flask-smorest blueprint whose writing views own their transaction and know idempotency.

`arguments` reads strict JSON; `problems` documents refusals; `writes` is the edge of a unit of work.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar

import flask_smorest
from flask import Response, request
from marshmallow import RAISE, Schema
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser

from marketplace import context, database, errors, idempotency, problems, strict_json, versions
from marketplace.points import Point, passed

View = TypeVar("View", bound=Callable[..., Any])

BODY_BYTES_MAX: Final = 1_000_000
QUERIES_REMEMBERED_MAX: Final = 1_000
QUERY_LENGTH_MAX: Final = 200
_JSON_TYPE: Final = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)


class StrictParser(FlaskParser):
    """webargs over our JSON reader; unknown and repeated query parameters are refused like unknown members."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 (webargs' form)
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": RAISE,
        "query": RAISE,
        "form": RAISE,
    }

    def __init__(self) -> None:
        super().__init__()
        self._loaded: dict[tuple[Any, bytes], Mapping[str, Any]] = {}

    def parse(self, argmap: Any, req: Any = None, *, location: str | None = None, **options: Any) -> Any:
        """Of a schema that `reads_text_alone` the same query is read once: lists are asked for in the same words."""
        if location != "query" or not getattr(argmap, "reads_text_alone", False):
            return super().parse(argmap, req, location=location, **options)
        query = request.query_string
        found = self._loaded.get((argmap, query))
        if found is None:
            found = super().parse(argmap, req, location=location, **options)
            if len(self._loaded) >= QUERIES_REMEMBERED_MAX:
                self._loaded.clear()
            if len(query) <= QUERY_LENGTH_MAX:
                self._loaded[argmap, query] = found
        return dict(found)

    def load_json(self, req: Any, schema: Any) -> Any:
        """A schema that `may_be_absent` reads a request without a body and without a type as one that says nothing."""
        if getattr(schema, "may_be_absent", False) and not request.mimetype and not request.get_data():
            return {}
        return read_json()

    def load_querystring(self, req: Any, schema: Any) -> Any:
        repeated = [name for name, values in req.args.lists() if len(values) > 1]
        if repeated:
            raise errors.Invalid(errors=[{"parameter": name, "detail": "repeated"} for name in repeated])
        return req.args.to_dict()

    def handle_error(self, error: Any, req: Any, schema: Any, **_kwargs: Any) -> Any:
        raise errors.Invalid(errors=pointers(error.messages)) from error


def read_json() -> Any:
    """The request's body as strict JSON; raises UnsupportedMediaType, MalformedJson, 413."""
    if request.content_encoding and request.content_encoding.lower() != "identity":
        raise problems.UnsupportedMediaType
    if not _JSON_TYPE.fullmatch(request.mimetype):
        raise problems.UnsupportedMediaType
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise problems.UnsupportedMediaType
    return strict_json.loads(request.get_data())


def pointers(messages: Any) -> list[dict[str, str]]:
    """marshmallow's nested messages as a flat list of {pointer | parameter, detail}, at most ERRORS_MAX."""
    found: list[dict[str, str]] = []

    def walk(where: str, path: str, node: Any) -> None:
        if isinstance(node, Mapping):
            for name, inner in node.items():
                step = str(name).replace("~", "~0").replace("/", "~1")
                walk(where, path if step == "_schema" else f"{path}/{step}", inner)
            return
        for message in node if isinstance(node, list) else [node]:
            key = "pointer" if where == "json" else "parameter"
            found.append({key: path if key == "pointer" else path.strip("/"), "detail": str(message)})

    for location, inner in messages.items():
        walk(location, "", inner)
    return found[: problems.ERRORS_MAX]


class Blueprint(flask_smorest.Blueprint):
    """See the module's docstring."""

    ARGUMENTS_PARSER = StrictParser()

    def alt_response(self, *args: Any, **options: Any) -> Callable[[View], View]:
        """Document another answer of the view."""
        return _documenting(super().alt_response(*args, **options))

    def revalidates(self, status: int, schema: type[Schema]) -> Callable[[View], View]:
        """Document a view that answers `versions.fresh`: with the schema, or 304 to who has it already."""

        def decorate(view: View) -> View:
            told: Any = _documenting(self.response(status, schema, headers=versions.ETAG))(view)
            told = self.alt_response(304, description="You have it already.", success=True)(told)
            told.revalidates = True
            return told  # type: ignore[no-any-return]

        return decorate

    def problems(self, *refusals: type[errors.Refusal]) -> Callable[[View], View]:
        """Document the refusals that a view can answer with; catches nothing."""

        def decorate(view: View) -> View:
            codes: dict[int, set[str]] = {
                status: set(known) for status, known in getattr(view, "problem_codes", {}).items()
            }
            for refusal in refusals:
                codes.setdefault(problems.status_of(refusal), set()).add(refusal.code)
            wrapped: Any = view
            for status, names in sorted(codes.items()):
                description = ", ".join(f"`{name}`" for name in sorted(names))
                wrapped = self.alt_response(
                    status, schema=PROBLEM_SCHEMA, description=description, content_type=problems.MEDIA_TYPE
                )(wrapped)
            wrapped.problem_codes = codes
            return wrapped  # type: ignore[no-any-return]

        return decorate

    def writes(
        self,
        status: int,
        schema: type[Schema] | Schema | None = None,
        *,
        key: bool = True,
        location: Callable[[Any], str] | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
        """Make `view(session, …)` a unit of work: one transaction, retried, its answer stored under the key.

        `key`: the call moves stock or money and must carry an Idempotency-Key. `location`: the address of
        what was made, from the view's result.
        """
        form = schema() if isinstance(schema, type) else schema

        def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
            @wraps(view)
            def edge(*args: Any, **kwargs: Any) -> Response:
                ctx = context.current()

                def work(session: Session) -> idempotency.Answer:
                    result = view(session, *args, **kwargs)
                    session.flush()
                    body = "" if form is None else json.dumps(form.dump(result), ensure_ascii=False)
                    headers = {"Location": location(result)} if location else {}
                    if (version := _version_of(result)) is not None:
                        headers["ETag"] = f'"{version}"'
                    return idempotency.Answer(status=status, body=body, headers=headers)

                if not key:
                    return _respond(database.transact(work))
                claim = idempotency.claim_of_request(ctx)
                return _respond(idempotency.run(ctx, claim, work, lambda refusal: refused(refusal, ctx)))

            return _documenting(self.response(status, form))(self._keyed(edge) if key else edge)  # type: ignore[no-any-return]

        return decorate

    def answers(
        self, status: int, schema: type[Schema]
    ) -> Callable[[Callable[..., idempotency.Answer]], Callable[..., Response]]:
        """For `view(claim, …)` that is a unit of work itself and answers what is stored under its key."""

        def decorate(view: Callable[..., idempotency.Answer]) -> Callable[..., Response]:
            @wraps(view)
            def edge(*args: Any, **kwargs: Any) -> Response:
                return _respond(view(idempotency.claim_of_request(context.current()), *args, **kwargs))

            return _documenting(self.response(status, schema()))(self._keyed(edge))  # type: ignore[no-any-return]

        return decorate

    def _keyed(self, edge: Callable[..., Response]) -> Any:
        """The view's refusals of its Idempotency-Key, documented."""
        documented: Any = self.problems(
            idempotency.IdempotencyKeyMissing,
            idempotency.IdempotencyKeyMalformed,
            idempotency.IdempotencyKeyReused,
            idempotency.KeyInFlight,
        )(edge)
        documented.needs_key = True
        return documented


def _documenting(decorate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What a decorator of flask-smorest documents, without the call that it puts around a view of finished answers."""

    def document(view: Any) -> Any:
        view._apidoc = decorate(view)._apidoc  # noqa: SLF001 (where flask-smorest keeps it)
        return view

    return document


PROBLEM_SCHEMA: Final[dict[str, Any]] = {"$ref": "#/components/schemas/Problem"}


def _version_of(result: Any) -> int | None:
    found = result.get("version") if isinstance(result, dict) else getattr(result, "version", None)
    return found if isinstance(found, int) else None


def refused(refusal: errors.Refusal, ctx: context.Context) -> idempotency.Answer:
    """The answer that a refusal gives, in the form in which it is stored under a key."""
    status, body, headers = problems.rendered(refusal, ctx.language, ctx.request_id)
    return idempotency.Answer(status=status, body=body, headers=headers)


def answered(form: Schema, result: Any) -> idempotency.Answer:
    """The answer of a view that is a unit of work itself, in the form in which it is stored under a key."""
    return idempotency.Answer(status=200, body=json.dumps(form.dump(result), ensure_ascii=False), headers={})


def _respond(answer: idempotency.Answer) -> Response:
    passed(Point.ANSWERING)
    response = Response(answer.body, status=answer.status, mimetype="application/json")
    response.headers.update(answer.headers)
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
