"""A sponsorship up to its commitment: drafted, signed by the sponsor, accepted by an operator; or cancelled."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.access import Role
from marketplace.catalogue import counties, products
from marketplace.context import Context
from marketplace.identity import accounts
from marketplace.language import Text
from marketplace.values import new_id
from orders import bulk
from orders.allocation.problem import Rule
from orders.sponsoring import escrow, sponsorships
from orders.sponsoring.models import Sponsorship
from orders.sponsoring.rules import WHOLE, Tranches
from orders.sponsoring.states import EndPolicy, SponsorKind, SponsorshipEvent, SponsorshipState


class TranchesNotWhole(errors.Invalid):
    """The tranches do not add up to 1000 permille, or less is asked for in escrow than the first of them."""

    title = Text(
        en="Tranches add up to 1000 permille, and escrow covers at least the first.",
        zh="各期比例之和须为千分之一千，且托管比例不低于首期。",
    )


class DrawsOverTooSoon(errors.Invalid):
    """The time in which boxes may be drawn is over before it begins."""

    title = Text(en="The time to draw boxes lies in the past.", zh="提取截止时间已过。")


class CarryDaysDiffer(errors.Invalid):
    """Days to carry on are given exactly where what is left is carried on."""

    title = Text(
        en="Give the days exactly where what is left is carried on.", zh="仅在选择顺延时须填写顺延天数。"
    )


class TokenTooHigh(errors.Invalid):
    """Shoppers would pay more for a box than the sponsor does."""

    title = Text(en="Shoppers would pay more than the box costs.", zh="用户支付金额不得高于单价。")


class PriceMissing(errors.Conflict):
    """Neither the draft nor the pack's list says what a box costs."""

    title = Text(en="A box of this pack has no price.", zh="该包装没有单价。")


