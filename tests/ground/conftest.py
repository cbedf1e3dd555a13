"""The shed that the ground's tests act in."""

from collections.abc import Iterator

import pytest

from marketplace.embedded.databases import DatabaseUrls
from tests import house
from tests.ground import shed as sheds
from tests.ground.shed import Shed


@pytest.fixture(scope="session")
def built_shed(database_urls: DatabaseUrls) -> Iterator[Shed]:
    settings = house.settings_for(
        database_urls, database_pool_size=20, database_pool_overflow=60, database_pool_timeout_seconds=20
    )
    with sheds.built(settings) as shed:
        yield shed


@pytest.fixture
def emptied(database_urls: DatabaseUrls) -> Iterator[None]:
    """Every table is empty again after the test."""
    yield
    house.empty(database_urls)


@pytest.fixture
def shed(built_shed: Shed, emptied: None) -> Iterator[Shed]:
    """Doors that do what the test says, on tables that are empty before and after."""
    yield built_shed
    built_shed.act, built_shed.see = Shed.act, Shed.see
