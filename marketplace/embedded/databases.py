"""The project's database on its embedded server, and the two roles that use it."""

from dataclasses import dataclass, field
from typing import Final

from psycopg import sql

from marketplace.embedded import cluster
from marketplace.embedded.postgres import Server

DATABASE: Final = "marketplace"
ROLES_LOCK: Final = 7_310_420_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrls:
    """`app_url` for serving (may change only what migrations granted), `owner_url` for migrations."""

    app_url: str = field(repr=False)
    owner_url: str = field(repr=False)


def ensure_database(server: Server, name: str = DATABASE) -> DatabaseUrls:
    """Make the database `name` and its roles when missing; safe to call at the same time from several processes."""
    passwords = cluster.passwords(server.home)
    with server.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [ROLES_LOCK])
        for role in (cluster.OWNER_ROLE, cluster.APP_ROLE):
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), passwords[role])
                )
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(cluster.OWNER_ROLE)
                )
            )
    return DatabaseUrls(
        app_url=server.url(name, cluster.APP_ROLE, passwords[cluster.APP_ROLE]),
        owner_url=server.url(name, cluster.OWNER_ROLE, passwords[cluster.OWNER_ROLE]),
    )
