"""A refund that comes when its settlement is final: out of retention, then out of the next settlement; or others pay.

The platform has borne it by then; of what is the cooperative's fault it gets back what `clawback` finds. Nothing is
ever asked back from a bank account. Rows are taken in the order payment, settlement, cooperative, retention, ledger.
"""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.ledger import ledger
from marketplace.ledger.rules import Owner
from marketplace.payments.models import PartRefund, Payment
from marketplace.payments.states import PartRefundKind
from marketplace.points import Point, passed
from marketplace.values import new_id
from orders.books import postings
from orders.books.postings import ItemParts, Purse
from orders.claims.models import Claim as GrantedClaim
from orders.claims.states import BorneBy
from orders.fulfilment.models import Parcel
from orders.fulfilment.states import ParcelState
from orders.models import Order
from orders.settlements import clawback, finishing, gathering, journal, kept, settling
from orders.settlements.clawback import Clawback
from orders.settlements.facts import Claim, FactsAreWrong, Remedy
from orders.settlements.kept import AccountInUse
from orders.settlements.models import LateRefund, Settlement
from orders.settlements.rules import LineKind
from orders.settlements.states import SettlementState, SettlementStateForbids

DONE: Final = (SettlementState.FINAL, SettlementState.PAID)


class RefundNotOfSettlement(errors.NotFound):
    """No such refund, or none of boxes that the settlement's cooperative delivered."""

    title = Text(en="There is no such refund of this settlement.", zh="该结算单没有此退款。")


class MoreThanRefunded(errors.Conflict):
    """More than is left of the refund (`left_minor`), or than the cooperative sold."""

    title = Text(en="This is more than was refunded.", zh="超过退款金额。")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refund:
    """A refund, and what its boxes were sold for."""

    row: PartRefund
    sold_for: Owner

    @property
    def remedy(self) -> Remedy:
        return Remedy.COMPENSATION if self.row.kind == PartRefundKind.COMPENSATION else Remedy.REFUND


def take(
    session: Session,
    ctx: Context,
    *,
    settlement_id: uuid.UUID,
    refund_id: uuid.UUID,
    amount_minor: int,
    at_fault: bool,
) -> LateRefund:
    """So much of a refund is of this cooperative's boxes; whether it is its fault decides who pays.

    Raises SettlementNotFound, SettlementStateForbids, RefundNotOfSettlement, MoreThanRefunded, AccountInUse.
    """
    _lock(session, refund_id)
    settlement = settling.locked(session, ctx, settlement_id)
    if settlement.state not in DONE:
        raise SettlementStateForbids(state=settlement.state)
    refund = _refund(session, settlement, refund_id)
    _check_left(session, settlement, refund.row, amount_minor)
    kept.lock(session, [settlement.cooperative_id])
    key = (settlement.cooperative_id, settlement.currency)
    if number := kept.looked_at(session, [key]).get(key):
        raise AccountInUse(number=number)
    clawed = _clawed(session, settlement, refund, amount_minor, at_fault=at_fault)
    row = _row(ctx, settlement, refund, amount_minor, clawed)
    session.add(row)
    _book_borne(session, ctx, settlement)
    passed(Point.LATE_REFUND_BORNE)
    finishing.take_retention(session, row.taken)
    passed(Point.LATE_REFUND_TAKEN)
    fact = postings.late_refund(
        Purse(owner=refund.sold_for, currency=settlement.currency),
        source_id=row.id,
        cooperative_id=settlement.cooperative_id,
        commission_minor=row.commission_back_minor,
        retention_minor=row.from_retention_minor,
        receivable_minor=row.owed_minor,
    )
    ledger.post_many(session, ctx, facts=[] if fact is None else [fact])
    passed(Point.LATE_REFUND_BOOKED)
    audit.record(
        session,
        ctx,
        "settlement.refund_late",
        subject=("settlement", settlement.id),
        after={
            "refund_id": str(refund_id),
            "amount_minor": amount_minor,
            "at_fault": at_fault,
            "from_retention_minor": row.from_retention_minor,
            "owed_minor": row.owed_minor,
        },
    )
    return row


def of_settlement(session: Session, settlement_id: uuid.UUID) -> list[LateRefund]:
    wanted = select(LateRefund).where(LateRefund.settlement_id == settlement_id)
    return list(session.scalars(wanted.order_by(LateRefund.id)))


def _lock(session: Session, refund_id: uuid.UUID) -> None:
    """A refund never changes: nobody else takes of it while its payment is locked."""
    of_refund = select(PartRefund.payment_id).where(PartRefund.id == refund_id).scalar_subquery()
    session.execute(select(Payment.id).where(Payment.id == of_refund).with_for_update())


