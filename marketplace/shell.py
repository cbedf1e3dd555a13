"""Doors that belong to no module: health, metrics, the API's description, the pages a person may open."""

import hmac
from importlib.resources import files
from typing import Any, Final

import flask_swagger_ui
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    render_template,
    request,
    send_from_directory,
)
from sqlalchemy import text

from marketplace import context, errors, metrics, openapi, pages, problems
from marketplace.database import reading
from marketplace.language import Text
from marketplace.settings import PROJECT_ROOT, Settings

blueprint = Blueprint("shell", __name__)

_SWAGGER: Final = files(flask_swagger_ui) / "dist"
_SWAGGER_FILES: Final = frozenset(
    {"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-32x32.png"}
)


class NotMigrated(errors.TryLater):
    """The database's tables are not those of this version: migrate first."""

    title = Text(en="The database must be migrated first.", zh="数据库需要先迁移。")


def configure(app: Flask, api: openapi.Api, settings: Settings) -> None:
    app.extensions["openapi"] = api
    app.extensions["migration_head"] = _head()
    app.config["DOCS_ENABLED"] = settings.docs_enabled
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """The process can serve: the database is there and has this version's tables."""
    with reading() as session:
        is_there = session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
        found = session.scalar(text("SELECT version_num FROM alembic_version")) if is_there else None
    if found != current_app.extensions["migration_head"]:
        raise NotMigrated(found=found, needed=current_app.extensions["migration_head"])
    return jsonify(status="ready", migration=found)


@blueprint.get("/metrics")
def metrics_page() -> Response:
    """Numbers for Prometheus; with METRICS_TOKEN set, only for who carries it."""
    token = current_app.config["SETTINGS"].metrics_token
    given = request.headers.get("X-Metrics-Token", "")
    if token and not hmac.compare_digest(token.encode(), given.encode()):
        raise errors.Forbidden
    body, content_type = metrics.render(current_app)
    return Response(body, content_type=content_type)


@blueprint.get("/openapi.json")
def openapi_document() -> Response:
    """The API's description, OpenAPI 3.1."""
    return jsonify(openapi.document(current_app, current_app.extensions["openapi"]))


@blueprint.get("/docs")
def docs() -> Response:
    """The description as a page, served from here alone."""
    _check_docs_enabled()
    return _page("docs.html")


@blueprint.get("/docs/<string:name>")
def docs_file(name: str) -> Response:
    _check_docs_enabled()
    if name == "init.js":
        return Response(render_template("docs_init.js"), mimetype="text/javascript")
    if name not in _SWAGGER_FILES:
        raise errors.NotFound
    return send_from_directory(str(_SWAGGER), name)


@blueprint.get("/problems/<string:slug>")
def problem_page(slug: str) -> Response:
    """What a problem's `type` means, for a person."""
    found = next((each for each in errors.every_refusal() if each.slug() == slug), None)
    if found is None:
        raise errors.NotFound
    return _page(
        "problem.html",
        title=found.title,
        code=found.code,
        status=problems.status_of(found),
        meaning=(found.__doc__ or "").strip(),
    )


@blueprint.get("/")
def index() -> Response:
    """Where to go from here."""
    return _page("index.html", docs_enabled=current_app.config["DOCS_ENABLED"], version=openapi.VERSION)


def _check_docs_enabled() -> None:
    if not current_app.config["DOCS_ENABLED"]:
        raise errors.NotFound


def _page(template: str, **values: Any) -> Response:
    return pages.page(template, context.current().language, **values)


def _head() -> str | None:
    """The newest migration of this version's code."""
    config = Config()
    config.set_main_option("script_location", str(PROJECT_ROOT / "migrations"))
    return ScriptDirectory.from_config(config).get_current_head()
