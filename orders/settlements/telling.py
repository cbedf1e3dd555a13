"""What cooperatives are told of their settlements: everybody who acts for one, once for each step."""

from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.notifications import ToMembers, kinds, notify_cooperatives
from marketplace.notifications.kinds import About
from marketplace.values import Money
from orders.events import SettlementsMoved
from orders.settlements.models import Settlement, SettlementMove
from orders.settlements.states import SettlementEvent

_E = SettlementEvent
SILENT: Final = frozenset({_E.OBJECT, _E.PAY, _E.RETURN})
"""The cooperative's own step; and what payouts tell of, or the settlement itself where nothing is paid."""


def on_settlements_moved(session: Session, ctx: Context, event: SettlementsMoved) -> None:
    if event.event in SILENT:
        return
    numbers = select(SettlementMove.settlement_id, func.max(SettlementMove.number).label("number")).group_by(
        SettlementMove.settlement_id
    )
    last = numbers.where(SettlementMove.settlement_id.in_(event.settlement_ids)).subquery()
    rows = session.execute(
        select(Settlement, Cooperative, last.c.number)
        .join(Cooperative, Cooperative.id == Settlement.cooperative_id)
        .join(last, last.c.settlement_id == Settlement.id)
        .order_by(Settlement.id)
    )
    told = [
        ToMembers(
            cooperative_id=cooperative.id,
            cause=f"settlement:{settlement.id}:{number}",
            about=_about(settlement, cooperative, SettlementEvent(event.event)),
        )
        for settlement, cooperative, number in rows
    ]
    notify_cooperatives(session, ctx, told)


def _about(settlement: Settlement, cooperative: Cooperative, event: SettlementEvent) -> About:
    named: dict[str, Any] = {
        "settlement_id": settlement.id,
        "number": settlement.number,
        "cooperative": Text(en=cooperative.name_en, zh=cooperative.name_zh),
        "campaign": Text(en=settlement.campaign_en, zh=settlement.campaign_zh),
    }
    payout = Money(settlement.payout_minor, settlement.currency)
    if event == _E.PROPOSE:
        assert settlement.objections_until is not None, "what is proposed has its days"
        return kinds.SettlementProposed(**named, payout=payout, objections_until=settlement.objections_until)
    if event in (_E.WITHDRAW, _E.REVISE):
        return kinds.SettlementWithdrawn(**named)
    if event == _E.DISMISS:
        answer = settlement.answer or ""
        return kinds.SettlementDismissed(**named, payout=payout, answer=Text(en=answer, zh=answer))
    return kinds.SettlementFinal(**named, payout=payout)
