"""What offers are made of, counted by the database: boxes by cooperative, money of a campaign, what is advanced.

Each is one statement over the whole campaign. Advances are read before the money: a settlement that takes both away
meanwhile leaves too little of it to be offered, never too much.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import TextClause, case, func, select, text
from sqlalchemy.orm import Session

from campaigns.advances import rules
from campaigns.advances.models import CampaignAdvanceTerms
from campaigns.advances.rules import CLEARING, LIVE, Position, Stand
from campaigns.models import Campaign
from orders.settlements import advances
from orders.settlements.advance_models import Advance
from orders.settlements.advance_states import GIVEN, AdvanceState
from orders.settlements.advances import AdvanceTerms, Funds, Pledged
from orders.states import BOUGHT, listed

CLEARING_DAYS: Final = 7
"""Unless an operator sets another number: until then what was paid online may not have been paid out to us."""

STANDS: Final = """
    WITH item AS (
        SELECT i.id, i.campaign_id, i.pool_id, i.currency, p.boxes_sold, p.boxes_pledged,
            coalesce(i.final_unit_price_minor, (SELECT min(unit_price_minor) FROM campaign_step s
                WHERE s.item_id = i.id), i.unit_price_minor) AS unit_price_minor
        FROM campaign_item i JOIN campaign c ON c.id = i.campaign_id JOIN pool p ON p.id = i.pool_id
        WHERE c.state = ANY(:live) AND {which}
    ), stood AS (
        SELECT item.id, h.cooperative_id,
            sum(CASE WHEN h.kind = 'forecast' OR l.status = 'available' THEN h.boxes - h.released_boxes
                ELSE h.consumed_boxes END)::bigint AS standing,
            sum(CASE WHEN h.kind = 'forecast' THEN 0 WHEN l.status = 'available' THEN h.boxes - h.released_boxes
                ELSE h.consumed_boxes END)::bigint AS there
        FROM item JOIN hold h ON h.pool_id = item.pool_id LEFT JOIN lot l ON l.id = h.lot_id
        WHERE h.kind IN ('pledge', 'forecast') AND {whose}
        GROUP BY item.id, h.cooperative_id
    ), came AS (
        SELECT item.id, r.cooperative_id, sum(r.boxes)::bigint AS delivered
        FROM item JOIN hold h ON h.pool_id = item.pool_id JOIN parcel r ON r.hold_id = h.id
        WHERE h.kind = 'pledge' AND r.state = 'delivered' AND {whose}
        GROUP BY item.id, r.cooperative_id
    )
    SELECT item.campaign_id, item.currency, item.unit_price_minor, item.boxes_sold, item.boxes_pledged,
        stood.cooperative_id, stood.standing, stood.there, coalesce(came.delivered, 0) AS delivered
    FROM stood JOIN item ON item.id = stood.id
    LEFT JOIN came ON came.id = stood.id AND came.cooperative_id = stood.cooperative_id
    WHERE stood.standing > 0 AND NOT EXISTS (SELECT FROM settlement s WHERE s.campaign_id = item.campaign_id
        AND s.cooperative_id = stood.cooperative_id AND s.currency = item.currency AND s.state <> 'draft')
    ORDER BY item.id, stood.cooperative_id
"""

MONEY: Final = f"""
    WITH item AS (
        SELECT id, pool_id FROM campaign_item WHERE campaign_id = :campaign_id AND currency = :currency
    ), booked AS (
        SELECT coalesce(sum(b.credits_posted - b.debits_posted), 0)::bigint AS kept
        FROM item JOIN ledger_account a ON a.owner_id = item.id AND a.owner_kind = 'campaign_item'
        JOIN ledger_balance b ON b.account_id = a.id
        WHERE a.currency = :currency AND a.code IN ('deposit_liability', 'order_liability', 'promo_expense',
            'county_receivable', 'sponsor_receivable', 'coop_discount_receivable')
    ), loose AS (
        SELECT coalesce(sum(CASE WHEN o.state = 'deposit_paid' OR n.paid_at > :cleared_before
            OR EXISTS (SELECT FROM shortage_wait w WHERE w.order_id = o.id AND w.state = 'waiting')
            OR EXISTS (SELECT FROM "case" d WHERE d.kind = 'payment' AND d.subject_kind = 'payment'
                AND d.subject_id = p.id AND d.state = 'open')
            THEN p.received_minor - p.refund_due_minor
            WHEN n.fee_currency = :currency THEN n.fee_minor ELSE 0 END), 0)::bigint AS minor
        FROM item JOIN hold h ON h.pool_id = item.pool_id JOIN "order" o ON o.hold_id = h.id
        JOIN payment p ON p.order_id = o.id LEFT JOIN online_payment n ON n.payment_id = p.id
        WHERE h.kind IN ('cart', 'presale') AND p.state = 'succeeded' AND p.currency = :currency
        AND o.state IN ({listed(BOUGHT)})
    )
    SELECT booked.kept, loose.minor AS loose FROM booked, loose
