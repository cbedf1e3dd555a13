"""Safety stock: grams that a cooperative does not promise, so that a short weighing breaks no promise.

Whoever takes fruit asks for it when the lots are locked (`kept`), so what is promised next keeps to it at once;
what is promised already stays promised.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from inventory.models import SafetyStock
from marketplace import audit
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Context


def keep(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    variety: str,
    grade: str,
    grams: int,
) -> SafetyStock:
    """Keep so many grams back from now on; 0 keeps none. Raises CooperativeNotFound (also for a foreign one)."""
    if not (ctx.actor.has(Role.OPERATOR, Role.SYSTEM) or ctx.actor.belongs_to(cooperative_id)):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id, locked=True)
    where = {"cooperative_id": cooperative_id, "variety": variety, "grade": grade}
    before = kept(session, variety=variety, grade=grade).get(cooperative_id, 0)
    told = session.scalars(
        insert(SafetyStock)
        .values(**where, grams=grams, version=1)
        .on_conflict_do_update(
            index_elements=list(where), set_={"grams": grams, "version": SafetyStock.version + 1}
        )
        .returning(SafetyStock),
        execution_options={"populate_existing": True},
    ).one()
    audit.record(
        session,
        ctx,
        "safety_stock.keep",
        subject=("cooperative", cooperative_id),
        before={"grams": before},
        after={"variety": variety, "grade": grade, "grams": grams},
    )
    return told


def kept(session: Session, *, variety: str, grade: str) -> dict[uuid.UUID, int]:
    """The grams that each cooperative keeps of a variety and grade; who keeps none may be missing."""
    rows = session.execute(
        select(SafetyStock.cooperative_id, SafetyStock.grams).where(
            SafetyStock.variety == variety, SafetyStock.grade == grade
        )
    )
    return {row.cooperative_id: row.grams for row in rows}


def of_cooperative(session: Session, ctx: Context, *, cooperative_id: uuid.UUID) -> Sequence[SafetyStock]:
    """What the cooperative keeps of each variety and grade. Raises CooperativeNotFound (also for a foreign one)."""
    if not (ctx.actor.has(*STAFF, Role.SYSTEM, Role.SERVICE) or ctx.actor.belongs_to(cooperative_id)):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)
    return session.scalars(
        select(SafetyStock)
        .where(SafetyStock.cooperative_id == cooperative_id)
        .order_by(SafetyStock.variety, SafetyStock.grade)
    ).all()
