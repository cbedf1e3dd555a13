"""Operators draft promotions, activate, pause and end them, and raise their budgets.

The terms of a promotion never change: who wants others ends it and drafts another one. Only its state moves, and
its budget grows.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign, Item
from campaigns.promotions.models import PromotionTerms
from campaigns.promotions.rules import OPEN_MAX, Funder, PromotionKind, TooManyPromotions
from campaigns.promotions.states import PROMOTION_MOVES, PromotionState
from campaigns.states import BEFORE_CLOSING, CampaignStateForbids
from inventory.models import Pool
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import TOTAL_MINOR_MAX, new_id

ALWAYS_BY_CODE: Final = (PromotionKind.COUPON, PromotionKind.VOUCHER)


class PromotionNotFound(errors.NotFound):
    title = Text(en="There is no such promotion.", zh="没有该优惠。")


class PromotionStateForbids(errors.Conflict):
    """`state` says in which state the promotion is."""

    title = Text(en="The promotion's state does not allow this.", zh="优惠当前状态不允许此操作。")


class BudgetNotRaised(errors.Conflict):
    """A budget only grows: what was promised from it stays promised. `budget_minor` is what it is now."""

    title = Text(en="A promotion's budget can only be raised.", zh="优惠预算只能增加。")


class PromotionNotAllowed(errors.Invalid):
    """The terms contradict themselves or what the campaign sells; `errors` lists where and why."""

    title = Text(en="These terms of a promotion are not allowed.", zh="优惠条款不符合规定。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a promotion takes off, for whom, and how often; see `rules.Promotion`."""

    kind: PromotionKind
    funder: Funder
    title_en: str
    title_zh: str
    budget_minor: int
    amount_minor: int | None = None
    permille: int | None = None
    stacks_with: Iterable[PromotionKind] = ()
    boxes_min: int = 1
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    uses_max: int | None = None
    uses_per_person_max: int | None = None
    boxes_max: int | None = None
    people_needed: int | None = None
    """How many people make a group full, and how many hours they have; both for group buys, and only there."""
    group_hours: int | None = None
    is_by_code: bool | None = None
    """Left out, coupons and vouchers are, and nothing else is."""
    item_ids: Collection[uuid.UUID] | None = None
    """Items of the campaign; left out, all of them."""


def draft(session: Session, ctx: Context, *, campaign_id: uuid.UUID, terms: Terms) -> PromotionTerms:
    """A promotion of a campaign that takes nothing off yet.

    Raises CampaignNotFound, CampaignStateForbids, ItemNotFound, PromotionNotAllowed.
    """
    campaign = planning.locked(session, campaign_id)  # whoever gives it up ends all that is drafted
    if campaign.state not in BEFORE_CLOSING:
        raise CampaignStateForbids(state=campaign.state)
    items = (
        campaign.items
        if terms.item_ids is None
        else [planning.item_of(campaign, item_id) for item_id in terms.item_ids]
    )
    is_by_code = terms.kind in ALWAYS_BY_CODE if terms.is_by_code is None else terms.is_by_code
    _check(terms, items, is_by_code=is_by_code)
    row = PromotionTerms(
        id=new_id(),
        campaign_id=campaign.id,
        state=PromotionState.DRAFT,
        kind=terms.kind,
        funder=terms.funder,
        title_en=terms.title_en,
        title_zh=terms.title_zh,
        currency=items[0].currency,
        is_by_code=is_by_code,
        item_ids=None if terms.item_ids is None else sorted(str(item.id) for item in items),
        amount_minor=terms.amount_minor,
        permille=terms.permille,
        stacks_with=sorted(str(each) for each in set(terms.stacks_with)),
        boxes_min=terms.boxes_min,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        budget_minor=terms.budget_minor,
        uses_max=terms.uses_max,
        uses_per_person_max=terms.uses_per_person_max,
        boxes_max=terms.boxes_max,
        people_needed=terms.people_needed,
        group_hours=terms.group_hours,
        minor_reserved=0,
        minor_consumed=0,
        uses_reserved=0,
        uses_consumed=0,
        boxes_reserved=0,
        boxes_consumed=0,
        created_at=ctx.now,
        version=0,
    )
    session.add(row)
    after = {"kind": str(terms.kind), "funder": str(terms.funder), "budget_minor": terms.budget_minor}
    audit.record(session, ctx, "promotion.draft", subject=("promotion", row.id), after=after)
    session.flush()
    return row


