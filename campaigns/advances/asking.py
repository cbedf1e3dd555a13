"""Advances asked for and decided: a member asks, somebody else grants or refuses; granting drafts the payout.

What two grants at once compete for is locked in the order campaign, cooperative, standing, advance; the payout and the
ledger come last. So together they never go over what is due, the limit, or the money that is there; and no settlement
of these boxes is proposed meanwhile.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.advances import gathering, rules
from campaigns.advances.gathering import Gathered
from campaigns.advances.models import CampaignAdvanceTerms
from campaigns.advances.rules import LIVE, Position, Sum
from campaigns.models import Campaign
from campaigns.states import CampaignStateForbids
from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.database import refusing
from marketplace.language import Text
from marketplace.notifications import notify_members
from marketplace.notifications.kinds import AdvanceGranted, AdvanceRefused
from marketplace.payouts import payouts
from marketplace.payouts.states import PayoutPurpose, SamePerson
from marketplace.points import Point, passed
from marketplace.values import Money, new_id
from orders.settlements import advances_kept, kept
from orders.settlements.advance_models import Advance, AdvanceLine
from orders.settlements.advance_states import AdvanceState, check_move
from orders.settlements.advances import AdvanceTerms, AdvanceTooHigh, Offer
from orders.settlements.advances_kept import AdvanceNotFound


class AdvanceOpen(errors.Conflict):
    """The cooperative has asked for an advance on this campaign already, and it is not paid, refused or cancelled."""

    title = Text(en="An advance on this campaign is under way already.", zh="该活动已有进行中的预付款申请。")


class NothingSold(errors.Conflict):
    """The cooperative has no boxes in this campaign that were sold in this currency and are not settled yet."""

    title = Text(
        en="The cooperative has no unsettled sold boxes in this campaign.",
        zh="合作社在该活动中没有未结算的已售箱数。",
    )


class TermsNotWhole(errors.Invalid):
    """The steps of an advance make no more than the whole price due."""

    title = Text(en="The steps make more than the price due.", zh="各阶段合计超过全价。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a cooperative may be advanced now, and the sum that says so."""

    campaign_id: uuid.UUID
    cooperative_id: uuid.UUID
    currency: str
    offer: Offer
    why: Text
    sums: tuple[Sum, ...]


