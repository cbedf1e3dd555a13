"""What an order's life means for its discounts: spent when it is bought, given back when it is over, each once."""

from typing import Final

from sqlalchemy.orm import Session

from campaigns.events import CampaignMoved
from campaigns.promotions import budgets, promoting
from campaigns.states import ENDING
from marketplace.context import Context
from orders.events import OrderMoved
from orders.models import Order
from orders.states import BOUGHT, OrderState

OVER: Final = frozenset(
    {
        OrderState.WITHDRAWN,
        OrderState.EXPIRED,
        OrderState.PAYMENT_FAILED,
        OrderState.RELEASED,
        OrderState.BALANCE_DEFAULTED,
        OrderState.CANCELLED,
        OrderState.CUT,
    }
)


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    order = session.get_one(Order, event.order_id)
    if not order.discount_minor or order.hold_id is None:
        return
    if event.after in BOUGHT:
        if event.before in BOUGHT:
            return  # a balance: what is taken off was spent with the deposit
        budgets.consume(session, ctx, hold_id=order.hold_id)
    elif event.after in OVER:
        budgets.give_back(session, ctx, hold_id=order.hold_id)


def on_campaign_moved(session: Session, ctx: Context, event: CampaignMoved) -> None:
    """A campaign that fails or is given up takes nothing off any more."""
    if event.after in ENDING:
        promoting.end_all(session, ctx, campaign_id=event.campaign_id)
