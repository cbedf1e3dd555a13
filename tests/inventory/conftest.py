"""The yard that inventory's tests act in."""

from collections.abc import Iterator

import pytest
from flask import Flask

from marketplace import database
from tests.inventory import yard as yards
from tests.inventory.yard import Yard


@pytest.fixture(scope="session", autouse=True)
def hang_up(built_app: Flask) -> Iterator[None]:
    """The races leave connections in the engine's pool; they are closed before the run ends."""
    yield
    with built_app.app_context():
        database.db.engine.dispose()


@pytest.fixture
def yard(app: Flask) -> Yard:
    return yards.build(app)