def offers(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, cooperative_id: uuid.UUID | None = None
) -> list[Shown]:
    """Of the cooperatives that the actor may see, by currency and id. Raises CampaignNotFound."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    found = []
    for currency in gathering.currencies(campaign):
        gathered = gathering.of_campaign(session, campaign, currency=currency, now=ctx.now)
        for each, offer in gathered.offers().items():
            if cooperative_id in (None, each) and _sees(ctx, each):
                found.append(_shown(gathered, each, offer))
    return found


def ask(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    currency: str,
    amount_minor: int,
) -> Advance:
    """A member asks for money on boxes of its cooperative; nothing is kept for it before it is granted.

    Raises CampaignNotFound, CooperativeNotFound, CampaignStateForbids, NothingSold, AdvanceTooHigh, AdvanceOpen.
    """
    if not ctx.actor.belongs_to(cooperative_id):
        raise cooperatives.CooperativeNotFound
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    gathered, position, offer = _offer(session, ctx, campaign, cooperative_id, currency)
    offer.check(amount_minor)
    advance = Advance(
        id=new_id(),
        cooperative_id=cooperative_id,
        purpose_id=campaign.id,
        currency=currency,
        tranche=rules.reached(gathered.terms.advance, position.pledged),
        state=AdvanceState.ASKED,
        asked_minor=amount_minor,
        outstanding_minor=0,
        asked_by=ctx.actor.label,
        asked_at=ctx.now,
        lines=0,
        version=1,
    )
    with refusing({"uq_advance_open": AdvanceOpen()}):
        session.add(advance)
        session.flush()
    asked = {"amount_minor": amount_minor, "currency": currency, "campaign_id": str(campaign.id)}
    audit.record(session, ctx, "advance.ask", subject=("advance", advance.id), after=asked)
    return advance


def cancel(session: Session, ctx: Context, *, advance_id: uuid.UUID) -> Advance:
    """The cooperative does not want it any more. Raises AdvanceNotFound, AdvanceStateForbids."""
    get(session, ctx, advance_id=advance_id)
    _, advance = advances_kept.locked(session, advance_id)
    check_move(advance.state, AdvanceState.CANCELLED)
    _decided(ctx, advance)
    advances_kept.move(session, ctx, advance, AdvanceState.CANCELLED)
    return advance


def refuse(
    session: Session, ctx: Context, *, advance_id: uuid.UUID, reason_en: str, reason_zh: str
) -> Advance:
    """Raises AdvanceNotFound, AdvanceStateForbids."""
    _, advance = advances_kept.locked(session, advance_id)
    check_move(advance.state, AdvanceState.REFUSED)
    _decided(ctx, advance)
    advance.reason_en, advance.reason_zh = reason_en, reason_zh
    advances_kept.move(session, ctx, advance, AdvanceState.REFUSED)
    named = _named(session, advance, advance.asked_minor)
    _tell(session, ctx, advance, AdvanceRefused(**named, reason=Text(en=reason_en, zh=reason_zh)))
    return advance


def grant(
    session: Session, ctx: Context, *, advance_id: uuid.UUID, amount_minor: int | None = None
) -> Advance:
    """Somebody else than who asked lets it out, all of it or less; its payout waits for a second person.

    Raises AdvanceNotFound, AdvanceStateForbids, SamePerson, CampaignStateForbids, NothingSold, AdvanceTooHigh and
    whatever the payout refuses.
    """
    seen = get(session, ctx, advance_id=advance_id)
    campaign = planning.locked(session, seen.purpose_id)
    kept.lock(session, [seen.cooperative_id])
    standing, advance = advances_kept.locked(session, advance_id)
    check_move(advance.state, AdvanceState.GRANTED)
    if advance.asked_by == ctx.actor.label:
        raise SamePerson
    wanted = advance.asked_minor if amount_minor is None else amount_minor
    *_, offer = _offer(session, ctx, campaign, advance.cooperative_id, advance.currency)
    offer.check(wanted)
    if wanted > advance.asked_minor:
        raise AdvanceTooHigh(offered_minor=advance.asked_minor, bound="asked")
    payout = payouts.draft(
        session,
        ctx,
        purpose=PayoutPurpose.ADVANCE,
        purpose_id=advance.id,
        cooperative_id=advance.cooperative_id,
        amount_minor=wanted,
        currency=advance.currency,
        memo=f"{campaign.code} advance",
    )
    advance.amount_minor, advance.payout_id = wanted, payout.id
    _decided(ctx, advance)
    standing.promised_minor += wanted
    standing.version += 1
    advances_kept.move(session, ctx, advance, AdvanceState.GRANTED)
    session.flush()
    passed(Point.ADVANCE_GRANTED)
    _tell(session, ctx, advance, AdvanceGranted(**_named(session, advance, wanted)))
    return advance


def set_terms(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, clearing_days: int, **permilles: int
) -> gathering.Terms:
    """From now on; what was advanced stays. Raises CampaignNotFound, TermsNotWhole."""
    campaign = planning.locked(session, campaign_id)
    try:
        terms = AdvanceTerms(**permilles)
    except ValueError as wrong:
        raise TermsNotWhole from wrong
    row = session.get(CampaignAdvanceTerms, campaign.id, populate_existing=True)
    before = None if row is None else _told(row)
    if row is None:
        row = CampaignAdvanceTerms(campaign_id=campaign.id, version=0)
        session.add(row)
    row.confirmation_permille, row.intake_permille = terms.confirmation, terms.intake
    row.delivery_permille, row.factor_permille = terms.delivery, terms.factor
    row.clearing_days, row.changed_at = clearing_days, ctx.now
    row.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        "advance.set_terms",
        subject=("campaign", campaign.id),
        before=before,
        after=_told(row),
    )
    return gathering.terms_of(session, [campaign.id])[campaign.id]


def get(session: Session, ctx: Context, *, advance_id: uuid.UUID) -> Advance:
    """An advance of the actor's cooperatives, or any for staff. Raises AdvanceNotFound."""
    found = session.scalar(visible(ctx).where(Advance.id == advance_id))
    if found is None:
        raise AdvanceNotFound
    return found


