"""Neighbours are asked for the gap in fairness order; what one does not give is asked of the others."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.pledges import pledging
from campaigns.policy import policies
from campaigns.policy.rules import weighed
from campaigns.shortage import cases, rules, settling, words
from campaigns.shortage.models import Shortage, ShortageOffer
from campaigns.shortage.rules import Neighbour
from campaigns.shortage.states import (
    OfferState,
    ShortageState,
    ShortageStateForbids,
    check_move,
    check_offer_move,
)
from inventory import lots
from inventory.models import Pool
from marketplace import audit, errors, events
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders import season


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionsOpened:
    """Buyers of the item of this shortage may choose now."""

    shortage_id: uuid.UUID
    campaign_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourAsked:
    """A cooperative is asked for boxes that others lack."""

    offer_id: uuid.UUID
    cooperative_id: uuid.UUID


class OfferTooLate(errors.Gone):
    """The time to answer is over."""

    title = Text(en="The time to answer this offer is over.", zh="该补货邀约已过答复期限。")


class MoreThanOffered(errors.Conflict):
    """More boxes than were asked for."""

    title = Text(en="That is more than was asked for.", zh="超过所邀约的箱数。")


def go_on(session: Session, ctx: Context, shortage: Shortage) -> None:
    """After every answer, with the shortage locked: settle what is covered, ask again, or let the buyers choose."""
    gap = cases.stock_of(session, cases.item_of(session, shortage)).gap
    if not gap:
        _lapse(session, ctx, shortage)
        settling.settle(session, ctx, shortage)
        return
    _ask(session, ctx, shortage, gap - sum(each.boxes for each in _open(shortage)))
    if not _open(shortage):
        _begin_elections(session, ctx, shortage)


def accept(session: Session, ctx: Context, *, offer_id: uuid.UUID, boxes: int | None = None) -> ShortageOffer:
    """Give all that was asked for, or some; its lots are held for the campaign, at the same price.

    Raises OfferNotFound, CampaignStateForbids, OfferAnswered, OfferTooLate, MoreThanOffered, NotEnoughInStore.
    """
    shortage, offer = _answerable(session, ctx, offer_id, OfferState.ACCEPTED)
    given = offer.boxes if boxes is None else boxes
    if given > offer.boxes:
        raise MoreThanOffered(offered_boxes=offer.boxes)
    item = cases.item_of(session, shortage)
    pledging.cover(
        session, ctx, item=item, cooperative_id=offer.cooperative_id, boxes=given, reason="covers a shortage"
    )
    shortage.covered_boxes += given
    _answer(session, ctx, offer, OfferState.ACCEPTED, boxes=given)
    go_on(session, ctx, shortage)
    return offer


def decline(session: Session, ctx: Context, *, offer_id: uuid.UUID) -> ShortageOffer:
    """Give nothing; the others are asked. Raises OfferNotFound, CampaignStateForbids, OfferAnswered, OfferTooLate."""
    shortage, offer = _answerable(session, ctx, offer_id, OfferState.DECLINED)
    _answer(session, ctx, offer, OfferState.DECLINED)
    go_on(session, ctx, shortage)
    return offer


def close(session: Session, ctx: Context, shortage: Shortage) -> None:
    """Nobody is asked any more: what is open lapses, and the buyers choose. Raises ShortageStateForbids."""
    if shortage.state != ShortageState.OFFERING:
        raise ShortageStateForbids(state=shortage.state)
    _lapse(session, ctx, shortage)
    if cases.stock_of(session, cases.item_of(session, shortage)).gap:
        _begin_elections(session, ctx, shortage)
    else:
        settling.settle(session, ctx, shortage)


def _lapse(session: Session, ctx: Context, shortage: Shortage) -> None:
    """What is asked for and not answered is not needed any more, or not waited for."""
    for offer in _open(shortage):
        _answer(session, ctx, offer, OfferState.LAPSED)


def _ask(session: Session, ctx: Context, shortage: Shortage, boxes: int) -> None:
    """Whoever lacks boxes is asked for its own first, from other lots; then everybody else who has some to spare."""
    if boxes <= 0 or ctx.now >= shortage.answers_due_at:
        return
    pool = session.get_one(Pool, cases.item_of(session, shortage).pool_id)
    neighbours = _neighbours(session, shortage, pool)
    missing = {each.code: each.pledged_boxes - each.there_boxes for each in shortage.standings}
    own = [each for each in neighbours if missing.get(each.code)]
    others = [each for each in neighbours if not missing.get(each.code)]
    for asked in (own, others):
        if boxes and asked:
            boxes -= _offer(session, ctx, shortage, asked, boxes, pack_grams=pool.pack_grams)


def _offer(
    session: Session,
    ctx: Context,
    shortage: Shortage,
    neighbours: list[Neighbour],
    boxes: int,
    *,
    pack_grams: int,
) -> int:
    cover = rules.cover(
        boxes, neighbours, pack_grams=pack_grams, seed=shortage.seed_hash, batch=cases.batch_of(shortage)
    )
    counted = policies.frozen(session, session.get_one(Campaign, shortage.campaign_id)).weight
    ids = _ids(session, shortage)
    number = 1 + max((each.round for each in shortage.offers), default=0)
    for code, asked in sorted(cover.boxes.items()):
        reason = words.for_neighbour(cover, code, gap=boxes, counted=counted.value)
        offer = ShortageOffer(
            id=new_id(),
            shortage_id=shortage.id,
            cooperative_id=ids[code],
            round=number,
            boxes=asked,
            accepted_boxes=0,
            state=OfferState.OFFERED,
            reason_en=reason.en,
            reason_zh=reason.zh,
            answer_due_at=shortage.answers_due_at,
            version=1,
        )
        shortage.offers.append(offer)
        session.flush()
        after = {"shortage_id": str(shortage.id), "cooperative": code, "boxes": asked}
        audit.record(session, ctx, "shortage_offer.ask", subject=("shortage_offer", offer.id), after=after)
        asked_one = NeighbourAsked(offer_id=offer.id, cooperative_id=offer.cooperative_id)
        events.publish(session, ctx, asked_one)
    return sum(cover.boxes.values())


def _neighbours(session: Session, shortage: Shortage, pool: Pool) -> list[Neighbour]:
    """Cooperatives of the county that have not said no, with the spare boxes that they are not asked for yet."""
    campaign = session.get_one(Campaign, shortage.campaign_id)
    free = lots.free_boxes(
        session,
        variety=pool.variety,
        grade=pool.grade,
        pack_grams=pool.pack_grams,
        locked=False,
        on=campaign.good_until(cases.item_of(session, shortage)),
    )
    history = season.history_grams(session, season=shortage.season)
    weight = policies.frozen(session, campaign).weight
    asked: dict[uuid.UUID, int] = {}
    refused = set()
    for offer in shortage.offers:
        if offer.state == OfferState.OFFERED:
            asked[offer.cooperative_id] = asked.get(offer.cooperative_id, 0) + offer.boxes
        elif offer.accepted_boxes < offer.boxes:
            refused.add(offer.cooperative_id)
    return [
        Neighbour(
            code=each.code,
            weight=weighed(weight, households=each.member_households, members=each.members),
            history_grams=history.get(each.id, 0),
            spare=free.get(each.id, 0) - asked.get(each.id, 0),
        )
        for each in cooperatives.of_county(session, county_id=campaign.county_id)
        if each.id not in refused and free.get(each.id, 0) > asked.get(each.id, 0)
    ]


def _ids(session: Session, shortage: Shortage) -> dict[str, uuid.UUID]:
    campaign = session.get_one(Campaign, shortage.campaign_id)
    return {each.code: each.id for each in cooperatives.of_county(session, county_id=campaign.county_id)}


def _open(shortage: Shortage) -> list[ShortageOffer]:
    return [each for each in shortage.offers if each.state == OfferState.OFFERED]


def _answerable(
    session: Session, ctx: Context, offer_id: uuid.UUID, after: OfferState
) -> tuple[Shortage, ShortageOffer]:
    shortage = cases.going_on(session, cases.offer_of(session, ctx, offer_id).shortage_id)
    offer = session.get_one(ShortageOffer, offer_id, populate_existing=True)
    check_offer_move(offer.state, after)
    if ctx.now >= offer.answer_due_at:
        raise OfferTooLate(answer_due_at=offer.answer_due_at)
    return shortage, offer


def _answer(
    session: Session, ctx: Context, offer: ShortageOffer, after: OfferState, *, boxes: int = 0
) -> None:
    check_offer_move(offer.state, after)
    offer.state, offer.accepted_boxes = after, boxes
    offer.answered_at, offer.answered_by = ctx.now, ctx.actor.label
    offer.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"shortage_offer.{after}",
        subject=("shortage_offer", offer.id),
        before={"state": str(OfferState.OFFERED)},
        after={"state": str(after), "accepted_boxes": boxes},
    )


def _begin_elections(session: Session, ctx: Context, shortage: Shortage) -> None:
    check_move(shortage.state, ShortageState.ELECTING)
    shortage.state = ShortageState.ELECTING
    shortage.elections_due_at = ctx.now + timedelta(hours=shortage.election_hours)
    shortage.version += 1
    session.flush()
    after = {"elections_due_at": shortage.elections_due_at.isoformat()}
    audit.record(session, ctx, "shortage.elect", subject=("shortage", shortage.id), after=after)
    events.publish(session, ctx, ElectionsOpened(shortage_id=shortage.id, campaign_id=shortage.campaign_id))
