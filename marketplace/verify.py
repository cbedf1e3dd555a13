"""The promises, checked: every module's invariants against one snapshot of the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import text
from sqlalchemy.orm import Session

from marketplace.database import driver_of
from marketplace.module import Invariant, Module


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An invariant, how many rows break it, and the first of them."""

    invariant: Invariant
    broken: int
    first: dict[str, Any] | None

    @property
    def holds(self) -> bool:
        return self.broken == 0


def invariants_of(modules: Iterable[Module]) -> list[Invariant]:
    return [invariant for module in modules for invariant in module.invariants]


def check(session: Session, invariants: Iterable[Invariant]) -> list[Finding]:
    """One finding for each invariant, all seen in the same snapshot; the session must be fresh."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    session.execute(text("SET LOCAL statement_timeout = '10min'"))
    return [_find(session, invariant) for invariant in invariants]


def _find(session: Session, invariant: Invariant) -> Finding:
    if invariant.check is not None:
        rows = invariant.check(session)
    else:
        with driver_of(session).cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(invariant.sql.encode()).fetchall()
    return Finding(invariant=invariant, broken=len(rows), first=rows[0] if rows else None)
