"""Folders that every user may pass through, and servers that never outlive their test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.embedded import postgres


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder with a short path that the unprivileged user of a root run may enter."""
    folder = Path(tempfile.mkdtemp(prefix="vo-test-", dir="/tmp"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(place: Path) -> Iterator[Path]:
    """Where a server may be made; whatever runs there in the end is stopped."""
    folder = place / "postgres"
    yield folder
    postgres.leave(folder)
    postgres.stop(folder)
