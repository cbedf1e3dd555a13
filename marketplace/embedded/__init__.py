"""Servers that the project starts itself, so that a newcomer needs none: PostgreSQL, and Redis for tests."""

import threading
from pathlib import Path

from marketplace.embedded import databases, places, postgres
from marketplace.embedded.databases import DatabaseUrls
from marketplace.embedded.processes import Process

__all__ = ["resolve_urls"]

_known: dict[tuple[str | None, Path], tuple[Process, DatabaseUrls]] = {}
_guard = threading.Lock()


def resolve_urls(settings_data_dir: str | None, project_root: Path) -> tuple[str, str]:
    """(app_url, owner_url) of the embedded database, which is started when it does not run (any more).

    Cheap to ask again. The server stops when the last process that asked for it has ended. Raises CannotStart.
    """
    with _guard:
        process, urls = _known.get((settings_data_dir, project_root), (None, None))
        if process is None or urls is None or not process.is_alive():
            server = postgres.ensure(places.choose(settings_data_dir, project_root, postgres.tell))
            process, urls = server.process, databases.ensure_database(server)
            _known[settings_data_dir, project_root] = process, urls
        return urls.app_url, urls.owner_url