TRANCHES: Final = (300, 400, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sponsor:
    """Who buys: an account that has the role, and its name in both languages."""

    kind: SponsorKind
    name: Text
    account_id: uuid.UUID | None = None
    """The actor's own, if left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is agreed on beside the quantity."""

    unit_price_minor: int | None = None
    """The pack's list price, if left out."""
    tranches: tuple[int, ...] = TRANCHES
    """Permille by confirmation, intake and delivery."""
    escrow_permille: int = WHOLE
    shopper_pays_minor: int = 1
    draws_until: datetime
    end_policy: EndPolicy = EndPolicy.DONATED
    carry_days: int | None = None
    answer_hours: int = bulk.ANSWER_HOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The fruit."""

    county_id: uuid.UUID
    pack_id: uuid.UUID
    quantity_grams: int
    season: str
    rule: Rule = "nearest"
    delivered_on: date | None = None


def draft(session: Session, ctx: Context, *, sponsor: Sponsor, wanted: Wanted, terms: Terms) -> Sponsorship:
    """Write a sponsorship down that binds nobody yet.

    Raises AccountNotFound, CountyNotFound, PackNotFound, NotWholeBoxes, TooManyBoxes, TotalTooHigh,
    DeliveryInThePast, TranchesNotWhole, DrawsOverTooSoon, CarryDaysDiffer, TokenTooHigh, PriceMissing.
    """
    account_id = _account(session, ctx, sponsor.account_id)
    counties.get(session, county_id=wanted.county_id)
    pack = products.get_pack(session, pack_id=wanted.pack_id)
    price_minor = pack.list_price_minor if terms.unit_price_minor is None else terms.unit_price_minor
    if not price_minor:
        raise PriceMissing
    boxes = bulk.boxes_of(wanted.quantity_grams, pack, unit_price_minor=price_minor)
    tranches = _checked(ctx, wanted, terms, price_minor)
    sponsorship = Sponsorship(
        id=new_id(),
        account_id=account_id,
        sponsor_kind=sponsor.kind,
        sponsor_name_en=sponsor.name.en,
        sponsor_name_zh=sponsor.name.zh,
        state=SponsorshipState.DRAFT,
        county_id=wanted.county_id,
        pack_id=pack.id,
        pack_grams=pack.net_grams,
        boxes=boxes,
        unit_price_minor=price_minor,
        total_minor=boxes * price_minor,
        currency=pack.currency,
        season=wanted.season,
        rule=wanted.rule,
        answer_hours=terms.answer_hours,
        delivered_on=wanted.delivered_on,
        confirmation_permille=tranches.confirmation,
        intake_permille=tranches.intake,
        delivery_permille=tranches.delivery,
        escrow_permille=terms.escrow_permille,
        shopper_pays_minor=terms.shopper_pays_minor,
        draws_until=terms.draws_until,
        end_policy=terms.end_policy,
        carry_days=terms.carry_days,
        is_carried=False,
        escrowed_minor=0,
        released_minor=0,
        returned_minor=0,
        lines=0,
        moves=0,
        created_at=ctx.now,
        version=0,
    )
    session.add(sponsorship)
    sponsorships.write(session, ctx, sponsorship, "draft", before=None)
    audit.record(
        session,
        ctx,
        "sponsorship.draft",
        subject=("sponsorship", sponsorship.id),
        after={"boxes": boxes, "total_minor": sponsorship.total_minor},
    )
    return sponsorship


def sign(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID) -> Sponsorship:
    """The sponsor stands by it. Raises SponsorshipNotFound, SponsorshipStateForbids, DrawsOverTooSoon."""
    sponsorship = sponsorships.locked(session, ctx, sponsorship_id=sponsorship_id)
    if sponsorship.account_id != ctx.actor.id:
        raise sponsorships.SponsorshipNotFound
    return _go_on(session, ctx, sponsorship, SponsorshipEvent.SIGN)


def accept(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID) -> Sponsorship:
    """An operator stands by it: both are bound.

    Raises SponsorshipNotFound, SponsorshipStateForbids, DrawsOverTooSoon.
    """
    sponsorship = sponsorships.locked(session, ctx, sponsorship_id=sponsorship_id)
    return _go_on(session, ctx, sponsorship, SponsorshipEvent.ACCEPT)


def reject(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID, reason: str) -> Sponsorship:
    """An operator gives it back to be drafted anew. Raises SponsorshipNotFound, SponsorshipStateForbids."""
    sponsorship = sponsorships.locked(session, ctx, sponsorship_id=sponsorship_id)
    sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.REJECT, reason=reason)
    return sponsorship


def cancel(session: Session, ctx: Context, *, sponsorship_id: uuid.UUID, reason: str) -> Sponsorship:
    """Give it up before it is split: all that was paid goes back. Once funded, only an operator may.

    Raises SponsorshipNotFound, SponsorshipStateForbids.
    """
    sponsorship = sponsorships.locked(session, ctx, sponsorship_id=sponsorship_id)
    if sponsorship.state == SponsorshipState.FUNDED and not ctx.actor.has(Role.OPERATOR):
        raise errors.Forbidden
    sponsorships.move(session, ctx, sponsorship, SponsorshipEvent.CANCEL, reason=reason)
    escrow.stop_payments(session, ctx, sponsorship)
    escrow.return_surplus(session, ctx, sponsorship, price_minor=0, reason="cancelled")
    return sponsorship


def _go_on(session: Session, ctx: Context, sponsorship: Sponsorship, event: SponsorshipEvent) -> Sponsorship:
    sponsorships.move(session, ctx, sponsorship, event)
    if sponsorship.draws_until <= ctx.now:
        raise DrawsOverTooSoon
    return sponsorship


def _account(session: Session, ctx: Context, account_id: uuid.UUID | None) -> uuid.UUID:
    """Whose it is: the actor's own, or for an operator that of any buyer. Raises AccountNotFound."""
    asked = account_id or ctx.actor.id
    if asked is None or (asked != ctx.actor.id and not ctx.actor.has(Role.OPERATOR)):
        raise accounts.AccountNotFound
    if Role.BUYER not in accounts.get(session, account_id=asked).roles:
        raise accounts.AccountNotFound
    return asked


def _checked(ctx: Context, wanted: Wanted, terms: Terms, price_minor: int) -> Tranches:
    confirmation, intake, delivery = terms.tranches
    try:
        tranches = Tranches(confirmation=confirmation, intake=intake, delivery=delivery)
    except ValueError as wrong:
        raise TranchesNotWhole from wrong
    if not tranches.confirmation <= terms.escrow_permille <= WHOLE:
        raise TranchesNotWhole
    if terms.draws_until <= ctx.now:
        raise DrawsOverTooSoon
    if (terms.end_policy == EndPolicy.CARRIED_ON) != (terms.carry_days is not None):
        raise CarryDaysDiffer
    if terms.shopper_pays_minor > price_minor:
        raise TokenTooHigh
    if wanted.delivered_on is not None and wanted.delivered_on < ctx.today:
        raise bulk.DeliveryInThePast
    return tranches
