"""The app of these tests knows jobs made for them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from marketplace.embedded.databases import DatabaseUrls
from tests import house
from tests.jobs import world
from tests.jobs.processes import WorkerProcess


@pytest.fixture(scope="session")
def built_app(database_urls: DatabaseUrls) -> Iterator[Flask]:
    app = world.build(house.settings_for(database_urls))
    yield app
    world.hang_up(app)


@pytest.fixture
def worker_process(app: Flask, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Start a worker in a process of its own; what still runs at the end is killed."""
    started: list[WorkerProcess] = []

    def start(**options: str) -> WorkerProcess:
        started.append(WorkerProcess(app.config["SETTINGS"], tmp_path, **options))
        return started[-1]

    yield start
    for each in started:
        each.kill()
