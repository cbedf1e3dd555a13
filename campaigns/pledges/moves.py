"""Moves of pledges: every change is a row, and what the campaign lets go of is told by what is left in the pool.

Whoever moves a pledge has locked its campaign.
"""

import uuid
from collections.abc import Collection

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.pledges import rules, states
from campaigns.pledges.events import PledgeMoved
from campaigns.pledges.models import Pledge, PledgeMove
from campaigns.pledges.states import PledgeEvent, PledgeState
from inventory.models import Hold
from inventory.states import PLEDGES
from marketplace import audit, events
from marketplace.context import Context

PURPOSE = "pledge"
"""What its holds are for."""


def write(
    session: Session,
    ctx: Context,
    pledge: Pledge,
    event: PledgeEvent,
    *,
    boxes: int | None = None,
    reason: str | None = None,
) -> None:
    """The next move of a pledge, with so many boxes after it: as many as before unless told.

    Raises PledgeStateForbids.
    """
    is_new = pledge.version == 0
    before = None if is_new else pledge.state
    after = states.after(before, event)
    boxes_before = pledge.boxes
    pledge.state, pledge.version = after, pledge.version + 1
    pledge.boxes = pledge.boxes if boxes is None else boxes
    session.add(pledge)
    session.flush()
    session.add(
        PledgeMove(
            pledge_id=pledge.id,
            number=pledge.version,
            event=event,
            before=before,
            after=after,
            boxes_before=boxes_before,
            boxes_after=pledge.boxes,
            reason=reason,
            actor=ctx.actor.label,
            request_id=ctx.request_id,
            at=ctx.now,
        )
    )
    session.flush()
    audit.record(
        session,
        ctx,
        f"pledge.{event}",
        subject=("pledge", pledge.id),
        before={"state": before, "boxes": boxes_before},
        after={"state": str(after), "boxes": pledge.boxes, "reason": reason},
    )
    events.publish(
        session,
        ctx,
        PledgeMoved(
            pledge_id=pledge.id, event=event, before=before, boxes_added=max(0, pledge.boxes - boxes_before)
        ),
    )


def follow_stock(
    session: Session, ctx: Context, campaign: Campaign, *, reason: str, item_ids: Collection[uuid.UUID] = ()
) -> int:
    """The locked campaign has let go of pledged boxes: bring its pledges to what stands in the pools; how many."""
    session.flush()
    standing = func.coalesce(func.sum(Hold.boxes - Hold.released_boxes), 0)
    statement = (
        select(Pledge, standing)
        .outerjoin(
            Hold,
            and_(
                Hold.pool_id.in_([item.pool_id for item in campaign.items]),
                Hold.kind.in_(sorted(PLEDGES)),
                Hold.purpose_kind == PURPOSE,
                Hold.purpose_id == Pledge.id,
            ),
        )
        .where(
            Pledge.item_id.in_(item_ids or [item.id for item in campaign.items]),
            Pledge.state == PledgeState.ACCEPTED,
        )
        .group_by(Pledge.id)
        .having(standing != Pledge.boxes)
        .order_by(Pledge.id)
    )
    changed = session.execute(statement, execution_options={"populate_existing": True}).all()
    for pledge, left in changed:
        write(session, ctx, pledge, rules.shrinking(left=int(left)), boxes=int(left), reason=reason)
    return len(changed)
