"""A connection of its own for each thread of a bare app, kept."""

import os
import threading
from typing import Any, Final

import psycopg

_own: Final = threading.local()


def connection() -> psycopg.Connection[Any]:
    """To the database that the app is given, each statement its own transaction."""
    if not hasattr(_own, "connection"):
        url = os.environ["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://", 1)
        _own.connection = psycopg.connect(url, autocommit=True)
    found: psycopg.Connection[Any] = _own.connection
    return found
