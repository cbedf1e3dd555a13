"""What opens a case by itself: inventory says what it saw, and somebody must look after it."""

from typing import Final

from sqlalchemy.orm import Session

from inventory.cases.casework import open_case
from inventory.cases.states import CaseKind
from inventory.events import StockDeviates
from marketplace.context import Context
from marketplace.events import Subscription

KINDS: Final = {
    "shrink_deviates": CaseKind.SHRINK_DEVIATION,
    "transfer_disputed": CaseKind.WEIGHBRIDGE_GAP,
}


def on_stock_deviates(session: Session, ctx: Context, event: StockDeviates) -> None:
    open_case(
        session,
        ctx,
        kind=KINDS[event.kind],
        subject=event.subject,
        facts=event.facts,
        cooperative_id=event.cooperative_id,
    )


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((StockDeviates, on_stock_deviates),)
