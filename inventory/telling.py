"""What inventory tells partners: open questions, and lots that are stopped or free again."""

from typing import Final

from sqlalchemy.orm import Session

from inventory.cases.states import CaseState
from inventory.events import CaseMoved, LotTurned
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.webhooks import outbox


def on_case_moved(session: Session, ctx: Context, event: CaseMoved) -> None:
    outbox.tell(
        session,
        ctx,
        "case.settled" if event.state == CaseState.SETTLED else "case.opened",
        data={
            "case_id": event.case_id,
            "kind": event.kind,
            "state": event.state,
            "subject_kind": event.subject[0],
            "subject_id": event.subject[1],
            "cooperative_id": event.cooperative_id,
        },
        cooperative_ids=[event.cooperative_id],
    )


def on_lot_turned(session: Session, ctx: Context, event: LotTurned) -> None:
    outbox.tell(
        session,
        ctx,
        "lot.status_changed",
        data={
            "lot_id": event.lot_id,
            "cooperative_id": event.cooperative_id,
            "before": event.before,
            "after": event.after,
        },
        cooperative_ids=[event.cooperative_id],
    )


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (CaseMoved, on_case_moved),
    (LotTurned, on_lot_turned),
)
