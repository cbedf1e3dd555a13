"""What follows from a stored cut for its orders: boxes, money and the written reason, batch by batch.

A batch is one unit of work and finds by itself what is left: the orders of the run without a cut. So it may be run
again, after a crash as well; the last one tells that the shortage is settled, and the campaign goes on (`proceeding`).
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import balances
from campaigns.models import Campaign
from campaigns.promotions import lessening
from campaigns.promotions.groups import settling
from campaigns.shortage import cases, line_rules, rules, run
from campaigns.shortage.models import Shortage, ShortageCut, ShortageElection, ShortageWait
from campaigns.shortage.rules import Balance, Cause, Choice, Cut, Demand, Due, Outcome
from campaigns.shortage.states import ShortageState, WaitState, check_move
from campaigns.shortage.words import BuyerWords
from campaigns.states import SHORT_IN
from marketplace import audit, events, jobs
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job
from marketplace.payments import part_refunds
from marketplace.payments.part_refunds import Part
from marketplace.payments.states import PartRefundKind
from marketplace.values import new_id
from orders import cutting, discount_rules, lowering
from orders.cutting import Bought
from orders.events import OrderCut
from orders.models import Order
from orders.states import OrderState

APPLY: Final = "campaigns.apply_cut"
BATCH: Final = 500
REASON: Final = "shortage"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortageSettled:
    """Every order of a shortage has followed the cut."""

    shortage_id: uuid.UUID
    campaign_id: uuid.UUID


def go_on(session: Session, ctx: Context, shortage: Shortage, cut: Cut) -> int:
    """One batch of a locked shortage whose cut is stored; with the last one it is settled. How many are left."""
    due = _left(session, shortage, cut)
    batch, left = due[:BATCH], due[BATCH:]
    _apply(session, ctx, shortage, cut, batch)
    if left:
        _call_next(session, shortage)
    else:
        _finish(session, ctx, shortage)
    return len(left)


def apply(session: Session, ctx: Context, *, shortage_id: str) -> int:
    """The job: the next batch, if any is left; how many orders are left after it."""
    shortage = cases.locked(session, uuid.UUID(shortage_id))
    campaign = session.get_one(Campaign, shortage.campaign_id)
    if shortage.state != ShortageState.CUTTING or campaign.state not in SHORT_IN:
        return 0
    assert shortage.problem is not None, "a cut that is decided is stored"
    assert shortage.result is not None, "with its result"
    cut = run.recalled(shortage.problem, shortage.result)
    return go_on(session, ctx, shortage, cut)


def _left(session: Session, shortage: Shortage, cut: Cut) -> list[tuple[Demand, Outcome]]:
    """By the order's id: the same orders come into the same batch, whenever it is run."""
    assert shortage.problem is not None
    done = {
        str(order_id)
        for order_id in session.scalars(
            select(ShortageCut.order_id).where(ShortageCut.shortage_id == shortage.id)
        )
    }
    pairs = zip(run.demands_of(shortage.problem), cut.outcomes, strict=True)
    return [pair for pair in pairs if pair[1].order_id not in done]


def _apply(
    session: Session, ctx: Context, shortage: Shortage, cut: Cut, batch: list[tuple[Demand, Outcome]]
) -> None:
    item = cases.item_of(session, shortage)
    locked = cutting.lock(session, [uuid.UUID(each.order_id) for each, _ in batch])
    writing = _Writing(session, ctx, shortage, cut, currency=item.currency)
    for demand, outcome in batch:
        writing.write(demand, outcome, locked[uuid.UUID(outcome.order_id)])
    writing.finish()
    if shortage.elections_due_at is not None:
        balances.prolong_some(session, ctx, locked, hours=shortage.election_hours)
    cases.settle(session, ctx, shortage, cuts=writing.cuts, reason=REASON)
    give_discounts_back(session, ctx, locked.values())
    session.flush()


def give_discounts_back(session: Session, ctx: Context, locked: Iterable[Bought]) -> None:
    """What was taken off for boxes that do not come is there for others: of an order that is cut to nothing all of it,
    what came back to it by a group as well. Asked when the boxes have left the pool: promotions are locked after it.
    """
    orders = [each.order for each in locked]
    over = [order.id for order in orders if order.state == OrderState.CUT]
    settling.undo_all(session, ctx, order_ids=over)
    left = [order.id for order in orders if order.state != OrderState.CUT and order.discount_minor]
    lessening.follow(session, ctx, order_ids=left)


