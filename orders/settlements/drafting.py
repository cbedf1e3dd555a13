"""All settlements of a campaign are drafted together, and drafted anew as often as wished: who is not a draft any more
is left alone.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.points import Point, passed
from marketplace.values import new_id
from orders.settlements import gathering, journal, kept
from orders.settlements.account import Account
from orders.settlements.facts import Facts, FactsAreWrong, Fee, Terms
from orders.settlements.gathering import Charge, Gathered, Key, Sale
from orders.settlements.journal import Moved
from orders.settlements.models import Settlement
from orders.settlements.rules import settle
from orders.settlements.states import SettlementKind, SettlementState
from orders.settlements.storage import parts as storage_parts

FEES_MAX: Final = 8


class TermsTakeTooMuch(errors.Invalid):
    """Commission and fees would take more of a box than its price, or cannot be; `detail` of each says which."""

    title = Text(en="These terms take too much of a box.", zh="该条款从每箱扣除过多。")


class RetentionInThePast(errors.Invalid):
    """What is kept back is released on a day to come."""

    title = Text(en="Retention is kept until a day to come.", zh="质保金释放日须在今日之后。")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedFee:
    """A fee of so much a box, of boxes that are sold in this currency."""

    currency: str
    fee: Fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The terms of a campaign's settlements, the same for all of its cooperatives."""

    commission_bps: int
    retention_permille: int
    retained_until: date | None
    objection_days: int
    fees: tuple[AgreedFee, ...] = ()

    def terms(self, currency: str) -> Terms:
        """Raises FactsAreWrong."""
        return Terms(
            commission_bps=self.commission_bps,
            retention_permille=self.retention_permille,
            retained_until=self.retained_until if self.retention_permille else None,
            fees=tuple(each.fee for each in self.fees if each.currency == currency),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """The campaign's settlements, by number; how many of them were computed now."""

    settlements: tuple[Settlement, ...]
    drafted: int


def draft(
    session: Session, ctx: Context, *, sale: Sale, agreed: Agreed, charges: Sequence[Charge] = ()
) -> Drafted:
    """The caller has locked the campaign, and nobody can claim anything of it any more.

    Raises TermsTakeTooMuch, RetentionInThePast, StatementNotProved.
    """
    if agreed.retained_until is not None and agreed.retained_until <= ctx.today:
        raise RetentionInThePast
    gathering.book_rebates(
        session,
        ctx,
        sold_for=sale.sold_for,
        item_ids=sale.item_ids,
        charged=gathering.charged(charges),
    )
    passed(Point.REBATES_BORNE)
    known = {
        (each.cooperative_id, each.currency): each
        for each in session.scalars(
            select(Settlement)
            .where(Settlement.campaign_id == sale.campaign_id)
            .order_by(Settlement.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    }
    found = {
        key: gathered
        for key, gathered in gathering.gather(session, sale, charges).items()
        if key not in known or known[key].state == SettlementState.DRAFT
    }
    codes = _codes(session, {cooperative_id for cooperative_id, _ in found})
    before = kept.accounts(session, found)
    for key, shares in storage_parts.open_of(session, found).items():
        found[key].storage = shares
    moved: list[Moved] = []
    for key, gathered in found.items():
        settlement = known.get(key)
        was = None if settlement is None else settlement.digest
        if settlement is None:
            settlement = known[key] = _new(ctx, sale, key, number=f"{sale.code}-{codes[key[0]]}-{key[1]}")
            session.add(settlement)
        _compute(ctx, settlement, sale, gathered, agreed, before[key])
        moved += journal.drafted(settlement, was=was)
    passed(Point.SETTLEMENTS_DRAFTED)
    journal.write(session, ctx, moved)
    ordered = tuple(sorted(known.values(), key=lambda each: each.number))
    return Drafted(settlements=ordered, drafted=len(moved))


def _compute(
    ctx: Context, settlement: Settlement, sale: Sale, gathered: Gathered, agreed: Agreed, before: Account
) -> None:
    try:
        facts = Facts(
            settlement=settlement.number,
            currency=settlement.currency,
            settled_on=ctx.today,
            terms=agreed.terms(settlement.currency),
            deliveries=gathered.deliveries,
            own_discounts=gathered.discounts(),
            claims=tuple(gathered.claims),
            forfeits=tuple(gathered.forfeits),
            storage=gathered.storage,
        )
    except FactsAreWrong as wrong:
        raise TermsTakeTooMuch(errors=[{"pointer": "", "detail": str(wrong)}]) from wrong
    parts = gathered.parts(sale.sold_for)
    settlement.by_item = gathering.parts_to_json(parts)
    settlement.orders_minor = sum(each.orders_minor for each in parts)
    settlement.own_discounts_minor = sum(each.own_discounts_minor for each in parts)
    settlement.objection_days = agreed.objection_days
    journal.put(settlement, settle(facts, before))


def _new(ctx: Context, sale: Sale, key: Key, *, number: str) -> Settlement:
    return Settlement(
        id=new_id(),
        kind=SettlementKind.CAMPAIGN,
        number=number,
        campaign_id=sale.campaign_id,
        campaign_en=sale.title.en,
        campaign_zh=sale.title.zh,
        cooperative_id=key[0],
        currency=key[1],
        state=SettlementState.DRAFT,
        created_at=ctx.now,
        version=1,
    )


def _codes(session: Session, cooperative_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    rows = session.execute(
        select(Cooperative.id, Cooperative.code).where(Cooperative.id.in_(cooperative_ids))
    )
    return {row.id: row.code for row in rows}
