"""Turns by name: who does something that nobody else may do meanwhile, until the end of the transaction.

PostgreSQL's advisory locks go by numbers; a name's is the first eight bytes of its SHA-256. It begins with what it is
about, so that two kinds of turns never meet.
"""

import hashlib
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

_BYTES: Final = 8


def number_of(name: str) -> int:
    """What is locked for a name: a bigint."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:_BYTES], "big", signed=True)


def take(session: Session, name: str) -> None:
    """Wait until it is one's turn."""
    session.execute(select(func.pg_advisory_xact_lock(number_of(name))))


def take_if_free(session: Session, name: str) -> bool:
    """Whether it is one's turn at once."""
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(number_of(name)))))
