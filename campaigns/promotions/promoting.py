"""Operators draft promotions, activate, pause and end them, and raise their budgets.

The terms of a promotion never change: who wants others ends it and drafts another one. Only its state moves, and
its budget grows.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.promotions.models import PromotionTerms
from campaigns.promotions.rules import Funder, PromotionKind
from campaigns.promotions.states import PROMOTION_MOVES, PromotionState
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import TOTAL_MINOR_MAX, new_id


class PromotionNotFound(errors.NotFound):
    title = Text(en="There is no such promotion.", zh="没有该优惠。")


class PromotionStateForbids(errors.Conflict):
    """`state` says in which state the promotion is."""

    title = Text(en="The promotion's state does not allow this.", zh="优惠当前状态不允许此操作。")


class BudgetNotRaised(errors.Conflict):
    """A budget only grows: what was promised from it stays promised. `budget_minor` is what it is now."""

    title = Text(en="A promotion's budget can only be raised.", zh="优惠预算只能增加。")


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
    ends_at: datetime | None = None
    uses_max: int | None = None
    uses_per_person_max: int | None = None
    boxes_max: int | None = None


def draft(session: Session, ctx: Context, *, campaign_id: uuid.UUID, terms: Terms) -> PromotionTerms:
    """A promotion of a campaign that takes nothing off yet. Raises CampaignNotFound."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    row = PromotionTerms(
        id=new_id(),
        campaign_id=campaign.id,
        state=PromotionState.DRAFT,
        kind=terms.kind,
        funder=terms.funder,
        title_en=terms.title_en,
        title_zh=terms.title_zh,
        amount_minor=terms.amount_minor,
        permille=terms.permille,
        stacks_with=sorted(str(each) for each in set(terms.stacks_with)),
        boxes_min=terms.boxes_min,
        ends_at=terms.ends_at,
        budget_minor=terms.budget_minor,
        uses_max=terms.uses_max,
        uses_per_person_max=terms.uses_per_person_max,
        boxes_max=terms.boxes_max,
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


def move(session: Session, ctx: Context, *, promotion_id: uuid.UUID, to: PromotionState) -> PromotionTerms:
    """Activate, pause or end it; what is reserved already stays so. Raises PromotionNotFound, PromotionStateForbids."""
    row = _locked(session, promotion_id)
    before = PromotionState(row.state)
    if (before, to) not in PROMOTION_MOVES:
        raise PromotionStateForbids(state=str(before))
    row.state = to
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


def raise_budget(
    session: Session, ctx: Context, *, promotion_id: uuid.UUID, budget_minor: int
) -> PromotionTerms:
    """Raises PromotionNotFound, PromotionStateForbids, BudgetNotRaised."""
    row = _locked(session, promotion_id)
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


def _locked(session: Session, promotion_id: uuid.UUID) -> PromotionTerms:
    row = session.get(PromotionTerms, promotion_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise PromotionNotFound
    return row
