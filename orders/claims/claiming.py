"""A buyer claims boxes of a parcel, shows photos, withdraws; the cooperative answers.

Rows are taken in the order payment, order, parcel, claim; who only needs the claim takes it alone.
"""

import hashlib
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, undefer

from marketplace import audit, database, errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders import checkout, moving
from orders.bulk import OrderNotFound
from orders.claims import photo_rules, rules, telling
from orders.claims.models import Claim, ClaimPhoto
from orders.claims.photo_rules import PHOTOS_MAX, PhotoType
from orders.claims.states import (
    COUNTED,
    UNDECIDED,
    WAITING,
    ClaimKind,
    ClaimState,
    ClaimStateForbids,
    check_move,
)
from orders.fulfilment.models import Parcel
from orders.fulfilment.parcels import ParcelNotFound
from orders.states import OrderState, OrderStateForbids


class ClaimNotFound(errors.NotFound):
    title = Text(en="There is no such claim.", zh="没有该售后申请。")


class PhotoNotFound(errors.NotFound):
    title = Text(en="There is no such photo.", zh="没有该照片。")


class ClaimDiffers(errors.Conflict):
    """A claim with this id was made before, of other things."""

    title = Text(en="This claim was sent before with other facts.", zh="该售后申请编号已用于其他内容。")


class TooManyPhotos(errors.Conflict):
    """The claim has as many photos as it may have; `photos_max`."""

    title = Text(en="The claim has too many photos.", zh="照片数量已达上限。")


def claim(
    session: Session,
    ctx: Context,
    *,
    order_id: uuid.UUID,
    parcel_id: uuid.UUID,
    kind: ClaimKind,
    boxes: int,
    words: str,
    claim_id: uuid.UUID | None = None,
) -> Claim:
    """The actor claims boxes of a parcel of its own order; the same claim sent again is answered as it is.

    Raises OrderNotFound, ParcelNotFound, ClaimDiffers, OrderStateForbids when the time for claims is over,
    ParcelStateForbids, ClaimTooEarly, MoreThanArrived.
    """
    if checkout.get(session, ctx, order_id=order_id).buyer_id != ctx.actor.id:
        raise OrderNotFound
    order = moving.locked(session, order_id)
    asked = {"order_id": order_id, "parcel_id": parcel_id, "kind": kind, "boxes": boxes, "words": words}
    if claim_id is not None and (known := session.get(Claim, claim_id)) is not None:
        return _again(session, ctx, known, asked)
    parcel = session.get(Parcel, parcel_id, with_for_update=True, populate_existing=True)
    if parcel is None or parcel.order_id != order.id:
        raise ParcelNotFound
    if order.state == OrderState.CLOSED:
        raise OrderStateForbids(state=order.state)
    rules.check_claimable(
        kind,
        parcel_state=parcel.state,
        shipped_at=parcel.shipped_at,
        is_replacement=parcel.claim_id is not None,
        now=ctx.now,
    )
    rules.check_boxes(boxes, parcel_boxes=parcel.boxes, claimed_boxes=_claimed(session, parcel.id))
    made = Claim(
        **asked,
        id=claim_id or new_id(),
        buyer_id=order.buyer_id,
        cooperative_id=parcel.cooperative_id,
        is_automatic=False,
        state=ClaimState.OPEN,
        currency=order.currency,
        created_at=ctx.now,
        version=1,
    )
    session.add(made)
    with database.refusing({"pk_claim": ClaimDiffers()}):
        session.flush()
    after = {"parcel_id": str(parcel_id), "kind": str(kind), "boxes": boxes}
    audit.record(session, ctx, "claim.make", subject=("claim", made.id), after=after)
    telling.received(session, ctx, made)
    return made


def _again(session: Session, ctx: Context, known: Claim, asked: dict[str, Any]) -> Claim:
    if any(getattr(known, name) != value for name, value in asked.items()) or known.buyer_id != ctx.actor.id:
        raise ClaimDiffers
    return as_it_is(session, ctx, known, "claim.make_again")


def as_it_is(session: Session, ctx: Context, claim: Claim, action: str) -> Claim:
    """The same was said before: that it was said again is written down, and nothing else."""
    audit.record(session, ctx, action, subject=("claim", claim.id))
    return claim


def _claimed(session: Session, parcel_id: uuid.UUID) -> int:
    """Boxes of a locked parcel that its buyer claims, or was refunded for."""
    found = session.scalar(
        select(func.sum(Claim.boxes)).where(
            Claim.parcel_id == parcel_id, ~Claim.is_automatic, Claim.state.in_(sorted(COUNTED))
        )
    )
    return int(found or 0)


