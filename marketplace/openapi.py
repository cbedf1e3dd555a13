"""The OpenAPI 3.1 document: generated from the blueprints, with our problem form and the access table in it."""

from copy import deepcopy
from http import HTTPStatus
from typing import Any, Final

import flask_smorest
from flask import Flask

from marketplace import idempotency, problems, versions
from marketplace.access import ACCESS

VERSION: Final = "0.1.0"
TITLE: Final = "Virtual Orchard marketplace 县域果园市场"

PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457 problem details. `code` is the stable word to decide on.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}


KEY_PARAMETER: Final[dict[str, Any]] = {
    "in": "header",
    "name": idempotency.HEADER,
    "required": True,
    "description": "Client-made key; the same key and body get the same answer.",
    "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]{16,255}$"},
}


class Api(flask_smorest.Api):
    """flask-smorest's document with problem+json everywhere; failures are rendered by `problems`."""

    def _register_error_handlers(self) -> None:
        """Left to `problems.configure`: one renderer for every failure."""

    def _register_responses(self) -> None:
        self.spec.components.schema("Problem", PROBLEM)
        content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for status, (code, title) in problems.PLAIN.items():
            name = http_status_name(status)
            self.spec.components.response(
                name, {"description": f"`{code}`: {title.en}", "content": content}, lazy=True
            )
        self.spec.components.response(
            self.DEFAULT_ERROR_RESPONSE_NAME,
            {"description": "Any other failure.", "content": content},
            lazy=True,
        )


def http_status_name(status: int) -> str:
    """flask-smorest refers to documented statuses by the names of http.HTTPStatus."""
    return HTTPStatus(status).name


def configure(app: Flask) -> Api:
    app.config.update(
        API_TITLE=TITLE,
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=None,
        API_SPEC_OPTIONS={
            "components": {
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "A session token from log-in, or a service key.",
                    }
                }
            },
        },
    )
    return Api(app)


def document(app: Flask, api: Api) -> dict[str, Any]:
    """The document, with each operation's roles and scope from the access table."""
    spec: dict[str, Any] = deepcopy(api.spec.to_dict())
    endpoints = {
        (_as_template(rule.rule), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            access = ACCESS.get(endpoints.get((path, method), ""))
            if access is None:
                continue
            view = app.view_functions[endpoints[path, method]]
            if getattr(view, "needs_key", False):
                operation.setdefault("parameters", []).append(KEY_PARAMETER)
            if getattr(view, "revalidates", False):
                operation.setdefault("parameters", []).append(versions.IF_NONE_MATCH)
            operation["operationId"] = endpoints[path, method].replace(".", "_")
            operation["x-roles"] = sorted(access.roles)
            if not access.is_public:
                operation["security"] = [{"bearer": [access.scope] if access.scope else []}]
    return spec


def _as_template(rule: str) -> str:
    """Flask's `<uuid:order_id>` as OpenAPI's `{order_id}`."""
    parts = []
    for part in rule.split("/"):
        if part.startswith("<") and part.endswith(">"):
            parts.append("{" + part[1:-1].split(":")[-1] + "}")
        else:
            parts.append(part)
    return "/".join(parts)
