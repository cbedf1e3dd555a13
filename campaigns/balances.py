"""The balance of a campaign: the step is fixed by what was sold, the rest is paid, and closed after its grace.

It may have a hundred thousand orders, so both go batch by batch in jobs, each a unit of work that finds by itself what
is left and calls for the next. Between the first batch and the last the price is fixed and the campaign still is in the
state before: an order's balance may be paid as soon as the order has one.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from campaigns import item_terms, planning, states, terms
from campaigns.models import Campaign
from campaigns.promotions import lessening
from campaigns.promotions.groups import settling
from campaigns.shortage import cases
from campaigns.states import MOVES, BalanceTooEarly, CampaignEvent, CampaignState, ShortageOpen
from inventory import pools
from marketplace import audit, jobs
from marketplace.context import Context
from marketplace.module import Job
from marketplace.points import Point, passed
from orders import balances, closing, lowering, opening

OPEN_BALANCE: Final = "campaigns.open_balance"
CLOSE_BALANCE: Final = "campaigns.close_balance"


def commit_some(session: Session, ctx: Context, campaign: Campaign) -> bool:
    """The goal of a locked campaign is met: of one batch of orders the deposit no longer goes back; whether that was
    the last one.
    """
    left = balances.BATCH
    for item in campaign.items_by_pool:
        left -= balances.commit_some(session, ctx, pool_id=item.pool_id, size=left)
        if not left:
            return False
    return True


def open_balance(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, reason: str = "the balance is due"
) -> Campaign:
    """Fix each item's final price by what was sold, and let the rest of it be paid, or go back where all was paid.

    One batch of its orders; a job does the next, and with the last one the campaign moves on. Asked again it goes on.
    What a shortage took was sold as well: the step that all buyers reached together stays. What is due is for the boxes
    that an order still has.
    Raises CampaignNotFound, CampaignStateForbids, ShortageOpen, BalanceTooEarly, BoxesStillHeld.
    """
    campaign = planning.locked(session, campaign_id)
    planning.follow_clock(session, ctx, campaign)
    states.after(campaign.state, CampaignEvent.OPEN_BALANCE)
    _check_settled(session, campaign)
    due_at = _due_at(campaign, ctx.now)
    if not campaign.is_price_fixed:
        if _unpaid_left(session, ctx, campaign) or settling.settle_next(session, ctx, campaign.id):
            _call_next(session, OPEN_BALANCE, campaign.id, reason)
            return campaign
        _fix_prices(session, ctx, campaign, due_at or ctx.now)
    campaign.balance_due_at = due_at
    session.flush()
    pool_ids = [item.pool_id for item in campaign.items_by_pool]
    _open_some(session, ctx, pool_ids, due_at or ctx.now)
    session.flush()
    passed(Point.BALANCES_OPENED)
    if any(opening.left(session, pool_id=each) for each in pool_ids):
        _call_next(session, OPEN_BALANCE, campaign.id, reason)
        return campaign
    for each in pool_ids:
        opening.note(session, ctx, pool_id=each)
    return planning.move(
        session, ctx, campaign_id=campaign.id, event=CampaignEvent.OPEN_BALANCE, reason=reason
    )


def close_balance(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, reason: str = "the balance is over"
) -> Campaign:
    """After its grace: who has not paid has not, and their boxes are free again in the same moment.

    One batch of them; a job does the next, and with the last one the campaign moves on. Asked again it goes on. The
    deposits go to those that pledged the fruit. Raises CampaignNotFound, CampaignStateForbids, ShortageOpen,
    BalanceTooEarly.
    """
    campaign = planning.locked(session, campaign_id)
    states.after(campaign.state, CampaignEvent.CLOSE_BALANCE)
    _check_settled(session, campaign)
    ends_at = _ends_at(campaign)
    if ends_at is not None:
        _not_before(ends_at, ctx.now)
    defaulted, is_over = _close_some(session, ctx, campaign)
    passed(Point.BALANCES_CLOSED)
    if is_over:
        event = CampaignEvent.CLOSE_BALANCE
        campaign = planning.move(session, ctx, campaign_id=campaign.id, event=event, reason=reason)
    else:
        _call_next(session, CLOSE_BALANCE, campaign.id, reason)
    settling.undo_all(session, ctx, order_ids=defaulted)
    return campaign


def go_on_opening(session: Session, ctx: Context, *, campaign_id: str, reason: str) -> str:
    """The job: the next batch, unless somebody gave the campaign up or another was faster; its state then."""
    campaign = planning.locked(session, uuid.UUID(campaign_id))
    may = CampaignEvent.OPEN_BALANCE in MOVES[CampaignState(campaign.state)]
    if may and not cases.is_any_open(
        session, campaign_id=campaign.id
    ):  # found between two batches: it comes first
        open_balance(session, ctx, campaign_id=campaign.id, reason=reason)
    return campaign.state


def go_on_closing(session: Session, ctx: Context, *, campaign_id: str, reason: str) -> str:
    """The same for the end of the balance."""
    campaign = planning.locked(session, uuid.UUID(campaign_id))
    if CampaignEvent.CLOSE_BALANCE in MOVES[CampaignState(campaign.state)]:
        close_balance(session, ctx, campaign_id=campaign.id, reason=reason)
    return campaign.state


def prolong_some(session: Session, ctx: Context, bought: Collection[uuid.UUID], *, hours: int) -> None:
    """A shortage had something to say to these orders: whoever of them owes a balance has so long from now at least."""
    lowering.prolong(session, bought, due_at=ctx.now + timedelta(hours=hours))


def prolong(session: Session, ctx: Context, campaign: Campaign, *, hours: int) -> None:
    """The same of a locked campaign: its balance is not closed before."""
    if campaign.state != CampaignState.BALANCE_OPEN or campaign.balance_due_at is None:
        return
    campaign.balance_due_at = max(campaign.balance_due_at, ctx.now + timedelta(hours=hours))
    for item in campaign.items_by_pool:
        lowering.prolong_pool(session, pool_id=item.pool_id, due_at=campaign.balance_due_at)


def may_open(campaign: Campaign, now: datetime) -> bool:
    """Whether the time that buyers were told has come; there is none where all is paid already."""
    return campaign.balance_opens_at is None or campaign.balance_opens_at <= now


def is_over(campaign: Campaign, now: datetime) -> bool:
    """Whether nobody has any time left to pay, grace included; at once where nothing was due."""
    ends_at = _ends_at(campaign)
    return ends_at is None or ends_at <= now


def _unpaid_left(session: Session, ctx: Context, campaign: Campaign) -> bool:
    """Unpaid orders are over, so many in a unit of work; whether more may be left."""
    left = opening.GIVEN_BACK_MAX
    for item in campaign.items_by_pool:
        left -= opening.end_unpaid(session, ctx, pool_id=item.pool_id, size=left)
        if not left:
            return True
    return False


def _open_some(session: Session, ctx: Context, pool_ids: Sequence[uuid.UUID], due_at: datetime) -> None:
    """One batch over all pools; then what of their discounts no balance has room for is there for others."""
    done: list[opening.Opened] = []
    for each in pool_ids:
        done.append(opening.open_some(session, ctx, pool_id=each, due_at=due_at))
        if sum(batch.orders for batch in done) >= opening.BATCH:
            break
    lessened = [order_id for batch in done for order_id in batch.lessened]
    lessening.follow(session, ctx, order_ids=lessened)


def _close_some(session: Session, ctx: Context, campaign: Campaign) -> tuple[list[uuid.UUID], bool]:
    """One batch over all items: the orders that have defaulted, and whether those were the last."""
    defaulted: list[uuid.UUID] = []
    for item in campaign.items_by_pool:
        if len(defaulted) >= closing.BATCH:
            return defaulted, False
        keepers = pools.kept_by(session, pool_id=item.pool_id)
        closed = closing.close_some(session, ctx, pool_id=item.pool_id, kept_boxes=keepers)
        defaulted += closed.order_ids
        if not closed.is_over:
            return defaulted, False
    return defaulted, True


def _fix_prices(session: Session, ctx: Context, campaign: Campaign, due_at: datetime) -> None:
    """Of all items at once: what was sold is counted, and the step that it reached applies to all."""
    for item in campaign.items_by_pool:
        sold = opening.sold(session, pool_id=item.pool_id) + cases.taken_boxes(session, item_id=item.id)
        item.final_unit_price_minor = terms.price_at(item_terms.steps_of(item), sold)
        opening.fix_price(
            session,
            ctx,
            pool_id=item.pool_id,
            boxes_sold=sold,
            unit_price_minor=item.final_unit_price_minor,
            due_at=due_at,
        )
        after = {"sold_boxes": sold, "final_unit_price_minor": item.final_unit_price_minor}
        audit.record(session, ctx, "item.fix_price", subject=("campaign_item", item.id), after=after)


def _call_next(session: Session, name: str, campaign_id: uuid.UUID, reason: str) -> None:
    arguments = {"campaign_id": str(campaign_id), "reason": reason}
    jobs.enqueue(session, name, arguments=arguments, key=f"{name}:{campaign_id}")


def _ends_at(campaign: Campaign) -> datetime | None:
    """With its grace; None where nothing was due."""
    if campaign.balance_due_at is None:
        return None
    return campaign.balance_due_at + timedelta(hours=campaign.balance_grace_hours or 0)


def _due_at(campaign: Campaign, now: datetime) -> datetime | None:
    """When the rest must be paid: as told, or later, so that nobody has less time than was shown."""
    opens_at, closes_at = campaign.balance_opens_at, campaign.balance_closes_at
    if opens_at is None or closes_at is None:
        return None
    _not_before(opens_at, now)
    return max(closes_at, now + (closes_at - opens_at))


def _check_settled(session: Session, campaign: Campaign) -> None:
    """Nobody is asked for a balance, or loses a deposit, while it is not known which boxes there are."""
    if cases.is_any_open(session, campaign_id=campaign.id):
        raise ShortageOpen


def _not_before(possible_at: datetime, now: datetime) -> None:
    if now < possible_at:
        raise BalanceTooEarly(possible_at=possible_at)


JOBS: Final = (Job(name=OPEN_BALANCE, run=go_on_opening), Job(name=CLOSE_BALANCE, run=go_on_closing))
