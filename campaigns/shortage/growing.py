"""More fruit is lost while a shortage is open and its run is not made: it grows, with everybody's time to answer.

Neighbours are asked for the difference; buyers who may choose are told anew. A window that runs does not end before
half of its hours have passed since then.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from campaigns.policy.rules import Policy
from campaigns.shortage import cases, offering, rules
from campaigns.shortage.cases import Stock
from campaigns.shortage.models import Shortage
from campaigns.shortage.states import DECIDED, ShortageState
from marketplace import audit, events
from marketplace.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortageGrew:
    """Buyers of its item may still choose, knowing that less is there than they were told."""

    shortage_id: uuid.UUID
    version: int


def grow(session: Session, ctx: Context, shortage: Shortage, stock: Stock, *, policy: Policy) -> bool:
    """Bring an open shortage, locked with its campaign, to what is there now; whether somebody lacks more than was
    written down. What was lost and is there again lets the asking of neighbours end.
    """
    if shortage.state in DECIDED:
        return False
    is_worse = cases.note_standings(session, shortage, stock)
    known = shortage.committed_boxes - shortage.supply_boxes - shortage.covered_boxes
    more = stock.gap - known
    if is_worse and more > 0:
        _write(session, ctx, shortage, stock, policy=policy, more=more)
    if shortage.state == ShortageState.OFFERING and (more > 0 or not stock.gap):
        offering.go_on(session, ctx, shortage)
    return is_worse


def _write(
    session: Session, ctx: Context, shortage: Shortage, stock: Stock, *, policy: Policy, more: int
) -> None:
    before = {"committed_boxes": shortage.committed_boxes, "supply_boxes": shortage.supply_boxes}
    shortage.committed_boxes = stock.sold
    shortage.supply_boxes = max(0, stock.supply - shortage.covered_boxes)
    if shortage.state == ShortageState.OFFERING:
        shortage.answers_due_at = rules.prolonged(
            shortage.answers_due_at, hours=policy.neighbour_hours, now=ctx.now
        )
    elif shortage.elections_due_at is not None:
        shortage.elections_due_at = rules.prolonged(
            shortage.elections_due_at, hours=shortage.election_hours, now=ctx.now
        )
    shortage.version += 1
    session.flush()
    after = {
        "committed_boxes": shortage.committed_boxes,
        "supply_boxes": shortage.supply_boxes,
        "more_boxes": more,
    }
    audit.record(session, ctx, "shortage.grow", subject=("shortage", shortage.id), before=before, after=after)
    if shortage.state == ShortageState.ELECTING:
        events.publish(session, ctx, ShortageGrew(shortage_id=shortage.id, version=shortage.version))
