"""What follows a proposed bulk order: an operator approves, cooperatives answer, what is given back is split again.

Everything here locks one order first, then its fruit and season, then lots: two steps of one order never run at once.
"""

import uuid
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import holds, lots, owing, pools
from marketplace import audit, errors, events
from marketplace.access import STAFF, Role
from marketplace.catalogue import products
from marketplace.context import Context
from marketplace.language import Text
from orders import bulk, season, splitting
from orders.events import BoxesGivenBack, OrderMoved, ShareMoved, SplitApproved
from orders.models import AllocationRun, BulkTerms, Order, Share
from orders.states import (
    OPEN_SHARES,
    OrderKind,
    OrderState,
    OrderStateForbids,
    ShareState,
    ShareStateForbids,
    Silence,
    check_move,
    check_share_move,
)


class ShareNotFound(errors.NotFound):
    title = Text(en="There is no such share.", zh="没有该份额。")


class NotInOrder(errors.NotFound):
    title = Text(en="That cooperative sells nothing in this order.", zh="该合作社未参与此订单。")


class RunNotProved(errors.Conflict):
    """The stored split does not prove itself; `violations` says why. Nothing is approved."""

    title = Text(en="The stored split does not prove itself.", zh="已存的分配未通过验证。")


class AnswerTooLate(errors.Gone):
    """The time to answer is over."""

    title = Text(en="The time to answer is over.", zh="答复期限已过。")


class MoreThanItsShare(errors.Conflict):
    """More boxes than the share has."""

    title = Text(en="The share does not have that many boxes.", zh="超过份额箱数。")


