"""What is known of a campaign's deliveries, by cooperative and currency: a handful of statements, whatever the numbers.

Nothing here is decided: delivered parcels at the price of their orders, discounts that cooperatives fund, deposits that
were lost, and what the package above charges. What of delivered boxes' prices was given back for other reasons than
fewer boxes is the platform's, unless it is charged (`book_rebates`).
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.language import Text
from marketplace.ledger import ledger
from marketplace.ledger.rules import Owner
from orders import discount_rules
from orders.books import postings
from orders.books.postings import ItemParts, Purse
from orders.settlements.facts import (
    Claim,
    Forfeit,
    OwnDiscount,
    Remedy,
    StorageShare,
    SuppliedBoxes,
    deliveries_of,
    own_discounts_of,
)
from orders.settlements.facts import Delivery as DeliveredBoxes

Key = tuple[uuid.UUID, str]
"""A cooperative and a currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldItem:
    """What boxes were sold for, as statements call it."""

    id: uuid.UUID
    name: str
    grade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A campaign whose boxes are delivered, as the package above knows it. `sold_for`: what its holds are for."""

    campaign_id: uuid.UUID
    code: str
    title: Text
    sold_for: str
    items: tuple[SoldItem, ...]

    @property
    def item_ids(self) -> list[uuid.UUID]:
        return [each.id for each in self.items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What buyers were given of boxes of a cooperative, beside the price of fewer boxes; and whose fault it was."""

    cooperative_id: uuid.UUID
    currency: str
    item_id: uuid.UUID
    reference: str
    remedy: Remedy
    amount_minor: int
    at_fault: bool


@dataclass(slots=True)
class Gathered:
    """All facts of one statement but its terms and its day; by item what leaves which account."""

    deliveries: tuple[DeliveredBoxes, ...] = ()
    own_discounts: dict[str, int] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    forfeits: list[Forfeit] = field(default_factory=list)
    storage: tuple[StorageShare, ...] = ()
    """Open parts of storage bills, whatever campaign their fruit was sold in."""
    orders_by_item: Counter[uuid.UUID] = field(default_factory=Counter)
    refunds_by_item: Counter[uuid.UUID] = field(default_factory=Counter)
    discounts_by_item: Counter[uuid.UUID] = field(default_factory=Counter)
    compensation_by_item: Counter[uuid.UUID] = field(default_factory=Counter)

    def discounts(self) -> tuple[OwnDiscount, ...]:
        return tuple(
            OwnDiscount(reference=name, amount_minor=minor)
            for name, minor in sorted(self.own_discounts.items())
        )

    def parts(self, sold_for: str) -> list[ItemParts]:
        """By item, in the order of ids."""
        items = {
            *self.orders_by_item,
            *self.refunds_by_item,
            *self.discounts_by_item,
            *self.compensation_by_item,
        }
        return [
            ItemParts(
                sold_for=Owner(kind=sold_for, id=each),
                orders_minor=self.orders_by_item[each] - self.refunds_by_item[each],
                refunds_minor=self.refunds_by_item[each],
                own_discounts_minor=self.discounts_by_item[each],
                compensation_minor=self.compensation_by_item[each],
            )
            for each in sorted(items)
        ]


