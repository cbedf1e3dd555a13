"""What buyers are told of balances that are charged to their saved cards. Pure."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class BalanceChargePlanned(About):
    kind = Kind.BALANCE_CHARGE_PLANNED
    title = Text(en="The balance will be charged to your card", zh="尾款将从您的银行卡扣取")
    body = Text(
        en="The balance of {amount} for your order {order_id} will be charged to your card {card} after {charge_at}, as"
        " you agreed. You may pay sooner by other means, or take your consent back until then.",
        zh="按照您的同意，订单 {order_id} 的尾款 {amount} 将在 {charge_at} 之后从您的银行卡（{card}）扣取。"
        "在此之前您可自行支付或撤回同意。",
    )
    is_mandatory = True
    order_id: uuid.UUID
    amount: Money
    card: str
    charge_at: datetime


@dataclass(frozen=True, kw_only=True)
class BalanceChargeDeclined(About):
    kind = Kind.BALANCE_CHARGE_DECLINED
    title = Text(en="Your card was not charged: please pay the balance", zh="扣款未成功，请支付尾款")
    body = Text(
        en="The balance of {amount} for your order {order_id} could not be charged to your card. {reason} {next_step}"
        " Please pay it until {due_at}.",
        zh="您的订单 {order_id} 的尾款 {amount} 未能从银行卡扣取。{reason}{next_step}请在 {due_at} 前支付。",
    )
    is_mandatory = True
    order_id: uuid.UUID
    amount: Money
    reason: Text
    next_step: Text
    due_at: datetime
