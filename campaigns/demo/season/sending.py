"""A season's boxes on their way: waves are released, cooperatives pack, ship and deliver."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.demo.season import buying
from campaigns.fulfilment import sending
from marketplace import database
from marketplace.context import Context
from orders.fulfilment import parcels
from orders.fulfilment.models import Parcel, Wave

CARRIER: Final = "SF"
DAYS: Final = 3
"""Until a wave is at its buyers' doors."""

Step = Callable[..., Parcel]


def release(ctx: Context, *, campaign_id: uuid.UUID) -> None:
    """Another wave of all that is ready."""
    day = ctx.today + timedelta(days=DAYS)
    work = partial(sending.release, ctx=ctx, campaign_id=campaign_id, delivered_on=day, orders_max=None)
    database.transact(work)


def ready(ctx: Context, *, campaign_id: uuid.UUID) -> int:
    """Orders that a further wave would look at."""
    with database.reading() as session:
        found: int = sending.overview(session, ctx, campaign_id=campaign_id)["orders_ready"]
    return found


def go(step: Step, ctx: Context, told: Callable[[int, int], None], **arguments: Any) -> int:
    """One step for every parcel, some in each unit of work; how many."""
    with database.reading() as session:
        ids = list(session.scalars(select(Parcel.id).order_by(Parcel.id)))

    def work(session: Session, some: list[uuid.UUID]) -> None:
        for parcel_id in some:
            step(session, ctx, parcel_id=parcel_id, **arguments)

    done = 0
    for some in buying.batches(ids):
        buying.fresh(partial(work, some=some))
        done += len(some)
        told(done, len(ids))
    return done


def counted() -> dict[str, int]:
    """Waves and what is in them."""
    with database.reading() as session:
        waves, orders, boxes, left = session.execute(
            select(
                func.count(),
                func.coalesce(func.sum(Wave.orders), 0),
                func.coalesce(func.sum(Wave.boxes), 0),
                func.coalesce(func.sum(Wave.orders_left), 0),
            )
        ).one()
    return {"waves": waves, "sent_orders": int(orders), "sent_boxes": int(boxes), "left_orders": int(left)}


pack: Final[Step] = parcels.pack
ship: Final[Step] = partial(parcels.ship, carrier=CARRIER, tracking_number=None)
deliver: Final[Step] = parcels.deliver
