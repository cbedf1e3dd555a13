"""What tests of group buys do at the doors."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from campaigns.promotions.groups import settling
from campaigns.promotions.groups.models import GroupMember, PromotionGroup
from campaigns.promotions.models import PromotionTerms
from marketplace import database
from marketplace.payments.models import Payment
from tests.builders import Market, Sale, held
from tests.campaigns.promotions.shop import COUPON, paid_for, placed, running
from tests.house import Caller

GROUP: dict[str, Any] = {
    **COUPON,
    "kind": "group_buy",
    "amount_minor": 1_000,
    "people_needed": 2,
    "group_hours": 24,
}


def group_buy(operator: Caller, sale: Sale, **changes: Any) -> dict[str, Any]:
    return running(operator, sale, **{**GROUP, **changes})


def open_with(shopper: Caller, promotion: dict[str, Any], hold_id: str) -> dict[str, Any]:
    response = shopper.post(f"/v1/promotions/{promotion['id']}/groups", json={"hold_id": hold_id})
    assert response.status_code == 201, response.json
    assert response.headers["Location"] == f"/v1/groups/{response.json['group']['code']}"
    return response.json


def opened(shopper: Caller, promotion: dict[str, Any], sale: Sale, boxes: int = 1) -> dict[str, Any]:
    return open_with(shopper, promotion, held(shopper, sale, boxes)["hold_id"])


def join_with(shopper: Caller, code: str, hold_id: str) -> Any:
    return shopper.post(f"/v1/groups/{code}/places", json={"hold_id": hold_id})


def joined(shopper: Caller, code: str, sale: Sale, boxes: int = 1) -> dict[str, Any]:
    response = join_with(shopper, code, held(shopper, sale, boxes)["hold_id"])
    assert response.status_code == 201, response.json
    return response.json


def buys(shopper: Caller, operator: Caller, place: dict[str, Any]) -> dict[str, Any]:
    """Orders and pays what the place is for."""
    order = placed(shopper, place["hold_id"])
    paid_for(shopper, operator, order)
    return order


def settled(market: Market, code: str) -> int:
    group_id = str(group_of(code).id)
    return database.transact(lambda session: settling.settle(session, market.ctx, group_id=group_id))


def tended(market: Market) -> int:
    return database.transact(lambda session: settling.tend(session, market.ctx))


def let_pass(code: str) -> None:
    """The group's time is over."""
    past = {
        "opened_at": func.clock_timestamp() - timedelta(hours=25),
        "closes_at": func.clock_timestamp() - timedelta(hours=1),
    }
    database.transact(
        lambda session: session.execute(
            update(PromotionGroup).where(PromotionGroup.code == code).values(past)
        )
    )


def group_of(code: str) -> PromotionGroup:
    with database.reading() as session:
        return session.scalars(select(PromotionGroup).where(PromotionGroup.code == code)).one()


def states(code: str) -> list[str]:
    """Of its people, in the order in which they came."""
    with database.reading() as session:
        found = select(GroupMember.state).join(PromotionGroup, PromotionGroup.id == GroupMember.group_id)
        return list(session.scalars(found.where(PromotionGroup.code == code).order_by(GroupMember.id)))


def back(market: Market, order: dict[str, Any]) -> int:
    return market.stored(Payment, order["payment_id"]).refund_due_minor


def money(market: Market, promotion: dict[str, Any]) -> tuple[int, int]:
    """Reserved and spent."""
    row = market.stored(PromotionTerms, uuid.UUID(promotion["id"]))
    return row.minor_reserved, row.minor_consumed
