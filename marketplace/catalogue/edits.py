"""Edits that every kind of catalogue row shares: what changes, the next version, the audit row."""

from typing import Any

from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.catalogue.models import Cooperative, County, Pack, Product
from marketplace.context import Context

Row = County | Cooperative | Product | Pack


def changes(row: Row, facts: dict[str, Any]) -> dict[str, Any]:
    """Those of `facts` that the row does not hold already."""
    return {name: value for name, value in facts.items() if getattr(row, name) != value}


def apply(session: Session, ctx: Context, row: Row, facts: dict[str, Any]) -> None:
    """Write `facts` into the row; the version moves on only when something changes."""
    after = changes(row, facts)
    before = {name: getattr(row, name) for name in after}
    for name, value in after.items():
        setattr(row, name, value)
    if after:
        row.version += 1
    kind = row.__tablename__
    audit.record(session, ctx, f"{kind}.edit", subject=(kind, row.id), before=before, after=after)


def add(session: Session, ctx: Context, row: Row, facts: dict[str, Any]) -> None:
    """Bring the row into the session, with its audit row."""
    session.add(row)
    kind = row.__tablename__
    after = {name: str(value) if name.endswith("_id") else value for name, value in facts.items()}
    audit.record(session, ctx, f"{kind}.create", subject=(kind, row.id), after=after)
