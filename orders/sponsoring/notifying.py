"""What sponsors are told of what they buy, and cooperatives of what is due to them for it.

A step of a sponsorship is told by a job, when all that belongs to it is written: its figures are those after the step.
"""

import uuid
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import pools
from marketplace import jobs
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, kinds, notify, notify_members
from marketplace.notifications.kinds import About
from marketplace.values import Money
from orders.events import EscrowReleased, OrderMoved, SponsorshipMoved
from orders.models import BulkTerms, Order, Share
from orders.sponsoring import rules, sponsorships, tranching
from orders.sponsoring.models import SponsorDraw, Sponsorship, SponsorshipMove
from orders.sponsoring.rules import Tranche
from orders.sponsoring.states import DrawKind, SponsorshipEvent
from orders.states import OrderState

TELL_SPONSOR: Final = "orders.tell_sponsor"
SILENT: Final = (SponsorshipEvent.ALLOCATE,)
"""An operator's own step: the sponsor is told when cooperatives have confirmed."""
TRANCHES: Final = {
    Tranche.CONFIRMATION: Text(en="confirmation", zh="确认"),
    Tranche.INTAKE: Text(en="intake", zh="入库"),
    Tranche.DELIVERY: Text(en="delivery", zh="交付"),
}


def on_moved(session: Session, _ctx: Context, event: SponsorshipMoved) -> None:
    if event.event not in SILENT:
        arguments = {"sponsorship_id": str(event.sponsorship_id), "number": event.number}
        jobs.enqueue(session, TELL_SPONSOR, arguments=arguments)


def tell_sponsor(session: Session, ctx: Context, *, sponsorship_id: str, number: int) -> bool:
    """Tell the sponsor of this step of its sponsorship; whether it had not been told."""
    sponsorship = session.get_one(Sponsorship, uuid.UUID(sponsorship_id))
    move = session.get_one(SponsorshipMove, (sponsorship.id, number))
    cause = f"sponsorship:{sponsorship.id}:{number}"
    about = _about(session, sponsorship, move)
    return notify(session, ctx, Message(account_id=sponsorship.account_id, cause=cause, about=about))


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    """All have answered, and nobody is left for some of a sponsor's boxes: the sponsor must say what then."""
    if event.after != OrderState.SHORT:
        return
    sponsorship = sponsorships.of_order(session, event.order_id)
    if sponsorship is None:
        return
    short = session.get_one(BulkTerms, event.order_id).boxes_short
    about = kinds.SponsorshipShort(sponsorship_id=sponsorship.id, boxes=sponsorship.boxes, boxes_short=short)
    order = session.get_one(Order, event.order_id)
    cause = f"sponsorship_order:{order.id}:{order.version}"
    notify(session, ctx, Message(account_id=sponsorship.account_id, cause=cause, about=about))


def on_released(session: Session, ctx: Context, event: EscrowReleased) -> None:
    """Everybody who acts for the cooperative is told how much is due to it."""
    share = session.get_one(Share, event.share_id)
    cooperative = session.get_one(Cooperative, share.cooperative_id)
    about = kinds.TrancheReleased(
        share_id=share.id,
        cooperative=Text(en=cooperative.name_en, zh=cooperative.name_zh),
        tranche=TRANCHES[Tranche(event.tranche)],
        amount=Money(event.amount_minor, event.currency),
    )
    cause = f"escrow_line:{event.sponsorship_id}:{event.line}"
    notify_members(session, ctx, cooperative_id=cooperative.id, cause=cause, about=about)


def _about(session: Session, sponsorship: Sponsorship, move: SponsorshipMove) -> About:
    event = SponsorshipEvent(move.event)
    if event in (SponsorshipEvent.REJECT, SponsorshipEvent.CANCEL):
        return _refused(sponsorship, event, Text(en=move.reason or "", zh=move.reason or ""))
    if event in (SponsorshipEvent.CONFIRM, SponsorshipEvent.CARRY, SponsorshipEvent.END):
        return _drawn(session, sponsorship, event)
    if event == SponsorshipEvent.CLOSE:
        return kinds.SponsorshipClosed(
            sponsorship_id=sponsorship.id,
            paid=_money(sponsorship, sponsorship.released_minor),
            returned=_money(sponsorship, sponsorship.returned_minor),
        )
    return _bound(sponsorship, event)


def _bound(sponsorship: Sponsorship, event: SponsorshipEvent) -> About:
    boxes, escrow = sponsorship.boxes, _money(sponsorship, sponsorship.escrow_minor)
    total = _money(sponsorship, sponsorship.total_minor)
    if event == SponsorshipEvent.SIGN:
        return kinds.SponsorshipSigned(sponsorship_id=sponsorship.id, boxes=boxes, total=total)
    if event == SponsorshipEvent.ACCEPT:
        needed = rules.escrow_needed(sponsorship.total_minor, sponsorship.escrow_permille)
        return kinds.SponsorshipAccepted(
            sponsorship_id=sponsorship.id, boxes=boxes, total=total, escrow=_money(sponsorship, needed)
        )
    if event == SponsorshipEvent.FUND:
        return kinds.SponsorshipFunded(sponsorship_id=sponsorship.id, boxes=boxes, escrow=escrow)
    assert event == SponsorshipEvent.FAIL, "every step that is told has its words"
    return kinds.SponsorshipGivenUp(sponsorship_id=sponsorship.id, boxes=boxes, escrow=escrow)


def _refused(sponsorship: Sponsorship, event: SponsorshipEvent, reason: Text) -> About:
    if event == SponsorshipEvent.REJECT:
        return kinds.SponsorshipRejected(
            sponsorship_id=sponsorship.id, boxes=sponsorship.boxes, reason=reason
        )
    return kinds.SponsorshipCancelled(
        sponsorship_id=sponsorship.id,
        boxes=sponsorship.boxes,
        reason=reason,
        returned=_money(sponsorship, sponsorship.returned_minor),
    )


def _drawn(session: Session, sponsorship: Sponsorship, event: SponsorshipEvent) -> About:
    assert sponsorship.pool_id is not None, "it has been split"
    if event == SponsorshipEvent.CONFIRM:
        boxes = sum(each.boxes for each in tranching.shares_of(session, sponsorship.id))
        return kinds.SponsorshipAllocated(
            sponsorship_id=sponsorship.id, boxes=boxes, draws_until=sponsorship.draws_until
        )
    if event == SponsorshipEvent.CARRY:
        left = pools.get(session, pool_id=sponsorship.pool_id).available_boxes
        return kinds.SponsorshipCarried(
            sponsorship_id=sponsorship.id, boxes=left, draws_until=sponsorship.draws_until
        )
    donated = session.scalar(
        select(func.coalesce(func.sum(SponsorDraw.boxes), 0)).where(
            SponsorDraw.sponsorship_id == sponsorship.id, SponsorDraw.kind == DrawKind.DONATION
        )
    )
    return kinds.SponsorshipEnded(
        sponsorship_id=sponsorship.id,
        boxes_donated=int(donated or 0),
        returned=_money(sponsorship, sponsorship.returned_minor),
    )


def _money(sponsorship: Sponsorship, minor: int) -> Money:
    return Money(minor, sponsorship.currency)


JOBS: Final = (Job(name=TELL_SPONSOR, run=tell_sponsor),)
