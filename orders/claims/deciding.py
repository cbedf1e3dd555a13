"""A claim is decided on; with the decision, or with the boxes that come back, the refund is owed, in one transaction.

Rows are taken in the order payment, order, parcel, claim, and a lot after them.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.families import parentage
from inventory.labels import serials
from inventory.labels.states import SerialState
from inventory.provenance import recording as provenance
from inventory.stores import rooms
from marketplace import database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import part_refunds, payments
from marketplace.payments.models import Payment
from marketplace.payments.states import PartRefundKind, PaymentState
from orders import moving
from orders.bulk import DeliveryInThePast
from orders.claims import claiming, replacing, rules, telling
from orders.claims.models import Claim
from orders.claims.states import (
    AFTER,
    GRANTED,
    BorneBy,
    ClaimKind,
    ClaimState,
    ClaimStateForbids,
    Remedy,
    check_move,
)
from orders.fulfilment import parcels, waves
from orders.fulfilment.labelling import ParcelLabelsDiffer
from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets.states import ParcelOnPallet
from orders.fulfilment.states import ParcelState
from orders.models import Order
from orders.states import AFTER_SALE


class NothingComesBack(errors.Conflict):
    """Boxes that have not arrived cannot be sent back."""

    title = Text(en="These boxes have not arrived and cannot come back.", zh="这些箱未送达，无法退回。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What was paid for a locked order, and what of its parcel went back by itself."""

    payments: Sequence[Payment]
    """Those that have received something, the last one first."""
    paid_minor: int
    """Before any claim."""
    boxes: int
    """Of the whole order."""
    light_minor: int

    @property
    def kept_minor(self) -> int:
        return sum(each.kept_minor for each in self.payments)

    def refundable_minor(self, parcel: Parcel, *, boxes: int) -> int:
        return rules.refundable_minor(
            self.paid_minor,
            boxes=boxes,
            of_boxes=self.boxes,
            parcel_boxes=parcel.boxes,
            light_minor=self.light_minor,
            kept_minor=self.kept_minor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locked:
    order: Order
    parcel: Parcel
    claim: Claim
    money: Money


def decide(
    session: Session,
    ctx: Context,
    *,
    claim_id: uuid.UUID,
    remedy: Remedy,
    amount_minor: int | None,
    borne_by: BorneBy | None,
    words: str | None,
    delivered_on: date | None = None,
) -> Claim:
    """An operator's decision; the same one told again changes nothing.

    `amount_minor`: of a refund or a return; `delivered_on`: of a replacement; `borne_by`: of all three; `words`: at
    least of a rejection. A refund of what is being replaced gives the replacement up.
    Raises ClaimNotFound, ClaimStateForbids, MoreThanPaid, NothingComesBack and what replacing.send and give_up raise.
    """
    found = _lock(session, ctx, claim_id)
    claim = found.claim
    decision = (remedy, amount_minor, borne_by, words, delivered_on)
    if decision == _decision(claim):
        if claim.state == ClaimState.WITHDRAWN:
            raise ClaimStateForbids(state=claim.state)
        return claiming.as_it_is(session, ctx, claim, f"claim.{remedy}_again")
    check_move(claim.state, AFTER[remedy])
    if remedy == Remedy.RETURN and (
        claim.kind == ClaimKind.MISSING or found.parcel.state != ParcelState.DELIVERED
    ):
        raise NothingComesBack
    if amount_minor is not None:
        boxes = replacing.boxes_open(session, claim)
        rules.check_amount(amount_minor, max_minor=found.money.refundable_minor(found.parcel, boxes=boxes))
    was_granted = claim.state in GRANTED
    if claim.state == ClaimState.REPLACING:
        replacing.give_up(session, ctx, claim, found.order)
    if remedy == Remedy.REPLACE:
        assert borne_by is not None
        assert delivered_on is not None
        replacing.send(
            session,
            ctx,
            claim,
            found.order,
            found.parcel,
            borne_by=borne_by,
            delivered_on=delivered_on,
        )
    claim.remedy, claim.refund_minor, claim.borne_by, claim.decision_words, claim.delivered_on = decision
    claim.decided_by, claim.decided_at = ctx.actor.label, ctx.now
    told = {"refund_minor": amount_minor, "borne_by": borne_by, "words": words}
    if delivered_on is not None:
        told["delivered_on"] = delivered_on.isoformat()
    claiming.move(session, ctx, claim, AFTER[remedy], action=f"claim.{remedy}", **told)
    if remedy == Remedy.REFUND:
        refund(session, ctx, claim, found.money)
    if claim.state in GRANTED:
        _follow(session, ctx, found, is_new=not was_granted)
    telling.decided(session, ctx, claim)
    return claim


def _decision(claim: Claim) -> tuple[str | None, int | None, str | None, str | None, date | None]:
    """The last one, as it was told."""
    return claim.remedy, claim.refund_minor, claim.borne_by, claim.decision_words, claim.delivered_on


def receive(session: Session, ctx: Context, *, claim_id: uuid.UUID, code: str) -> Claim:
    """Boxes have come back: they are a lot under quarantine, named `code`, and the refund is owed.

    Raises ClaimNotFound, ClaimStateForbids, MoreThanPaid, LotNotFound, LotCodeTaken, NotShipped, NoSpace.
    """
    found = _lock(session, ctx, claim_id)
    claim = found.claim
    if claim.state != ClaimState.RETURNING:
        raise ClaimStateForbids(state=claim.state)
    assert claim.refund_minor is not None, "what is to come back has its amount"
    family = parentage.take_back(
        session,
        ctx,
        lot_id=found.parcel.lot_id,
        code=code,
        quantity_grams=claim.boxes * found.parcel.pack_grams,
        reason=f"claim {claim.id}",
    )
    claim.returned_lot_id = family.children[0].id
    with database.refusing({"uq_claim_returned_lot_id": lots.LotCodeTaken()}):
        claiming.move(session, ctx, claim, ClaimState.REFUNDED, action="claim.receive", lot_code=code)
    refund(session, ctx, claim, found.money)
    _tell_damage(session, ctx, claim, found.parcel)
    telling.decided(session, ctx, claim)
    return claim


def refund(session: Session, ctx: Context, claim: Claim, money: Money) -> None:
    """What a locked claim gives back, of the order's locked payments. Raises MoreThanPaid."""
    amount_minor = claim.refund_minor or 0
    if amount_minor > money.kept_minor:
        raise rules.MoreThanPaid(max_minor=money.kept_minor)
    parts = rules.parted(amount_minor, [each.kept_minor for each in money.payments])
    part_refunds.owe_parts(
        session,
        ctx,
        [
            (payment, PartRefundKind.REFUND, minor)
            for payment, minor in zip(money.payments, parts, strict=True)
            if minor
        ],
        reason=AFTER_SALE,
        source_id=claim.id,
        is_told=True,
    )


def money_of(session: Session, order_id: uuid.UUID, parcel_id: uuid.UUID) -> Money:
    """Of an order that is to be locked: its payments are, before it."""
    locked = payments.lock_of_orders(session, [order_id]).get(order_id, [])
    return _money(session, locked, order_id, parcel_id)


def refundable_minor(session: Session, claim: Claim) -> int:
    """At most so much may be refunded for a claim, as it is now; nothing is locked."""
    found = session.scalars(select(Payment).where(Payment.order_id == claim.order_id).order_by(Payment.id))
    parcel = session.get_one(Parcel, claim.parcel_id)
    money = _money(session, found.all(), claim.order_id, parcel.id)
    return money.refundable_minor(parcel, boxes=replacing.boxes_open(session, claim))


def _money(session: Session, found: Sequence[Payment], order_id: uuid.UUID, parcel_id: uuid.UUID) -> Money:
    received = [each for each in reversed(found) if each.state == PaymentState.SUCCEEDED]
    refunded, light = session.execute(
        select(
            func.coalesce(func.sum(Claim.refund_minor), 0),
            func.coalesce(
                func.sum(Claim.refund_minor).filter(Claim.is_automatic, Claim.parcel_id == parcel_id), 0
            ),
        ).where(Claim.order_id == order_id, Claim.state == ClaimState.REFUNDED)
    ).one()
    first = Parcel.order_id == order_id, Parcel.claim_id.is_(None), Parcel.state != ParcelState.WITHDRAWN
    boxes = session.scalar(select(func.sum(Parcel.boxes)).where(*first))
    return Money(
        payments=received,
        paid_minor=sum(each.kept_minor for each in received) + int(refunded or 0),
        boxes=int(boxes or 0),
        light_minor=int(light or 0),
    )


def _lock(session: Session, ctx: Context, claim_id: uuid.UUID) -> _Locked:
    """Raises ClaimNotFound; also for a buyer, who decides nothing."""
    seen = claiming.get(session, ctx, claim_id=claim_id)
    money = money_of(session, seen.order_id, seen.parcel_id)
    order = moving.locked(session, seen.order_id)
    parcel = session.get_one(Parcel, seen.parcel_id, with_for_update=True, populate_existing=True)
    return _Locked(order=order, parcel=parcel, claim=claiming.locked(session, claim_id), money=money)


def _lose(session: Session, ctx: Context, found: _Locked) -> None:
    """A parcel on its way of which every box was refunded or replaced as missing does not arrive any more."""
    if found.parcel.state != ParcelState.SHIPPED:
        return
    granted = session.scalar(
        select(func.sum(Claim.boxes)).where(
            Claim.parcel_id == found.parcel.id,
            Claim.kind == ClaimKind.MISSING,
            Claim.state.in_(sorted(GRANTED)),
        )
    )
    if int(granted or 0) == found.parcel.boxes:
        parcels.lose(session, ctx, found.order, found.parcel)


def _follow(session: Session, ctx: Context, found: _Locked, *, is_new: bool) -> None:
    """What a grant says of the boxes that were claimed; `is_new`: it is not the first one in another way."""
    if is_new:
        _tell_damage(session, ctx, found.claim, found.parcel)
    _lose(session, ctx, found)


def _tell_damage(session: Session, ctx: Context, claim: Claim, parcel: Parcel) -> None:
    """In the chain, once it is granted; what is granted in another way is damaged already.

    Which of a parcel's boxes are damaged is known when all of them are, each with its label.
    """
    if claim.kind != ClaimKind.DAMAGE:
        return
    on = [each for each in serials.of_parcel(session, parcel_id=parcel.id) if each.state != SerialState.VOID]
    labels = [(each.gtin, each.serial) for each in on] if claim.boxes == parcel.boxes == len(on) else []
    provenance.boxes_damaged(
        session,
        ctx,
        claim_id=claim.id,
        lot_id=parcel.lot_id,
        grams=claim.boxes * parcel.pack_grams,
        labels=labels,
    )


RECEIVING: Final[tuple[type[errors.Refusal], ...]] = (
    lots.LotNotFound,
    lots.LotCodeTaken,
    parentage.NotShipped,
    rooms.NoSpace,
)
"""What the store may say of boxes that come back."""

REPLACING: Final[tuple[type[errors.Refusal], ...]] = (
    rules.NotReplaceable,
    rules.ReplacedTooOften,
    rules.ClaimTooEarly,
    replacing.NothingToReplaceWith,
    DeliveryInThePast,
    waves.WaveRunning,
    ParcelOnPallet,
    ParcelLabelsDiffer,
)
"""What may be said of boxes that are sent once more, or are not after all."""
