"""Doors of the consent to have an order's balance charged to a saved card."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.payments.saved import schemas
from marketplace.payments.saved.cards import SavedCardNotFound
from marketplace.payments.saved.events import NoBalanceAhead
from orders import charging
from orders.bulk import OrderNotFound

blueprint = Blueprint(
    "balance_consents",
    __name__,
    url_prefix="/orders",
    description="Balances charged to saved cards 尾款自动扣款",
)


@blueprint.get("/<uuid:order_id>/balance-consent")
@blueprint.problems(OrderNotFound)
@blueprint.response(200, schemas.BalanceConsent)
def get_consent(order_id: uuid.UUID) -> dict[str, Any]:
    """Whether the balance of my order is charged to a saved card, and when 查询尾款扣款同意"""
    with reading() as session:
        return charging.shown(session, context.current(), order_id=order_id)


@blueprint.put("/<uuid:order_id>/balance-consent")
@blueprint.arguments(schemas.SwitchConsent)
@blueprint.problems(OrderNotFound, NoBalanceAhead, SavedCardNotFound)
@blueprint.writes(200, schemas.BalanceConsent, key=False)
def switch_consent(session: Session, body: dict[str, Any], order_id: uuid.UUID) -> dict[str, Any]:
    """Agree that the balance of my order is charged to a saved card, or take it back 同意或撤回尾款扣款"""
    return charging.switch(session, context.current(), order_id=order_id, **body)
