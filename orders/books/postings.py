"""The table of postings: every fact of an order's money as lines of the ledger. Pure.

Deposits are liabilities, and so is what is paid of orders, until the fruit is delivered. What somebody else pays of a
price names that funder. What must go back is owed from the moment on which that is decided, until it is paid.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.ledger.chart import OwnerKind
from marketplace.ledger.rules import Account, Fact, Line, Owner, credit, debit, mirrored, netted
from marketplace.payments.states import RepaymentMeans


class Kind(StrEnum):
    """Kinds of facts; the source of each is named beside it."""

    PAYMENT_RECEIVED = "payment_received"
    """A payment."""
    REFUND_OWED = "refund_owed"
    """A row of `part_refund`."""
    REFUND_PAID = "refund_paid"
    """A refund that is paid, and which time (`time_id`): a bank may send it back."""
    REFUND_RETURNED = "refund_returned"
    """The same, that came back."""
    PROVIDER_FEE = "provider_fee"
    """A payment."""
    DISPUTE_MOVED = "dispute_moved"
    """An entry in the account at the provider (`dispute_id`): what a payer's bank took, or gave back."""
    DEPOSIT_APPLIED = "deposit_applied"
    """An order: its deposit and the bonus are a part of the price now."""
    BONUS_WITHDRAWN = "bonus_withdrawn"
    """An order that is over: its funder pays nothing."""
    DISCOUNT_APPLIED = "discount_applied"
    """An order."""
    DISCOUNT_WITHDRAWN = "discount_withdrawn"
    """An order that is over."""
    FUNDING_LOWERED = "funding_lowered"
    """An order that has fewer boxes, and which time (`time_id`): what funders no longer pay of it."""
    DEPOSIT_FORFEITED = "deposit_forfeited"
    """An order."""
    ESCROW_RELEASED = "escrow_released"
    """A line of the escrow's journal (`line_id`)."""
    ESCROW_TAKEN_BACK = "escrow_taken_back"
    """The same."""
    REBATE_BORNE = "rebate_borne"
    """What boxes are sold for, and which time (`rebate_id`): what of delivered boxes' prices the platform gave back."""
    SETTLED = "settled"
    """A settlement that is final."""
    LATE_REFUND = "late_refund"
    """A row of `late_refund`."""


class Held(StrEnum):
    """Where the money of a payment is kept while it is the marketplace's to give back."""

    DEPOSIT = "deposit_liability"
    ORDER = "order_liability"
    ESCROW = "sponsor_escrow"


FUNDERS: Final[Mapping[str, str]] = {
    "platform": "promo_expense",
    "county": "county_receivable",
    "sponsor": "sponsor_receivable",
    "cooperative": "coop_discount_receivable",
}
"""Who pays a bonus or a discount → the account that is debited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Whose money it is kept for, and in which currency: what boxes are held for, or a sponsorship."""

    owner: Owner
    currency: str

    def account(self, code: str) -> Account:
        return Account(code=code, currency=self.currency, owner=self.owner)

    def clearing(self, held: Held) -> Account:
        """Where received money arrives; it is not told apart by what it is for."""
        code = "sponsor_clearing" if held is Held.ESCROW else "psp_clearing"
        return Account(code=code, currency=self.currency)

    def payable(self, cooperative_id: uuid.UUID) -> Account:
        owner = Owner(kind=OwnerKind.COOPERATIVE, id=cooperative_id)
        return Account(code="coop_payable", currency=self.currency, owner=owner)


def received(purse: Purse, *, payment_id: uuid.UUID, held: Held, amount_minor: int) -> Fact:
    """Money came in time, and is kept."""
    lines = (debit(purse.clearing(held), amount_minor), credit(purse.account(held), amount_minor))
    return Fact(kind=Kind.PAYMENT_RECEIVED, source_id=payment_id, lines=lines)