def _refund(session: Session, settlement: Settlement, refund_id: uuid.UUID) -> _Refund:
    """Raises RefundNotOfSettlement."""
    brought = select(Parcel.id).where(
        Parcel.order_id == Order.id,
        Parcel.cooperative_id == settlement.cooperative_id,
        Parcel.state.not_in([ParcelState.WITHDRAWN, ParcelState.CANCELLED]),
    )
    found = session.execute(
        select(PartRefund, Hold.purpose_kind, Hold.purpose_id)
        .join(Payment, Payment.id == PartRefund.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(PartRefund.id == refund_id, PartRefund.currency == settlement.currency, brought.exists())
    ).one_or_none()
    items = {each.sold_for.id for each in _parts(settlement)}
    if found is None or found.purpose_id not in items:
        raise RefundNotOfSettlement
    return _Refund(row=found[0], sold_for=Owner(kind=found.purpose_kind, id=found.purpose_id))


def _check_left(session: Session, settlement: Settlement, refund: PartRefund, amount_minor: int) -> None:
    """Raises MoreThanRefunded: of a refund that is locked, or is this settlement's already, so much is left."""
    taken, own = session.execute(
        select(
            func.coalesce(func.sum(LateRefund.amount_minor), 0),
            func.count().filter(LateRefund.settlement_id == settlement.id),
        ).where(LateRefund.refund_id == refund.id)
    ).one()
    left = 0 if own or _is_charged(session, refund) else refund.amount_minor - int(taken or 0)
    if amount_minor > left:
        raise MoreThanRefunded(left_minor=left)


def _is_charged(session: Session, refund: PartRefund) -> bool:
    """A claim that its cooperative bears is over before its order is, and stands in a settlement already."""
    charged = select(GrantedClaim.id).where(
        GrantedClaim.id == refund.source_id, GrantedClaim.borne_by == BorneBy.COOPERATIVE
    )
    return session.scalar(charged) is not None


def _clawed(
    session: Session, settlement: Settlement, refund: _Refund, amount_minor: int, *, at_fault: bool
) -> Clawback:
    """Raises MoreThanRefunded."""
    statement = journal.statement_of(settlement)
    base = sum(
        line.amount_minor
        for line in journal.of_kind(statement, LineKind.GOODS, LineKind.OWN_DISCOUNT, LineKind.REFUND)
    )
    gone = session.scalar(
        select(func.coalesce(func.sum(LateRefund.amount_minor), 0)).where(
            LateRefund.settlement_id == settlement.id,
            LateRefund.at_fault,
            LateRefund.remedy == Remedy.REFUND,
        )
    )
    claim = Claim(
        reference=str(refund.row.id),
        remedy=refund.remedy,
        amount_minor=amount_minor,
        at_fault=at_fault,
    )
    key = (settlement.cooperative_id, settlement.currency)
    sold = max(0, base - int(gone or 0))
    try:
        clawed, _ = clawback.claw_back(
            claim,
            kept.accounts(session, [key])[key],
            sold_minor=sold,
            commission_bps=statement.facts.terms.commission_bps,
        )
    except FactsAreWrong as wrong:
        raise MoreThanRefunded(left_minor=sold) from wrong
    return clawed


def _row(
    ctx: Context, settlement: Settlement, refund: _Refund, amount_minor: int, clawed: Clawback
) -> LateRefund:
    return LateRefund(
        id=new_id(),
        settlement_id=settlement.id,
        refund_id=refund.row.id,
        remedy=refund.remedy,
        amount_minor=amount_minor,
        at_fault=clawed.claim.at_fault,
        commission_back_minor=clawed.commission_back_minor,
        from_retention_minor=clawed.from_held_minor,
        owed_minor=clawed.owed_minor,
        taken={each.reference: each.amount_minor for each in clawed.from_held},
        actor=ctx.actor.label,
        at=ctx.now,
    )


def _book_borne(session: Session, ctx: Context, settlement: Settlement) -> None:
    """All that was given back of the prices of these boxes by now is the platform's, before it gets some of it back."""
    parts = _parts(settlement)
    if not parts:
        return
    sums = text("""
        SELECT (part ->> 'id')::uuid AS item_id, currency, sum((part ->> 'refunds_minor')::bigint)::bigint AS minor
        FROM settlement, jsonb_array_elements(by_item) AS part WHERE campaign_id = :campaign_id GROUP BY 1, 2
    """)
    rows = session.execute(sums, {"campaign_id": settlement.campaign_id})
    gathering.book_rebates(
        session,
        ctx,
        sold_for=parts[0].sold_for.kind,
        item_ids=[each.sold_for.id for each in parts],
        charged={(row.item_id, row.currency): row.minor for row in rows},
    )


def _parts(settlement: Settlement) -> list[ItemParts]:
    return gathering.parts_from_json(settlement.by_item)
