"""The cut: one stored run over all orders of an item, and what follows from it for each of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import balances, planning
from campaigns.models import Campaign
from campaigns.promotions import budgets
from campaigns.shortage import cases, rules, run
from campaigns.shortage.models import Shortage, ShortageCut, ShortageElection
from campaigns.shortage.rules import Cause, Choice, Cut, Demand, Due, Outcome
from campaigns.shortage.states import ShortageState, check_move
from campaigns.shortage.words import BuyerWords
from campaigns.states import CampaignEvent, CampaignState
from inventory import shortages
from inventory.models import Hold
from marketplace import audit, events
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import part_refunds, payments
from marketplace.payments.models import Payment
from marketplace.payments.states import PartRefundKind
from marketplace.values import new_id
from orders import balances as orders_balances
from orders import cutting
from orders.models import Order
from orders.states import OrderState

REASON = "shortage"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCut:
    """An order has fewer boxes than before; its cut says why, in both languages."""

    order_id: uuid.UUID
    buyer_id: uuid.UUID
    cut_id: uuid.UUID


def settle(session: Session, ctx: Context, shortage: Shortage) -> None:
    """Run the cut of a locked shortage, apply it, and let the campaign go on when none of its items is short any more.

    Raises ShortageStateForbids.
    """
    check_move(shortage.state, ShortageState.SETTLED)
    item = cases.item_of(session, shortage)
    orders_balances.end_unpaid(
        session, ctx, item.pool_id
    )  # nobody else is cut for boxes that are not paid by now
    bought = cutting.lock_bought(session, item_ids=[shortage.item_id])
    locked = payments.lock_of_orders(session, [order.id for order, _ in bought])
    paid = {order_id: found[-1] for order_id, found in locked.items()}
    kept_minor = part_refunds.kept_minor(session, paid.values())
    stock = cases.stock_of(session, item)
    demands = _demands(session, shortage, bought)
    problem = run.problem_of(
        demands,
        stock.supply_for(sum(each.boxes for each in demands)),
        policy=shortage.policy,
        seed=shortage.seed,
        batch=cases.batch_of(shortage),
    )
    cut = run.solve(problem)
    writing = _Writing(session, ctx, shortage, cut, currency=item.currency)
    of_order = {str(order.id): order for order, _ in bought}
    for demand, outcome in zip(demands, cut.outcomes, strict=True):
        order = of_order[outcome.order_id]
        payment = paid.get(order.id)
        kept = 0 if payment is None else kept_minor[payment.id]
        writing.apply(demand, outcome, order=order, payment=payment, paid=kept)
    writing.finish()
    shortages.settle(session, ctx, pool_id=item.pool_id, cuts=writing.cuts, reason=REASON)
    for order in of_order.values():
        if order.state == OrderState.CUT and order.discount_minor and order.hold_id is not None:
            budgets.give_back(session, ctx, hold_id=order.hold_id)
    _carry(shortage, boxes=sum(writing.cuts.values()), minor=writing.compensation_minor)
    _store(session, ctx, shortage, problem, cut)
    _go_on(session, ctx, shortage)


class _Writing:
    """Orders, refunds and cuts written down one by one; what of each hold is taken back is gathered in `cuts`."""

    def __init__(
        self, session: Session, ctx: Context, shortage: Shortage, cut: Cut, *, currency: str
    ) -> None:
        self._session, self._ctx, self._shortage = session, ctx, shortage
        self._cause = Cause(shortage.cause)
        self._words = BuyerWords(cut, rules.policy_of(shortage.policy), cause=self._cause, currency=currency)
        self.cuts: dict[uuid.UUID, int] = {}
        self.compensation_minor = 0
        self._owed: list[tuple[Payment, PartRefundKind, int]] = []
        self._told: list[OrderCut] = []

    def apply(
        self, demand: Demand, outcome: Outcome, *, order: Order, payment: Payment | None, paid: int
    ) -> None:
        due = rules.due(
            outcome,
            paid_minor=paid,
            cause=self._cause,
            earnest_permille=self._shortage.earnest_permille,
        )
        reason = self._words.reason(demand, outcome, due, paid_minor=paid)
        row = _row(self._shortage, order, outcome, due, paid=paid, reason=reason)
        self._session.add(row)
        for kind, minor in (
            (PartRefundKind.REFUND, due.refund_minor),
            (PartRefundKind.COMPENSATION, due.compensation_minor),
        ):
            if minor and payment is not None:
                self._owed.append((payment, kind, minor))
        self.compensation_minor += due.compensation_minor
        if outcome.refunded:
            assert order.hold_id is not None, "a shopper's order has its hold"
            self.cuts[order.hold_id] = outcome.refunded
            cutting.note_cut(self._session, self._ctx, order, before=outcome.ordered, after=outcome.kept)
            self._told.append(OrderCut(order_id=order.id, buyer_id=order.buyer_id, cut_id=row.id))

    def finish(self) -> None:
        """Refunds at once for all orders; then who listens is told."""
        part_refunds.owe_parts(
            self._session, self._ctx, self._owed, reason=REASON, source_id=self._shortage.id
        )
        for told in self._told:
            events.publish(self._session, self._ctx, told)


def _demands(session: Session, shortage: Shortage, bought: Sequence[tuple[Order, int]]) -> list[Demand]:
    statement = select(ShortageElection).where(ShortageElection.shortage_id == shortage.id)
    chosen = {each.order_id: each for each in session.scalars(statement)}
    found = []
    for order, boxes in bought:
        election = chosen.get(order.id)
        found.append(
            Demand(
                order_id=str(order.id),
                boxes=boxes,
                choice=Choice.NO_PREFERENCE if election is None else Choice(election.choice),
                wanted=None if election is None else election.wanted_boxes,
            )
        )
    return sorted(found, key=lambda each: each.order_id)


def _row(
    shortage: Shortage, order: Order, outcome: Outcome, due: Due, *, paid: int, reason: Text
) -> ShortageCut:
    return ShortageCut(
        id=new_id(),
        shortage_id=shortage.id,
        order_id=order.id,
        boxes_before=outcome.ordered,
        boxes_after=outcome.kept,
        boxes_given_up=outcome.given_up,
        boxes_cut=outcome.cut,
        paid_minor=paid,
        refund_minor=due.refund_minor,
        compensation_minor=due.compensation_minor,
        currency=order.currency,
        reason_en=reason.en,
        reason_zh=reason.zh,
    )


def _carry(shortage: Shortage, *, boxes: int, minor: int) -> None:
    """The boxes that buyers did not get, and the compensation, over those whose fruit is missing."""
    missing = {each.code: each.pledged_boxes - each.there_boxes for each in shortage.standings}
    carried_boxes, carried_minor = rules.carried(boxes, missing), rules.carried(minor, missing)
    for each in shortage.standings:
        each.carried_boxes = carried_boxes.get(each.code, 0)
        each.carried_minor = carried_minor.get(each.code, 0)


def _store(session: Session, ctx: Context, shortage: Shortage, problem: dict[str, object], cut: Cut) -> None:
    shortage.problem, shortage.result = problem, run.result_of(cut)
    shortage.digest = run.digest_of(problem, shortage.result)
    before, shortage.state = shortage.state, ShortageState.SETTLED
    shortage.settled_at = ctx.now
    shortage.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        "shortage.settle",
        subject=("shortage", shortage.id),
        before={"state": before},
        after={
            "state": str(shortage.state),
            "supply_boxes": cut.supply,
            "kept_boxes": cut.kept,
            "digest": shortage.digest,
        },
    )


def _go_on(session: Session, ctx: Context, shortage: Shortage) -> None:
    """With its last shortage settled the campaign opens the balance, or fails when no box is left for anybody."""
    campaign = session.get_one(Campaign, shortage.campaign_id)
    if campaign.state != CampaignState.SHORTFALL or cases.open_of(session, campaign_id=campaign.id):
        return
    left = session.scalar(
        select(func.count())
        .select_from(Order)
        .join(Hold, Hold.id == Order.hold_id)
        .where(
            Hold.purpose_kind == "campaign_item",
            Hold.purpose_id.in_([item.id for item in campaign.items]),
            Order.state == OrderState.COMMITTED,
        )
    )
    if left:
        balances.open_balance(session, ctx, campaign_id=campaign.id, reason="the shortage is settled")
        return
    reason = "no box is left for anybody"
    planning.move(session, ctx, campaign_id=campaign.id, event=CampaignEvent.FAIL, reason=reason)