def approve(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """Prove the stored split once more and ask its cooperatives.

    Raises OrderNotFound, OrderStateForbids, RunNotProved.
    """
    order, terms = locked(session, order_id)
    if order.state != OrderState.PROPOSED:
        raise OrderStateForbids(state=order.state)
    runs = bulk.runs_of(session, order_id=order.id)
    if violations := [fault for run in runs if (fault := splitting.fault_of(run)) is not None]:
        raise RunNotProved(violations=violations)
    for run in runs:
        _offer(ctx, run.shares, terms)
    move(session, ctx, order, OrderState.APPROVED)
    events.publish(session, ctx, SplitApproved(order_id=order.id, runs=len(runs)))
    for run in runs:
        _tell_offered(session, ctx, run)
    _settle(session, ctx, order, terms)
    return order


def confirm(session: Session, ctx: Context, *, share_id: uuid.UUID, boxes: int | None = None) -> Share:
    """The cooperative will sell its share, or so many boxes of it: they are owed now, and the rest is given back.

    Raises ShareNotFound, ShareStateForbids, AnswerTooLate, MoreThanItsShare, NotEnoughInStore, LotStatusForbids.
    """
    share, order, terms = _answering(session, ctx, share_id)
    given_back = 0 if boxes is None else share.boxes_kept - boxes
    if given_back < 0:
        raise MoreThanItsShare(share_boxes=share.boxes_kept, asked_boxes=boxes)
    if given_back:
        give_back(session, ctx, order, terms, share, boxes=given_back, counts=terms.refusals_count)
    owing.commit_purpose(session, ctx, purpose=("share", share.id))
    _change(session, ctx, share, ShareState.CONFIRMED)
    _settle(session, ctx, order, terms)
    return share


def decline(session: Session, ctx: Context, *, share_id: uuid.UUID, reason: str) -> Share:
    """The cooperative will not sell its share. Raises ShareNotFound, ShareStateForbids, AnswerTooLate."""
    share, order, terms = _answering(session, ctx, share_id)
    end_share(
        session, ctx, order, terms, share, ShareState.DECLINED, reason=reason, counts=terms.refusals_count
    )
    _settle(session, ctx, order, terms)
    return share


def reduce(session: Session, ctx: Context, *, share_id: uuid.UUID, boxes: int, reason: str) -> Share:
    """Take back boxes of a confirmed share, because the fruit is not there after all; others are asked.

    Raises ShareNotFound, ShareStateForbids, MoreThanItsShare, NotEnoughInStore.
    """
    share, order, terms = _share_of_actor(session, ctx, share_id)
    if share.state != ShareState.CONFIRMED:
        raise ShareStateForbids(state=share.state)
    if boxes > share.boxes_kept:
        raise MoreThanItsShare(share_boxes=share.boxes_kept, asked_boxes=boxes)
    if boxes == share.boxes_kept:
        end_share(session, ctx, order, terms, share, ShareState.DECLINED, reason=reason, counts=False)
    else:
        share.reason = reason
        if not give_back(session, ctx, order, terms, share, boxes=boxes, counts=False):
            owing.commit_purpose(session, ctx, purpose=("share", share.id))
    _settle(session, ctx, order, terms)
    return share


def leave(
    session: Session, ctx: Context, *, order_id: uuid.UUID, cooperative_id: uuid.UUID, reason: str
) -> Order:
    """A cooperative takes no further part: all its boxes go to others. Raises OrderNotFound, NotInOrder."""
    order, terms = locked(session, order_id)
    if order.state == OrderState.CANCELLED:
        raise OrderStateForbids(state=order.state)
    shares = [share for share in _open(session, order) if share.cooperative_id == cooperative_id]
    if not shares:
        raise NotInOrder
    for share in shares:
        end_share(session, ctx, order, terms, share, ShareState.DECLINED, reason=reason, counts=False)
    if order.state == OrderState.PROPOSED:
        _split_again(session, ctx, order, terms)
    else:
        _settle(session, ctx, order, terms)
    audit.record(
        session,
        ctx,
        "bulk_order.leave",
        subject=("order", order.id),
        after={"cooperative_id": str(cooperative_id), "reason": reason},
    )
    return order


def accept_short(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """The buyer takes what there is. Raises OrderNotFound, OrderStateForbids."""
    order, terms = locked(session, order_id)
    _check_may_decide(ctx, order)
    if order.state != OrderState.SHORT:
        raise OrderStateForbids(state=order.state)
    before = order.boxes
    if terms.boxes_short >= order.boxes:
        raise OrderStateForbids(state=order.state)
    order.boxes -= terms.boxes_short
    order.total_minor = order.boxes * order.unit_price_minor
    terms.boxes_short = 0
    audit.record(
        session,
        ctx,
        "bulk_order.accept_short",
        subject=("order", order.id),
        before={"boxes": before},
        after={"boxes": order.boxes},
    )
    move(session, ctx, order, OrderState.COMMITTED)
    return order


def cancel(session: Session, ctx: Context, *, order_id: uuid.UUID, reason: str) -> Order:
    """Give the order up before it is committed: its fruit is free again. Raises OrderNotFound, OrderStateForbids."""
    order, terms = locked(session, order_id)
    _check_may_decide(ctx, order)
    check_move(order.state, OrderState.CANCELLED)
    if order.state == OrderState.COMMITTED:
        raise OrderStateForbids(state=order.state)
    for share in _open(session, order):
        end_share(session, ctx, order, terms, share, ShareState.RELEASED, reason=reason, counts=False)
    terms.boxes_open = terms.boxes_short = 0
    move(session, ctx, order, OrderState.CANCELLED)
    return order


def silent(session: Session, ctx: Context) -> list[uuid.UUID]:
    """The orders that have shares whose time to answer is over."""
    due = (
        select(AllocationRun.order_id)
        .join(Share, Share.run_id == AllocationRun.id)
        .where(Share.state == ShareState.OFFERED, Share.answer_due_at <= ctx.now)
        .distinct()
    )
    return sorted(session.scalars(due))


def visible(ctx: Context) -> Select[Share]:
    """The shares that the actor may see: its cooperatives', or everybody's for staff."""
    if ctx.actor.has(*STAFF):
        return select(Share)
    return select(Share).where(Share.cooperative_id.in_(sorted(ctx.actor.cooperative_ids)))


def to_divide(session: Session, ctx: Context, *, share_id: uuid.UUID) -> tuple[Share, Order]:
    """A confirmed share that its cooperative may divide over its growers, and its order.

    Raises ShareNotFound, ShareStateForbids.
    """
    share = session.execute(visible(ctx).where(Share.id == share_id)).scalar_one_or_none()
    if share is None:
        raise ShareNotFound
    if share.state != ShareState.CONFIRMED:
        raise ShareStateForbids(state=share.state)
    run = session.get_one(AllocationRun, share.run_id)
    return share, session.get_one(Order, run.order_id)


def lapse(session: Session, ctx: Context, *, order_id: uuid.UUID) -> int:
    """End the silence of an order's shares whose time is over, as its terms have it; how many shares."""
    order, terms = locked(session, order_id)
    due = [
        share
        for share in _open(session, order)
        if share.state == ShareState.OFFERED and share.answer_due_at and share.answer_due_at <= ctx.now
    ]
    for share in due:
        if terms.silence == Silence.CONFIRMS:
            _confirm_silently(session, ctx, order, terms, share)
        else:
            end_share(
                session,
                ctx,
                order,
                terms,
                share,
                ShareState.LAPSED,
                reason="no answer",
                counts=terms.refusals_count,
            )
    if due:
        _settle(session, ctx, order, terms)
    return len(due)


def _confirm_silently(session: Session, ctx: Context, order: Order, terms: BulkTerms, share: Share) -> None:
    """Silence is a yes to fruit that may be sold; to fruit that is stopped it is none, and nobody's fault."""
    try:
        owing.commit_purpose(session, ctx, purpose=("share", share.id))
    except lots.LotStatusForbids:
        reason = "its fruit is stopped"
        end_share(session, ctx, order, terms, share, ShareState.LAPSED, reason=reason, counts=False)
    else:
        _change(session, ctx, share, ShareState.CONFIRMED)


def _settle(session: Session, ctx: Context, order: Order, terms: BulkTerms) -> None:
    """When everybody has answered: split again what was given back, or say where the order stands."""
    session.flush()
    if any(share.state == ShareState.OFFERED for share in _open(session, order)):
        _reopen(session, ctx, order)
        return
    if terms.boxes_open:
        _split_again(session, ctx, order, terms)
    if any(share.state == ShareState.OFFERED for share in _open(session, order)):
        _reopen(session, ctx, order)
        return
    after = OrderState.SHORT if terms.boxes_short else OrderState.COMMITTED
    if order.state != after:
        move(session, ctx, order, after)


def _reopen(session: Session, ctx: Context, order: Order) -> None:
    if order.state != OrderState.APPROVED:
        move(session, ctx, order, OrderState.APPROVED)


def _split_again(session: Session, ctx: Context, order: Order, terms: BulkTerms) -> None:
    """Accepted shares stay as they are and count as sold; whoever gave boxes back is not asked again."""
    session.flush()
    runs = bulk.runs_of(session, order_id=order.id)
    refused = frozenset(
        share.cooperative_id for run in runs for share in run.shares if share.boxes_given_back
    )
    pack = products.get_pack(session, pack_id=order.pack_id)
    facts = splitting.facts_of(
        session,
        county_id=terms.county_id,
        pack=pack,
        season_name=terms.season,
        on=splitting.day_of(order, ctx),
        locked=True,
        left_out=refused,
    )
    boxes = min(terms.boxes_open, facts.available_boxes)
    terms.boxes_short += terms.boxes_open - boxes
    terms.boxes_open = 0
    if not boxes:
        return
    policy = bulk.policy_of(
        session,
        pack,
        facts,
        county_id=terms.county_id,
        season_name=terms.season,
        boxes=boxes,
        rule=bulk.rule_of(terms),
        strict=terms.strict,
    )
    is_asked = order.state != OrderState.PROPOSED
    run = splitting.store(
        session,
        ctx,
        order,
        splitting.propose(facts, boxes=boxes, pack_grams=pack.net_grams, policy=policy),
        pack=pack,
        season_name=terms.season,
        number=len(runs) + 1,
        state=ShareState.OFFERED if is_asked else ShareState.PROPOSED,
        answer_due_at=ctx.now + timedelta(hours=terms.answer_hours) if is_asked else None,
    )
    session.flush()
    audit.record(session, ctx, "bulk_order.split_again", subject=("order", order.id), after={"boxes": boxes})
    _tell_offered(session, ctx, run)


def _offer(ctx: Context, shares: Iterable[Share], terms: BulkTerms) -> None:
    for share in shares:
        if share.state == ShareState.PROPOSED:
            share.state = ShareState.OFFERED
            share.answer_due_at = ctx.now + timedelta(hours=terms.answer_hours)
            share.version += 1


def _tell_offered(session: Session, ctx: Context, run: AllocationRun) -> None:
    for share in run.shares:
        if share.state == ShareState.OFFERED:
            told = ShareMoved(share_id=share.id, order_id=run.order_id, after=ShareState.OFFERED)
            events.publish(session, ctx, told)


def give_back(
    session: Session,
    ctx: Context,
    order: Order,
    terms: BulkTerms,
    share: Share,
    *,
    boxes: int,
    counts: bool,
) -> bool:
    """Free so many boxes of the share; the rest is held anew, first expired first out.

    What is in a sponsor's pool stays there but for these boxes; answers whether the share has any there. Raises
    PledgeNeeded when somebody has drawn them.
    """
    pack = products.get_pack(session, pack_id=order.pack_id)
    kept = share.boxes_kept - boxes
    lots.offered(
        session, variety=pack.variety, grade=pack.grade, locked=True, cooperative_id=share.cooperative_id
    )
    is_pooled = pools.has_pledged(session, purpose=("share", share.id))
    if is_pooled:
        holds.release_part(session, ctx, purpose=("share", share.id), boxes=boxes)
    else:
        holds.release_purpose(session, ctx, purpose=("share", share.id))
    if kept and not is_pooled:
        splitting.hold_share(session, ctx, order, share, pack=pack, boxes=kept)
    share.boxes_given_back += boxes
    share.version += 1
    terms.boxes_open += boxes
    if not counts:
        season.book_back(
            session,
            ctx,
            run_id=share.run_id,
            season=terms.season,
            cooperative_id=share.cooperative_id,
            grams=boxes * order.pack_grams,
        )
    audit.record(
        session, ctx, "share.give_back", subject=("share", share.id), after={"boxes": boxes, "kept": kept}
    )
    if kept:  # else the share ends, which is told when it has
        events.publish(session, ctx, BoxesGivenBack(share_id=share.id, order_id=order.id))
    return is_pooled


def end_share(
    session: Session,
    ctx: Context,
    order: Order,
    terms: BulkTerms,
    share: Share,
    after: ShareState,
    *,
    reason: str,
    counts: bool,
) -> None:
    """The cooperative sells nothing of this share."""
    check_share_move(share.state, after)
    give_back(session, ctx, order, terms, share, boxes=share.boxes_kept, counts=counts)
    share.reason = reason
    _change(session, ctx, share, after)


def _change(session: Session, ctx: Context, share: Share, after: ShareState) -> None:
    check_share_move(share.state, after)
    before = share.state
    share.state = after
    share.answered_at = ctx.now
    share.answered_by = ctx.actor.label
    share.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"share.{after}",
        subject=("share", share.id),
        before={"state": before},
        after={"state": str(after), "boxes": share.boxes_kept},
    )
    order_id = session.get_one(AllocationRun, share.run_id).order_id
    events.publish(session, ctx, ShareMoved(share_id=share.id, order_id=order_id, after=after))


def _answering(session: Session, ctx: Context, share_id: uuid.UUID) -> tuple[Share, Order, BulkTerms]:
    share, order, terms = _share_of_actor(session, ctx, share_id)
    if share.state != ShareState.OFFERED:
        raise ShareStateForbids(state=share.state)
    if share.answer_due_at is not None and share.answer_due_at <= ctx.now:
        raise AnswerTooLate(answer_due_at=share.answer_due_at)
    return share, order, terms


def _share_of_actor(session: Session, ctx: Context, share_id: uuid.UUID) -> tuple[Share, Order, BulkTerms]:
    """The share under its order's lock, for members of its cooperative and operators; raises ShareNotFound."""
    seen = session.get(Share, share_id)
    if seen is None or not (
        ctx.actor.has(Role.OPERATOR, Role.SYSTEM) or ctx.actor.belongs_to(seen.cooperative_id)
    ):
        raise ShareNotFound
    run_of_share = select(AllocationRun.order_id).where(AllocationRun.id == seen.run_id)
    order, terms = locked(session, session.execute(run_of_share).scalar_one())
    return session.get_one(Share, share_id, populate_existing=True), order, terms


def locked(session: Session, order_id: uuid.UUID) -> tuple[Order, BulkTerms]:
    """The order and its terms; nobody else changes them, their shares or their fruit's split until the commit.

    Whoever takes the fruit before the lots, as a new order does, never waits for who has lots already.
    """
    order = session.get(Order, order_id, with_for_update=True, populate_existing=True)
    if order is None or order.kind != OrderKind.SPONSOR_BULK:
        raise bulk.OrderNotFound
    terms = session.get_one(BulkTerms, order_id, populate_existing=True)
    splitting.lock(session, pack=products.get_pack(session, pack_id=order.pack_id), season_name=terms.season)
    return order, terms


def _open(session: Session, order: Order) -> list[Share]:
    """The order's shares whose boxes are held, as they are now."""
    statement = (
        select(Share)
        .join(AllocationRun, AllocationRun.id == Share.run_id)
        .where(AllocationRun.order_id == order.id, Share.state.in_(OPEN_SHARES))
        .order_by(Share.id)
    )
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def _check_may_decide(ctx: Context, order: Order) -> None:
    if order.buyer_id != ctx.actor.id and not ctx.actor.has(Role.OPERATOR):
        raise bulk.OrderNotFound


def move(session: Session, ctx: Context, order: Order, after: OrderState) -> None:
    check_move(order.state, after)
    before = order.state
    order.state = after
    order.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"bulk_order.{after}",
        subject=("order", order.id),
        before={"state": before},
        after={"state": str(after)},
    )
    events.publish(session, ctx, OrderMoved(order_id=order.id, before=before, after=after))