class _Writing:
    """Orders, refunds and cuts written down one by one; what of each hold is taken back is gathered in `cuts`."""

    def __init__(
        self, session: Session, ctx: Context, shortage: Shortage, cut: Cut, *, currency: str
    ) -> None:
        self._session, self._ctx, self._shortage = session, ctx, shortage
        self._cause = Cause(shortage.cause)
        self._words = BuyerWords(
            cut,
            rules.policy_of(shortage.policy),
            cause=self._cause,
            currency=currency,
            later_lot_on=shortage.later_lot_on,
        )
        waits = _waiting(shortage)
        waiting = [each.order_id for each in cut.outcomes if each.moved and each.order_id in waits]
        line = line_rules.in_line(waiting, seed=shortage.seed, batch=cases.batch_of(shortage))
        self._places = {order_id: place for place, order_id in enumerate(line, start=1)}
        self._moved_to = _moved_to(session, shortage)
        self.cuts: dict[uuid.UUID, int] = {}
        self._owed: list[Part] = []
        self._told: list[OrderCut] = []

    def write(self, demand: Demand, outcome: Outcome, bought: Bought) -> None:
        order, paid, left = bought.order, bought.paid_minor, outcome.kept + outcome.moved
        deposit = None if bought.terms is None else bought.terms.deposit
        parts = cases.parts_back(self._shortage, bought, outcome)
        due = Due(
            refund_minor=sum(minor for _, kind, minor in parts if kind == PartRefundKind.REFUND),
            compensation_minor=sum(minor for _, kind, minor in parts if kind != PartRefundKind.REFUND),
            bonus_minor=0 if deposit is None else deposit.bonus_minor * outcome.refunded,
            discount_minor=_no_longer_off(order, outcome),
        )
        if bought.terms is not None and outcome.refunded:
            lowering.lower(self._session, self._ctx, order, bought.terms, bought.awaited, boxes=left)
        reason = self._words.reason(
            demand,
            outcome,
            due,
            paid_minor=paid,
            currency=order.currency,
            deposit=deposit,
            balance=_balance(bought),
        )
        row = _row(self._shortage, order, outcome, due, paid=paid, reason=reason)
        row.moved_to_item_id = self._moved_to.get(order.id) if demand.choice == Choice.OTHER_GRADE else None
        self._session.add(row)
        if demand.choice == Choice.WAIT:
            self._session.add(self._wait(outcome))
        self._owed.extend(parts)
        if outcome.refunded:
            assert order.hold_id is not None, "a shopper's order has its hold"
            self.cuts[order.hold_id] = outcome.refunded
            noted = cutting.note_cut(self._session, self._ctx, order, before=outcome.ordered, after=left)
            self._told.append(noted)

    def _wait(self, outcome: Outcome) -> ShortageWait:
        assert self._shortage.later_lot_on is not None, "nobody waits for what is not promised"
        return ShortageWait(
            id=new_id(),
            shortage_id=self._shortage.id,
            order_id=uuid.UUID(outcome.order_id),
            boxes=outcome.moved,
            place=self._places[outcome.order_id],
            promised_on=self._shortage.later_lot_on,
            state=WaitState.WAITING,
            version=1,
        )

    def finish(self) -> None:
        """Refunds at once for all orders; then who listens is told."""
        part_refunds.owe_parts(
            self._session,
            self._ctx,
            self._owed,
            reason=REASON,
            source_id=self._shortage.id,
            is_told=True,
        )
        cutting.tell(self._session, self._ctx, self._told)


def _no_longer_off(order: Order, outcome: Outcome) -> int:
    """What falls away of the discounts of a locked order, with the boxes that do not come."""
    before, after = (
        discount_rules.kept_minor(order.discount_minor, boxes=boxes, of_boxes=order.boxes)
        for boxes in (outcome.ordered, outcome.kept + outcome.moved)
    )
    return before - after


