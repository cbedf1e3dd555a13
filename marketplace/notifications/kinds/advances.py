"""What cooperatives are told of advances that they asked for. Pure. It moves money: nobody switches it off."""

import uuid
from dataclasses import dataclass

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class AdvanceGranted(About):
    kind = Kind.ADVANCE_GRANTED
    title = Text(en="Your advance is granted", zh="预付款已批准")
    body = Text(
        en="{cooperative}: {amount} are granted on your boxes of “{campaign}” (advance {advance_id}). "
        "The money leaves when a second person has approved it; it is repaid from your settlement.",
        zh="{cooperative}：“{campaign}”的预付款 {amount} 已批准（{advance_id}）。经第二人复核后付款，结算时抵扣。",
    )
    is_mandatory = True
    advance_id: uuid.UUID
    cooperative: Text
    campaign: Text
    amount: Money


@dataclass(frozen=True, kw_only=True)
class AdvanceRefused(About):
    kind = Kind.ADVANCE_REFUSED
    title = Text(en="Your advance is not granted", zh="预付款未获批准")
    body = Text(
        en="{cooperative}: the advance of {amount} on your boxes of “{campaign}” ({advance_id}) is not granted: "
        "{reason}",
        zh="{cooperative}：“{campaign}”的预付款 {amount}（{advance_id}）未获批准：{reason}",
    )
    is_mandatory = True
    advance_id: uuid.UUID
    cooperative: Text
    campaign: Text
    amount: Money
    reason: Text
