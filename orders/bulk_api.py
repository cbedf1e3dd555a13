"""Doors of bulk orders: the quote, the order, its approval, the cooperatives' answers."""

import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from inventory.lots import LotStatusForbids, NotEnoughInStore
from inventory.refusals import PledgeNeeded
from marketplace import context, errors, paging
from marketplace.catalogue import counties, products
from marketplace.catalogue.counties import CountyNotFound
from marketplace.catalogue.products import PackNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.limits import limited
from marketplace.values import in_grams
from orders import allocation, answers, bulk, figures, schemas
from orders.allocation import member_form
from orders.models import Order, Share
from orders.refusing import invalid
from orders.splitting import Proposal
from orders.sponsoring.states import BoxesDelivered, SponsorshipStateForbids
from orders.states import OrderStateForbids, ShareStateForbids, Silence

quotes = Blueprint("bulk_quotes", __name__, url_prefix="/bulk-quotes", description="Bulk quotes 大宗报价")
orders = Blueprint("bulk_orders", __name__, url_prefix="/bulk-orders", description="Bulk orders 大宗订单")
shares = Blueprint("shares", __name__, url_prefix="/shares", description="Cooperatives' shares 合作社份额")

REFUSED_QUOTES: Final[tuple[type[errors.Refusal], ...]] = (
    CountyNotFound,
    PackNotFound,
    bulk.NotWholeBoxes,
    bulk.TooManyBoxes,
    bulk.TotalTooHigh,
    bulk.DeliveryInThePast,
    bulk.NotEnoughFruit,
)
REFUSED_ANSWERS: Final[tuple[type[errors.Refusal], ...]] = (
    answers.ShareNotFound,
    ShareStateForbids,
    answers.AnswerTooLate,
    answers.MoreThanItsShare,
    NotEnoughInStore,
)


@quotes.post("")
@quotes.arguments(schemas.AskQuote)
@quotes.problems(*REFUSED_QUOTES)
@quotes.response(200, schemas.Quote)
def ask_quote(body: dict[str, Any]) -> dict[str, Any]:
    """What the split would be right now; writes nothing 询价（不写入）"""
    with reading() as session:
        made = bulk.quote(session, context.current(), _wanted(session, body))
        return {
            "boxes": made.boxes,
            "pack_grams": made.pack.net_grams,
            "unit_price_minor": made.pack.list_price_minor,
            "total_minor": made.total_minor,
            "currency": made.pack.currency,
            "is_demo": counties.get(session, county_id=body["county_id"]).is_demo,
            "split": split_of(made.proposal),
        }


@quotes.post("/comparisons")
@quotes.arguments(schemas.CompareRules)
@quotes.problems(*REFUSED_QUOTES)
@quotes.response(200, schemas.RuleComparison)
def compare_rules(body: dict[str, Any]) -> dict[str, Any]:
    """The same order under several rules, side by side; writes nothing 规则对比（不写入）"""
    with reading() as session:
        made = bulk.compare(session, context.current(), _wanted(session, body["asked"]), rules=body["rules"])
    return {
        "rules": body["rules"],
        "splits": [split_of(each.proposal) for each in made],
        "differences": figures.differences([each.proposal.result for each in made]),
    }


