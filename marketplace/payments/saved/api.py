"""Doors of one's own kept cards."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.payments.saved import cards, consents, schemas
from marketplace.payments.saved.cards import SavedCardNotFound

blueprint = Blueprint(
    "saved_cards", __name__, url_prefix="/saved-cards", description="One's own saved cards 已保存的银行卡"
)

_SHOWN = ("id", "brand", "last4", "exp_month", "exp_year", "saved_at")


@blueprint.get("")
@blueprint.response(200, schemas.SavedCards)
def list_cards() -> dict[str, Any]:
    """My saved cards, the newest first, and whose balances may be charged to them 我保存的银行卡"""
    with reading() as session:
        found = cards.of_owner(session, context.current().actor.id)
        orders = consents.of_cards(session, [card.id for card in found])
        items = [
            {**{name: getattr(card, name) for name in _SHOWN}, "order_ids": orders.get(card.id, [])}
            for card in found
        ]
        return {"items": items}


@blueprint.delete("/<uuid:card_id>")
@blueprint.problems(SavedCardNotFound)
@blueprint.writes(204, key=False)
def remove_card(session: Session, card_id: uuid.UUID) -> None:
    """Remove a saved card: nothing is charged to it any more 删除已保存的银行卡"""
    cards.remove(session, context.current(), card_id=card_id)
