"""Doors of claims: made and withdrawn by buyers, shown by photos, answered by cooperatives, decided by operators."""

import uuid
from typing import Any, Final

from flask import Response, request
from sqlalchemy.orm import Session

from marketplace import context, files, paging, problems
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text
from marketplace.payments.part_refunds import RefundTooLarge
from marketplace.payments.states import PaymentNotAwaited
from orders.bulk import OrderNotFound
from orders.claims import claiming, deciding, photo_rules, rules, schemas
from orders.claims.claiming import ClaimNotFound
from orders.claims.models import Claim, ClaimPhoto
from orders.claims.photo_rules import BYTES_MAX, ENDINGS, PhotoType
from orders.claims.states import BorneBy, ClaimKind, ClaimStateForbids, Remedy
from orders.fulfilment.parcels import ParcelNotFound
from orders.fulfilment.states import ParcelStateForbids
from orders.states import OrderStateForbids

of_orders = Blueprint(
    "order_claims", __name__, url_prefix="/orders", description="Claims on an order 订单售后"
)
blueprint = Blueprint("claims", __name__, url_prefix="/claims", description="Claims 售后申请")
photos = Blueprint(
    "claim_photos", __name__, url_prefix="/claim-photos", description="Photos of claims 售后照片"
)

PHOTO_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The photo itself, at most 2 MB; what stands beside its picture is not stored.",
    "content": {each.value: {"schema": {"type": "string", "format": "binary"}} for each in PhotoType},
}


@of_orders.post("/<uuid:order_id>/claims")
@of_orders.arguments(schemas.MakeClaim)
@of_orders.problems(
    OrderNotFound,
    ParcelNotFound,
    OrderStateForbids,
    ParcelStateForbids,
    claiming.ClaimDiffers,
    rules.ClaimTooEarly,
    rules.MoreThanArrived,
)
@of_orders.writes(201, schemas.Claim, location=lambda made: f"/v1/claims/{made.id}")
def claim(session: Session, body: dict[str, Any], order_id: uuid.UUID) -> Claim:
    """Boxes arrived light, damaged, bad or not at all 申请售后"""
    kind = ClaimKind(body.pop("kind"))
    return claiming.claim(session, context.current(), order_id=order_id, kind=kind, **body)


@blueprint.get("")
@blueprint.arguments(schemas.ClaimQuery, location="query")
@blueprint.response(200, schemas.ClaimPage)
def list_claims(query: dict[str, Any]) -> dict[str, Any]:
    """One's own, those of one's cooperatives' parcels, all for staff 售后列表"""
    columns = (Claim.order_id, Claim.parcel_id, Claim.cooperative_id, Claim.state)
    statement = paging.only(claiming.visible(context.current()), query, *columns)
    with reading() as session:
        return paging.read(session, statement, Claim.id, **query)


@blueprint.get("/<uuid:claim_id>")
@blueprint.problems(ClaimNotFound)
@blueprint.response(200, schemas.ShownClaim)
def get_claim(claim_id: uuid.UUID) -> dict[str, Any]:
    """One claim, and what may be refunded for it at most 查询售后申请"""
    with reading() as session:
        found = claiming.get(session, context.current(), claim_id=claim_id)
        names = schemas.Claim().fields
        return {
            **{name: getattr(found, name) for name in names},
            "refundable_minor": deciding.refundable_minor(session, found),
        }


@blueprint.get("/<uuid:claim_id>/photos")
@blueprint.problems(ClaimNotFound)
@blueprint.response(200, schemas.ClaimPhotos)
def list_photos(claim_id: uuid.UUID) -> dict[str, Any]:
    """What shows it 售后照片列表"""
    with reading() as session:
        found = claiming.get(session, context.current(), claim_id=claim_id)
        return {"items": claiming.photos_of(session, found.id)}


