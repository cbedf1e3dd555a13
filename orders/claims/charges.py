"""What of claims cooperatives are settled with: granted refunds and replacements, each under its claim; refunds of the
scale together.
"""

import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, case, func, null, select
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace.catalogue.models import Pack
from orders.claims.models import Claim
from orders.claims.states import BorneBy, ClaimState
from orders.fulfilment.models import Parcel
from orders.fulfilment.states import NOT_SENT, OVER
from orders.models import DepositTerms, Order
from orders.settlements.facts import Remedy
from orders.settlements.gathering import Charge


def of_items(session: Session, *, sold_for: str, item_ids: Collection[uuid.UUID]) -> list[Charge]:
    """Refunds and replacements of boxes that were sold for these, whoever bears them: no settlement leaves one out."""
    return [
        *_refunds(session, sold_for=sold_for, item_ids=item_ids),
        *_replacements(session, sold_for=sold_for, item_ids=item_ids),
    ]


def _refunds(session: Session, *, sold_for: str, item_ids: Collection[uuid.UUID]) -> list[Charge]:
    of_its_own: ColumnElement[uuid.UUID | None] = case((Claim.is_automatic, null()), else_=Claim.id)
    rows = session.execute(
        select(
            Claim.cooperative_id,
            Claim.currency,
            Hold.purpose_id,
            Pack.code,
            Claim.borne_by,
            of_its_own.label("claim_id"),
            func.sum(Claim.refund_minor),
        )
        .join(Order, Order.id == Claim.order_id)
        .join(Hold, Hold.id == Order.hold_id)
        .join(Pack, Pack.id == Order.pack_id)
        .where(
            Hold.purpose_kind == sold_for,
            Hold.purpose_id.in_(item_ids),
            Claim.state == ClaimState.REFUNDED,
            Claim.refund_minor > 0,
        )
        .group_by(
            Claim.cooperative_id, Claim.currency, Hold.purpose_id, Pack.code, Claim.borne_by, of_its_own
        )
        .order_by(Claim.cooperative_id, Claim.currency, Hold.purpose_id, of_its_own)
    )
    return [
        Charge(
            cooperative_id=cooperative_id,
            currency=currency,
            item_id=item_id,
            reference=_reference(code, item_id, claim_id),
            remedy=Remedy.REFUND,
            amount_minor=int(minor or 0),
            at_fault=borne_by == BorneBy.COOPERATIVE,
        )
        for cooperative_id, currency, item_id, code, borne_by, claim_id, minor in rows
    ]


def _replacements(session: Session, *, sold_for: str, item_ids: Collection[uuid.UUID]) -> list[Charge]:
    """Boxes that were sent in place of claimed ones, at the price of their order: as much as who brought them gets."""
    price = func.coalesce(DepositTerms.final_unit_price_minor, Order.unit_price_minor)
    rows = session.execute(
        select(
            Claim.cooperative_id,
            Claim.currency,
            Hold.purpose_id,
            Pack.code,
            Claim.borne_by,
            Claim.id,
            func.sum(Parcel.boxes) * price,
        )
        .join(Parcel, Parcel.claim_id == Claim.id)
        .join(Order, Order.id == Claim.order_id)
        .join(Hold, Hold.id == Order.hold_id)
        .join(Pack, Pack.id == Order.pack_id)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(
            Hold.purpose_kind == sold_for,
            Hold.purpose_id.in_(item_ids),
            Parcel.state.in_(sorted(OVER - NOT_SENT)),
            price > 0,
        )
        .group_by(
            Claim.cooperative_id, Claim.currency, Hold.purpose_id, Pack.code, Claim.borne_by, Claim.id, price
        )
        .order_by(Claim.cooperative_id, Claim.currency, Hold.purpose_id, Claim.id)
    )
    return [
        Charge(
            cooperative_id=cooperative_id,
            currency=currency,
            item_id=item_id,
            reference=f"{code} 补发 replacement {str(claim_id)[-12:]}",
            remedy=Remedy.REFUND,
            amount_minor=int(minor),
            at_fault=borne_by == BorneBy.COOPERATIVE,
        )
        for cooperative_id, currency, item_id, code, borne_by, claim_id, minor in rows
    ]


def _reference(code: str, item_id: uuid.UUID, claim_id: uuid.UUID | None) -> str:
    """As a statement names it, and nothing else in it."""
    if claim_id is None:
        return f"{code} 缺重 light boxes {str(item_id)[-12:]}"
    return f"{code} 售后 claim {str(claim_id)[-12:]}"
