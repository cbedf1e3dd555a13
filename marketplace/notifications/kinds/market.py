"""What buyers and cooperatives are told of orders, campaigns, balances, shortages and pledges. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class OrderPlaced(About):
    kind = Kind.ORDER_PLACED
    title = Text(en="Your order over {boxes} boxes", zh="您的 {boxes} 箱订单")
    body = Text(
        en="Your order {order_id} over {boxes} boxes is placed. Please pay {total}; unpaid, it lapses.",
        zh="您的订单 {order_id}（{boxes} 箱）已提交，请支付 {total}；逾期未付将自动取消。",
    )
    order_id: uuid.UUID
    boxes: int
    total: Money


@dataclass(frozen=True, kw_only=True)
class PaymentReceived(About):
    kind = Kind.PAYMENT_RECEIVED
    title = Text(en="Your payment is received", zh="已收到您的付款")
    body = Text(
        en="We have received {amount} for your order {order_id}.",
        zh="已收到您为订单 {order_id} 支付的 {amount}。",
    )
    order_id: uuid.UUID
    amount: Money


@dataclass(frozen=True, kw_only=True)
class OrderCommitted(About):
    kind = Kind.ORDER_COMMITTED
    title = Text(en="Your {boxes} boxes are yours", zh="您的 {boxes} 箱已确认")
    body = Text(
        en="Your order {order_id} is confirmed: {boxes} boxes are promised to you.",
        zh="您的订单 {order_id} 已确认，为您保留 {boxes} 箱。",
    )
    order_id: uuid.UUID
    boxes: int


@dataclass(frozen=True, kw_only=True)
class OrderExpired(About):
    kind = Kind.ORDER_EXPIRED
    title = Text(en="Your order has lapsed", zh="您的订单已过期")
    body = Text(
        en="Your order {order_id} over {boxes} boxes was not paid in time and has lapsed.",
        zh="您的订单 {order_id}（{boxes} 箱）未按时付款，已自动取消。",
    )
    order_id: uuid.UUID
    boxes: int


@dataclass(frozen=True, kw_only=True)
class OrderWithdrawn(About):
    kind = Kind.ORDER_WITHDRAWN
    title = Text(en="Your order is withdrawn", zh="您的订单已撤回")
    body = Text(
        en="You have withdrawn your order {order_id} over {boxes} boxes.",
        zh="您已撤回订单 {order_id}（{boxes} 箱）。",
    )
    order_id: uuid.UUID
    boxes: int


@dataclass(frozen=True, kw_only=True)
class BoxesOffered(About):
    kind = Kind.BOXES_OFFERED
    title = Text(en="{boxes} boxes have come free for you", zh="候补到 {boxes} 箱")
    body = Text(
        en="Boxes that you waited for have come free: {boxes} are in your cart until {expires_at} (hold {hold_id}).",
        zh="您候补的货源已释放，{boxes} 箱已放入购物车，保留至 {expires_at}（保留编号 {hold_id}）。",
    )
    is_urgent = True
    hold_id: uuid.UUID
    boxes: int
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class CampaignOpened(About):
    kind = Kind.CAMPAIGN_OPENED
    title = Text(en="{campaign} is open", zh="{campaign} 已开售")
    body = Text(
        en="{campaign} is open until {closes_at}. Campaign {campaign_id}.",
        zh="{campaign} 已开售，截止时间 {closes_at}。活动编号 {campaign_id}。",
    )
    is_urgent = True
    campaign_id: uuid.UUID
    campaign: Text
    closes_at: datetime


@dataclass(frozen=True, kw_only=True)
class CampaignPaused(About):
    kind = Kind.CAMPAIGN_PAUSED
    title = Text(en="{campaign} is paused", zh="{campaign} 已暂停")
    body = Text(
        en="{campaign} is paused: {reason}. {effect} Campaign {campaign_id}.",
        zh="{campaign} 已暂停，原因：{reason}。{effect}活动编号 {campaign_id}。",
    )
    campaign_id: uuid.UUID
    campaign: Text
    reason: Text
    effect: Text
    """What it means for what its reader has in it; so in the next two."""


@dataclass(frozen=True, kw_only=True)
class CampaignResumed(About):
    kind = Kind.CAMPAIGN_RESUMED
    title = Text(en="{campaign} goes on", zh="{campaign} 已恢复")
    body = Text(
        en="{campaign} is open again until {closes_at}. {effect} Campaign {campaign_id}.",
        zh="{campaign} 已恢复接单，截止时间 {closes_at}。{effect}活动编号 {campaign_id}。",
    )
    campaign_id: uuid.UUID
    campaign: Text
    closes_at: datetime
    effect: Text


@dataclass(frozen=True, kw_only=True)
class CampaignClosed(About):
    kind = Kind.CAMPAIGN_CLOSED
    title = Text(en="{campaign} is closed", zh="{campaign} 已截止")
    body = Text(
        en="{campaign} takes no more orders. {effect} Campaign {campaign_id}.",
        zh="{campaign} 已停止接单。{effect}活动编号 {campaign_id}。",
    )
    campaign_id: uuid.UUID
    campaign: Text
    effect: Text


@dataclass(frozen=True, kw_only=True)
class CampaignFailed(About):
    kind = Kind.CAMPAIGN_FAILED
    title = Text(en="{campaign} will not take place", zh="{campaign} 未能成行")
    body = Text(
        en="{campaign} will not take place: {reason}. What you have paid is paid back. Campaign {campaign_id}.",
        zh="{campaign} 未能成行，原因：{reason}。您已支付的款项将退还。活动编号 {campaign_id}。",
    )
    is_mandatory = True
    campaign_id: uuid.UUID
    campaign: Text
    reason: Text


@dataclass(frozen=True, kw_only=True)
class CampaignCancelled(About):
    kind = Kind.CAMPAIGN_CANCELLED
    title = Text(en="{campaign} is cancelled", zh="{campaign} 已取消")
    body = Text(
        en="{campaign} is cancelled: {reason}. Money paid for it, if any, is paid back. Campaign {campaign_id}.",
        zh="{campaign} 已取消，原因：{reason}。如已付款，款项将退还。活动编号 {campaign_id}。",
    )
    is_mandatory = True
    campaign_id: uuid.UUID
    campaign: Text
    reason: Text


@dataclass(frozen=True, kw_only=True)
class BalanceDue(About):
    kind = Kind.BALANCE_DUE
    title = Text(en="The balance of your order is due", zh="您的订单尾款待支付")
    body = Text(
        en="Your order {order_id} gets {boxes} boxes. Please pay the balance of {amount} until {due_at}.",
        zh="您的订单 {order_id} 确定为 {boxes} 箱，请在 {due_at} 前支付尾款 {amount}。",
    )
    is_mandatory = True
    order_id: uuid.UUID
    boxes: int
    amount: Money
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class BalanceSettled(About):
    kind = Kind.BALANCE_SETTLED
    title = Text(en="Nothing is left to pay for your order", zh="您的订单无需支付尾款")
    body = Text(
        en="Your order {order_id} gets {boxes} boxes for {price} in all; what you have paid covers it.",
        zh="您的订单 {order_id} 确定为 {boxes} 箱，总价 {price}；已付款项足以抵付，无需再付。",
    )
    order_id: uuid.UUID
    boxes: int
    price: Money


@dataclass(frozen=True, kw_only=True)
class BalanceReminder(About):
    kind = Kind.BALANCE_REMINDER
    title = Text(en="{hours_left} hours left to pay the balance", zh="尾款支付还剩 {hours_left} 小时")
    body = Text(
        en="The balance of {amount} for your order {order_id} is due at {due_at}, in {hours_left} hours.",
        zh="您的订单 {order_id} 的尾款 {amount} 将于 {due_at} 截止，还剩 {hours_left} 小时。",
    )
    is_urgent = True
    order_id: uuid.UUID
    amount: Money
    due_at: datetime
    hours_left: int


@dataclass(frozen=True, kw_only=True)
class BalanceDefaulted(About):
    kind = Kind.BALANCE_DEFAULTED
    title = Text(en="The balance was not paid", zh="尾款逾期未付")
    body = Text(
        en="The balance of {amount} for your order {order_id} was not paid in time. The order has ended; {forfeited} "
        "of what you had paid goes to the cooperatives that kept the fruit for you.",
        zh="您的订单 {order_id} 的尾款 {amount} 逾期未付，订单已终止；已付款中的 {forfeited} 将补偿为您留货的合作社。",
    )
    is_mandatory = True
    order_id: uuid.UUID
    amount: Money
    forfeited: Money


@dataclass(frozen=True, kw_only=True)
class ShortageElection(About):
    kind = Kind.SHORTAGE_ELECTION
    title = Text(en="There is less fruit than ordered: please choose", zh="货源不足，请您选择")
    body = Text(
        en="{reason} For your order {order_id} over {boxes} boxes please choose until {answer_until}.",
        zh="{reason}请在 {answer_until} 前为您的订单 {order_id}（{boxes} 箱）作出选择。",
    )
    is_mandatory = True
    is_urgent = True
    order_id: uuid.UUID
    boxes: int
    answer_until: datetime
    reason: Text


@dataclass(frozen=True, kw_only=True)
class ShortageReminder(About):
    kind = Kind.SHORTAGE_REMINDER
    title = Text(en="You have not chosen yet", zh="您尚未作出选择")
    body = Text(
        en="{reason} For your order {order_id} over {boxes} boxes you may choose until {answer_until}; who says "
        "nothing enters the cut with all boxes.",
        zh="{reason}您可在 {answer_until} 前为订单 {order_id}（{boxes} 箱）作出选择；未选择的订单按全部箱数参与削减。",
    )
    is_mandatory = True
    is_urgent = True
    order_id: uuid.UUID
    boxes: int
    answer_until: datetime
    reason: Text


@dataclass(frozen=True, kw_only=True)
class ShortageSpared(About):
    kind = Kind.SHORTAGE_SPARED
    title = Text(en="You keep all your {boxes} boxes", zh="您的 {boxes} 箱全部保留")
    body = Text(
        en="The shortage is settled, and your order {order_id} keeps all its {boxes} boxes. {reason}",
        zh="缺货处理已完成，您的订单 {order_id} 保留全部 {boxes} 箱。{reason}",
    )
    is_mandatory = True
    order_id: uuid.UUID
    boxes: int
    reason: Text


@dataclass(frozen=True, kw_only=True)
class ShortageOffered(About):
    kind = Kind.SHORTAGE_OFFERED
    title = Text(en="Can you give {boxes} boxes where others lack them?", zh="能否补货 {boxes} 箱？")
    body = Text(
        en="{cooperative} is asked for {boxes} boxes until {answer_until} (offer {offer_id}). {reason}",
        zh="请{cooperative}在 {answer_until} 前答复能否补货 {boxes} 箱（邀约 {offer_id}）。{reason}",
    )
    is_mandatory = True
    offer_id: uuid.UUID
    cooperative: Text
    boxes: int
    answer_until: datetime
    reason: Text


@dataclass(frozen=True, kw_only=True)
class ShortageCarried(About):
    kind = Kind.SHORTAGE_CARRIED
    title = Text(en="{cooperative} carries {boxes} missing boxes", zh="{cooperative}承担缺货 {boxes} 箱")
    body = Text(
        en="The shortage {shortage_id} is settled. {reason}",
        zh="缺货处理 {shortage_id} 已完成。{reason}",
    )
    is_mandatory = True
    shortage_id: uuid.UUID
    cooperative: Text
    boxes: int
    reason: Text


@dataclass(frozen=True, kw_only=True)
class LaterLotCame(About):
    kind = Kind.LATER_LOT_CAME
    title = Text(
        en="The later lot is there: you get your {boxes} boxes", zh="后续批次已到，您的 {boxes} 箱有货了"
    )
    body = Text(
        en="The {boxes} boxes of your order {order_id} that waited for a later lot are there.",
        zh="您的订单 {order_id} 等待后续批次的 {boxes} 箱现已到货。",
    )
    order_id: uuid.UUID
    boxes: int


@dataclass(frozen=True, kw_only=True)
class ShortageCut(About):
    kind = Kind.SHORTAGE_CUT
    title = Text(
        en="You get {boxes_after} of {boxes_before} boxes",
        zh="您将获得 {boxes_before} 箱中的 {boxes_after} 箱",
    )
    body = Text(
        en="Your order {order_id} was cut from {boxes_before} to {boxes_after} boxes. {reason} {refund} is paid back.",
        zh="您的订单 {order_id} 由 {boxes_before} 箱减为 {boxes_after} 箱。{reason}退款 {refund}。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "refund": Text(
            en="Your order {order_id} was cut from {boxes_before} to {boxes_after} boxes. {reason} Nothing is to be "
            "paid back.",
            zh="您的订单 {order_id} 由 {boxes_before} 箱减为 {boxes_after} 箱。{reason}无需退款。",
        ),
    }
    is_mandatory = True
    order_id: uuid.UUID
    boxes_before: int
    boxes_after: int
    refund: Money
    reason: Text


@dataclass(frozen=True, kw_only=True)
class RefundDue(About):
    kind = Kind.REFUND_DUE
    title = Text(en="Money goes back to you", zh="您有一笔退款")
    body = Text(
        en="{amount} of your order {order_id} is owed back to you and is being paid out.",
        zh="您的订单 {order_id} 有 {amount} 待退还，正在处理。",
    )
    is_mandatory = True
    order_id: uuid.UUID
    amount: Money


@dataclass(frozen=True, kw_only=True)
class RefundPaid(About):
    kind = Kind.REFUND_PAID
    title = Text(en="Your money is paid back", zh="退款已支付")
    body = Text(
        en="{amount} of your order {order_id} has been paid back to you.",
        zh="您的订单 {order_id} 的退款 {amount} 已支付。",
    )
    is_mandatory = True
    order_id: uuid.UUID
    amount: Money


@dataclass(frozen=True, kw_only=True)
class PledgeInvited(About):
    kind = Kind.PLEDGE_INVITED
    title = Text(en="{campaign} asks for your fruit", zh="{campaign} 邀请供货")
    body = Text(
        en="{campaign} invites {cooperative} to pledge boxes until {answer_until}. Campaign {campaign_id}.",
        zh="{campaign} 邀请{cooperative}在 {answer_until} 前承诺货源。活动编号 {campaign_id}。",
    )
    campaign_id: uuid.UUID
    campaign: Text
    cooperative: Text
    answer_until: datetime


@dataclass(frozen=True, kw_only=True)
class PledgeAccepted(About):
    kind = Kind.PLEDGE_ACCEPTED
    title = Text(en="{campaign} takes your {boxes} boxes", zh="{campaign} 接受您的 {boxes} 箱")
    body = Text(
        en="{campaign} has accepted {boxes} boxes of {cooperative}. They are kept for its buyers. Pledge {pledge_id}.",
        zh="{campaign} 已接受{cooperative}的 {boxes} 箱，为其买家保留。承诺编号 {pledge_id}。",
    )
    pledge_id: uuid.UUID
    campaign: Text
    cooperative: Text
    boxes: int


@dataclass(frozen=True, kw_only=True)
class PledgeLapsed(About):
    kind = Kind.PLEDGE_LAPSED
    title = Text(en="The time to answer {campaign} is over", zh="{campaign} 的答复期限已过")
    body = Text(
        en="The pledge of {boxes} boxes between {campaign} and {cooperative} was not answered in time and has lapsed. "
        "Pledge {pledge_id}.",
        zh="{campaign} 与{cooperative}之间 {boxes} 箱的承诺货源未按时答复，已失效。承诺编号 {pledge_id}。",
    )
    pledge_id: uuid.UUID
    campaign: Text
    cooperative: Text
    boxes: int


@dataclass(frozen=True, kw_only=True)
class CommitmentAsked(About):
    kind = Kind.COMMITMENT_ASKED
    title = Text(en="Can you deliver {boxes} boxes?", zh="能否供应 {boxes} 箱？")
    body = Text(
        en="{campaign} asks {cooperative} for {boxes} boxes of what it pledged (commitment {commitment_id}). Please "
        "confirm or decline until {answer_until}.",
        zh="{campaign} 请{cooperative}从其承诺货源中供应 {boxes} 箱（供货承诺 {commitment_id}），请在 {answer_until} "
        "前确认或拒绝。",
    )
    is_mandatory = True
    commitment_id: uuid.UUID
    campaign: Text
    cooperative: Text
    boxes: int
    answer_until: datetime


@dataclass(frozen=True, kw_only=True)
class ShareOffered(About):
    kind = Kind.SHARE_OFFERED
    title = Text(
        en="A bulk order has {boxes} boxes for {cooperative}", zh="大宗订单为{cooperative}分配 {boxes} 箱"
    )
    body = Text(
        en="{cooperative} is offered {boxes} boxes of a bulk order (share {share_id}). Please confirm or decline until "
        "{answer_until}.",
        zh="大宗订单向{cooperative}提供 {boxes} 箱（份额 {share_id}），请在 {answer_until} 前确认或拒绝。",
    )
    is_mandatory = True
    share_id: uuid.UUID
    cooperative: Text
    boxes: int
    answer_until: datetime
