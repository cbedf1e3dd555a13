"""What cooperatives are told of what they earned and are paid. Pure. It moves money: nobody switches it off."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind
from marketplace.values import Money


@dataclass(frozen=True, kw_only=True)
class SettlementProposed(About):
    kind = Kind.SETTLEMENT_PROPOSED
    title = Text(en="Settlement {number} is ready to read", zh="结算单 {number} 待您核对")
    body = Text(
        en="{cooperative}: the settlement of “{campaign}” ({settlement_id}) comes to {payout}. "
        "Please read it; you may object until "
        "{objections_until}, then it is final.",
        zh="{cooperative}：“{campaign}”的结算单（{settlement_id}）应付 {payout}。请核对；"
        "{objections_until} 前可提出异议，逾期即定案。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "payout": Text(
            en="{cooperative}: by the settlement of “{campaign}” ({settlement_id}) nothing is to "
            "be paid. Please read why; you may "
            "object until {objections_until}, then it is final.",
            zh="{cooperative}：“{campaign}”的结算单（{settlement_id}）无应付金额。请核对原因；"
            "{objections_until} 前可提出异议，"
            "逾期即定案。",
        ),
    }
    is_mandatory = True
    settlement_id: uuid.UUID
    number: str
    cooperative: Text
    campaign: Text
    payout: Money
    objections_until: datetime


@dataclass(frozen=True, kw_only=True)
class SettlementWithdrawn(About):
    kind = Kind.SETTLEMENT_WITHDRAWN
    title = Text(en="Settlement {number} is computed anew", zh="结算单 {number} 将重新计算")
    body = Text(
        en="{cooperative}: the settlement of “{campaign}” ({settlement_id}) is taken back and "
        "computed anew; you will read it before it "
        "is final.",
        zh="{cooperative}：“{campaign}”的结算单（{settlement_id}）已撤回重算，定案前将再次请您核对。",
    )
    is_mandatory = True
    settlement_id: uuid.UUID
    number: str
    cooperative: Text
    campaign: Text


@dataclass(frozen=True, kw_only=True)
class SettlementDismissed(About):
    kind = Kind.SETTLEMENT_DISMISSED
    title = Text(en="Your objection to settlement {number} is answered", zh="结算单 {number} 的异议已答复")
    body = Text(
        en="{cooperative}: your objection to the settlement of “{campaign}” ({settlement_id}) "
        "changes nothing: {answer}. It is final, "
        "and {payout} will be paid.",
        zh="{cooperative}：您对“{campaign}”结算单（{settlement_id}）的异议未予采纳，答复："
        "{answer}。结算单已定案，将支付 {payout}。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "payout": Text(
            en="{cooperative}: your objection to the settlement of “{campaign}” ({settlement_id}) "
            "changes nothing: {answer}. It is "
            "final, and nothing is to be paid.",
            zh="{cooperative}：您对“{campaign}”结算单（{settlement_id}）的异议未予采纳，答复："
            "{answer}。结算单已定案，无应付金额。",
        ),
    }
    is_mandatory = True
    settlement_id: uuid.UUID
    number: str
    cooperative: Text
    campaign: Text
    payout: Money
    answer: Text


@dataclass(frozen=True, kw_only=True)
class SettlementFinal(About):
    kind = Kind.SETTLEMENT_FINAL
    title = Text(en="Settlement {number} is final", zh="结算单 {number} 已定案")
    body = Text(
        en="{cooperative}: the settlement of “{campaign}” ({settlement_id}) is final; {payout} will be paid.",
        zh="{cooperative}：“{campaign}”的结算单（{settlement_id}）已定案，将支付 {payout}。",
    )
    if_nothing: ClassVar[Mapping[str, Text]] = {
        "payout": Text(
            en="{cooperative}: the settlement of “{campaign}” ({settlement_id}) is final; nothing "
            "is to be paid.",
            zh="{cooperative}：“{campaign}”的结算单（{settlement_id}）已定案，无应付金额。",
        ),
    }
    is_mandatory = True
    settlement_id: uuid.UUID
    number: str
    cooperative: Text
    campaign: Text
    payout: Money
