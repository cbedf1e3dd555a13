"""What sponsors are told of what they buy, and cooperatives of what is paid to them for it. Pure.

Whatever binds somebody, or moves money, cannot be switched off.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class SponsorshipSigned(About):
    kind = Kind.SPONSORSHIP_SIGNED
    title = Text(en="Your purchase of {boxes} boxes is signed", zh="您的 {boxes} 箱赞助采购已签署")
    body = Text(
        en="Your sponsorship {sponsorship_id} over {boxes} boxes for {total} is signed; an operator looks at it "
        "now.",
        zh="您的赞助采购 {sponsorship_id}（{boxes} 箱，{total}）已签署，等待运营方确认。",
    )
    sponsorship_id: uuid.UUID
    boxes: int
    total: Money


@dataclass(frozen=True, kw_only=True)
class SponsorshipRejected(About):
    kind = Kind.SPONSORSHIP_REJECTED
    title = Text(en="Your purchase of {boxes} boxes was not accepted", zh="您的 {boxes} 箱赞助采购未获接受")
    body = Text(
        en="Your sponsorship {sponsorship_id} over {boxes} boxes was not accepted: {reason}. It is a draft "
        "again.",
        zh="您的赞助采购 {sponsorship_id}（{boxes} 箱）未获接受，原因：{reason}。现已退回草稿。",
    )
    is_mandatory = True
    sponsorship_id: uuid.UUID
    boxes: int
    reason: Text


@dataclass(frozen=True, kw_only=True)
class SponsorshipAccepted(About):
    kind = Kind.SPONSORSHIP_ACCEPTED
    title = Text(en="Your purchase of {boxes} boxes is accepted", zh="您的 {boxes} 箱赞助采购已被接受")
    body = Text(
        en="Your sponsorship {sponsorship_id} over {boxes} boxes is accepted. Please pay {escrow} of {total} "
        "into escrow; then it is split.",
        zh="您的赞助采购 {sponsorship_id}（{boxes} 箱，共 {total}）已被接受，请向托管账户支付 {escrow}，到账后即"
        "分配。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "escrow": Text(
            en="Your sponsorship {sponsorship_id} over {boxes} boxes is accepted. Nothing is asked for beforehand but "
            "any part of {total} in escrow; then it is split.",
            zh="您的赞助采购 {sponsorship_id}（{boxes} 箱，共 {total}）已被接受，向托管账户支付任意部分后即分配。",
        ),
    }
    is_mandatory = True
    sponsorship_id: uuid.UUID
    boxes: int
    total: Money
    escrow: Money


@dataclass(frozen=True, kw_only=True)
class SponsorshipFunded(About):
    kind = Kind.SPONSORSHIP_FUNDED
    title = Text(en="Your purchase of {boxes} boxes is funded", zh="您的 {boxes} 箱赞助采购资金已到位")
    body = Text(
        en="{escrow} for your sponsorship {sponsorship_id} are in escrow; its {boxes} boxes may be split over "
        "the cooperatives.",
        zh="您的赞助采购 {sponsorship_id} 已有 {escrow} 入托管账户，{boxes} 箱即可分配给合作社。",
    )
    is_mandatory = True
    sponsorship_id: uuid.UUID
    boxes: int
    escrow: Money


@dataclass(frozen=True, kw_only=True)
class SponsorshipAllocated(About):
    kind = Kind.SPONSORSHIP_ALLOCATED
    title = Text(en="Cooperatives have confirmed {boxes} boxes", zh="合作社已确认 {boxes} 箱")
    body = Text(
        en="Cooperatives have confirmed {boxes} boxes of your sponsorship {sponsorship_id}; they may be drawn "
        "until {draws_until}.",
        zh="合作社已为您的赞助采购 {sponsorship_id} 确认 {boxes} 箱，可提取至 {draws_until}。",
    )
    sponsorship_id: uuid.UUID
    boxes: int
    draws_until: datetime


@dataclass(frozen=True, kw_only=True)
class SponsorshipShort(About):
    kind = Kind.SPONSORSHIP_SHORT
    title = Text(
        en="{boxes_short} of {boxes} boxes have no cooperative",
        zh="{boxes} 箱中有 {boxes_short} 箱无合作社供货",
    )
    body = Text(
        en="All cooperatives have answered, and nobody is left for {boxes_short} of the {boxes} boxes of your "
        "sponsorship {sponsorship_id}. Please accept fewer boxes, or give the order up.",
        zh="各合作社均已答复，您的赞助采购 {sponsorship_id} 的 {boxes} 箱中有 {boxes_short} 箱无人供货。请接受较"
        "少箱数，或放弃该订单。",
    )
    is_mandatory = True
    sponsorship_id: uuid.UUID
    boxes: int
    boxes_short: int


@dataclass(frozen=True, kw_only=True)
class SponsorshipGivenUp(About):
    kind = Kind.SPONSORSHIP_GIVEN_UP
    title = Text(en="The split of your {boxes} boxes was given up", zh="您的 {boxes} 箱分配已取消")
    body = Text(
        en="The bulk order of your sponsorship {sponsorship_id} over {boxes} boxes was given up. {escrow} are "
        "still in escrow, for another split or to go back.",
        zh="您的赞助采购 {sponsorship_id}（{boxes} 箱）的大宗订单已取消，{escrow} 仍在托管账户，可重新分配或退还"
        "。",
    )
    is_mandatory = True
    sponsorship_id: uuid.UUID
    boxes: int
    escrow: Money


@dataclass(frozen=True, kw_only=True)
class SponsorshipCarried(About):
    kind = Kind.SPONSORSHIP_CARRIED
    title = Text(en="Your boxes may be drawn for longer", zh="您的箱数提取期限已延长")
    body = Text(
        en="{boxes} boxes of your sponsorship {sponsorship_id} are left; they may be drawn until {draws_until}.",
        zh="您的赞助采购 {sponsorship_id} 尚余 {boxes} 箱，可提取至 {draws_until}。",
    )
    sponsorship_id: uuid.UUID
    boxes: int
    draws_until: datetime


@dataclass(frozen=True, kw_only=True)
class SponsorshipEnded(About):
    kind = Kind.SPONSORSHIP_ENDED
    title = Text(en="Nothing more is drawn of your boxes", zh="您的箱数提取已结束")
    body = Text(
        en="The time to draw on your sponsorship {sponsorship_id} is over. {boxes_donated} boxes that nobody drew are "
        "donated; of what you paid {returned} are owed back in all.",
        zh="您的赞助采购 {sponsorship_id} 提取期已结束：无人提取的 {boxes_donated} 箱已捐赠，累计应退 {returned}。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "returned": Text(
            en="The time to draw on your sponsorship {sponsorship_id} is over. {boxes_donated} boxes that nobody drew "
            "are donated; nothing of what you paid is owed back.",
            zh="您的赞助采购 {sponsorship_id} 提取期已结束：无人提取的 {boxes_donated} 箱已捐赠，无应退款项。",
        ),
    }
    is_mandatory = True
    sponsorship_id: uuid.UUID
    boxes_donated: int
    returned: Money


@dataclass(frozen=True, kw_only=True)
class SponsorshipClosed(About):
    kind = Kind.SPONSORSHIP_CLOSED
    title = Text(en="Your sponsorship is closed", zh="您的赞助采购已完成")
    body = Text(
        en="All of your sponsorship {sponsorship_id} is delivered: {paid} went to cooperatives, {returned} back "
        "to you, and nothing is left in escrow.",
        zh="您的赞助采购 {sponsorship_id} 已全部交付：支付合作社 {paid}，退还 {returned}，托管账户无余额。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "paid": Text(
            en="Your sponsorship {sponsorship_id} is over: nothing went to cooperatives, {returned} back to you, and "
            "nothing is left in escrow.",
            zh="您的赞助采购 {sponsorship_id} 已结束：未向合作社付款，退还 {returned}，托管账户无余额。",
        ),
        "returned": Text(
            en="All of your sponsorship {sponsorship_id} is delivered: {paid} went to cooperatives, and nothing is "
            "left in escrow.",
            zh="您的赞助采购 {sponsorship_id} 已全部交付：支付合作社 {paid}，托管账户无余额。",
        ),
    }
    is_mandatory = True
    sponsorship_id: uuid.UUID
    paid: Money
    returned: Money


@dataclass(frozen=True, kw_only=True)
class SponsorshipCancelled(About):
    kind = Kind.SPONSORSHIP_CANCELLED
    title = Text(en="Your sponsorship is cancelled", zh="您的赞助采购已取消")
    body = Text(
        en="Your sponsorship {sponsorship_id} over {boxes} boxes is cancelled: {reason}. {returned} go back to "
        "you.",
        zh="您的赞助采购 {sponsorship_id}（{boxes} 箱）已取消，原因：{reason}。将退还 {returned}。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "returned": Text(
            en="Your sponsorship {sponsorship_id} over {boxes} boxes is cancelled: {reason}. Nothing is owed back.",
            zh="您的赞助采购 {sponsorship_id}（{boxes} 箱）已取消，原因：{reason}。无应退款项。",
        ),
    }
    is_mandatory = True
    sponsorship_id: uuid.UUID
    boxes: int
    reason: Text
    returned: Money


@dataclass(frozen=True, kw_only=True)
class TrancheReleased(About):
    kind = Kind.TRANCHE_RELEASED
    title = Text(en="{amount} are due to {cooperative}", zh="应付{cooperative} {amount}")
    body = Text(
        en="{amount} of a sponsor's escrow are due to {cooperative} ({tranche}, share {share_id}).",
        zh="赞助托管资金中 {amount} 应付{cooperative}（{tranche}，份额 {share_id}）。",
    )
    is_mandatory = True
    share_id: uuid.UUID
    cooperative: Text
    tranche: Text
    amount: Money
