"""Doors of campaigns."""

import uuid
from typing import Any, Final

from flask import Response
from sqlalchemy.orm import Session

from campaigns import planning, schemas, selling, shapes, showing, subscriptions
from campaigns.models import Campaign, Subscription
from campaigns.states import CampaignEvent, CampaignNotReady, CampaignStateForbids
from inventory import holds, lots, pools, refusals, waitlist
from inventory.schemas import WaitlistPlace
from marketplace import context, paging, versions
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.counties import CountyNotFound
from marketplace.catalogue.products import PackNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.idempotency import Answer, Claim

HOLDING: Final = (
    planning.CampaignNotFound,
    planning.ItemNotFound,
    selling.NotOnSale,
    holds.SoldOut,
    holds.HoldLimit,
    holds.HouseholdLimit,
    holds.NetworkLimit,
)

blueprint = Blueprint("campaigns", __name__, url_prefix="/campaigns", description="Campaigns 活动")


@blueprint.get("")
@blueprint.arguments(paging.Query, location="query")
@blueprint.revalidates(200, schemas.CampaignPage)
def list_campaigns(query: dict[str, Any]) -> Response:
    """What is, was and will be on sale; insiders see drafts too 活动列表"""
    told = showing.page(context.current(), **query)
    links = {"Link": paging.link(told.next_cursor)} if told.next_cursor else {}
    return versions.fresh(told.body, etag=told.etag, headers=links)


@blueprint.get("/<uuid:campaign_id>")
@blueprint.problems(planning.CampaignNotFound)
@blueprint.revalidates(200, schemas.ShownCampaign)
def get_campaign(campaign_id: uuid.UUID) -> Response:
    """One campaign with its prices and what is left 活动详情"""
    told = showing.one(context.current(), campaign_id=campaign_id)
    return versions.fresh(told.body, etag=told.etag)


@blueprint.post("")
@blueprint.arguments(schemas.DraftCampaign)
@blueprint.problems(
    CountyNotFound, PackNotFound, planning.CampaignCodeTaken, planning.WindowNotOrdered, planning.PackTwice
)
@blueprint.writes(201, schemas.Campaign, location=lambda made: f"/v1/campaigns/{made.id}")
def draft(session: Session, body: dict[str, Any]) -> Campaign:
    """Draft a presale (operators) 起草预售"""
    return planning.draft(session, context.current(), **body)


