"""Doors of sponsorships: drafted, signed, accepted, paid into escrow, split, taken in, delivered, drawn on, ended."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from flask import Response
from sqlalchemy.orm import Session

from marketplace import context, errors, paging
from marketplace.catalogue import products
from marketplace.catalogue.counties import CountyNotFound
from marketplace.catalogue.products import PackNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.identity.accounts import AccountNotFound
from marketplace.language import Text
from marketplace.ledger.ledger import FloorBroken
from marketplace.payments.models import Payment
from marketplace.payments.schemas import Payment as PaymentShape
from marketplace.payouts.models import Payout
from marketplace.payouts.schemas import Payout as PayoutShape
from marketplace.payouts.states import NothingToPayOut
from marketplace.values import in_grams, kilograms_text
from orders import bulk
from orders.answers import ShareNotFound
from orders.schemas import Because
from orders.sponsoring import (
    allocating,
    committing,
    ending,
    escrow,
    paying,
    picture,
    schemas,
    sponsorships,
    statements,
    tranching,
)
from orders.sponsoring.models import SponsoredShare, SponsorPayable, Sponsorship
from orders.sponsoring.paying import SponsorPayableNotFound
from orders.sponsoring.rules import Tranche
from orders.sponsoring.sponsorships import SponsorshipNotFound
from orders.sponsoring.states import EndPolicy, SponsorKind, SponsorshipStateForbids
from orders.states import OrderStateForbids

blueprint = Blueprint(
    "sponsorships", __name__, url_prefix="/sponsorships", description="Sponsors' purchases 赞助采购"
)
shares = Blueprint(
    "sponsored_shares",
    __name__,
    url_prefix="/sponsored-shares",
    description="Fruit of sponsored shares 赞助份额",
)
payables = Blueprint(
    "sponsor_payables",
    __name__,
    url_prefix="/sponsor-payables",
    description="What sponsors' tranches owe cooperatives 赞助分期应付",
)

MOVING: Final[tuple[type[errors.Refusal], ...]] = (SponsorshipNotFound, SponsorshipStateForbids)


@blueprint.post("")
@blueprint.arguments(schemas.DraftSponsorship)
@blueprint.problems(
    AccountNotFound,
    CountyNotFound,
    PackNotFound,
    bulk.NotWholeBoxes,
    bulk.TooManyBoxes,
    bulk.TotalTooHigh,
    bulk.DeliveryInThePast,
    committing.TranchesNotWhole,
    committing.DrawsOverTooSoon,
    committing.CarryDaysDiffer,
    committing.TokenTooHigh,
    committing.PriceMissing,
)
@blueprint.writes(201, schemas.Sponsorship, location=lambda made: f"/v1/sponsorships/{made.id}")
def draft(session: Session, body: dict[str, Any]) -> Sponsorship:
    """Draft a purchase of tonnes, its tranches and its pool 拟定赞助采购"""
    sponsor = committing.Sponsor(
        kind=SponsorKind(body["sponsor"]["kind"]),
        name=Text(en=body["sponsor"]["name_en"], zh=body["sponsor"]["name_zh"]),
        account_id=body["account_id"],
    )
    pack = products.get_pack(session, pack_id=body["pack_id"])
    names = ("county_id", "pack_id", "season", "rule", "delivered_on")
    wanted = committing.Wanted(
        **{name: body[name] for name in names},
        quantity_grams=in_grams(body["quantity"], pack.net_grams),
    )
    told = body["tranches"]
    terms_named = (
        "unit_price_minor",
        "escrow_permille",
        "shopper_pays_minor",
        "draws_until",
        "carry_days",
        "answer_hours",
    )
    terms = committing.Terms(
        **{name: body[name] for name in terms_named},
        end_policy=EndPolicy(body["end_policy"]),
        tranches=committing.TRANCHES if told is None else tuple(told[each.value] for each in Tranche),
    )
    return committing.draft(session, context.current(), sponsor=sponsor, wanted=wanted, terms=terms)


@blueprint.get("")
@blueprint.arguments(schemas.SponsorshipQuery, location="query")
@blueprint.response(200, schemas.SponsorshipPage)
def list_sponsorships(query: dict[str, Any]) -> dict[str, Any]:
    """One's own sponsorships, all for staff 赞助采购列表"""
    statement = paging.only(sponsorships.visible(context.current()), query, Sponsorship.state)
    with reading() as session:
        return paging.read(session, statement, Sponsorship.id, **query)


