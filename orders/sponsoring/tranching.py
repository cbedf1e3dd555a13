"""Tranches of a sponsored order: released from escrow as cooperatives confirm, take in and deliver; once, to the unit.

What is payable of a share always is what the rule says of how far its boxes have come. If a cooperative keeps fewer of
them, what was released for the others comes back into escrow; of what is paid already, as its debt.
"""

import uuid
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders.answers import ShareNotFound
from orders.events import BoxesGivenBack, ShareMoved
from orders.models import AllocationRun, Order, Share
from orders.sponsoring import allocating, escrow, paying, rules, sponsorships
from orders.sponsoring.models import SponsoredShare, SponsorPayable, Sponsorship
from orders.sponsoring.rules import Progress, Tranche
from orders.sponsoring.states import MOVING, BoxesDelivered, SponsorshipState, SponsorshipStateForbids
from orders.states import ShareState


class MoreThanConfirmed(errors.Conflict):
    """So many boxes of the share are not left to be taken in: `boxes_left` are."""

    title = Text(en="The cooperative has not confirmed that many boxes.", zh="超过合作社已确认的箱数。")


class MoreThanTakenIn(errors.Conflict):
    """So many boxes of the share are not left to be delivered: `boxes_left` are taken in and not delivered."""

    title = Text(en="Not that many boxes were taken in.", zh="超过已入库待交付的箱数。")


ENDED: Final = (ShareState.DECLINED, ShareState.LAPSED, ShareState.RELEASED)


def on_share_moved(session: Session, ctx: Context, event: ShareMoved) -> None:
    """A cooperative confirmed its share of a sponsor's order: the first tranche is due. Or the share is over.

    Raises BoxesDelivered.
    """
    if event.after not in (ShareState.CONFIRMED, *ENDED):
        return
    sponsorship = sponsorships.of_order(session, event.order_id)
    if sponsorship is None:
        return
    if event.after in ENDED:
        _cut(session, ctx, sponsorship, event.share_id)
        return
    share = session.get_one(Share, event.share_id)
    sponsored = SponsoredShare(
        share_id=share.id,
        sponsorship_id=sponsorship.id,
        cooperative_id=share.cooperative_id,
        boxes=share.boxes_kept,
        boxes_taken_in=0,
        boxes_delivered=0,
        version=1,
    )
    session.add(sponsored)
    session.flush()
    settle(session, ctx, sponsorship, sponsored)


def on_boxes_given_back(session: Session, ctx: Context, event: BoxesGivenBack) -> None:
    """A cooperative keeps fewer boxes of what it confirmed: what was released for the others comes back.

    Raises BoxesDelivered.
    """
    sponsorship = sponsorships.of_order(session, event.order_id)
    if sponsorship is not None:
        _cut(session, ctx, sponsorship, event.share_id)


def take_in(session: Session, ctx: Context, *, share_id: uuid.UUID, boxes: int) -> SponsoredShare:
    """So many more boxes of a share came to the packhouse: their part of the second tranche is due.

    Raises ShareNotFound, SponsorshipStateForbids, MoreThanConfirmed, EscrowTooLow.
    """
    sponsorship, sponsored = _moving(session, share_id)
    left = sponsored.boxes - sponsored.boxes_taken_in
    if boxes > left:
        raise MoreThanConfirmed(boxes_left=left)
    if sponsorship.state == SponsorshipState.DRAWING:
        allocating.fill(session, ctx, sponsorship)
    after = Progress(
        boxes=sponsored.boxes,
        taken_in=sponsored.boxes_taken_in + boxes,
        delivered=sponsored.boxes_delivered,
    )
    _go(session, ctx, sponsorship, sponsored, after)
    audit.record(session, ctx, "sponsored_share.take_in", subject=("share", share_id), after={"boxes": boxes})
    return sponsored


def deliver(session: Session, ctx: Context, *, share_id: uuid.UUID, boxes: int) -> SponsoredShare:
    """So many more boxes of a share were delivered: their part of the last tranche is due.

    Raises ShareNotFound, SponsorshipStateForbids, MoreThanTakenIn, EscrowTooLow.
    """
    sponsorship, sponsored = _moving(session, share_id)
    left = sponsored.boxes_taken_in - sponsored.boxes_delivered
    if boxes > left:
        raise MoreThanTakenIn(boxes_left=left)
    after = Progress(
        boxes=sponsored.boxes,
        taken_in=sponsored.boxes_taken_in,
        delivered=sponsored.boxes_delivered + boxes,
    )
    _go(session, ctx, sponsorship, sponsored, after)
    audit.record(session, ctx, "sponsored_share.deliver", subject=("share", share_id), after={"boxes": boxes})
    return sponsored


