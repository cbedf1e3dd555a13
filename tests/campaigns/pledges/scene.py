"""Pledges in tests: what people do at the doors, and what is stored then."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from werkzeug.test import TestResponse

from campaigns.models import Campaign
from campaigns.pledges import lapsing
from campaigns.pledges.models import Pledge, PledgeMove
from inventory.capacity.models import Capacity
from inventory.models import Hold
from marketplace import database, jobs
from tests.builders import PACK_GRAMS, Market, Sale
from tests.house import Caller

WHY = {"reason": "frost"}


def invite(
    operator: Caller, market: Market, sale: Sale, boxes: int = 5, *, cooperative: int = 0, **changes: Any
) -> TestResponse:
    body = {
        "item_id": str(sale.item_id),
        "cooperative_id": str(market.cooperative_ids[cooperative]),
        "boxes": boxes,
        "answer_due_at": market.later(days=1).now.isoformat(),
        **changes,
    }
    return operator.post(f"{sale.url}/pledge-invitations", json=body)


def offer(
    caller: Caller,
    market: Market,
    sale: Sale,
    boxes: int = 5,
    *,
    cooperative: int = 0,
    capacity: Capacity | None = None,
    **changes: Any,
) -> TestResponse:
    body = {
        "item_id": str(sale.item_id),
        "cooperative_id": str(market.cooperative_ids[cooperative]),
        "boxes": boxes,
        "capacity_id": None if capacity is None else str(capacity.id),
        **changes,
    }
    return caller.post(f"{sale.url}/pledge-offers", json=body)


def put_up(
    caller: Caller, market: Market, sale: Sale, boxes: int = 5, *, cooperative: int = 0
) -> TestResponse:
    body = {
        "item_id": str(sale.item_id),
        "cooperative_id": str(market.cooperative_ids[cooperative]),
        "boxes": boxes,
    }
    return caller.post(f"{sale.url}/pledges", json=body)


def accept(caller: Caller, pledge: Any, **body: Any) -> TestResponse:
    return caller.post(f"/v1/pledges/{pledge['id']}/acceptance", json=body)


def decline(caller: Caller, pledge: Any) -> TestResponse:
    return caller.post(f"/v1/pledges/{pledge['id']}/refusal", json=WHY)


def more(caller: Caller, pledge: Any, boxes: int) -> TestResponse:
    return caller.post(f"/v1/pledges/{pledge['id']}/raise", json={"boxes": boxes})


def withdraw(caller: Caller, pledge: Any, boxes: int | None = None) -> TestResponse:
    return caller.post(f"/v1/pledges/{pledge['id']}/withdrawal", json={"boxes": boxes, **WHY})


def done(response: TestResponse) -> dict[str, Any]:
    assert response.status_code in (200, 201), response.json
    told: dict[str, Any] = response.json
    return told


def stored(pledge_id: str | uuid.UUID) -> Pledge:
    with database.reading() as session:
        return session.get_one(Pledge, uuid.UUID(str(pledge_id)))


def moves(pledge_id: str | uuid.UUID) -> list[tuple[str, str, int, int]]:
    with database.reading() as session:
        found = select(PledgeMove).where(PledgeMove.pledge_id == uuid.UUID(str(pledge_id)))
        return [
            (each.event, each.after, each.boxes_before, each.boxes_after)
            for each in session.scalars(found.order_by(PledgeMove.number))
        ]


def standing(sale: Sale) -> dict[str, int]:
    """Boxes in the sale's pool by the kind of hold that put them there."""
    found: dict[str, int] = {}
    with database.reading() as session:
        for hold in session.scalars(
            select(Hold).where(Hold.pool_id == sale.pool_id, Hold.owner_id.is_(None))
        ):
            found[hold.kind] = found.get(hold.kind, 0) + hold.open_boxes
    return {kind: boxes for kind, boxes in found.items() if boxes}


def weigh(
    caller: Caller, market: Market, capacity: Capacity, boxes: int, *, more_grams: int = 0
) -> dict[str, Any]:
    """A load of so many boxes' fruit comes over the weighbridge."""
    body = {
        "id": str(uuid.uuid4()),
        "cold_store_id": str(market.cold_store_id),
        "code": f"W-{uuid.uuid4().hex[:8]}",
        "gross": boxes * PACK_GRAMS + more_grams + 100,
        "tare": 100,
        "harvested_on": capacity.week_on.isoformat(),
        "best_before_on": (capacity.week_on + timedelta(days=200)).isoformat(),
    }
    return done(caller.post(f"/v1/capacities/{capacity.id}/weighings", json=body))


def lapse(market: Market) -> None:
    """The job of every minute, and what it calls for."""
    database.transact(lambda session: lapsing.call_all(session, market.later(seconds=1)))
    jobs.work(market.app, once=True)


def let_answers_be_due(market: Market) -> None:
    """The time to answer is over, though nobody has written it down."""
    past = update(Pledge).where(Pledge.answer_due_at.is_not(None))
    due_at = market.later(minutes=-1).now
    database.transact(lambda session: session.execute(past.values(answer_due_at=due_at)))


def end_harvest(market: Market, sale: Sale) -> None:
    """The harvest is over by now, though nobody has written it down."""
    past = update(Campaign).where(Campaign.id == sale.campaign_id)
    moments = {
        "opens_at": market.later(days=-3).now,
        "closes_at": market.later(days=-2).now,
        "harvest_ends_at": market.later(days=-1).now,
    }
    database.transact(lambda session: session.execute(past.values(**moments)))
