"""Doors of campaigns."""

import uuid
from typing import Any, Final

from flask import Response, request
from sqlalchemy.orm import Session

from campaigns import (
    advancing,
    cloning,
    ending,
    ending_schemas,
    planning,
    pricing,
    progress,
    schemas,
    selling,
    shapes,
    showing,
    streaming,
    subscriptions,
)
from campaigns.models import Campaign, Subscription
from campaigns.promotions import promoting
from campaigns.promotions.schemas import RunningPromotions
from campaigns.states import CampaignEvent, CampaignNotReady, CampaignStateForbids
from campaigns.terms import TermsNotAllowed
from inventory import holds, refusals, waitlist
from inventory.schemas import WaitlistPlace
from marketplace import context, paging, versions
from marketplace.catalogue.counties import CountyNotFound
from marketplace.catalogue.products import PackNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.idempotency import Answer, Claim
from marketplace.limits import UNKNOWN
from marketplace.steps import walk

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
@blueprint.arguments(schemas.ListCampaigns, location="query")
@blueprint.revalidates(200, schemas.CampaignPage)
def list_campaigns(query: dict[str, Any]) -> Response:
    """What is, was and will be on sale; insiders see drafts too 活动列表"""
    told = walk(showing.page(context.current(), **query))
    links = {"Link": paging.link(told.next_cursor)} if told.next_cursor else {}
    return versions.fresh(told.body, etag=told.etag, headers=links)


@blueprint.get("/<uuid:campaign_id>")
@blueprint.arguments(schemas.InCurrency, location="query")
@blueprint.problems(planning.CampaignNotFound, showing.NoPriceInCurrency)
@blueprint.revalidates(200, schemas.ShownCampaign)
def get_campaign(query: dict[str, Any], campaign_id: uuid.UUID) -> Response:
    """One campaign with its prices and what is left 活动详情"""
    told = walk(showing.one(context.current(), campaign_id=campaign_id, **query))
    return versions.fresh(told.body, etag=told.etag)


@blueprint.get("/<uuid:campaign_id>/items/<uuid:item_id>/price")
@blueprint.arguments(schemas.AskPrice, location="query")
@blueprint.problems(planning.CampaignNotFound, planning.ItemNotFound)
@blueprint.response(200, schemas.Price)
def get_price(query: dict[str, Any], campaign_id: uuid.UUID, item_id: uuid.UUID) -> dict[str, Any]:
    """What boxes cost now and later, at every step, and who gets what of it 价格与构成"""
    with reading() as session:
        shown = pricing.price(session, context.current(), campaign_id=campaign_id, item_id=item_id, **query)
        return {
            **{name: getattr(shown.priced, name) for name in shown.priced.__dataclass_fields__},
            "item_id": shown.item.id,
            "currency": shown.item.currency,
            "final_unit_price_minor": shown.item.final_unit_price_minor,
            "discounts": shown.discounts,
        }


@blueprint.get("/<uuid:campaign_id>/promotions")
@blueprint.problems(planning.CampaignNotFound)
@blueprint.response(200, RunningPromotions)
def list_promotions(campaign_id: uuid.UUID) -> dict[str, Any]:
    """What is taken off for everybody, without a code 活动优惠"""
    ctx = context.current()
    with reading() as session:
        planning.get(session, ctx, campaign_id=campaign_id)
        return {"items": promoting.running(session, ctx, campaign_id=campaign_id)}


@blueprint.get("/<uuid:campaign_id>/progress")
@blueprint.problems(planning.CampaignNotFound)
@blueprint.revalidates(200, schemas.Progress)
def get_progress(campaign_id: uuid.UUID) -> Response:
    """How far a campaign is; to be asked for again and again 活动进度（轮询）"""
    ctx = context.current()
    told = progress.one(progress.question(ctx, campaign_id=campaign_id), now=ctx.now)
    return versions.fresh(told.body, etag=told.etag)


