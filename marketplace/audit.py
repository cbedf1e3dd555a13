"""What was done, by whom, under which request: one row for every externally visible action, same transaction."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from marketplace.context import Context
from marketplace.database import Base
from marketplace.values import new_id


class AuditEntry(Base):
    """Append-only: the app's role may INSERT and SELECT, nothing else."""

    __tablename__ = "audit_entry"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(80))
    subject_kind: Mapped[str] = mapped_column(String(60))
    subject_id: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    __table_args__ = (
        Index(None, "subject_kind", "subject_id"),
        Index(None, "request_id"),
        Index(None, "at"),
    )


def told(only: str = "") -> str:
    """A part of a statement that writes many things at once: the rows `told`, in JSON; `only`: joined with these."""
    return f"""
    told AS (
        INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id, before, after)
        SELECT r.id, r.at, r.actor, r.action, r.subject_kind, r.subject_id, r.request_id, r.before, r.after
        FROM jsonb_to_recordset(%(told)s::jsonb) AS r(id uuid, at timestamptz, actor text, action text,
            subject_kind text, subject_id text, request_id text, before jsonb, after jsonb)
        {only}
    )"""  # noqa: S608 (our own words)


TOLD: Final = told()


def record(
    session: Session,
    ctx: Context,
    action: str,
    *,
    subject: tuple[str, object],
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add the row. `action` is `noun.verb` (`lot.receive`); before and after hold what changed, no secrets."""
    session.add(AuditEntry(**row(ctx, action, subject=subject, before=before, after=after)))


def row(
    ctx: Context,
    action: str,
    *,
    subject: tuple[str, object],
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The columns, for who writes them by a statement of its own."""
    kind, subject_id = subject
    return {
        "id": new_id(),
        "at": ctx.now,
        "actor": ctx.actor.label,
        "action": action,
        "subject_kind": kind,
        "subject_id": str(subject_id),
        "request_id": ctx.request_id,
        "before": before,
        "after": after,
    }
