"""The suite's servers, started once by the controlling process; one app and one database for each worker."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

import wsgi
from marketplace import express
from marketplace.database import db
from marketplace.embedded.databases import DatabaseUrls
from tests import house, servers, thorough
from tests.house import Caller


def pytest_configure(config: pytest.Config) -> None:
    thorough.load_profile()
    if not hasattr(config, "workerinput"):
        servers.start_for_run()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A whole run of `make test` leaves most of the long tests out; who names files or tests gets all of them."""
    if thorough.IS_THOROUGH or config.option.file_or_dir or config.option.keyword:
        return
    items[:] = thorough.kept(items, config.getoption("randomly_seed"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.stop_for_run()


@pytest.fixture(scope="session")
def database_urls() -> DatabaseUrls:
    """A migrated database that only this worker uses."""
    return servers.urls_of(servers.fresh_database(servers.template_database(house.migrate)))


@pytest.fixture(scope="session")
def built_app(database_urls: DatabaseUrls, worker_id: str) -> Iterator[Flask]:
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    built = wsgi.build(house.settings_for(database_urls, redis_number=number))
    yield built
    express.close_all(built)
    with built.app_context():
        db.engine.dispose()


@pytest.fixture
def app(built_app: Flask, database_urls: DatabaseUrls) -> Iterator[Flask]:
    """The app in an app context; every table is empty before the test and emptied after it."""
    with built_app.app_context():
        yield built_app
    house.empty(database_urls)


@pytest.fixture
def empty_database() -> Iterator[DatabaseUrls]:
    """A database without a table, for migrations."""
    name = servers.fresh_database("template0")
    yield servers.urls_of(name)
    servers.drop_database(servers.current().admin_url, name)


@pytest.fixture
def anyone(app: Flask) -> Caller:
    """A passer-by without credentials."""
    return house.caller(app)


@pytest.fixture
def as_role(app: Flask) -> Callable[..., Caller]:
    """`as_role(Role.OPERATOR)`: somebody new with these roles, logged in."""
    return lambda *roles, **options: house.caller(app, *roles, **options)