def add_photo(
    session: Session, ctx: Context, *, claim_id: uuid.UUID, media_type: PhotoType, data: bytes
) -> ClaimPhoto:
    """A photo of what is claimed, for its buyer; the same photo sent again is there already.

    Raises ClaimNotFound, ClaimStateForbids, TooManyPhotos and what `photo_rules.cleaned` refuses.
    """
    found = _own(session, ctx, claim_id)
    picture = photo_rules.cleaned(data, media_type)
    if found.state not in UNDECIDED:
        raise ClaimStateForbids(state=found.state)
    digest = hashlib.sha256(picture).hexdigest()
    photos = photos_of(session, claim_id)
    if known := next((each for each in photos if each.sha256 == digest), None):
        audit.record(session, ctx, "claim.add_photo_again", subject=("claim", claim_id))
        return known
    if len(photos) >= PHOTOS_MAX:
        raise TooManyPhotos(photos_max=PHOTOS_MAX)
    made = ClaimPhoto(
        id=new_id(),
        claim_id=claim_id,
        number=len(photos) + 1,
        media_type=media_type,
        size_bytes=len(picture),
        sha256=digest,
        data=picture,
        uploaded_at=ctx.now,
    )
    session.add(made)
    session.flush()
    after = {"photo_id": str(made.id), "sha256": digest, "size_bytes": made.size_bytes}
    audit.record(session, ctx, "claim.add_photo", subject=("claim", claim_id), after=after)
    return made


def withdraw(session: Session, ctx: Context, *, claim_id: uuid.UUID) -> Claim:
    """Its buyer claims nothing any more; withdrawn twice is withdrawn. Raises ClaimNotFound, ClaimStateForbids."""
    found = _own(session, ctx, claim_id)
    if found.state == ClaimState.WITHDRAWN:
        return as_it_is(session, ctx, found, "claim.withdraw_again")
    move(session, ctx, found, ClaimState.WITHDRAWN, action="claim.withdraw")
    telling.withdrawn(session, ctx, found)
    return found


def answer(session: Session, ctx: Context, *, claim_id: uuid.UUID, answer: str, words: str | None) -> Claim:
    """The cooperative says whether it agrees, once; the same said again changes nothing.

    Raises ClaimNotFound, ClaimStateForbids.
    """
    get(session, ctx, claim_id=claim_id)
    found = locked(session, claim_id)
    if found.cooperative_id not in ctx.actor.cooperative_ids:
        raise ClaimNotFound
    if (found.answer, found.answer_words) == (answer, words):
        return as_it_is(session, ctx, found, "claim.answer_again")
    check_move(found.state, ClaimState.ANSWERED)
    found.answer, found.answer_words = answer, words
    found.answered_by, found.answered_at = ctx.actor.label, ctx.now
    move(session, ctx, found, ClaimState.ANSWERED, action="claim.answer", answer=answer)
    return found


def move(
    session: Session, ctx: Context, claim: Claim, after: ClaimState, *, action: str, **told: Any
) -> None:
    """A locked claim goes on. Raises ClaimStateForbids."""
    check_move(claim.state, after)
    before, claim.state = claim.state, after
    claim.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        action,
        subject=("claim", claim.id),
        before={"state": before},
        after={"state": str(after), **told},
    )


def visible(ctx: Context) -> Select[Claim]:
    """One's own, those of one's cooperatives' parcels, or all for staff."""
    statement = select(Claim)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(
        or_(Claim.buyer_id == ctx.actor.id, Claim.cooperative_id.in_(ctx.actor.cooperative_ids))
    )


def get(session: Session, ctx: Context, *, claim_id: uuid.UUID) -> Claim:
    """Raises ClaimNotFound, also for a foreign one."""
    found = session.scalar(visible(ctx).where(Claim.id == claim_id))
    if found is None:
        raise ClaimNotFound
    return found


def locked(session: Session, claim_id: uuid.UUID) -> Claim:
    return session.get_one(Claim, claim_id, with_for_update=True, populate_existing=True)


def photos_of(session: Session, claim_id: uuid.UUID) -> Sequence[ClaimPhoto]:
    """Without their bytes, in the order in which they came."""
    found = select(ClaimPhoto).where(ClaimPhoto.claim_id == claim_id)
    return session.scalars(found.order_by(ClaimPhoto.number)).all()


def photo(session: Session, ctx: Context, *, photo_id: uuid.UUID) -> ClaimPhoto:
    """With its bytes, for who may see its claim. Raises PhotoNotFound, also for a foreign one."""
    mine = visible(ctx).with_only_columns(Claim.id)
    statement = select(ClaimPhoto).where(ClaimPhoto.id == photo_id, ClaimPhoto.claim_id.in_(mine))
    found = session.scalar(statement.options(undefer(ClaimPhoto.data)))
    if found is None:
        raise PhotoNotFound
    return found


def waiting(session: Session, order_ids: Collection[uuid.UUID]) -> frozenset[uuid.UUID]:
    """Which of these orders have a claim that is not over; asked when they are locked, no other can come."""
    found = select(Claim.order_id).where(Claim.order_id.in_(order_ids), Claim.state.in_(sorted(WAITING)))
    return frozenset(session.scalars(found))


def _own(session: Session, ctx: Context, claim_id: uuid.UUID) -> Claim:
    """A locked claim of the actor's own. Raises ClaimNotFound."""
    if get(session, ctx, claim_id=claim_id).buyer_id != ctx.actor.id:
        raise ClaimNotFound
    return locked(session, claim_id)
