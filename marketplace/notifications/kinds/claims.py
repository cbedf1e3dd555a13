"""What buyers and cooperatives are told of claims. Pure. Money hangs on it: nobody switches it off."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class ClaimReceived(About):
    kind = Kind.CLAIM_RECEIVED
    title = Text(en="We have your claim for {boxes} boxes", zh="已收到您对 {boxes} 箱的售后申请")
    body = Text(
        en="Your claim {claim_id} for {boxes} boxes of your order {order_id} is here. The cooperative is asked, then"
        " we decide and tell you.",
        zh="您就订单 {order_id} 中 {boxes} 箱提出的售后申请 {claim_id} 已收到。合作社答复后由我们处理并通知您。",
    )
    is_mandatory = True
    claim_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int


@dataclass(frozen=True, kw_only=True)
class ClaimRefunded(About):
    kind = Kind.CLAIM_REFUNDED
    title = Text(en="Your claim is granted", zh="您的售后申请已通过")
    body = Text(
        en="For {boxes} boxes of your order {order_id}, {amount} will be paid back to you (claim {claim_id}). {words}",
        zh="您的订单 {order_id} 中 {boxes} 箱将退款 {amount}（售后申请 {claim_id}）。{words}",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "amount": Text(
            en="Your claim {claim_id} for {boxes} boxes of your order {order_id} is granted. You had paid nothing for"
            " them, so nothing is paid back. {words}",
            zh="您就订单 {order_id} 中 {boxes} 箱提出的售后申请 {claim_id} 已通过。"
            "这些箱未曾付款，因此没有退款。{words}",
        ),
    }
    is_mandatory = True
    claim_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int
    amount: Money
    words: Text


@dataclass(frozen=True, kw_only=True)
class ClaimToReturn(About):
    kind = Kind.CLAIM_TO_RETURN
    title = Text(en="Please send {boxes} boxes back", zh="请退回 {boxes} 箱")
    body = Text(
        en="Please send {boxes} boxes of your order {order_id} back to the cooperative (claim {claim_id}). When they"
        " are there, {amount} will be paid back to you. {words}",
        zh="请将订单 {order_id} 中的 {boxes} 箱退回合作社（售后申请 {claim_id}）。收到后将退款 {amount}。{words}",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "amount": Text(
            en="Please send {boxes} boxes of your order {order_id} back to the cooperative (claim {claim_id}). You had"
            " paid nothing for them, so nothing is paid back. {words}",
            zh="请将订单 {order_id} 中的 {boxes} 箱退回合作社（售后申请 {claim_id}）。"
            "这些箱未曾付款，因此没有退款。{words}",
        ),
    }
    is_mandatory = True
    claim_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int
    amount: Money
    words: Text


@dataclass(frozen=True, kw_only=True)
class ClaimToReplace(About):
    kind = Kind.CLAIM_TO_REPLACE
    title = Text(en="We send you {boxes} other boxes", zh="将为您补发 {boxes} 箱")
    body = Text(
        en="For {boxes} boxes of your order {order_id}, as many others are sent to you, to arrive on {delivered_on}"
        " (claim {claim_id}). You pay nothing for them. {words}",
        zh="您的订单 {order_id} 中 {boxes} 箱将免费补发，预计 {delivered_on} 送达（售后申请 {claim_id}）。{words}",
    )
    is_mandatory = True
    claim_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int
    delivered_on: str
    """A calendar day, as 2026-11-30."""
    words: Text


@dataclass(frozen=True, kw_only=True)
class ClaimReplaced(About):
    kind = Kind.CLAIM_REPLACED
    title = Text(en="Your {boxes} other boxes have arrived", zh="补发的 {boxes} 箱已送达")
    body = Text(
        en="The {boxes} boxes that were sent in place of claimed ones of your order {order_id} have arrived (claim"
        " {claim_id}). If anything is wrong with them, claim them like the first ones. {words}",
        zh="您的订单 {order_id} 补发的 {boxes} 箱已送达（售后申请 {claim_id}）。如有问题，可再次申请售后。{words}",
    )
    is_mandatory = True
    claim_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int
    words: Text


@dataclass(frozen=True, kw_only=True)
class ClaimRejected(About):
    kind = Kind.CLAIM_REJECTED
    title = Text(en="Your claim is not granted", zh="您的售后申请未通过")
    body = Text(
        en="Your claim {claim_id} for {boxes} boxes of your order {order_id} is not granted: {words}",
        zh="您就订单 {order_id} 中 {boxes} 箱提出的售后申请 {claim_id} 未通过：{words}",
    )
    is_mandatory = True
    claim_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int
    words: Text


@dataclass(frozen=True, kw_only=True)
class LightBoxesRefunded(About):
    kind = Kind.LIGHT_BOXES_REFUNDED
    title = Text(en="Your boxes are a little light", zh="您的苹果分量略轻")
    body = Text(
        en="{boxes} boxes of your order {order_id} weigh {missing_grams} g less than they should. Without your asking,"
        " {amount} will be paid back to you.",
        zh="您的订单 {order_id} 中 {boxes} 箱比标称重量轻 {missing_grams} 克。无需申请，将退款 {amount}。",
    )
    is_mandatory = True
    order_id: uuid.UUID
    boxes: int
    missing_grams: int
    amount: Money


@dataclass(frozen=True, kw_only=True)
class ShortBoxesRefunded(About):
    kind = Kind.SHORT_BOXES_REFUNDED
    title = Text(en="{boxes} of your boxes do not come", zh="您的订单有 {boxes} 箱缺货")
    body = Text(
        en="{boxes} boxes of your order {order_id} were not there when they were to be packed, and nobody else has"
        " them. Without your asking, {amount} will be paid back to you; the other boxes come.",
        zh="您的订单 {order_id} 中有 {boxes} 箱在打包时缺货，且无法由他社补足。"
        "无需申请，将退款 {amount}；其余箱照常发货。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "amount": Text(
            en="{boxes} boxes of your order {order_id} were not there when they were to be packed, and nobody else has"
            " them. Nothing was paid for them; the other boxes come.",
            zh="您的订单 {order_id} 中有 {boxes} 箱在打包时缺货，且无法由他社补足。该部分未收款；其余箱照常发货。",
        ),
    }
    is_mandatory = True
    order_id: uuid.UUID
    boxes: int
    amount: Money


@dataclass(frozen=True, kw_only=True)
class ClaimRaised(About):
    kind = Kind.CLAIM_RAISED
    title = Text(en="A buyer claims {boxes} boxes", zh="有买家对 {boxes} 箱提出售后申请")
    body = Text(
        en="{cooperative}: a buyer claims {boxes} boxes of your parcel {parcel_id} (claim {claim_id}). Please read it,"
        " look at the photos, and say whether you agree.",
        zh="{cooperative}：买家对贵社包裹 {parcel_id} 中的 {boxes} 箱提出售后申请（{claim_id}）。"
        "请查看内容与照片并答复是否同意。",
    )
    is_mandatory = True
    claim_id: uuid.UUID
    parcel_id: uuid.UUID
    cooperative: Text
    boxes: int


@dataclass(frozen=True, kw_only=True)
class ClaimDecided(About):
    kind = Kind.CLAIM_DECIDED
    title = Text(en="A claim for {boxes} boxes: {outcome}", zh="{boxes} 箱售后申请：{outcome}")
    body = Text(
        en="{cooperative}: the claim {claim_id} for {boxes} boxes of your parcel {parcel_id}: {outcome}. Refund:"
        " {amount}, {how}. {words}",
        zh="{cooperative}：贵社包裹 {parcel_id} 中 {boxes} 箱的售后申请（{claim_id}）：{outcome}。"
        "退款 {amount}，{how}。{words}",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "amount": Text(
            en="{cooperative}: the claim {claim_id} for {boxes} boxes of your parcel {parcel_id}: {outcome}. Nothing is"
            " refunded. {words}",
            zh="{cooperative}：贵社包裹 {parcel_id} 中 {boxes} 箱的售后申请（{claim_id}）：{outcome}。"
            "没有退款。{words}",
        ),
    }
    is_mandatory = True
    claim_id: uuid.UUID
    parcel_id: uuid.UUID
    cooperative: Text
    boxes: int
    outcome: Text
    amount: Money
    how: Text
    """Who pays it."""
    words: Text