@orders.post("")
@orders.arguments(schemas.PlaceBulkOrder)
@orders.problems(*REFUSED_QUOTES, bulk.QuoteChanged)
@orders.writes(201, schemas.BulkOrder, location=lambda made: f"/v1/bulk-orders/{made['order'].id}")
def place_bulk(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Buy tonnes: split fairly, proved, held lot by lot 大宗采购"""
    terms = bulk.Terms(
        silence=Silence(body["silence"]),
        refusals_count=body["refusals_count"],
        answer_hours=body["answer_hours"],
    )
    order, _ = bulk.place(
        session, context.current(), _wanted(session, body), terms=terms, digest=body["quote_digest"]
    )
    return _shown(session, order)


@orders.get("/<uuid:order_id>")
@orders.problems(bulk.OrderNotFound)
@orders.response(200, schemas.BulkOrder)
def get_bulk(order_id: uuid.UUID) -> dict[str, Any]:
    """One bulk order with its runs 查询大宗订单"""
    with reading() as session:
        return _shown(session, bulk.get(session, context.current(), order_id=order_id))


@orders.post("/<uuid:order_id>/approval")
@orders.problems(bulk.OrderNotFound, OrderStateForbids, answers.RunNotProved)
@orders.writes(200, schemas.BulkOrder)
def approve(session: Session, order_id: uuid.UUID) -> dict[str, Any]:
    """Prove the split once more and ask the cooperatives 批准并征询合作社"""
    return _shown(session, answers.approve(session, context.current(), order_id=order_id))


@orders.post("/<uuid:order_id>/departures")
@orders.arguments(schemas.LeaveOrder)
@orders.problems(bulk.OrderNotFound, OrderStateForbids, answers.NotInOrder, PledgeNeeded, BoxesDelivered)
@orders.writes(200, schemas.BulkOrder)
def leave(session: Session, body: dict[str, Any], order_id: uuid.UUID) -> dict[str, Any]:
    """A cooperative takes no further part; its boxes go to others 合作社退出"""
    return _shown(session, answers.leave(session, context.current(), order_id=order_id, **body))


@orders.post("/<uuid:order_id>/shortfall-acceptance")
@orders.problems(bulk.OrderNotFound, OrderStateForbids)
@orders.writes(200, schemas.BulkOrder)
def accept_short(session: Session, order_id: uuid.UUID) -> dict[str, Any]:
    """Take what there is 接受缺口"""
    return _shown(session, answers.accept_short(session, context.current(), order_id=order_id))


@orders.post("/<uuid:order_id>/cancellation")
@orders.arguments(schemas.Because)
@orders.problems(bulk.OrderNotFound, OrderStateForbids, SponsorshipStateForbids)
@orders.writes(200, schemas.BulkOrder)
def cancel(session: Session, body: dict[str, Any], order_id: uuid.UUID) -> dict[str, Any]:
    """Give up an order that is not committed 取消大宗订单"""
    return _shown(session, answers.cancel(session, context.current(), order_id=order_id, **body))


@shares.get("")
@shares.arguments(paging.Query, location="query")
@shares.response(200, schemas.SharePage)
def list_shares(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' shares; staff see everybody's 份额列表"""
    with reading() as session:
        return paging.read(session, answers.visible(context.current()), Share.id, **query)


@shares.post("/<uuid:share_id>/confirmation")
@shares.arguments(schemas.ConfirmShare)
@shares.problems(*REFUSED_ANSWERS, LotStatusForbids)
@shares.writes(200, schemas.Share)
def confirm(session: Session, body: dict[str, Any], share_id: uuid.UUID) -> Share:
    """Promise to sell the share, or so many boxes of it 确认份额"""
    return answers.confirm(session, context.current(), share_id=share_id, **body)


@shares.post("/<uuid:share_id>/refusal")
@shares.arguments(schemas.Because)
@shares.problems(*REFUSED_ANSWERS)
@shares.writes(200, schemas.Share)
def decline(session: Session, body: dict[str, Any], share_id: uuid.UUID) -> Share:
    """Refuse the share; its boxes go to others 拒绝份额"""
    return answers.decline(session, context.current(), share_id=share_id, **body)


@shares.post("/<uuid:share_id>/reduction")
@shares.arguments(schemas.ReduceShare)
@shares.problems(
    answers.ShareNotFound,
    ShareStateForbids,
    answers.MoreThanItsShare,
    NotEnoughInStore,
    PledgeNeeded,
    BoxesDelivered,
)
@shares.writes(200, schemas.Share)
def reduce(session: Session, body: dict[str, Any], share_id: uuid.UUID) -> Share:
    """Take confirmed boxes back that are not there after all 减少已确认份额"""
    return answers.reduce(session, context.current(), share_id=share_id, **body)


@shares.post("/<uuid:share_id>/divisions")
@shares.arguments(schemas.DivideShare)
@shares.problems(answers.ShareNotFound, ShareStateForbids, errors.TooMany)
@shares.response(200, schemas.DividedShare)
@limited("60 per minute", per="actor")
def divide(body: dict[str, Any], share_id: uuid.UUID) -> dict[str, Any]:
    """A confirmed share over the cooperative's growers; nothing is stored 份额分到农户（不写入）"""
    try:
        member_form.members_from_json(body["members"])
        with reading() as session:
            share, order = answers.to_divide(session, context.current(), share_id=share_id)
            packs, pack_grams = share.boxes_kept, order.pack_grams
        document = {"share": {"id": str(share_id), "packs": packs, "pack_grams": pack_grams}, **body}
        return member_form.divided_to_json(member_form.division_from_json(document))
    except allocation.ProblemRefused as refused:
        raise invalid(refused) from refused


def split_of(proposal: Proposal) -> dict[str, Any]:
    """A split that is stored nowhere, as the API shows it."""
    return figures.split_to_json(proposal.problem, proposal.result)


def _wanted(session: Session, asked: dict[str, Any]) -> bulk.Wanted:
    """What was asked for, with boxes counted in grams of the pack; raises PackNotFound."""
    pack = products.get_pack(session, pack_id=asked["pack_id"])
    names = ("county_id", "pack_id", "season_name", "delivered_on", "rule", "strict")
    return bulk.Wanted(
        **{name: asked[name] for name in names},
        quantity_grams=in_grams(asked["quantity"], pack.net_grams),
    )


def _shown(session: Session, order: Order) -> dict[str, Any]:
    session.flush()
    terms = bulk.terms_of(session, order_id=order.id)
    is_demo = counties.get(session, county_id=terms.county_id).is_demo
    return {
        "order": order,
        "terms": terms,
        "is_demo": is_demo,
        "runs": [run_to_json(run, is_demo=is_demo) for run in bulk.runs_of(session, order_id=order.id)],
        "version": order.version,
    }


def run_to_json(run: Any, *, is_demo: bool) -> dict[str, Any]:
    """A stored run with the mark of its roster."""
    names = ("id", "order_id", "number", "season", "digest", "created_at", "shares", "problem", "result")
    return {**{name: getattr(run, name) for name in names}, "is_demo": is_demo}