def received_late(purse: Purse, *, payment_id: uuid.UUID, held: Held, amount_minor: int, reason: str) -> Fact:
    """Money came that nobody waits for: it must go back."""
    lines = (
        debit(purse.clearing(held), amount_minor),
        credit(purse.account("refund_payable"), amount_minor),
    )
    return Fact(kind=Kind.PAYMENT_RECEIVED, source_id=payment_id, lines=lines, reason=reason)


def refund_owed(purse: Purse, *, refund_id: uuid.UUID, held: Held, amount_minor: int, reason: str) -> Fact:
    """Of kept money so much must go back."""
    lines = (
        debit(purse.account(held), amount_minor),
        credit(purse.account("refund_payable"), amount_minor),
    )
    return Fact(kind=Kind.REFUND_OWED, source_id=refund_id, lines=lines, reason=reason)


def compensation_owed(purse: Purse, *, refund_id: uuid.UUID, amount_minor: int, reason: str) -> Fact:
    """On top of what was paid; who bears it in the end, the settlement decides."""
    lines = (
        debit(purse.account("compensation_expense"), amount_minor),
        credit(purse.account("refund_payable"), amount_minor),
    )
    return Fact(kind=Kind.REFUND_OWED, source_id=refund_id, lines=lines, reason=reason)


def refund_paid(purse: Purse, *, source_id: uuid.UUID, held: Held, amount_minor: int, means: str) -> Fact:
    """What was owed back has left: the clearing account, or, where its payer took credit, nothing but the debt."""
    from_ = purse.account("customer_credit") if means == RepaymentMeans.CREDIT else purse.clearing(held)
    lines = (debit(purse.account("refund_payable"), amount_minor), credit(from_, amount_minor))
    return Fact(kind=Kind.REFUND_PAID, source_id=source_id, lines=lines, reason=means)


def refund_returned(*, source_id: uuid.UUID, paid: Sequence[Line], reason: str) -> Fact:
    """It came back, and is owed again."""
    return Fact(kind=Kind.REFUND_RETURNED, source_id=source_id, lines=mirrored(paid), reason=reason)


def provider_fee(*, payment_id: uuid.UUID, fee_minor: int, currency: str) -> Fact:
    """A provider keeps its fee of what it has received."""
    lines = (
        debit(Account(code="provider_fee_expense", currency=currency), fee_minor),
        credit(Account(code="psp_clearing", currency=currency), fee_minor),
    )
    return Fact(kind=Kind.PROVIDER_FEE, source_id=payment_id, lines=lines)


def dispute_moved(
    *, source_id: uuid.UUID, amount_minor: int, fee_minor: int, currency: str, reason: str
) -> Fact | None:
    """A payer's bank has taken a payment back (negative), or given it back; the provider keeps its fee either way.

    The platform bears it: what the order owes and is owed stays as it is, until a person decides. None for nothing.
    """
    moved = {
        "dispute_expense": -amount_minor,
        "provider_fee_expense": fee_minor,
        "psp_clearing": amount_minor - fee_minor,
    }
    lines = tuple(
        (debit if minor > 0 else credit)(Account(code=code, currency=currency), abs(minor))
        for code, minor in moved.items()
        if minor
    )
    if not lines:
        return None
    return Fact(kind=Kind.DISPUTE_MOVED, source_id=source_id, lines=lines, reason=reason)


def deposit_applied(
    purse: Purse, *, order_id: uuid.UUID, deposit_minor: int, bonus_minor: int, funder: str | None
) -> Fact | None:
    """The price is paid: deposit and bonus are a part of it. None where no money of them is left."""
    lines: list[Line] = []
    if deposit_minor:
        lines.append(debit(purse.account(Held.DEPOSIT), deposit_minor))
    if bonus_minor:
        assert funder is not None, "a bonus has its funder"
        lines.append(debit(purse.account(FUNDERS[funder]), bonus_minor))
    if not lines:
        return None
    lines.append(credit(purse.account(Held.ORDER), deposit_minor + bonus_minor))
    return Fact(kind=Kind.DEPOSIT_APPLIED, source_id=order_id, lines=tuple(lines))


