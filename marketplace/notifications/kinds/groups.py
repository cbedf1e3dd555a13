"""What people who buy together are told of their group. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class GroupFull(About):
    kind = Kind.GROUP_FULL
    title = Text(en="Your group of {people} is full", zh="您的 {people} 人团已成团")
    body = Text(
        en="All {people} people of group {group} ({campaign}) have paid. {amount} {how}.",
        zh="{campaign} 拼团 {group} 的 {people} 人均已付款，拼团成功。{amount} {how}。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "amount": Text(
            en="All {people} people of group {group} ({campaign}) have paid. Nothing goes back to you: your order has "
            "a discount already that is as large, or no paid boxes any more.",
            zh="{campaign} 拼团 {group} 的 {people} 人均已付款，拼团成功。您的订单已享不低于拼团的优惠，"
            "或已无已付款箱数，故无差额退还。",
        ),
    }
    is_mandatory = True
    group: str
    campaign: Text
    people: int
    amount: Money
    how: Text
    """Whether it goes back, or comes off a balance."""


@dataclass(frozen=True, kw_only=True)
class GroupLapsed(About):
    kind = Kind.GROUP_LAPSED
    title = Text(en="Your group did not fill in time", zh="您的拼团未能成团")
    body = Text(
        en="Of the {people} people that group {group} ({campaign}) needs, {paid} had paid when its time was over. "
        "Your order stays as it is, at its normal price; while the sale lasts it may join another group.",
        zh="{campaign} 拼团 {group} 需 {people} 人，截止时仅 {paid} 人付款，未能成团。您的订单不受影响，按原价执行；"
        "活动期间可凭该订单加入其他拼团。",
    )
    is_mandatory = True
    group: str
    campaign: Text
    paid: int
    people: int
