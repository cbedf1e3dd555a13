"""How many days a variety keeps in a kind of store: told by operators, otherwise the rule's default."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import KeepingTime
from inventory.quality import keeping_rules
from inventory.states import Storage
from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id


def tell(session: Session, ctx: Context, *, variety: str, storage: str, days: int) -> KeepingTime:
    """Lots of the variety that come in without a best-before day keep so long; older lots stay as they are."""
    told = KeepingTime(id=new_id(), variety=variety, storage=storage, days=days, created_at=ctx.now)
    session.add(told)
    after = {"variety": variety, "storage": storage, "days": days}
    audit.record(session, ctx, "keeping_time.tell", subject=("keeping_time", told.id), after=after)
    return told


def best_before(session: Session, *, variety: str, storage: Storage, harvested_on: date) -> date:
    """The day that follows from the harvest, the variety and the kind of store."""
    days = session.scalar(
        select(KeepingTime.days)
        .where(KeepingTime.variety == variety, KeepingTime.storage == storage)
        .order_by(KeepingTime.id.desc())
        .limit(1)
    )
    return keeping_rules.best_before(harvested_on, storage, days)