def bonus_withdrawn(purse: Purse, *, order_id: uuid.UUID, bonus_minor: int, funder: str) -> Fact:
    lines = (
        debit(purse.account(Held.ORDER), bonus_minor),
        credit(purse.account(FUNDERS[funder]), bonus_minor),
    )
    return Fact(kind=Kind.BONUS_WITHDRAWN, source_id=order_id, lines=lines)


def discount_applied(purse: Purse, *, order_id: uuid.UUID, parts: Sequence[tuple[str, int]]) -> Fact:
    """What funders pay of a price, with each funder's parts together."""
    by_funder: dict[str, int] = {}
    for funder, minor in parts:
        by_funder[funder] = by_funder.get(funder, 0) + minor
    lines = [debit(purse.account(FUNDERS[funder]), minor) for funder, minor in sorted(by_funder.items())]
    lines.append(credit(purse.account(Held.ORDER), sum(by_funder.values())))
    return Fact(kind=Kind.DISCOUNT_APPLIED, source_id=order_id, lines=tuple(lines))


def discount_withdrawn(purse: Purse, *, order_id: uuid.UUID, parts: Sequence[tuple[str, int]]) -> Fact:
    applied = discount_applied(purse, order_id=order_id, parts=parts)
    return Fact(kind=Kind.DISCOUNT_WITHDRAWN, source_id=order_id, lines=mirrored(applied.lines))


def funding_lowered(purse: Purse, *, source_id: uuid.UUID, by_code: Mapping[str, int]) -> Fact:
    """Of bonuses and discounts that were a part of a price so much is not, for its boxes do not come."""
    lines = [debit(purse.account(Held.ORDER), sum(by_code.values()))]
    lines += [credit(purse.account(code), minor) for code, minor in sorted(by_code.items())]
    return Fact(kind=Kind.FUNDING_LOWERED, source_id=source_id, lines=tuple(lines))


def deposit_forfeited(purse: Purse, *, order_id: uuid.UUID, parts: Mapping[uuid.UUID, int]) -> Fact:
    """The deposit of who did not pay the rest is payable to the cooperatives that kept the fruit, all of it."""
    lines = [debit(purse.account(Held.DEPOSIT), sum(parts.values()))]
    lines += [credit(purse.payable(cooperative_id), minor) for cooperative_id, minor in sorted(parts.items())]
    return Fact(kind=Kind.DEPOSIT_FORFEITED, source_id=order_id, lines=tuple(lines))


