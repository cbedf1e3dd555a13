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
from marketplace.ledger.rules import Account, Fact, Line, Owner, credit, debit, mirrored
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
    purse: Purse, *, number: int, cooperative_id: uuid.UUID, amount_minor: int, is_back: bool
) -> Fact:
    """A tranche is due to a cooperative, or is not any more."""
    lines: tuple[Line, ...] = (
        debit(purse.account(Held.ESCROW), amount_minor),
        credit(purse.payable(cooperative_id), amount_minor),
    )
    return Fact(
        kind=Kind.ESCROW_TAKEN_BACK if is_back else Kind.ESCROW_RELEASED,
        source_id=line_id(purse.owner.id, number),
        lines=mirrored(lines) if is_back else lines,
    )


def time_id(refund_id: uuid.UUID, number: int) -> uuid.UUID:
    """A refund may be paid more than once, each time after it came back; an order may lose boxes more than once."""
    return uuid.uuid5(refund_id, str(number)) if number else refund_id


def line_id(sponsorship_id: uuid.UUID, number: int) -> uuid.UUID:
    """The lines of an escrow's journal are numbered, and have no id of their own."""
    return uuid.uuid5(sponsorship_id, str(number))