def settle(session: Session, ctx: Context, sponsorship: Sponsorship, sponsored: SponsoredShare) -> None:
    """Post what the rule says is due and is not released yet, and take back what is not due any more, that first."""
    due = rules.due(sponsorship.tranches, sponsored.progress, unit_price_minor=sponsorship.unit_price_minor)
    rows = payables_of(session, sponsored.share_id)
    changes = [
        (tranche, minor - (rows[tranche].amount_minor if tranche in rows else 0))
        for tranche, minor in due.items()
    ]
    for tranche, change in sorted(changes, key=lambda each: each[1]):
        if not change:
            continue
        row = rows.get(tranche)
        if row is None:
            row = _payable(ctx, sponsorship, sponsored, tranche)
            session.add(row)
        told: dict[str, Any] = {"share_id": sponsored.share_id, "tranche": tranche}
        if change > 0:
            escrow.post(session, ctx, sponsorship, "released", change, **told)
        else:
            owed = paying.taken_back(session, ctx, row, -change)
            escrow.take_back(session, ctx, sponsorship, -change - owed, owed_minor=owed, **told)
            row.owed_back_minor += owed
        row.amount_minor += change
        row.changed_at = ctx.now
        row.version += 1
    session.flush()


def payables_of(session: Session, share_id: uuid.UUID) -> dict[Tranche, SponsorPayable]:
    """What is payable of each tranche of a share."""
    rows = session.scalars(select(SponsorPayable).where(SponsorPayable.share_id == share_id))
    return {Tranche(row.tranche): row for row in rows}


def visible(ctx: Context) -> Select[SponsorPayable]:
    """What is payable to the actor's cooperatives, or to everybody's for staff."""
    if ctx.actor.has(*STAFF):
        return select(SponsorPayable)
    return select(SponsorPayable).where(SponsorPayable.cooperative_id.in_(sorted(ctx.actor.cooperative_ids)))


def shares_of(session: Session, sponsorship_id: uuid.UUID) -> list[SponsoredShare]:
    rows = select(SponsoredShare).where(SponsoredShare.sponsorship_id == sponsorship_id)
    return list(session.scalars(rows.order_by(SponsoredShare.share_id)))


def _payable(
    ctx: Context, sponsorship: Sponsorship, sponsored: SponsoredShare, tranche: Tranche
) -> SponsorPayable:
    return SponsorPayable(
        id=new_id(),
        sponsorship_id=sponsorship.id,
        share_id=sponsored.share_id,
        tranche=tranche,
        cooperative_id=sponsored.cooperative_id,
        amount_minor=0,
        owed_back_minor=0,
        currency=sponsorship.currency,
        changed_at=ctx.now,
        version=0,
    )


def _cut(session: Session, ctx: Context, sponsorship: Sponsorship, share_id: uuid.UUID) -> None:
    """What a cooperative confirmed once and does not keep is not due any more. Raises BoxesDelivered."""
    sponsored = _locked(session, share_id)
    if sponsored is None:
        return
    kept = session.get_one(Share, share_id).boxes_kept
    if kept < sponsored.boxes_delivered:
        raise BoxesDelivered(boxes_delivered=sponsored.boxes_delivered)
    _go(session, ctx, sponsorship, sponsored, sponsored.progress.cut_to(kept))


def _go(
    session: Session, ctx: Context, sponsorship: Sponsorship, sponsored: SponsoredShare, after: Progress
) -> None:
    sponsored.boxes = after.boxes
    sponsored.boxes_taken_in = after.taken_in
    sponsored.boxes_delivered = after.delivered
    sponsored.version += 1
    session.flush()
    settle(session, ctx, sponsorship, sponsored)


def _moving(session: Session, share_id: uuid.UUID) -> tuple[Sponsorship, SponsoredShare]:
    """The share and its sponsorship, locked after their order, while fruit moves."""
    found = session.execute(
        select(AllocationRun.order_id)
        .join(Share, Share.run_id == AllocationRun.id)
        .where(Share.id == share_id)
    ).scalar_one_or_none()
    if found is None:
        raise ShareNotFound
    session.get_one(Order, found, with_for_update=True, populate_existing=True)
    sponsorship = sponsorships.of_order(session, found)
    sponsored = None if sponsorship is None else _locked(session, share_id)
    if sponsorship is None or sponsored is None:
        raise ShareNotFound
    if sponsorship.state not in MOVING:
        raise SponsorshipStateForbids(state=sponsorship.state)
    return sponsorship, sponsored


def _locked(session: Session, share_id: uuid.UUID) -> SponsoredShare | None:
    return session.get(SponsoredShare, share_id, with_for_update=True, populate_existing=True)