def escrow_moved(
    purse: Purse,
    *,
    number: int,
    cooperative_id: uuid.UUID,
    amount_minor: int,
    is_back: bool,
    code: str = "coop_payable",
) -> Fact:
    """A tranche is due to a cooperative, or is not any more: then what was paid of it is owed (`coop_receivable`)."""
    owner = Owner(kind=OwnerKind.COOPERATIVE, id=cooperative_id)
    lines: tuple[Line, ...] = (
        debit(purse.account(Held.ESCROW), amount_minor),
        credit(Account(code=code, currency=purse.currency, owner=owner), amount_minor),
    )
    return Fact(
        kind=Kind.ESCROW_TAKEN_BACK if is_back else Kind.ESCROW_RELEASED,
        source_id=line_id(purse.owner.id, number),
        lines=mirrored(lines) if is_back else lines,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemParts:
    """What of a settlement is of one kind of boxes: of the orders' money, of own discounts, of compensation."""

    sold_for: Owner
    orders_minor: int = 0
    """Less what was refunded at the cooperative's fault (`refunds_minor`): that has left it already."""
    refunds_minor: int = 0
    own_discounts_minor: int = 0
    compensation_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The sums of a final settlement. `payable_minor`: its payout less forfeits, which are payable already."""

    cooperative_id: uuid.UUID
    currency: str
    items: Sequence[ItemParts]
    commission_minor: int
    services_minor: int
    released_minor: int
    """Retention whose day has come, or that is spent before it."""
    retained_minor: int
    collected_minor: int
    """Owed from before."""
    missing_minor: int
    advances_minor: int
    payable_minor: int

    def own(self, code: str) -> Account:
        owner = Owner(kind=OwnerKind.COOPERATIVE, id=self.cooperative_id)
        return Account(code=code, currency=self.currency, owner=owner)


def settled(told: Settled, *, settlement_id: uuid.UUID) -> Fact | None:
    """Delivered boxes leave what is owed for orders; the cooperative's part is payable, all else is named.

    None where nothing moves: a settlement of forfeits alone.
    """
    moves: list[tuple[Account, int]] = [
        (told.own("coop_retention"), told.released_minor - told.retained_minor),
        (told.own("coop_receivable"), told.missing_minor - told.collected_minor),
        (told.own("coop_prepaid"), -told.advances_minor),
        (told.own("coop_payable"), -told.payable_minor),
        (Account(code="commission_income", currency=told.currency), -told.commission_minor),
        (Account(code="service_payable", currency=told.currency), -told.services_minor),
    ]
    for each in told.items:
        purse = Purse(owner=each.sold_for, currency=told.currency)
        moves += [
            (purse.account(Held.ORDER), each.orders_minor),
            (purse.account(FUNDERS["cooperative"]), -each.own_discounts_minor),
            (purse.account("compensation_expense"), -each.compensation_minor),
        ]
    lines = _lines(moves)
    return Fact(kind=Kind.SETTLED, source_id=settlement_id, lines=lines) if lines else None


def late_refund(
    purse: Purse,
    *,
    source_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    commission_minor: int,
    retention_minor: int,
    receivable_minor: int,
) -> Fact | None:
    """After the settlement a refund is found to be the cooperative's fault: the platform, which bore it, gets it back.

    None where others are at fault: it stays where it is.
    """
    owner = Owner(kind=OwnerKind.COOPERATIVE, id=cooperative_id)
    lines = _lines(
        [
            (Account(code="commission_income", currency=purse.currency), commission_minor),
            (Account(code="coop_retention", currency=purse.currency, owner=owner), retention_minor),
            (Account(code="coop_receivable", currency=purse.currency, owner=owner), receivable_minor),
            (
                purse.account("compensation_expense"),
                -(commission_minor + retention_minor + receivable_minor),
            ),
        ]
    )
    return Fact(kind=Kind.LATE_REFUND, source_id=source_id, lines=lines) if lines else None


def rebate_borne(purse: Purse, *, source_id: uuid.UUID, amount_minor: int) -> Fact:
    """Cooperatives are settled at whole prices: what else was given back of them is the platform's expense.

    Below zero: so much less was given back than was thought.
    """
    lines = _lines(
        [(purse.account("compensation_expense"), amount_minor), (purse.account(Held.ORDER), -amount_minor)]
    )
    return Fact(kind=Kind.REBATE_BORNE, source_id=source_id, lines=lines)


def rebate_id(item_id: uuid.UUID, currency: str, number: int) -> uuid.UUID:
    """Boxes of one item may be sold in several currencies, and more may be given back before they are settled."""
    return uuid.uuid5(item_id, f"{currency}/{number}")


def _lines(moves: Sequence[tuple[Account, int]]) -> tuple[Line, ...]:
    """Above zero to the debit, below to the credit; one line for each account, none where nothing is left."""
    return netted(
        debit(account, minor) if minor > 0 else credit(account, -minor) for account, minor in moves if minor
    )


def time_id(refund_id: uuid.UUID, number: int) -> uuid.UUID:
    """A refund may be paid more than once, each time after it came back; an order may lose boxes more than once."""
    return uuid.uuid5(refund_id, str(number)) if number else refund_id


def dispute_id(payment_id: uuid.UUID, entry: str) -> uuid.UUID:
    """The provider names each entry of its account."""
    return uuid.uuid5(payment_id, entry)


def line_id(sponsorship_id: uuid.UUID, number: int) -> uuid.UUID:
    """The lines of an escrow's journal are numbered, and have no id of their own."""
    return uuid.uuid5(sponsorship_id, str(number))