def move(
    session: Session,
    ctx: Context,
    *,
    promotion_id: uuid.UUID,
    to: PromotionState,
    only_from: PromotionState | None = None,
) -> PromotionTerms:
    """Activate, pause or end it, from one state only if told; what is reserved already stays so.

    Raises PromotionNotFound, PromotionStateForbids, TooManyPromotions.
    """
    pools = _lock_pools(session, promotion_id)
    row = locked(session, promotion_id)
    before = PromotionState(row.state)
    if (before, to) not in PROMOTION_MOVES or only_from not in (None, before):
        raise PromotionStateForbids(state=str(before))
    row.state = to
    session.flush()
    _mark(session, row, pools)
    audit.record(
        session,
        ctx,
        f"promotion.{to}",
        subject=("promotion", row.id),
        before={"state": str(before)},
        after={"state": str(to)},
    )
    session.flush()
    return row


def end_all(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> int:
    """Nothing is sold any more: what could still take something off has ended; how many."""
    running = session.scalars(
        select(PromotionTerms.id)
        .where(PromotionTerms.campaign_id == campaign_id, PromotionTerms.state != PromotionState.ENDED)
        .order_by(PromotionTerms.id)
    ).all()
    for promotion_id in running:
        move(session, ctx, promotion_id=promotion_id, to=PromotionState.ENDED)
    return len(running)


def raise_budget(
    session: Session, ctx: Context, *, promotion_id: uuid.UUID, budget_minor: int
) -> PromotionTerms:
    """Raises PromotionNotFound, PromotionStateForbids, BudgetNotRaised."""
    row = locked(session, promotion_id)
    if row.state == PromotionState.ENDED:
        raise PromotionStateForbids(state=row.state)
    before = row.budget_minor
    if not before < budget_minor <= TOTAL_MINOR_MAX:
        raise BudgetNotRaised(budget_minor=before)
    row.budget_minor = budget_minor
    audit.record(
        session,
        ctx,
        "promotion.raise_budget",
        subject=("promotion", row.id),
        before={"budget_minor": before},
        after={"budget_minor": budget_minor},
    )
    session.flush()
    return row


def locked(session: Session, promotion_id: uuid.UUID) -> PromotionTerms:
    """Raises PromotionNotFound."""
    row = session.get(PromotionTerms, promotion_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise PromotionNotFound
    return row


def open_to_all(session: Session, campaign_id: uuid.UUID) -> list[PromotionTerms]:
    """What is active in a campaign, needs no code and is taken off when boxes are ordered, by id."""
    return [row for row in _without_code(session, campaign_id) if row.kind != PromotionKind.GROUP_BUY]


def _without_code(session: Session, campaign_id: uuid.UUID) -> list[PromotionTerms]:
    return list(
        session.scalars(
            select(PromotionTerms)
            .where(
                PromotionTerms.campaign_id == campaign_id,
                PromotionTerms.state == PromotionState.ACTIVE,
                PromotionTerms.is_by_code.is_(False),
            )
            .order_by(PromotionTerms.id)
        )
    )


def running(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> list[PromotionTerms]:
    """What anybody may have without a code, group buys too, without what has ended by the clock."""
    return [
        row for row in _without_code(session, campaign_id) if row.ends_at is None or ctx.now < row.ends_at
    ]


def is_for(row: PromotionTerms, item_id: uuid.UUID) -> bool:
    return row.item_ids is None or str(item_id) in row.item_ids


def _check(terms: Terms, items: list[Item], *, is_by_code: bool) -> None:
    """Raises PromotionNotAllowed."""
    faults = []
    if terms.kind in ALWAYS_BY_CODE and not is_by_code:
        faults.append(
            ("/is_by_code", Text(en="Coupons and vouchers need codes.", zh="优惠券与代金券须凭码使用。"))
        )
    faults += _group_faults(terms, is_by_code=is_by_code)
    has_measure = (terms.amount_minor is not None) + (terms.permille is not None)
    if has_measure != (0 if terms.kind in (PromotionKind.FREE_FREIGHT, PromotionKind.VOUCHER) else 1):
        faults.append(
            (
                "/amount_minor",
                Text(
                    en="Say an amount or a share, and neither for free freight and vouchers.",
                    zh="须填写金额或比例之一；免运费与代金券均不填。",
                ),
            )
        )
    if terms.starts_at is not None and terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        faults.append(("/ends_at", Text(en="It must end after it starts.", zh="结束时间须晚于开始时间。")))
    if len({item.currency for item in items}) > 1:
        faults.append(
            ("/item_ids", Text(en="All items must have one currency.", zh="所含项目须为同一币种。"))
        )
    if terms.kind == PromotionKind.FREE_FREIGHT and any(freight_minor(item) == 0 for item in items):
        faults.append(
            (
                "/kind",
                Text(
                    en="Free freight needs items whose price parts name freight.",
                    zh="免运费要求项目的价格构成列明运费。",
                ),
            )
        )
    if faults:
        raise PromotionNotAllowed(errors=[{"pointer": place, "detail": why} for place, why in faults])


def _group_faults(terms: Terms, *, is_by_code: bool) -> list[tuple[str, Text]]:
    """What is wrong with what it says of groups."""
    faults = []
    if terms.kind == PromotionKind.GROUP_BUY and is_by_code:
        faults.append(
            ("/is_by_code", Text(en="A group has its own code.", zh="拼团自带团码，不使用优惠码。"))
        )
    group = (("people_needed", terms.people_needed), ("group_hours", terms.group_hours))
    for name, told in group:
        if (told is not None) != (terms.kind == PromotionKind.GROUP_BUY):
            faults.append(
                (
                    f"/{name}",
                    Text(en="Say it for group buys, and only there.", zh="拼团必填，其他优惠不填。"),
                )
            )
    return faults


def freight_minor(item: Item) -> int:
    """What of a box's price is freight, at the price shown."""
    first = next((step.waterfall for step in item.steps if step.from_boxes == 0), None)
    return 0 if first is None else first.freight_minor


def _lock_pools(session: Session, promotion_id: uuid.UUID) -> list[Pool]:
    """The pools of what it is for, locked before the promotion, as whoever sells their boxes locks them."""
    row = session.get(PromotionTerms, promotion_id)
    if row is None:
        raise PromotionNotFound
    campaign = session.get_one(Campaign, row.campaign_id)
    pool_ids = [item.pool_id for item in campaign.items if is_for(row, item.id)]
    return list(
        session.scalars(
            select(Pool)
            .where(Pool.id.in_(pool_ids))
            .order_by(Pool.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def _mark(session: Session, row: PromotionTerms, pools: Iterable[Pool]) -> None:
    """Whether boxes of these locked pools are quoted before they are ordered. Raises TooManyPromotions."""
    items = {item.pool_id: item.id for item in session.get_one(Campaign, row.campaign_id).items}
    running = open_to_all(session, row.campaign_id)
    for pool in pools:
        of_pool = [each for each in running if is_for(each, items[pool.id])]
        if len(of_pool) > OPEN_MAX and row in of_pool:
            raise TooManyPromotions(most=OPEN_MAX)
        pool.has_promotions = bool(of_pool)
