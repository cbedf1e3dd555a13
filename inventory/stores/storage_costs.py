"""What storing a lot, or all lots of a cooperative, has cost so far, and what selling early saves."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.models import Lot, Movement, StoragePrice
from inventory.states import OF_SHIPMENTS
from inventory.stores import storage_cost_rules
from inventory.stores.gram_day_rules import day_of, gram_days, levels
from inventory.stores.storage_cost_rules import Leaving, Price
from marketplace.catalogue import cooperatives
from marketplace.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """In one currency; `…_micro` are exact, `…_minor` rounded once."""

    currency: str | None
    """None: nobody told a price."""
    gram_days: int
    accrued_micro: int
    saved_micro: int

    @property
    def accrued_minor(self) -> int:
        return storage_cost_rules.rounded(self.accrued_micro)

    @property
    def saved_minor(self) -> int:
        """What keeping shipped and committed fruit until its best-before day would have cost more."""
        return storage_cost_rules.rounded(self.saved_micro)


def of_lot(session: Session, ctx: Context, *, lot_id: uuid.UUID) -> Cost:
    """Raises LotNotFound."""
    [cost] = _costs(session, ctx, [lots.get(session, ctx, lot_id=lot_id)])
    return cost


def of_cooperative(session: Session, ctx: Context, *, cooperative_id: uuid.UUID) -> list[Cost]:
    """One sum for each currency, rounded once. Raises CooperativeNotFound (also for a foreign one)."""
    if not lots.may_see(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)
    own = session.scalars(select(Lot).where(Lot.cooperative_id == cooperative_id).order_by(Lot.id)).all()
    sums: defaultdict[str | None, list[Cost]] = defaultdict(list)
    for cost in _costs(session, ctx, own):
        sums[cost.currency].append(cost)
    return [
        Cost(
            currency=currency,
            gram_days=sum(cost.gram_days for cost in found),
            accrued_micro=sum(cost.accrued_micro for cost in found),
            saved_micro=sum(cost.saved_micro for cost in found),
        )
        for currency, found in sorted(sums.items(), key=lambda item: item[0] or "")
    ]


def _costs(session: Session, ctx: Context, found: Iterable[Lot]) -> list[Cost]:
    by_id = {lot.id: lot for lot in found}
    journals: defaultdict[uuid.UUID, list[Movement]] = defaultdict(list)
    for line in session.scalars(
        select(Movement)
        .where(Movement.lot_id.in_(by_id), Movement.on_hand_delta_grams != 0)
        .order_by(Movement.lot_id, Movement.number)
    ):
        journals[line.lot_id].append(line)
    prices: defaultdict[uuid.UUID, list[StoragePrice]] = defaultdict(list)
    store_ids = {lot.cold_store_id for lot in by_id.values()}
    for price in session.scalars(select(StoragePrice).where(StoragePrice.cold_store_id.in_(store_ids))):
        prices[price.cold_store_id].append(price)
    return [_cost(ctx, lot, journals[lot.id], prices[lot.cold_store_id]) for lot in by_id.values()]


def _cost(ctx: Context, lot: Lot, journal: list[Movement], told: list[StoragePrice]) -> Cost:
    found = levels((day_of(line.at), line.on_hand_grams) for line in journal)
    prices = [
        Price(valid_from=each.valid_from, minor_per_tonne_day=each.minor_per_tonne_day) for each in told
    ]
    leaving = [
        Leaving(day=day_of(line.at), grams=-line.on_hand_delta_grams)
        for line in journal
        if line.kind in OF_SHIPMENTS
    ]
    if lot.committed_grams:
        leaving.append(Leaving(day=ctx.today, grams=lot.committed_grams))
    return Cost(
        currency=told[0].currency if told else None,
        gram_days=gram_days(found, found[0].day, ctx.today),
        accrued_micro=storage_cost_rules.accrued(found, prices, ctx.today),
        saved_micro=storage_cost_rules.saved(leaving, prices, lot.best_before_on),
    )