"""  # noqa: S608 (the states are our own)
"""Received and not owed back, by the books, less what funders pay of it (that is not money that came); and of that what
is not cleared: it may be withdrawn, was paid online a moment ago, waits for a later lot, is disputed, or a provider's
fee."""

DEFAULTS: Final = AdvanceTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Those of a campaign."""

    advance: AdvanceTerms = DEFAULTS
    clearing_days: int = CLEARING_DAYS
    version: int = 0
    """0: nobody has set any, these are the defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that the offers of a campaign in one currency are made of."""

    campaign_id: uuid.UUID
    currency: str
    terms: Terms
    positions: Mapping[uuid.UUID, Position]
    funds: Funds

    def offers(self) -> dict[uuid.UUID, advances.Offer]:
        """By cooperative."""
        named = {str(each): position for each, position in self.positions.items()}
        found = rules.offers(self.terms.advance, named, self.funds, seed=str(self.campaign_id))
        return {uuid.UUID(name): each for name, each in found.items()}


def terms_of(session: Session, campaign_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Terms]:
    """Of each campaign, those that were set or the defaults."""
    rows = session.scalars(
        select(CampaignAdvanceTerms)
        .where(CampaignAdvanceTerms.campaign_id.in_(campaign_ids))
        .execution_options(populate_existing=True)
    )
    found = dict.fromkeys(campaign_ids, Terms())
    for row in rows:
        found[row.campaign_id] = Terms(
            advance=row.terms, clearing_days=row.clearing_days, version=row.version
        )
    return found


def currencies(campaign: Campaign) -> list[str]:
    """Those in which the campaign's boxes are sold."""
    return sorted({item.currency for item in campaign.items})


def of_campaign(session: Session, campaign: Campaign, *, currency: str, now: datetime) -> Gathered:
    """Everything about a campaign's advances in one currency, as it is now; with its lock held, as it stays."""
    terms = terms_of(session, [campaign.id])[campaign.id]
    given = _given(session, campaign.id, currency)
    pledged = pledges(session, campaign_ids=[campaign.id]).get((campaign.id, currency), {})
    elsewhere = _uncovered(session, {*pledged, *given}, currency, but=campaign.id)
    positions = {
        each: Position(
            pledged=pledged.get(each, ()),
            advanced_minor=given.get(each, (0, 0))[0],
            open_minor=given.get(each, (0, 0))[1],
            uncovered_minor=elsewhere.get(each, 0),
        )
        for each in sorted({*pledged, *given})
    }
    return Gathered(
        campaign_id=campaign.id,
        currency=currency,
        terms=terms,
        positions=positions,
        funds=Funds(
            cleared_minor=_cleared(session, campaign, currency, now - timedelta(days=terms.clearing_days)),
            spoken_for_minor=sum(minor for _, minor in given.values()),
        ),
    )