@blueprint.get("/<uuid:campaign_id>/progress/stream")
@blueprint.problems(planning.CampaignNotFound, streaming.NoStreamFree, streaming.StreamsOfAddress)
@blueprint.response(200, content_type="text/event-stream")
def stream_progress(campaign_id: uuid.UUID) -> Response:
    """The same as server-sent events, for a minute 活动进度（实时推送）"""
    ctx = context.current()
    asked = progress.question(ctx, campaign_id=campaign_id)
    told = progress.one(asked, now=ctx.now)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":  # nothing would be read, and nobody would close it
        return Response(mimetype="text/event-stream", headers=headers)
    stream = streaming.streams().open(
        asked,
        told,
        address=ctx.address or UNKNOWN,
        seen=request.headers.get("Last-Event-ID"),
        poll=f"/v1/campaigns/{campaign_id}/progress",
    )
    return Response(stream, mimetype="text/event-stream", headers=headers)


@blueprint.post("")
@blueprint.arguments(schemas.DraftCampaign)
@blueprint.problems(
    CountyNotFound,
    PackNotFound,
    planning.CampaignCodeTaken,
    planning.WindowNotOrdered,
    planning.HarvestNotOrdered,
    planning.PackTwice,
    TermsNotAllowed,
)
@blueprint.writes(201, schemas.Campaign, location=lambda made: f"/v1/campaigns/{made.id}")
def draft(session: Session, body: dict[str, Any]) -> Campaign:
    """Draft a presale (operators) 起草预售"""
    return planning.draft(session, context.current(), **body)


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
@blueprint.writes(200, ending_schemas.CancelledCampaign)
def cancel(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> ending.Cancelled:
    """Give a campaign up before its boxes go out: whoever paid gets the money back, pledges are free again 取消"""
    campaign = ending.cancel(session, context.current(), campaign_id=campaign_id, **body)
    return ending.Cancelled(campaign=campaign, advances=ending.advances_out(session, campaign.id))


@blueprint.post("/<uuid:campaign_id>/evaluation")
@blueprint.problems(planning.CampaignNotFound, CampaignStateForbids, advancing.GoalUndecided)
@blueprint.writes(200, schemas.Campaign)
def evaluate(session: Session, campaign_id: uuid.UUID) -> Campaign:
    """Is the goal reached? Then its boxes are split, else everybody gets the money back 目标评估"""
    return advancing.evaluate(session, context.current(), campaign_id=campaign_id)


@blueprint.get("/<uuid:campaign_id>/ending")
@blueprint.problems(planning.CampaignNotFound)
@blueprint.response(200, ending_schemas.Ending)
def get_ending(campaign_id: uuid.UUID) -> dict[str, Any]:
    """How many orders of a failed or cancelled campaign are released, and how many are left 退款进度"""
    with reading() as session:
        campaign = planning.get(session, context.current(), campaign_id=campaign_id)
        told = ending.progress(session, campaign)
        return {
            "state": campaign.state,
            "released_orders": told.released,
            "left_orders": told.left,
            "advances": ending.advances_out(session, campaign.id),
        }


@blueprint.post("/<uuid:campaign_id>/clones")
@blueprint.arguments(schemas.CloneCampaign)
@blueprint.problems(planning.CampaignNotFound, planning.CampaignCodeTaken)
@blueprint.writes(201, schemas.Campaign, location=lambda made: f"/v1/campaigns/{made.id}")
def clone(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Campaign:
    """Draft the same campaign for another season 复制到新一季"""
    return cloning.clone(session, context.current(), campaign_id=campaign_id, **body)


@blueprint.get("/<uuid:campaign_id>/comparison")
@blueprint.problems(planning.CampaignNotFound, cloning.NotCloned)
@blueprint.response(200, schemas.Comparison)
def compare(campaign_id: uuid.UUID) -> dict[str, Any]:
    """This season's plan beside last season's actuals 与上季对比"""
    with reading() as session:
        then, packs = cloning.compare(session, context.current(), campaign_id=campaign_id)
        return {"then": then, "packs": packs}


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
