"""Servers that the project starts itself, so that a newcomer needs none: PostgreSQL, and Redis for tests."""

from pathlib import Path

from marketplace.embedded import databases, places, postgres

__all__ = ["resolve_urls"]


def resolve_urls(settings_data_dir: str | None, project_root: Path) -> tuple[str, str]:
    """(app_url, owner_url) of the embedded database, which is started when it does not run yet.

    The server stops when the last process that asked for it has ended. Raises CannotStart.
    """
    server = postgres.ensure(places.choose(settings_data_dir, project_root, postgres.tell))
    urls = databases.ensure_database(server)
    return urls.app_url, urls.owner_url
