"""Why a cooperative can sell only so many boxes of a pack on a day: lot by lot, and in sum."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import explain_rules, lots, stock_rules
from inventory.explain_rules import Causes
from inventory.models import Hold, Lot, Movement, SafetyStock
from inventory.states import OPEN, HoldKind, LotStatus
from inventory.stock_rules import Destination, Stock
from marketplace.catalogue import cooperatives, products
from marketplace.catalogue.models import Pack
from marketplace.context import Context

LOTS_SHOWN_MAX: Final = 500
_ON_LOTS: Final = (HoldKind.ALLOCATION, HoldKind.PLEDGE, HoldKind.QUALITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLot:
    stock: Stock
    version: int
    causes: Causes


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    cooperative_id: uuid.UUID
    pack: Pack
    on: date
    destination: Destination | None
    good_until: date
    """The day on which fruit must still be good to be sold."""
    total: Causes
    """Of all lots, shown or not."""
    lots_count: int
    lots: Sequence[ExplainedLot]
    """Those that expire first, at most LOTS_SHOWN_MAX."""


def explain(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    pack_id: uuid.UUID,
    on: date | None = None,
    destination: str | None = None,
) -> Explanation:
    """`on` is the day of delivery: today unless told, and never a day that is over.

    Raises CooperativeNotFound (also for a foreign one), PackNotFound.
    """
    if not lots.may_see(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)
    pack = products.get_pack(session, pack_id=pack_id)
    day = max(on or ctx.today, ctx.today)
    place = None if destination is None else Destination(destination)
    found = _explained(session, cooperative_id, pack, day, place)
    return Explanation(
        cooperative_id=cooperative_id,
        pack=pack,
        on=day,
        destination=place,
        good_until=stock_rules.good_until(day, place),
        total=explain_rules.together(each.causes for each in found),
        lots_count=len(found),
        lots=found[:LOTS_SHOWN_MAX],
    )


def _explained(
    session: Session, cooperative_id: uuid.UUID, pack: Pack, on: date, destination: Destination | None
) -> list[ExplainedLot]:
    found = _stocked(session, cooperative_id, pack)
    kept = stock_rules.kept_back(
        (each.stock for each in found),
        on=stock_rules.good_until(on, destination),
        safety={cooperative_id: found[0].safety_grams if found else 0},
    )
    explained = [
        ExplainedLot(
            stock=each.stock,
            version=each.version,
            causes=explain_rules.explain(
                each.stock,
                held=each.held,
                committed_grams=each.committed_grams,
                kept_grams=kept.get(each.stock.lot_id, 0),
                pack_grams=pack.net_grams,
                on=on,
                destination=destination,
            ),
        )
        for each in found
    ]
    return sorted(explained, key=lambda each: stock_rules.order_of(each.stock))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stocked:
    stock: Stock
    version: int
    held: dict[HoldKind, int]
    committed_grams: int
    safety_grams: int


def _stocked(session: Session, cooperative_id: uuid.UUID, pack: Pack) -> list[_Stocked]:
    """Lots, their promises and the safety are read in one statement, so that they are of the same moment.

    What an open hold still holds, and has not committed or shipped, its lines in the journal say.
    """
    held = [
        func.coalesce(func.sum(Movement.held_delta_grams).filter(Hold.kind == kind), 0) for kind in _ON_LOTS
    ]
    safety = (
        select(SafetyStock.grams)
        .where(
            SafetyStock.cooperative_id == cooperative_id,
            SafetyStock.variety == pack.variety,
            SafetyStock.grade == pack.grade,
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(Lot, func.coalesce(safety, 0), *held)
        .outerjoin(Hold, (Hold.lot_id == Lot.id) & Hold.state.in_(sorted(OPEN)))
        .outerjoin(Movement, (Movement.hold_id == Hold.id) & (Movement.lot_id == Lot.id))
        .where(
            Lot.cooperative_id == cooperative_id,
            Lot.variety == pack.variety,
            Lot.grade == pack.grade,
            Lot.on_hand_grams > 0,
        )
        .group_by(Lot.id)
    )
    return [
        _Stocked(
            stock=Stock(
                lot_id=lot.id,
                cooperative_id=lot.cooperative_id,
                code=lot.code,
                harvested_on=lot.harvested_on,
                best_before_on=lot.best_before_on,
                free_grams=lot.free_grams,
                status=LotStatus(lot.status),
            ),
            version=lot.version,
            held={kind: int(part) for kind, part in zip(_ON_LOTS, grams, strict=True)},
            committed_grams=lot.committed_grams,
            safety_grams=int(safety_grams),
        )
        for lot, safety_grams, *grams in rows
    ]