DELIVERED: Final = text("""
    SELECT p.cooperative_id, o.currency, h.purpose_id AS item_id,
        coalesce(t.final_unit_price_minor, o.unit_price_minor) AS unit_price_minor, sum(p.boxes)::bigint AS boxes
    FROM hold h JOIN "order" o ON o.hold_id = h.id AND o.state IN ('delivered', 'closed')
    JOIN parcel p ON p.order_id = o.id AND p.state NOT IN ('withdrawn', 'cancelled')
    LEFT JOIN deposit_terms t ON t.order_id = o.id
    WHERE h.purpose_kind = :sold_for AND h.purpose_id = ANY(:items)
    GROUP BY p.cooperative_id, o.currency, h.purpose_id, 4
""")
DISCOUNTED: Final = text("""
    SELECT o.id, o.currency, h.purpose_id AS item_id, o.discounts, o.boxes, h.consumed_boxes AS left_boxes,
        t.balance_boxes, t.discount_minor AS room_minor, p.by_cooperative
    FROM hold h JOIN "order" o ON o.hold_id = h.id AND o.state IN ('delivered', 'closed')
    JOIN LATERAL (SELECT jsonb_object_agg(cooperative_id, boxes) AS by_cooperative FROM (
        SELECT cooperative_id, sum(boxes) AS boxes FROM parcel
        WHERE order_id = o.id AND claim_id IS NULL AND state <> 'withdrawn' GROUP BY cooperative_id
    ) each) p ON true
    LEFT JOIN deposit_terms t ON t.order_id = o.id
    WHERE h.purpose_kind = :sold_for AND h.purpose_id = ANY(:items) AND o.discounts @> '[{"funder": "cooperative"}]'
    ORDER BY o.id
""")
FORFEITED: Final = text("""
    SELECT f.cooperative_id, f.currency, h.purpose_id AS item_id, f.kept_boxes, f.kept_boxes_of_all, f.keepers,
        count(*) AS deposits, sum(f.amount_minor)::bigint AS amount_minor, sum(d.minor)::bigint AS deposit_minor
    FROM forfeit f JOIN "order" o ON o.id = f.order_id JOIN hold h ON h.id = o.hold_id
    JOIN (SELECT order_id, sum(amount_minor) AS minor FROM forfeit GROUP BY order_id) d ON d.order_id = f.order_id
    WHERE h.purpose_kind = :sold_for AND h.purpose_id = ANY(:items)
    GROUP BY 1, 2, 3, 4, 5, 6
""")
GIVEN_BACK: Final = text("""
    WITH sold AS (
        SELECT h.purpose_id AS item_id, o.currency, sum(
            (h.consumed_boxes + coalesce(r.boxes, 0)) * coalesce(t.final_unit_price_minor, o.unit_price_minor)
            - coalesce(t.bonus_minor, 0)
            - CASE WHEN t.order_id IS NULL THEN (o.discount_minor * h.consumed_boxes + o.boxes - 1) / o.boxes
                ELSE coalesce(t.discount_minor, 0) END
            - coalesce(p.kept, 0))::bigint AS minor
        FROM hold h JOIN "order" o ON o.hold_id = h.id AND o.state IN ('delivered', 'closed')
        LEFT JOIN deposit_terms t ON t.order_id = o.id
        LEFT JOIN (
            SELECT order_id, sum(received_minor - refund_due_minor) AS kept FROM payment
            WHERE state = 'succeeded' AND purpose IN ('order', 'balance') GROUP BY order_id
        ) p ON p.order_id = o.id
        LEFT JOIN (
            SELECT order_id, sum(boxes) AS boxes FROM parcel
            WHERE claim_id IS NOT NULL AND state IN ('delivered', 'lost') GROUP BY order_id
        ) r ON r.order_id = o.id
        WHERE h.purpose_kind = :sold_for AND h.purpose_id = ANY(:items) GROUP BY 1, 2
    ), booked AS (
        SELECT a.owner_id AS item_id, a.currency, count(*) AS times,
            sum(CASE e.side WHEN 'credit' THEN e.amount_minor ELSE -e.amount_minor END)::bigint AS minor
        FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.id
        JOIN ledger_transfer t ON t.id = e.transfer_id AND t.kind = 'rebate_borne'
        WHERE a.code = 'order_liability' AND a.owner_kind = :sold_for AND a.owner_id = ANY(:items) GROUP BY 1, 2
    )
    SELECT s.item_id, s.currency, s.minor - coalesce(b.minor, 0) AS minor, coalesce(b.times, 0) AS times
    FROM sold s LEFT JOIN booked b ON b.item_id = s.item_id AND b.currency = s.currency
    ORDER BY s.item_id, s.currency
""")
"""Of each item and currency: what delivered boxes cost, also those that came in place of claimed ones, less what
funders pay and what was kept of payments.
"""


def gather(session: Session, sale: Sale, charges: Iterable[Charge]) -> dict[Key, Gathered]:
    """By cooperative and currency, in their order."""
    found: defaultdict[Key, Gathered] = defaultdict(Gathered)
    _deliveries(session, sale, found)
    _discounts(session, sale, found)
    _forfeits(session, sale, found)
    for each in charges:
        _charge(each, found[each.cooperative_id, each.currency])
    return {key: found[key] for key in sorted(found)}


def charged(charges: Iterable[Charge]) -> Counter[tuple[uuid.UUID, str]]:
    """By item and currency, the refunds that cooperatives pay."""
    found: Counter[tuple[uuid.UUID, str]] = Counter()
    for each in charges:
        if each.remedy == Remedy.REFUND and each.at_fault:
            found[each.item_id, each.currency] += each.amount_minor
    return found


def book_rebates(
    session: Session,
    ctx: Context,
    *,
    sold_for: str,
    item_ids: Sequence[uuid.UUID],
    charged: Mapping[tuple[uuid.UUID, str], int],
) -> None:
    """What was given back of delivered boxes' prices, not for fewer boxes and not charged, is the platform's expense.

    Then what is owed for orders of an item is what its settlements take, or have taken.
    """
    session.flush()
    facts = []
    for row in session.execute(GIVEN_BACK, {"sold_for": sold_for, "items": list(item_ids)}):
        if minor := row.minor - charged.get((row.item_id, row.currency), 0):
            purse = Purse(owner=Owner(kind=sold_for, id=row.item_id), currency=row.currency)
            source_id = postings.rebate_id(row.item_id, row.currency, row.times)
            facts.append(postings.rebate_borne(purse, source_id=source_id, amount_minor=minor))
    ledger.post_many(session, ctx, facts=facts)


