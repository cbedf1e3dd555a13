"""The same market reached over a wire that can be cut: fixtures for tests of what happens then."""

from collections.abc import Iterator

import pytest
from flask import Flask

import wsgi
from marketplace import database, express
from marketplace.embedded.databases import DatabaseUrls
from tests import house
from tests.ground.proxy import Proxy


@pytest.fixture
def proxy(database_urls: DatabaseUrls) -> Iterator[Proxy]:
    found = Proxy(database_urls.app_url)
    yield found
    found.close()


@pytest.fixture
def far_app(proxy: Proxy, database_urls: DatabaseUrls) -> Iterator[Flask]:
    built = wsgi.build(house.settings_for(database_urls, database_url=proxy.url))
    yield built
    express.close_all(built)
    with built.app_context():
        database.db.engine.dispose()
