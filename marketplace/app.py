"""The app factory. It is given the modules and imports none of them; building opens no connection."""

from collections.abc import Iterable

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from marketplace import cli, database, events, jobs, logs, metrics, openapi, problems, shell, stations
from marketplace.door import BODY_BYTES_MAX
from marketplace.fast_path import FastPath
from marketplace.module import Module
from marketplace.notifications import channels
from marketplace.payments import gateways
from marketplace.settings import Settings


class Number(IntegerConverter):
    """A whole number in a path that fits a bigint; werkzeug's own fails on 4,301 digits and takes any script's."""

    regex = r"[0-9]{1,18}"


class NoCookies(SessionInterface):
    """Nobody is known by a cookie here, so none is read, signed or written."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing to save."""


def create_app(settings: Settings, modules: Iterable[Module]) -> Flask:
    """An app with the modules plugged in: doors, jobs, subscriptions, commands, invariants."""
    plugged = tuple(modules)
    app = Flask("marketplace", static_folder=None)
    app.url_map.converters["int"] = Number
    app.url_map.merge_slashes = False  # no redirect to wherever the Host field points
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=BODY_BYTES_MAX,
        TESTING=settings.environment == "test",
        PROPAGATE_EXCEPTIONS=False,
    )
    app.session_interface = NoCookies()
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["modules"] = plugged
    app.wsgi_app = FastPath(app, [each for module in plugged for each in module.fast_doors])  # type: ignore[method-assign]
    if settings.trusted_proxy_hops:
        hops = settings.trusted_proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    logs.configure(settings)
    metrics.configure(app)
    database.configure(app, settings)
    problems.configure(app)
    stations.configure(app, settings)
    events.configure(app, [pair for module in plugged for pair in module.subscriptions])
    jobs.configure(app, settings, [job for module in plugged for job in module.jobs])
    channels.configure(app, settings)
    gateways.configure(app, settings)
    api = openapi.configure(app)
    shell.configure(app, api, settings)
    for module in plugged:
        for blueprint in module.blueprints:
            api.register_blueprint(blueprint, url_prefix=f"/v1{blueprint.url_prefix or ''}")
        for page in module.pages:
            app.register_blueprint(page)
    cli.configure(app, [command for module in plugged for command in module.commands])
    return app
