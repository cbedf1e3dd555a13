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
from inventory.models import Hold, Lot
from inventory.states import OPEN, HoldKind, LotStatus
from inventory.stock_rules import Destination, Stock
from marketplace.catalogue import cooperatives, products
from marketplace.catalogue.models import Pack
from marketplace.context import Context

LOTS_SHOWN_MAX: Final = 500


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
    """Lots and their holds are read in one statement, so that they are of the same moment."""
    kinds = (HoldKind.ALLOCATION, HoldKind.PLEDGE)
    open_grams = (Hold.boxes - Hold.consumed_boxes - Hold.released_boxes) * Hold.pack_grams
    held = [func.coalesce(func.sum(open_grams).filter(Hold.kind == kind), 0) for kind in kinds]
    rows = session.execute(
        select(Lot, *held)
        .outerjoin(Hold, (Hold.lot_id == Lot.id) & Hold.state.in_(sorted(OPEN)))
        .where(
            Lot.cooperative_id == cooperative_id,
            Lot.variety == pack.variety,
            Lot.grade == pack.grade,
            Lot.on_hand_grams > 0,
        )
        .group_by(Lot.id)
    )
    found = []
    for lot, *grams in rows:
        stock = Stock(
            lot_id=lot.id,
            cooperative_id=lot.cooperative_id,
            code=lot.code,
            harvested_on=lot.harvested_on,
            best_before_on=lot.best_before_on,
            free_grams=lot.free_grams,
            status=LotStatus(lot.status),
        )
        causes = explain_rules.explain(
            stock,
            held={kind: int(part) for kind, part in zip(kinds, grams, strict=True)},
            pack_grams=pack.net_grams,
            on=on,
            destination=destination,
        )
        found.append(ExplainedLot(stock=stock, version=lot.version, causes=causes))
    return sorted(found, key=lambda each: stock_rules.order_of(each.stock))