def _deliveries(session: Session, sale: Sale, found: defaultdict[Key, Gathered]) -> None:
    items = {each.id: each for each in sale.items}
    lines: list[SuppliedBoxes] = []
    for row in session.execute(DELIVERED, _asked(sale)):
        item = items[row.item_id]
        found[row.cooperative_id, row.currency].orders_by_item[item.id] += row.boxes * row.unit_price_minor
        lines.append(
            SuppliedBoxes(
                cooperative=str(row.cooperative_id),
                currency=row.currency,
                item=item.name,
                grade=item.grade,
                unit_price_minor=row.unit_price_minor,
                boxes=row.boxes,
            )
        )
    for (cooperative, currency), deliveries in deliveries_of(lines).items():
        found[uuid.UUID(cooperative), currency].deliveries = deliveries


def _discounts(session: Session, sale: Sale, found: defaultdict[Key, Gathered]) -> None:
    """Of each order what the books say that cooperatives pay, over those that supplied it."""
    for row in session.execute(DISCOUNTED, _asked(sale)):
        for line, minor in _applied(row):
            if line["funder"] != "cooperative" or not minor:
                continue
            name = f"{line['title_zh']} {line['title_en']}"
            parts = own_discounts_of(f"{row.id}/{line['promotion_id']}", minor, row.by_cooperative)
            for cooperative, part in parts.items():
                gathered = found[uuid.UUID(cooperative), row.currency]
                gathered.own_discounts[name] = gathered.own_discounts.get(name, 0) + part.amount_minor
                gathered.discounts_by_item[row.item_id] += part.amount_minor


def _applied(row: Any) -> Sequence[tuple[Mapping[str, Any], int]]:
    """As `orders.books.booking` books them."""
    amounts = [line["amount_minor"] for line in row.discounts]
    if row.balance_boxes is None:
        left = discount_rules.kept(amounts, boxes=row.left_boxes, of_boxes=row.boxes)
    else:
        promised = discount_rules.kept(amounts, boxes=row.balance_boxes, of_boxes=row.boxes)
        left = discount_rules.fitted(promised, room_minor=row.room_minor or 0)
    return list(zip(row.discounts, left, strict=True))


def _forfeits(session: Session, sale: Sale, found: defaultdict[Key, Gathered]) -> None:
    items = {each.id: each for each in sale.items}
    for row in session.execute(FORFEITED, _asked(sale)):
        item = items[row.item_id]
        forfeit = Forfeit(
            reference=f"{item.name} {item.grade} ({row.kept_boxes}/{row.kept_boxes_of_all}, {row.keepers})",
            amount_minor=row.amount_minor,
            deposit_minor=row.deposit_minor,
            boxes_kept=row.kept_boxes,
            boxes_kept_by_all=row.kept_boxes_of_all,
            keepers=row.keepers,
            deposits=row.deposits,
        )
        found[row.cooperative_id, row.currency].forfeits.append(forfeit)


def _charge(charge: Charge, gathered: Gathered) -> None:
    claim = Claim(
        reference=charge.reference,
        remedy=charge.remedy,
        amount_minor=charge.amount_minor,
        at_fault=charge.at_fault,
    )
    gathered.claims.append(claim)
    if not charge.at_fault:
        return
    if charge.remedy == Remedy.REFUND:
        gathered.refunds_by_item[charge.item_id] += charge.amount_minor
    else:
        gathered.compensation_by_item[charge.item_id] += charge.amount_minor


def _asked(sale: Sale) -> dict[str, Any]:
    return {"sold_for": sale.sold_for, "items": sale.item_ids}


def parts_to_json(parts: Collection[ItemParts]) -> list[dict[str, Any]]:
    """As a settlement keeps them."""
    return [
        {
            "sold_for": each.sold_for.kind,
            "id": str(each.sold_for.id),
            "orders_minor": each.orders_minor,
            "refunds_minor": each.refunds_minor,
            "own_discounts_minor": each.own_discounts_minor,
            "compensation_minor": each.compensation_minor,
        }
        for each in parts
    ]


def parts_from_json(stored: Iterable[Mapping[str, Any]]) -> list[ItemParts]:
    return [
        ItemParts(
            sold_for=Owner(kind=each["sold_for"], id=uuid.UUID(each["id"])),
            orders_minor=each["orders_minor"],
            refunds_minor=each["refunds_minor"],
            own_discounts_minor=each["own_discounts_minor"],
            compensation_minor=each["compensation_minor"],
        )
        for each in stored
    ]