@blueprint.post("/<uuid:campaign_id>/pledges")
@blueprint.arguments(schemas.PledgeBoxes)
@blueprint.problems(
    planning.CampaignNotFound,
    planning.ItemNotFound,
    CooperativeNotFound,
    planning.ForeignPledge,
    CampaignStateForbids,
    lots.NotEnoughInStore,
)
@blueprint.writes(201, schemas.CampaignPledge)
def pledge(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Put a cooperative's boxes up for an item 承诺货源"""
    ctx = context.current()
    placed = planning.pledge(session, ctx, campaign_id=campaign_id, **body)
    item = planning.item_of(planning.get(session, ctx, campaign_id=campaign_id), body["item_id"])
    pool = pools.get(session, pool_id=item.pool_id)
    return {"hold_ids": [each.id for each in placed], "pool": pool}


@blueprint.post("/<uuid:campaign_id>/scheduling")
@blueprint.problems(planning.CampaignNotFound, CampaignStateForbids, CampaignNotReady)
@blueprint.writes(200, schemas.Campaign)
def schedule(session: Session, campaign_id: uuid.UUID) -> Campaign:
    """Make a draft public; it opens by the clock 排期上线"""
    return planning.schedule(session, context.current(), campaign_id=campaign_id)


@blueprint.post("/<uuid:campaign_id>/pause")
@blueprint.arguments(schemas.Reason)
@blueprint.problems(planning.CampaignNotFound, CampaignStateForbids)
@blueprint.writes(200, schemas.Campaign)
def pause(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Campaign:
    """No new holds; running ones finish 暂停"""
    ctx = context.current()
    return planning.move(session, ctx, campaign_id=campaign_id, event=CampaignEvent.PAUSE, **body)


@blueprint.post("/<uuid:campaign_id>/resumption")
@blueprint.arguments(schemas.Reason)
@blueprint.problems(planning.CampaignNotFound, CampaignStateForbids)
@blueprint.writes(200, schemas.Campaign)
def resume(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Campaign:
    """Open a paused campaign again 恢复"""
    return planning.resume(session, context.current(), campaign_id=campaign_id, **body)


@blueprint.post("/<uuid:campaign_id>/closing")
@blueprint.arguments(schemas.Reason)
@blueprint.problems(planning.CampaignNotFound, CampaignStateForbids)
@blueprint.writes(200, schemas.Campaign)
def close(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Campaign:
    """End the sale before its time 提前结束"""
    ctx = context.current()
    return planning.move(session, ctx, campaign_id=campaign_id, event=CampaignEvent.CLOSE, **body)


@blueprint.post("/<uuid:campaign_id>/cancellation")
@blueprint.arguments(schemas.Reason)
@blueprint.problems(planning.CampaignNotFound, CampaignStateForbids)
@blueprint.writes(200, schemas.Campaign)
def cancel(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Campaign:
    """Give up a campaign that has not opened; its pledges are free again 取消"""
    return planning.cancel(session, context.current(), campaign_id=campaign_id, **body)


@blueprint.get("/<uuid:campaign_id>/transitions")
@blueprint.problems(planning.CampaignNotFound)
@blueprint.response(200, schemas.CampaignTransitions)
def list_transitions(campaign_id: uuid.UUID) -> dict[str, Any]:
    """Every move of the campaign's state, with who and why 状态记录"""
    with reading() as session:
        planning.get(session, context.current(), campaign_id=campaign_id)
        return {"items": planning.transitions_of(session, campaign_id=campaign_id)}


@blueprint.post("/<uuid:campaign_id>/holds")
@blueprint.arguments(schemas.HoldBoxes)
@blueprint.problems(*HOLDING)
@blueprint.alt_response(200, schema=schemas.CampaignHold, description="The hold that was there, resized.")
@blueprint.answers(201, schemas.CampaignHold)
def hold(claim: Claim, body: dict[str, Any], campaign_id: uuid.UUID) -> Answer:
    """Hold so many boxes of an item for some minutes at the price shown 保留"""
    lines = [selling.Wanted(**body)]
    return selling.hold(context.current(), claim, campaign_id=campaign_id, lines=lines, shape=shapes.one)


@blueprint.post("/<uuid:campaign_id>/baskets")
@blueprint.arguments(schemas.HoldBasket)
@blueprint.problems(*HOLDING)
@blueprint.alt_response(
    200, schema=schemas.Basket, description="No new hold: those that were there, resized."
)
@blueprint.answers(201, schemas.Basket)
def hold_basket(claim: Claim, body: dict[str, Any], campaign_id: uuid.UUID) -> Answer:
    """Hold boxes of several items, all of them or none 整篮保留"""
    lines = [selling.Wanted(**line) for line in body["lines"]]
    return selling.hold(context.current(), claim, campaign_id=campaign_id, lines=lines, shape=shapes.basket)


@blueprint.post("/<uuid:campaign_id>/waitlist")
@blueprint.arguments(schemas.HoldBoxes)
@blueprint.problems(
    planning.CampaignNotFound,
    planning.ItemNotFound,
    selling.NotOnSale,
    refusals.BoxesThere,
    refusals.HoldLimit,
    refusals.AlreadyWaiting,
)
@blueprint.writes(201, WaitlistPlace, location=lambda place: f"/v1/waitlist/{place['id']}")
def join_waitlist(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Wait in line for boxes of an item that is sold out 候补登记"""
    ctx = context.current()
    entry = selling.wait(session, ctx, campaign_id=campaign_id, **body)
    return waitlist.shown(waitlist.place_of(session, ctx, entry))


@blueprint.post("/<uuid:campaign_id>/subscription")
@blueprint.problems(planning.CampaignNotFound, subscriptions.OpenAlready)
@blueprint.writes(200, schemas.CampaignSubscription, key=False)
def subscribe(session: Session, campaign_id: uuid.UUID) -> Subscription:
    """Be told when it opens 订阅开售提醒"""
    return subscriptions.subscribe(session, context.current(), campaign_id=campaign_id)


@blueprint.delete("/<uuid:campaign_id>/subscription")
@blueprint.problems(planning.CampaignNotFound)
@blueprint.writes(204, key=False)
def unsubscribe(session: Session, campaign_id: uuid.UUID) -> None:
    """Do not be told 取消开售提醒"""
    subscriptions.unsubscribe(session, context.current(), campaign_id=campaign_id)