def _balance(bought: Bought) -> Balance | None:
    """What the order's balance is by now; None while it was not asked for."""
    if bought.terms is None or bought.terms.balance_minor is None:
        return None
    is_paid = bought.order.state == OrderState.BALANCE_PAID
    return Balance(is_paid=is_paid, minor=bought.terms.balance_minor)


def _waiting(shortage: Shortage) -> frozenset[str]:
    assert shortage.problem is not None
    return frozenset(each.order_id for each in run.demands_of(shortage.problem) if each.choice == Choice.WAIT)


def _moved_to(session: Session, shortage: Shortage) -> dict[uuid.UUID, uuid.UUID]:
    """The items that buyers chose instead; who got none has no preference in the run."""
    rows = session.execute(
        select(ShortageElection.order_id, ShortageElection.other_item_id).where(
            ShortageElection.shortage_id == shortage.id, ShortageElection.other_item_id.is_not(None)
        )
    )
    return {row.order_id: row.other_item_id for row in rows}


def _row(
    shortage: Shortage, order: Order, outcome: Outcome, due: Due, *, paid: int, reason: Text
) -> ShortageCut:
    return ShortageCut(
        id=new_id(),
        shortage_id=shortage.id,
        order_id=order.id,
        boxes_before=outcome.ordered,
        boxes_after=outcome.kept + outcome.moved,
        boxes_moved=outcome.moved,
        boxes_given_up=outcome.given_up,
        boxes_cut=outcome.cut,
        paid_minor=paid,
        refund_minor=due.refund_minor,
        compensation_minor=due.compensation_minor,
        bonus_minor=due.bonus_minor,
        discount_minor=due.discount_minor,
        currency=order.currency,
        reason_en=reason.en,
        reason_zh=reason.zh,
    )


def _finish(session: Session, ctx: Context, shortage: Shortage) -> None:
    check_move(shortage.state, ShortageState.SETTLED)
    carry(session, shortage)
    before, shortage.state = shortage.state, ShortageState.SETTLED
    shortage.settled_at = ctx.now
    shortage.version += 1
    if shortage.elections_due_at is not None:
        campaign = session.get_one(Campaign, shortage.campaign_id)
        balances.prolong(session, ctx, campaign, hours=shortage.election_hours)
    session.flush()
    audit.record(
        session,
        ctx,
        "shortage.settle",
        subject=("shortage", shortage.id),
        before={"state": before},
        after={"state": str(shortage.state)},
    )
    events.publish(session, ctx, ShortageSettled(shortage_id=shortage.id, campaign_id=shortage.campaign_id))


def carry(session: Session, shortage: Shortage) -> None:
    """The boxes that buyers did not get, and the compensation, over those whose fruit is missing; told anew when
    somebody has waited in vain.
    """
    taken = func.sum(ShortageCut.boxes_given_up + ShortageCut.boxes_cut)
    boxes, minor = session.execute(
        select(func.coalesce(taken, 0), func.coalesce(func.sum(ShortageCut.compensation_minor), 0)).where(
            ShortageCut.shortage_id == shortage.id
        )
    ).one()
    in_vain, extra = session.execute(
        select(
            func.coalesce(func.sum(ShortageWait.boxes), 0),
            func.coalesce(func.sum(ShortageWait.compensation_minor), 0),
        ).where(ShortageWait.shortage_id == shortage.id, ShortageWait.state == WaitState.REFUNDED)
    ).one()
    boxes, minor = int(boxes or 0) + int(in_vain or 0), int(minor or 0) + int(extra or 0)
    missing = {each.code: each.pledged_boxes - each.there_boxes for each in shortage.standings}
    carried_boxes, carried_minor = rules.carried(boxes, missing), rules.carried(minor, missing)
    for each in shortage.standings:
        each.carried_boxes = carried_boxes.get(each.code, 0)
        each.carried_minor = carried_minor.get(each.code, 0)


def _call_next(session: Session, shortage: Shortage) -> None:
    jobs.enqueue(session, APPLY, arguments={"shortage_id": str(shortage.id)}, key=f"{APPLY}:{shortage.id}")


JOBS: Final = (Job(name=APPLY, run=apply),)
