"""What packages above hear of kept cards, and what they refuse."""

import uuid
from dataclasses import dataclass

from marketplace import errors
from marketplace.language import Text


class NoBalanceAhead(errors.Conflict):
    """Nothing of the order's price is to be paid later: no card is kept for it."""

    title = Text(en="This order has no balance to be charged later.", zh="该订单没有待付尾款。")


class MethodNotSaved(errors.Conflict):
    """Wallets and the like pay only while their owner is there; pay without `save_for_balance`, or by card."""

    title = Text(
        en="Only a card can be kept for the balance.",
        zh="只有银行卡可以保存用于支付尾款，支付宝与微信支付不支持。",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingAsked:
    """A payer wants a card kept for the balance of an order: whoever owns it raises NoBalanceAhead if there is none."""

    payment_id: uuid.UUID
    order_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeDeclined:
    """A balance was not charged to the kept card, and why, in the bank's word; its payment still waits."""

    payment_id: uuid.UUID
    order_id: uuid.UUID
    consent_id: uuid.UUID
    problem: str
