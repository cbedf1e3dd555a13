"""Doors of promotions: operators run them, shoppers are quoted with them."""

import uuid
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.promotions import codes, promoting, quoting, schemas
from campaigns.promotions.models import PromotionTerms
from campaigns.promotions.promoting import PromotionNotFound, PromotionStateForbids
from campaigns.promotions.quoting import QuoteNotFound, Shown
from campaigns.promotions.rules import Funder, PromotionKind, TooManyPromotions
from campaigns.promotions.states import PromotionState
from campaigns.states import CampaignStateForbids
from inventory.refusals import HoldExpired, HoldNotActive, HoldNotFound
from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.errors import TooMany

of_campaigns = Blueprint(
    "campaign_promotions", __name__, url_prefix="/campaigns", description="Promotions of campaigns 活动优惠"
)
promotions = Blueprint("promotions", __name__, url_prefix="/promotions", description="Promotions 优惠")
quotes = Blueprint("hold_quotes", __name__, url_prefix="/holds", description="Quotes of held boxes 报价")
BLUEPRINTS: Final = (of_campaigns, promotions, quotes)


@of_campaigns.post("/<uuid:campaign_id>/promotions")
@of_campaigns.arguments(schemas.DraftPromotion)
@of_campaigns.problems(
    planning.CampaignNotFound,
    planning.ItemNotFound,
    CampaignStateForbids,
    promoting.PromotionNotAllowed,
)
@of_campaigns.writes(201, schemas.Promotion, location=lambda made: f"/v1/promotions/{made['id']}")
def draft(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Draft a promotion; it takes nothing off until it is activated (operators) 起草优惠"""
    body["kind"], body["funder"] = PromotionKind(body["kind"]), Funder(body["funder"])
    body["stacks_with"] = [PromotionKind(each) for each in body["stacks_with"]]
    terms = promoting.Terms(**body)
    return _shown(promoting.draft(session, context.current(), campaign_id=campaign_id, terms=terms))


@promotions.get("")
@promotions.arguments(schemas.PromotionQuery, location="query")
@promotions.response(200, paging.page_of(schemas.Promotion))
def list_promotions(query: dict[str, Any]) -> dict[str, Any]:
    """All promotions with their budgets, of one campaign if told 优惠列表"""
    with reading() as session:
        statement = paging.only(select(PromotionTerms), query, PromotionTerms.campaign_id)
        page = paging.read(session, statement, PromotionTerms.id, **query)
        return {**page, "items": [_shown(row) for row in page["items"]]}


@promotions.get("/<uuid:promotion_id>")
@promotions.problems(PromotionNotFound)
@promotions.response(200, schemas.Promotion)
def get_promotion(promotion_id: uuid.UUID) -> dict[str, Any]:
    """One promotion: its terms, its budget, and what is left of it 查询优惠"""
    with reading() as session:
        row = session.get(PromotionTerms, promotion_id)
        if row is None:
            raise PromotionNotFound
        return _shown(row)


@promotions.post("/<uuid:promotion_id>/activation")
@promotions.problems(PromotionNotFound, PromotionStateForbids, TooManyPromotions)
@promotions.writes(200, schemas.Promotion)
def activate(session: Session, promotion_id: uuid.UUID) -> dict[str, Any]:
    """Let a draft take something off 启用优惠"""
    return _moved(session, promotion_id, PromotionState.DRAFT, PromotionState.ACTIVE)


@promotions.post("/<uuid:promotion_id>/pause")
@promotions.problems(PromotionNotFound, PromotionStateForbids)
@promotions.writes(200, schemas.Promotion)
def pause(session: Session, promotion_id: uuid.UUID) -> dict[str, Any]:
    """No new quotes; what was quoted stays so 暂停优惠"""
    return _moved(session, promotion_id, PromotionState.ACTIVE, PromotionState.PAUSED)


@promotions.post("/<uuid:promotion_id>/resumption")
@promotions.problems(PromotionNotFound, PromotionStateForbids, TooManyPromotions)
@promotions.writes(200, schemas.Promotion)
def resume(session: Session, promotion_id: uuid.UUID) -> dict[str, Any]:
    """Let a paused one take something off again 恢复优惠"""
    return _moved(session, promotion_id, PromotionState.PAUSED, PromotionState.ACTIVE)


@promotions.post("/<uuid:promotion_id>/end")
@promotions.problems(PromotionNotFound, PromotionStateForbids)
@promotions.writes(200, schemas.Promotion)
def end(session: Session, promotion_id: uuid.UUID) -> dict[str, Any]:
    """End it for good; what was quoted stays so 结束优惠"""
    return _moved(session, promotion_id, None, PromotionState.ENDED)


@promotions.put("/<uuid:promotion_id>/budget")
@promotions.arguments(schemas.RaiseBudget)
@promotions.problems(PromotionNotFound, PromotionStateForbids, promoting.BudgetNotRaised)
@promotions.writes(200, schemas.Promotion)
def raise_budget(session: Session, body: dict[str, Any], promotion_id: uuid.UUID) -> dict[str, Any]:
    """Raise its budget 增加预算"""
    return _shown(promoting.raise_budget(session, context.current(), promotion_id=promotion_id, **body))


@promotions.post("/<uuid:promotion_id>/codes")
@promotions.arguments(schemas.DrawPromotionCodes)
@promotions.problems(PromotionNotFound, PromotionStateForbids, codes.NotByCode, codes.TooManyPromotionCodes)
@promotions.writes(201, schemas.PromotionCodes, key=False)
def draw_codes(session: Session, body: dict[str, Any], promotion_id: uuid.UUID) -> dict[str, Any]:
    """Draw new codes; they are shown this once 生成优惠码"""
    return {"codes": codes.draw(session, context.current(), promotion_id=promotion_id, **body)}


@promotions.put("/<uuid:promotion_id>/shared-code")
@promotions.arguments(schemas.SharePromotionCode)
@promotions.problems(
    PromotionNotFound, PromotionStateForbids, codes.NotByCode, codes.VoucherNotShared, codes.CodeTaken
)
@promotions.writes(200, schemas.Promotion, key=False)
def share_code(session: Session, body: dict[str, Any], promotion_id: uuid.UUID) -> dict[str, Any]:
    """Choose a word that everybody may use 设置通用优惠码"""
    return _shown(codes.share(session, context.current(), promotion_id=promotion_id, **body))


@quotes.post("/<uuid:hold_id>/quote")
@quotes.arguments(schemas.QuoteHold)
@quotes.problems(HoldNotFound, HoldExpired, HoldNotActive, TooManyPromotions, TooMany)
@quotes.writes(201, schemas.HoldQuote)
def ask(session: Session, body: dict[str, Any], hold_id: uuid.UUID) -> Shown:
    """What held boxes cost with these codes; reserved for as long as the hold lives 获取报价"""
    ctx = context.current()
    codes.count_tries(ctx, len(body["codes"]))
    return quoting.ask(session, ctx, hold_id=hold_id, typed=body["codes"])


@quotes.get("/<uuid:hold_id>/quote")
@quotes.problems(HoldNotFound, QuoteNotFound)
@quotes.response(200, schemas.HoldQuote)
def get_quote(hold_id: uuid.UUID) -> Shown:
    """The newest quote of a hold of one's own 查询报价"""
    with reading() as session:
        return quoting.newest(session, context.current(), hold_id=hold_id)


def _moved(
    session: Session, promotion_id: uuid.UUID, before: PromotionState | None, to: PromotionState
) -> dict[str, Any]:
    ctx = context.current()
    return _shown(promoting.move(session, ctx, promotion_id=promotion_id, to=to, only_from=before))


def _shown(row: PromotionTerms) -> dict[str, Any]:
    """In the form of `schemas.Promotion`."""
    own = {name: getattr(row, name) for name in schemas.Promotion().fields if name != "budget"}
    return {**own, "itself": row}
