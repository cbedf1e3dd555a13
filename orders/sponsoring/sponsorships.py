"""One sponsorship: found, seen by whom it concerns, locked, and moved on by a row that says who and why.

Rows are locked in this order: payment, order, sponsorship, its shares or draws, then holds, pools and lots.
"""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, errors, events
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from orders.events import SponsorshipMoved
from orders.sponsoring.models import Sponsorship, SponsorshipMove
from orders.sponsoring.states import SponsorshipEvent, after


class SponsorshipNotFound(errors.NotFound):
    title = Text(en="There is no such sponsorship.", zh="没有该赞助采购。")


def visible(ctx: Context) -> Select[Any]:
    """The sponsorships that the actor may see: its own, or everybody's for staff."""
    if ctx.actor.has(*STAFF):
        return select(Sponsorship)
    return select(Sponsorship).where(Sponsorship.account_id == ctx.actor.id)


def get(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID) -> Sponsorship:
    """For its sponsor and staff; raises SponsorshipNotFound."""
    found: Sponsorship | None = session.scalar(visible(ctx).where(Sponsorship.id == sponsorship_id))
    if found is None:
        raise SponsorshipNotFound
    return found


def locked(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID) -> Sponsorship:
    """The same, and nobody else changes it until the commit; raises SponsorshipNotFound."""
    get(session, ctx, sponsorship_id=sponsorship_id)
    return session.get_one(Sponsorship, sponsorship_id, with_for_update=True, populate_existing=True)


def kept(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    """As it is, and nobody moves it on until the commit; many may hold on to it so. Raises SponsorshipNotFound."""
    found = session.get(Sponsorship, sponsorship_id, with_for_update={"read": True}, populate_existing=True)
    if found is None:
        raise SponsorshipNotFound
    return found


def of_order(session: Session, order_id: uuid.UUID) -> Sponsorship | None:
    """The sponsorship whose bulk order this is, locked."""
    found: Sponsorship | None = session.scalar(
        select(Sponsorship)
        .where(Sponsorship.order_id == order_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


def move(
    session: Session,
    ctx: Context,
    sponsorship: Sponsorship,
    event: SponsorshipEvent,
    *,
    reason: str | None = None,
) -> None:
    """Raises SponsorshipStateForbids unless the event may happen now."""
    before, then = sponsorship.state, after(sponsorship.state, event)
    sponsorship.state = then
    write(session, ctx, sponsorship, str(event), before=before, reason=reason)
    audit.record(
        session,
        ctx,
        f"sponsorship.{event}",
        subject=("sponsorship", sponsorship.id),
        before={"state": before},
        after={"state": str(then), **({} if reason is None else {"reason": reason})},
    )
    moved = SponsorshipMoved(sponsorship_id=sponsorship.id, number=sponsorship.moves, event=str(event))
    events.publish(session, ctx, moved)


def write(
    session: Session,
    ctx: Context,
    sponsorship: Sponsorship,
    event: str,
    *,
    before: str | None,
    reason: str | None = None,
) -> None:
    """The next row of its life."""
    sponsorship.moves += 1
    sponsorship.version += 1
    session.flush()
    session.add(
        SponsorshipMove(
            sponsorship_id=sponsorship.id,
            number=sponsorship.moves,
            event=event,
            before=before,
            after=sponsorship.state,
            reason=reason,
            actor=ctx.actor.label,
            request_id=ctx.request_id,
            at=ctx.now,
        )
    )
    session.flush()


def moves_of(session: Session, sponsorship_id: uuid.UUID) -> list[SponsorshipMove]:
    rows = select(SponsorshipMove).where(SponsorshipMove.sponsorship_id == sponsorship_id)
    return list(session.scalars(rows.order_by(SponsorshipMove.number)))
