"""What the members of a cooperative are told of money that is paid to it, and of where it is paid. Pure.

None of it can be switched off: a destination that nobody of them has named is a theft that two days can still stop.
"""

from dataclasses import dataclass
from datetime import datetime

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class DestinationNamed(About):
    kind = Kind.DESTINATION_NAMED
    title = Text(en="Your cooperative is to be paid elsewhere", zh="贵社收款账户已变更")
    body = Text(
        en="From {payable_from} on your cooperative is paid to the {kind_of_account} {ending}; until then nothing is "
        "paid. If none of you named it, name the right one again at once and call us.",
        zh="自 {payable_from} 起，贵社款项将付至{kind_of_account} {ending}，此前暂停付款。如非本社操作，请立即重新登"
        "记正确账户并与我们联系。",
    )
    is_mandatory = True
    is_urgent = True
    kind_of_account: Text
    ending: str
    payable_from: datetime


@dataclass(frozen=True, kw_only=True)
class PayoutPaid(About):
    kind = Kind.PAYOUT_PAID
    title = Text(en="{amount} are paid to your cooperative", zh="已向贵社付款 {amount}")
    body = Text(
        en="{amount} are paid to your cooperative: {memo}. Reference {reference}.",
        zh="已向贵社付款 {amount}：{memo}。付款编号 {reference}。",
    )
    is_mandatory = True
    amount: Money
    memo: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class PayoutReturned(About):
    kind = Kind.PAYOUT_RETURNED
    title = Text(en="{amount} could not be paid to your cooperative", zh="向贵社付款 {amount} 未成功")
    body = Text(
        en="{amount} for your cooperative came back ({reason}). They are still yours: look whether the account is "
        "right; they are paid again.",
        zh="付给贵社的 {amount} 已退回（{reason}）。款项仍归贵社所有，请核对收款账户，我们将重新支付。",
    )
    is_mandatory = True
    amount: Money
    reason: str