@blueprint.get("/<uuid:sponsorship_id>")
@blueprint.problems(SponsorshipNotFound)
@blueprint.response(200, schemas.Sponsorship)
def get_sponsorship(sponsorship_id: uuid.UUID) -> Sponsorship:
    """One sponsorship 查询赞助采购"""
    with reading() as session:
        return sponsorships.get(session, context.current(), sponsorship_id=sponsorship_id)


@blueprint.post("/<uuid:sponsorship_id>/signature")
@blueprint.problems(*MOVING, committing.DrawsOverTooSoon)
@blueprint.writes(200, schemas.Sponsorship)
def sign(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    """Stand by the draft, as its sponsor 赞助方签署"""
    return committing.sign(session, context.current(), sponsorship_id=sponsorship_id)


@blueprint.post("/<uuid:sponsorship_id>/acceptance")
@blueprint.problems(*MOVING, committing.DrawsOverTooSoon)
@blueprint.writes(200, schemas.Sponsorship)
def accept(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    """Accept what the sponsor signed: both are bound 运营确认承诺"""
    return committing.accept(session, context.current(), sponsorship_id=sponsorship_id)


@blueprint.post("/<uuid:sponsorship_id>/rejection")
@blueprint.arguments(Because)
@blueprint.problems(*MOVING)
@blueprint.writes(200, schemas.Sponsorship)
def reject(session: Session, body: dict[str, Any], sponsorship_id: uuid.UUID) -> Sponsorship:
    """Give a signed draft back to its sponsor 退回签署"""
    return committing.reject(session, context.current(), sponsorship_id=sponsorship_id, **body)


@blueprint.post("/<uuid:sponsorship_id>/cancellation")
@blueprint.arguments(Because)
@blueprint.problems(*MOVING, errors.Forbidden)
@blueprint.writes(200, schemas.Sponsorship)
def cancel(session: Session, body: dict[str, Any], sponsorship_id: uuid.UUID) -> Sponsorship:
    """Give it up before it is split; what was paid goes back 取消赞助采购"""
    return committing.cancel(session, context.current(), sponsorship_id=sponsorship_id, **body)


@blueprint.post("/<uuid:sponsorship_id>/payments")
@blueprint.arguments(schemas.PayIntoEscrow)
@blueprint.problems(*MOVING, escrow.MoreThanOwed)
@blueprint.writes(201, PaymentShape, location=lambda made: f"/v1/payments/{made.id}")
def pay(session: Session, body: dict[str, Any], sponsorship_id: uuid.UUID) -> Payment:
    """Open a payment into escrow, of all or a part 支付托管款"""
    return escrow.open_payment(session, context.current(), sponsorship_id=sponsorship_id, **body)


@blueprint.post("/<uuid:sponsorship_id>/allocation")
@blueprint.problems(*MOVING, bulk.DeliveryInThePast, bulk.NotEnoughFruit)
@blueprint.writes(200, schemas.Sponsorship)
def allocate(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    """Split what is funded over the cooperatives: a bulk order 分配至合作社"""
    return allocating.allocate(session, context.current(), sponsorship_id=sponsorship_id)


@blueprint.post("/<uuid:sponsorship_id>/ending")
@blueprint.problems(*MOVING, ending.DrawsNotOver, OrderStateForbids)
@blueprint.writes(200, schemas.Sponsorship)
def end(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    """End the drawing; what is left goes where the sponsor chose 结束提取"""
    return ending.end(session, context.current(), sponsorship_id=sponsorship_id)


@blueprint.post("/<uuid:sponsorship_id>/closing")
@blueprint.problems(*MOVING, ending.NotAllDelivered)
@blueprint.writes(200, schemas.Sponsorship)
def close(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    """Close it when all is delivered 结清关闭"""
    return ending.close(session, context.current(), sponsorship_id=sponsorship_id)


@blueprint.get("/<uuid:sponsorship_id>/moves")
@blueprint.problems(SponsorshipNotFound)
@blueprint.response(200, schemas.SponsorshipMoves)
def list_moves(sponsorship_id: uuid.UUID) -> dict[str, Any]:
    """Its life: who moved it on, when and why 状态流转"""
    with reading() as session:
        sponsorships.get(session, context.current(), sponsorship_id=sponsorship_id)
        return {"items": sponsorships.moves_of(session, sponsorship_id)}


@blueprint.get("/<uuid:sponsorship_id>/escrow-lines")
@blueprint.problems(SponsorshipNotFound)
@blueprint.response(200, schemas.EscrowLines)
def list_lines(sponsorship_id: uuid.UUID) -> dict[str, Any]:
    """The escrow's journal, posting by posting 托管流水"""
    with reading() as session:
        sponsorships.get(session, context.current(), sponsorship_id=sponsorship_id)
        return {"items": escrow.lines_of(session, sponsorship_id)}


@blueprint.get("/<uuid:sponsorship_id>/statement")
@blueprint.problems(SponsorshipNotFound)
@blueprint.response(200, schemas.Statement)
def get_statement(sponsorship_id: uuid.UUID) -> dict[str, Any]:
    """Bought, allocated, redeemed, expired, in kilograms and money 对账单"""
    with reading() as session:
        return statements.statement(session, _own(session, sponsorship_id))


@blueprint.get("/<uuid:sponsorship_id>/statement.csv")
@blueprint.problems(SponsorshipNotFound)
@blueprint.response(200, content_type="text/csv")
def download_statement(sponsorship_id: uuid.UUID) -> Response:
    """The same as a table 对账单（CSV）"""
    with reading() as session:
        told = statements.statement(session, _own(session, sponsorship_id))
        text = statements.csv_text(told)
    response = Response(text.encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="sponsorship-{sponsorship_id}.csv"'
    return response


@blueprint.get("/<uuid:sponsorship_id>/picture.svg")
@blueprint.problems(SponsorshipNotFound)
@blueprint.response(200, content_type="image/svg+xml")
def draw_statement(sponsorship_id: uuid.UUID) -> Response:
    """The same as a picture 对账图"""
    with reading() as session:
        sponsorship = _own(session, sponsorship_id)
        figures = statements.figures_of(session, sponsorship)
        title = Text(en=sponsorship.sponsor_name_en, zh=sponsorship.sponsor_name_zh)
        grams = sponsorship.pack_grams
    weights = {name: kilograms_text(boxes * grams) for name, boxes in figures.counts().items()}
    return Response(picture.draw(figures, title=title, kilograms=weights), mimetype="image/svg+xml")


@shares.post("/<uuid:share_id>/intakes")
@shares.arguments(schemas.MoveFruit)
@shares.problems(ShareNotFound, SponsorshipStateForbids, tranching.MoreThanConfirmed, escrow.EscrowTooLow)
@shares.writes(200, schemas.SponsoredShare)
def take_in(session: Session, body: dict[str, Any], share_id: uuid.UUID) -> SponsoredShare:
    """Book boxes that came to the packhouse: their second tranche is due 登记入库"""
    return tranching.take_in(session, context.current(), share_id=share_id, **body)


@shares.post("/<uuid:share_id>/deliveries")
@shares.arguments(schemas.MoveFruit)
@shares.problems(ShareNotFound, SponsorshipStateForbids, tranching.MoreThanTakenIn, escrow.EscrowTooLow)
@shares.writes(200, schemas.SponsoredShare)
def deliver(session: Session, body: dict[str, Any], share_id: uuid.UUID) -> SponsoredShare:
    """Book boxes that were delivered: their last tranche is due 登记交付"""
    return tranching.deliver(session, context.current(), share_id=share_id, **body)


@payables.get("")
@payables.arguments(schemas.PayableQuery, location="query")
@payables.response(200, schemas.SponsorPayablePage)
def list_payables(query: dict[str, Any]) -> dict[str, Any]:
    """What is payable to one's cooperatives of each tranche, all for staff 分期应付列表"""
    columns = (SponsorPayable.sponsorship_id, SponsorPayable.cooperative_id, SponsorPayable.tranche)
    statement = paging.only(tranching.visible(context.current()), query, *columns)
    with reading() as session:
        page = paging.read(session, statement, SponsorPayable.id, **query)
        return {**page, "items": _with_payouts(session, page["items"])}


@payables.post("/<uuid:payable_id>/payout")
@payables.problems(SponsorPayableNotFound, NothingToPayOut, FloorBroken)
@payables.writes(201, PayoutShape, location=lambda made: f"/v1/payouts/{made.id}")
def draft_payout(session: Session, payable_id: uuid.UUID) -> Payout:
    """Draft the payout of what is due of a tranche; somebody else approves it 生成分期付款单"""
    return paying.draft_payout(session, context.current(), payable_id=payable_id)


def _with_payouts(session: Session, rows: Sequence[SponsorPayable]) -> list[dict[str, Any]]:
    ids = [each.id for each in rows]
    paid, made = paying.paid_minor(session, ids), paying.payouts_of(session, ids)
    return [
        {
            **{column.key: getattr(each, column.key) for column in SponsorPayable.__table__.columns},
            "paid_minor": paid[each.id],
            "open_minor": each.to_pay_minor - paid[each.id],
            "payouts": made[each.id],
        }
        for each in rows
    ]


def _own(session: Session, sponsorship_id: uuid.UUID) -> Sponsorship:
    return sponsorships.get(session, context.current(), sponsorship_id=sponsorship_id)
