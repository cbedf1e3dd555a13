"""Who works for a cooperative: written down and edited by its members, who alone are shown names.

A name is sealed as addresses are, and told in no audit row.
"""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, errors, sealed
from marketplace.access import STAFF
from marketplace.catalogue import cooperatives
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.context import Context
from marketplace.language import Text
from marketplace.resealing import context_of
from marketplace.values import new_id
from orders.work.models import KIND, Worker


class WorkerNotFound(errors.NotFound):
    title = Text(en="There is no such worker.", zh="没有该工人。")


def add(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, name: str, village: str, is_active: bool
) -> Worker:
    """Raises CooperativeNotFound (also for a foreign one)."""
    check_member(session, ctx, cooperative_id)
    made = Worker(
        id=new_id(),
        cooperative_id=cooperative_id,
        sealed=b"",
        village=plain(village),
        is_active=is_active,
        created_at=ctx.now,
        version=1,
    )
    made.sealed = _seal(made.id, name)
    session.add(made)
    session.flush()
    audit.record(session, ctx, "worker.add", subject=(KIND, made.id), after={"is_active": is_active})
    return made


def edit(session: Session, ctx: Context, worker: Worker, **changes: Any) -> Worker:
    """What is not named stays as it is. `worker` is locked."""
    if "name" in changes:
        worker.sealed = _seal(worker.id, changes["name"])
    if "village" in changes:
        worker.village = plain(changes["village"])
    worker.is_active = changes.get("is_active", worker.is_active)
    worker.version += 1
    session.flush()
    audit.record(session, ctx, "worker.edit", subject=(KIND, worker.id), after={"changed": sorted(changes)})
    return worker


def get(session: Session, ctx: Context, *, worker_id: uuid.UUID) -> Worker:
    """Of the actor's cooperatives, any for staff. Raises WorkerNotFound."""
    return _found(session, visible(ctx).where(Worker.id == worker_id))


def locked(session: Session, ctx: Context, *, worker_id: uuid.UUID) -> Worker:
    """Of the actor's cooperatives alone, and nobody else edits it until the commit. Raises WorkerNotFound."""
    own = select(Worker).where(Worker.id == worker_id, Worker.cooperative_id.in_(ctx.actor.cooperative_ids))
    return _found(session, own.with_for_update(key_share=True).execution_options(populate_existing=True))


def visible(ctx: Context) -> Select[Worker]:
    statement = select(Worker)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(Worker.cooperative_id.in_(ctx.actor.cooperative_ids))


def of_cooperative(session: Session, ctx: Context, *, cooperative_id: uuid.UUID) -> Select[Worker]:
    """Raises CooperativeNotFound."""
    check_may_see(session, ctx, cooperative_id)
    return select(Worker).where(Worker.cooperative_id == cooperative_id)


def shown(ctx: Context, worker: Worker) -> dict[str, Any]:
    """The worker as the actor may see them."""
    return {
        "id": worker.id,
        "cooperative_id": worker.cooperative_id,
        "name": name_for(ctx, worker),
        "village": worker.village,
        "is_active": worker.is_active,
        "created_at": worker.created_at,
        "version": worker.version,
    }


def name_for(ctx: Context, worker: Worker) -> str | None:
    """None for whoever is no member of the worker's cooperative."""
    if not ctx.actor.belongs_to(worker.cooperative_id):
        return None
    return sealed.unseal(worker.sealed, context=context_of(KIND, worker.id)).decode()


def check_may_see(session: Session, ctx: Context, cooperative_id: uuid.UUID) -> None:
    """Members and staff. Raises CooperativeNotFound."""
    if not ctx.actor.has(*STAFF) and not ctx.actor.belongs_to(cooperative_id):
        raise CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)


def check_member(session: Session, ctx: Context, cooperative_id: uuid.UUID) -> None:
    """Raises CooperativeNotFound."""
    if not ctx.actor.belongs_to(cooperative_id):
        raise CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)


def plain(village: str) -> str:
    """One blank between words: a village that is written twice in two ways is counted once."""
    return " ".join(village.split())


def _found(session: Session, statement: Select[Worker]) -> Worker:
    found = session.scalar(statement)
    if found is None:
        raise WorkerNotFound
    return found


def _seal(worker_id: uuid.UUID, name: str) -> bytes:
    return sealed.seal(name.encode(), context=context_of(KIND, worker_id))
