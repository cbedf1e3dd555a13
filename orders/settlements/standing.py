"""How far a campaign's settlements are: what a campaign is asked before it is called settled."""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.settlements.models import Settlement
from orders.settlements.states import SettlementState

FINAL: Final = frozenset({SettlementState.FINAL, SettlementState.PAID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`count` settlements are there. Without any, nothing is final: they have not been drafted yet."""

    count: int
    all_final: bool
    all_paid: bool
    open_ids: tuple[uuid.UUID, ...]
    """Those that are not final yet."""


def of(session: Session, campaign_id: uuid.UUID) -> Standing:
    rows = session.execute(
        select(Settlement.id, Settlement.state)
        .where(Settlement.campaign_id == campaign_id)
        .order_by(Settlement.id)
    ).all()
    open_ids = tuple(row.id for row in rows if row.state not in FINAL)
    return Standing(
        count=len(rows),
        all_final=bool(rows) and not open_ids,
        all_paid=bool(rows) and all(row.state == SettlementState.PAID for row in rows),
        open_ids=open_ids,
    )
