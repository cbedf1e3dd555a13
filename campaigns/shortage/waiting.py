"""Orders that wait for a later lot: they keep their boxes out of the cut, are served in the order of the seed's rank
when fruit comes, and paid back when it has not come by the day that was promised.

Their balance is due with everybody's: what is paid of it goes back as well if the later lot does not come.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.pledges import pledging
from campaigns.shortage import applying, cases, line_rules, words
from campaigns.shortage.later_lot_rules import check_day
from campaigns.shortage.models import Shortage, ShortageWait
from campaigns.shortage.rules import Outcome
from campaigns.shortage.states import DECIDED, ShortageStateForbids, WaitState, check_wait_move
from marketplace import audit, errors, jobs
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, kinds, notify_all
from marketplace.payments import part_refunds, payments
from marketplace.payments.states import PartRefundKind, PaymentState
from marketplace.values import Money
from orders import cutting
from orders.cutting import Bought
from orders.events import OrderCut
from orders.models import Order
from orders.states import BOUGHT

BATCH: Final = 100
END: Final = "campaigns.end_waits"
REASON: Final = "later_lot"


class LaterLotTold(errors.Conflict):
    """Buyers were told a day already, and may have chosen by it."""

    title = Text(en="The day of the later lot is told already.", zh="后续批次日期已告知买家。")


class NobodyServed(errors.Conflict):
    """Too few boxes are there for the next order in line; `needed_boxes` says how many it waits for."""

    title = Text(en="Too few boxes for the next order in line.", zh="箱数不足以满足下一个等待订单。")


def set_later_lot(session: Session, ctx: Context, *, shortage_id: uuid.UUID, on: date) -> Shortage:
    """Say by when a later lot comes: from then on buyers may choose to wait for it, and the day does not move.

    Raises ShortageNotFound, CampaignStateForbids, ShortageStateForbids, LaterLotTold, LaterLotDay.
    """
    check_day(on, today=ctx.today)
    shortage = cases.going_on(session, shortage_id)
    if shortage.state in DECIDED:
        raise ShortageStateForbids(state=shortage.state)
    if shortage.later_lot_on is not None:
        raise LaterLotTold(later_lot_on=shortage.later_lot_on)
    shortage.later_lot_on = on
    shortage.version += 1
    after = {"later_lot_on": on.isoformat()}
    audit.record(session, ctx, "shortage.set_later_lot", subject=("shortage", shortage.id), after=after)
    return shortage


def serve(
    session: Session,
    ctx: Context,
    *,
    shortage_id: uuid.UUID,
    cooperative_id: uuid.UUID | None = None,
    boxes: int = 0,
) -> list[ShortageWait]:
    """Fruit has come: a cooperative's new lots, or a stopped one that is cleared. Whoever is first in line is served.

    Of the cooperative's boxes only those are taken that somebody gets. Raises ShortageNotFound, CampaignStateForbids,
    CooperativeNotFound, ForeignPledge, NobodyServed, NotEnoughInStore.
    """
    shortage = cases.going_on(session, shortage_id)
    item = cases.item_of(session, shortage)
    if cooperative_id is not None:
        cooperatives.get(session, cooperative_id=cooperative_id)
    waiting = _still(session, ctx, _locked(session, shortage))
    free = cases.stock_of(session, item).spare
    wanted = {str(each.order_id): each.boxes for each in waiting}
    line = [str(each.order_id) for each in waiting]
    first = set(line_rules.served(wanted, line, free + boxes))
    if not first:
        raise NobodyServed(needed_boxes=waiting[0].boxes if waiting else 0, free_boxes=free + boxes)
    found = [each for each in waiting if str(each.order_id) in first]
    needed = sum(each.boxes for each in found) - free
    if needed > 0 and cooperative_id is not None:
        pledging.cover(
            session, ctx, item=item, cooperative_id=cooperative_id, boxes=needed, reason="the later lot came"
        )
    for each in found:
        _move(session, ctx, each, WaitState.SERVED)
    cases.settle(session, ctx, shortage, cuts={}, reason=REASON)
    _tell_served(session, ctx, found)
    return found


def enqueue_due(session: Session, ctx: Context) -> None:
    """Each shortage whose promised day is over, or whose orders ended otherwise, is a job of its own."""
    is_over = or_(ShortageWait.promised_on < ctx.today, Order.state.not_in(BOUGHT))
    due = (
        select(ShortageWait.shortage_id)
        .join(Order, Order.id == ShortageWait.order_id)
        .where(ShortageWait.state == WaitState.WAITING, is_over)
        .distinct()
    )
    for shortage_id in session.scalars(due.order_by(ShortageWait.shortage_id)):
        _call_next(session, shortage_id)


def end(session: Session, ctx: Context, *, shortage_id: str) -> int:
    """A batch of those for whom the later lot has not come by its day: all of their money goes back; how many."""
    shortage = cases.locked(session, uuid.UUID(shortage_id))
    waiting = _locked(session, shortage)
    still = _still(session, ctx, waiting)
    due = [each for each in still if each.promised_on < ctx.today][:BATCH]
    if not due:
        if len(still) < len(waiting):
            cases.settle(session, ctx, shortage, cuts={}, reason=REASON)
        return 0
    bought = _locked_orders(session, ctx, [each.order_id for each in due])
    ending = _Ending(session, ctx, shortage)
    for each in due:
        ending.add(each, bought[each.order_id])
    ending.finish()
    cases.settle(session, ctx, shortage, cuts=ending.cuts, reason=REASON)
    applying.give_discounts_back(session, ctx, bought.values())
    applying.carry(session, shortage)
    _call_next(session, shortage.id)
    return len(due)


def of_order(session: Session, *, shortage_id: uuid.UUID, order_id: uuid.UUID) -> ShortageWait | None:
    """The place in line that the order got in this shortage."""
    statement = select(ShortageWait).where(
        ShortageWait.shortage_id == shortage_id, ShortageWait.order_id == order_id
    )
    return session.scalar(statement)


def _locked(session: Session, shortage: Shortage) -> Sequence[ShortageWait]:
    """Who still waits, by place."""
    statement = (
        select(ShortageWait)
        .where(ShortageWait.shortage_id == shortage.id, ShortageWait.state == WaitState.WAITING)
        .order_by(ShortageWait.place)
        .with_for_update()
    )
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def _still(session: Session, ctx: Context, waiting: Sequence[ShortageWait]) -> list[ShortageWait]:
    """Those whose order is not over: it may have defaulted, or its campaign was given up."""
    ended = set(
        session.scalars(
            select(Order.id).where(
                Order.id.in_([each.order_id for each in waiting]), Order.state.not_in(BOUGHT)
            )
        )
    )
    for each in waiting:
        if each.order_id in ended:
            _move(session, ctx, each, WaitState.ENDED)
    return [each for each in waiting if each.order_id not in ended]


def _locked_orders(
    session: Session, ctx: Context, order_ids: Sequence[uuid.UUID]
) -> Mapping[uuid.UUID, Bought]:
    """Nobody waits for their balances any more."""
    found = cutting.lock(session, order_ids)
    for payment in payments.balances_of(session, order_ids, locked=True):
        if payment.state != PaymentState.SUCCEEDED:
            payments.cancel(session, ctx, payment)
    return found


class _Ending:
    """Waits that end without fruit, written down one by one."""

    def __init__(self, session: Session, ctx: Context, shortage: Shortage) -> None:
        self._session, self._ctx, self._shortage = session, ctx, shortage
        self.cuts: dict[uuid.UUID, int] = {}
        self._told: list[Message] = []
        self._noted: list[OrderCut] = []

    def add(self, wait: ShortageWait, bought: Bought) -> None:
        order = bought.order
        outcome = Outcome(
            order_id=str(wait.order_id), ordered=wait.boxes, kept=0, moved=0, given_up=0, cut=wait.boxes
        )
        parts = cases.parts_back(self._shortage, bought, outcome)
        part_refunds.owe_parts(
            self._session, self._ctx, parts, reason=REASON, source_id=wait.id, is_told=True
        )
        wait.refund_minor = sum(minor for _, kind, minor in parts if kind == PartRefundKind.REFUND)
        wait.compensation_minor = sum(minor for _, kind, minor in parts if kind != PartRefundKind.REFUND)
        reason = words.for_waiting_in_vain(
            wait.boxes,
            promised_on=wait.promised_on,
            refund_minor=wait.refund_minor,
            compensation_minor=wait.compensation_minor,
            currency=order.currency,
        )
        wait.reason_en, wait.reason_zh = reason.en, reason.zh
        _move(self._session, self._ctx, wait, WaitState.REFUNDED)
        assert order.hold_id is not None
        self.cuts[order.hold_id] = bought.boxes
        cut = cutting.note_cut(self._session, self._ctx, order, before=bought.boxes, after=0)
        self._noted.append(cut)
        back = Money(wait.refund_minor + wait.compensation_minor, order.currency)
        about = kinds.ShortageCut(
            order_id=order.id, boxes_before=wait.boxes, boxes_after=0, refund=back, reason=reason
        )
        self._told.append(Message(account_id=order.buyer_id, cause=f"shortage_wait:{wait.id}", about=about))

    def finish(self) -> None:
        self._session.flush()
        notify_all(self._session, self._ctx, self._told)
        cutting.tell(self._session, self._ctx, self._noted)


def _move(session: Session, ctx: Context, wait: ShortageWait, after: WaitState) -> None:
    check_wait_move(wait.state, after)
    before, wait.state, wait.resolved_at = wait.state, after, ctx.now
    wait.version += 1
    audit.record(
        session,
        ctx,
        f"shortage_wait.{after}",
        subject=("shortage_wait", wait.id),
        before={"state": before},
        after={"state": str(after), "boxes": wait.boxes},
    )


def _tell_served(session: Session, ctx: Context, found: Sequence[ShortageWait]) -> None:
    buyers = cutting.buyers_of(session, [each.order_id for each in found])
    notify_all(
        session,
        ctx,
        [
            Message(
                account_id=buyers[each.order_id],
                cause=f"shortage_wait:{each.id}",
                about=kinds.LaterLotCame(order_id=each.order_id, boxes=each.boxes),
            )
            for each in found
        ],
    )


def _call_next(session: Session, shortage_id: uuid.UUID) -> None:
    jobs.enqueue(session, END, arguments={"shortage_id": str(shortage_id)}, key=f"{END}:{shortage_id}")


JOBS: Final = (
    Job(name="campaigns.end_waits_due", run=enqueue_due, cron="* * * * *"),
    Job(name=END, run=end),
)