def pledges(
    session: Session,
    *,
    campaign_ids: Collection[uuid.UUID] | None = None,
    cooperative_ids: Collection[uuid.UUID] | None = None,
) -> dict[tuple[uuid.UUID, str], dict[uuid.UUID, tuple[Pledged, ...]]]:
    """Of live campaigns (all, or these), by campaign and currency, what each cooperative (or these) has put up."""
    found: dict[tuple[uuid.UUID, str], dict[uuid.UUID, list[Pledged]]] = {}
    wanted = {"campaigns": campaign_ids, "cooperatives": cooperative_ids}
    values: dict[str, Any] = {name: list(ids) for name, ids in wanted.items() if ids is not None}
    for row in session.execute(_stands(values), {"live": sorted(LIVE), **values}):
        stand = Stand(
            standing=row.standing,
            there=row.there,
            delivered=row.delivered,
            sold_of_all=row.boxes_sold,
            standing_of_all=row.boxes_pledged,
        )
        pledged = Pledged(progress=rules.progress(stand), unit_price_minor=row.unit_price_minor)
        of = found.setdefault((row.campaign_id, row.currency), {})
        of.setdefault(row.cooperative_id, []).append(pledged)
    return {key: {each: tuple(rows) for each, rows in of.items()} for key, of in found.items()}


def limits(
    session: Session,
    pledged: Mapping[tuple[uuid.UUID, str], Mapping[uuid.UUID, tuple[Pledged, ...]]],
) -> dict[tuple[uuid.UUID, str], dict[uuid.UUID, int]]:
    """By campaign and currency, the limit of each cooperative."""
    terms = terms_of(session, {campaign_id for campaign_id, _ in pledged})
    return {
        (campaign_id, currency): {
            each: advances.limit(terms[campaign_id].advance, rows) for each, rows in of.items()
        }
        for (campaign_id, currency), of in pledged.items()
    }


def _stands(given: Collection[str]) -> TextClause:
    which = "i.campaign_id = ANY(:campaigns)" if "campaigns" in given else "true"
    whose = "h.cooperative_id = ANY(:cooperatives)" if "cooperatives" in given else "true"
    return text(STANDS.format(which=which, whose=whose))


def _given(session: Session, campaign_id: uuid.UUID, currency: str) -> dict[uuid.UUID, tuple[int, int]]:
    """By cooperative, what was ever granted of a campaign, and what of that is not repaid."""
    rows = session.execute(
        select(Advance.cooperative_id, func.sum(Advance.amount_minor), func.sum(_OPEN))
        .where(
            Advance.purpose_id == campaign_id,
            Advance.currency == currency,
            Advance.state.in_(sorted(GIVEN)),
        )
        .group_by(Advance.cooperative_id)
    )
    return {each: (int(ever), int(still)) for each, ever, still in rows}


def _uncovered(
    session: Session, cooperative_ids: Collection[uuid.UUID], currency: str, *, but: uuid.UUID
) -> dict[uuid.UUID, int]:
    """By cooperative, what is open of other campaigns beyond the limit of their boxes."""
    rows = session.execute(
        select(Advance.cooperative_id, Advance.purpose_id, func.sum(_OPEN))
        .where(
            Advance.cooperative_id.in_(cooperative_ids),
            Advance.currency == currency,
            Advance.purpose_id != but,
            Advance.state.in_((AdvanceState.GRANTED, AdvanceState.PAID)),
        )
        .group_by(Advance.cooperative_id, Advance.purpose_id)
    ).all()
    if not rows:
        return {}
    others = {row.purpose_id for row in rows}
    covered = limits(session, pledges(session, campaign_ids=others, cooperative_ids=cooperative_ids))
    found: dict[uuid.UUID, dict[str, int]] = {}
    for cooperative_id, campaign_id, minor in rows:
        found.setdefault(cooperative_id, {})[str(campaign_id)] = int(minor)
    return {
        each: rules.uncovered(
            opened,
            {name: covered.get((uuid.UUID(name), currency), {}).get(each, 0) for name in opened},
        )
        for each, opened in found.items()
    }


def _cleared(session: Session, campaign: Campaign, currency: str, before: datetime) -> int:
    if campaign.state not in CLEARING:
        return 0
    values = {"campaign_id": campaign.id, "currency": currency, "cleared_before": before}
    row = session.execute(text(MONEY), values).one()
    kept, loose = int(row.kept), int(row.loose)
    return max(0, kept - loose)


_OPEN: Final = case(
    (Advance.state == AdvanceState.GRANTED, Advance.amount_minor), else_=Advance.outstanding_minor
)