@blueprint.post("/<uuid:claim_id>/photos")
@files.takes_up_to(BYTES_MAX)
@blueprint.doc(requestBody=PHOTO_BODY)
@blueprint.problems(
    ClaimNotFound,
    ClaimStateForbids,
    claiming.TooManyPhotos,
    problems.UnsupportedMediaType,
    photo_rules.PhotoTypeDiffers,
    photo_rules.PhotoUnreadable,
    photo_rules.PhotoTooLarge,
)
@blueprint.writes(201, schemas.ClaimPhoto, location=lambda made: f"/v1/claim-photos/{made.id}")
def add_photo(session: Session, claim_id: uuid.UUID) -> ClaimPhoto:
    """Show what is claimed: the photo is the body; safe to send again 上传售后照片"""
    ctx = context.current()
    claiming.get(session, ctx, claim_id=claim_id)
    return claiming.add_photo(
        session, ctx, claim_id=claim_id, media_type=_media_type(), data=request.get_data()
    )


@photos.get("/<uuid:photo_id>")
@photos.problems(claiming.PhotoNotFound)
@photos.response(200, content_type="application/octet-stream")
def download(photo_id: uuid.UUID) -> Response:
    """The photo, to be saved 下载售后照片"""
    with reading() as session:
        found = claiming.photo(session, context.current(), photo_id=photo_id)
        name = f"claim-{found.claim_id}-{found.number}.{ENDINGS[PhotoType(found.media_type)]}"
        response = files.attached(found.data, found.media_type, name)
        response.headers["ETag"] = f'"{found.sha256}"'
        return response


@blueprint.post("/<uuid:claim_id>/withdrawal")
@blueprint.problems(ClaimNotFound, ClaimStateForbids)
@blueprint.writes(200, schemas.Claim)
def withdraw(session: Session, claim_id: uuid.UUID) -> Claim:
    """Its buyer claims nothing any more 撤回售后申请"""
    return claiming.withdraw(session, context.current(), claim_id=claim_id)


@blueprint.post("/<uuid:claim_id>/answer")
@blueprint.arguments(schemas.AnswerClaim)
@blueprint.problems(ClaimNotFound, ClaimStateForbids)
@blueprint.writes(200, schemas.Claim)
def answer(session: Session, body: dict[str, Any], claim_id: uuid.UUID) -> Claim:
    """The cooperative says whether it agrees 合作社答复"""
    return claiming.answer(session, context.current(), claim_id=claim_id, **body)


@blueprint.post("/<uuid:claim_id>/decision")
@blueprint.arguments(schemas.DecideClaim)
@blueprint.problems(
    ClaimNotFound,
    ClaimStateForbids,
    ParcelStateForbids,
    rules.DecisionIncomplete,
    rules.MoreThanPaid,
    deciding.NothingComesBack,
    *deciding.REPLACING,
    PaymentNotAwaited,
    RefundTooLarge,
)
@blueprint.writes(200, schemas.Claim)
def decide(session: Session, body: dict[str, Any], claim_id: uuid.UUID) -> Claim:
    """Refund, let come back, send others, or reject (operators); told again it changes nothing 处理售后申请"""
    remedy = Remedy(body.pop("remedy"))
    rules.check_decision(remedy, **body)
    named = body.pop("borne_by")
    borne_by = None if remedy == Remedy.REJECT else BorneBy(named or BorneBy.COOPERATIVE)
    return deciding.decide(
        session, context.current(), claim_id=claim_id, remedy=remedy, borne_by=borne_by, **body
    )


@blueprint.post("/<uuid:claim_id>/receipt")
@blueprint.arguments(schemas.ReceiveClaim)
@blueprint.problems(
    ClaimNotFound,
    ClaimStateForbids,
    rules.MoreThanPaid,
    PaymentNotAwaited,
    RefundTooLarge,
    *deciding.RECEIVING,
)
@blueprint.writes(200, schemas.Claim)
def receive(session: Session, body: dict[str, Any], claim_id: uuid.UUID) -> Claim:
    """Its boxes have come back: a lot under quarantine, and the refund is owed 收到退货"""
    return deciding.receive(session, context.current(), claim_id=claim_id, **body)


def _media_type() -> PhotoType:
    """What the request says its body is; raises UnsupportedMediaType."""
    if not files.is_said_to_be(list(PhotoType)):
        raise problems.UnsupportedMediaType(
            Text(en="The body must be a JPEG, PNG or WebP.", zh="请求体必须为 JPEG、PNG 或 WebP 文件。")
        )
    return PhotoType(request.mimetype)


BLUEPRINTS: Final = (of_orders, blueprint, photos)