def visible(ctx: Context) -> Select[Advance]:
    statement = select(Advance)
    if ctx.actor.has(*STAFF, Role.SYSTEM):
        return statement
    return statement.where(Advance.cooperative_id.in_(ctx.actor.cooperative_ids))


def lines_of(session: Session, ctx: Context, *, advance_id: uuid.UUID) -> list[AdvanceLine]:
    """Raises AdvanceNotFound."""
    get(session, ctx, advance_id=advance_id)
    rows = select(AdvanceLine).where(AdvanceLine.advance_id == advance_id)
    return list(session.scalars(rows.order_by(AdvanceLine.number)))


def _offer(
    session: Session, ctx: Context, campaign: Campaign, cooperative_id: uuid.UUID, currency: str
) -> tuple[Gathered, Position, Offer]:
    if campaign.state not in LIVE:
        raise CampaignStateForbids(state=campaign.state)
    gathered = gathering.of_campaign(session, campaign, currency=currency, now=ctx.now)
    if not gathered.positions.get(cooperative_id, _NOTHING).pledged:
        raise NothingSold
    return gathered, gathered.positions[cooperative_id], gathered.offers()[cooperative_id]


def _named(session: Session, advance: Advance, minor: int) -> dict[str, Any]:
    """What a message about it says in any case."""
    campaign = session.get_one(Campaign, advance.purpose_id)
    cooperative = cooperatives.get(session, cooperative_id=advance.cooperative_id)
    return {
        "advance_id": advance.id,
        "cooperative": Text(en=cooperative.name_en, zh=cooperative.name_zh),
        "campaign": Text(en=campaign.title_en, zh=campaign.title_zh),
        "amount": Money(minor, advance.currency),
    }


def _tell(session: Session, ctx: Context, advance: Advance, about: AdvanceGranted | AdvanceRefused) -> None:
    """Everybody who acts for the cooperative, once for each decision."""
    cause = f"advance:{advance.id}:{advance.version}"
    notify_members(session, ctx, cooperative_id=advance.cooperative_id, cause=cause, about=about)


def _decided(ctx: Context, advance: Advance) -> None:
    advance.decided_by, advance.decided_at = ctx.actor.label, ctx.now


def _sees(ctx: Context, cooperative_id: uuid.UUID) -> bool:
    return ctx.actor.has(*STAFF, Role.SYSTEM) or ctx.actor.belongs_to(cooperative_id)


def _shown(gathered: Gathered, cooperative_id: uuid.UUID, offer: Offer) -> Shown:
    return Shown(
        campaign_id=gathered.campaign_id,
        cooperative_id=cooperative_id,
        currency=gathered.currency,
        offer=offer,
        why=rules.BOUNDS[offer.bound],
        sums=rules.sums(
            gathered.terms.advance,
            gathered.positions[cooperative_id],
            gathered.funds,
            offer,
            currency=gathered.currency,
        ),
    )


def _told(row: CampaignAdvanceTerms) -> dict[str, int]:
    return {
        "confirmation_permille": row.confirmation_permille,
        "intake_permille": row.intake_permille,
        "delivery_permille": row.delivery_permille,
        "factor_permille": row.factor_permille,
        "clearing_days": row.clearing_days,
    }


_NOTHING: Final = Position()
