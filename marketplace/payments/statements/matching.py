"""Entries find their payments: many are sifted at once by their text, each that names one payment is settled alone.

Settling is a unit of work of its own: it locks the open entries that name the payment, by id, then the payment, and
decides on what it sees under these locks. So an entry that somebody else books meanwhile is left as it is, and a sale
is never kept waiting by a whole file.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from sqlalchemy import Select, exists, select, update
from sqlalchemy.orm import Session

from marketplace import audit, database, errors, jobs
from marketplace.access import Role
from marketplace.context import Context
from marketplace.payments import payments
from marketplace.payments.gateways import OFFLINE
from marketplace.payments.models import Payment
from marketplace.payments.statements import references, rules, uploading
from marketplace.payments.statements.models import BankEntry, BankReceipt
from marketplace.payments.statements.rules import Book, Due, Money
from marketplace.payments.statements.states import (
    REFERENCE_LIKE,
    Direction,
    EntryState,
    OpenReason,
)
from marketplace.payments.states import PaymentState
from marketplace.points import Point, passed

BATCH: Final = 500
SETTLE: Final = "payments.settle_entry"
_BY_HAND: Final = (OpenReason.REOPENED,)
"""Entries that a person wants to decide on are not matched again."""


class Told(Protocol):
    """What of an entry finds its payment; one that is stored, or one of a file that is tried out."""

    @property
    def account(self) -> str: ...
    @property
    def entry_key(self) -> str: ...
    @property
    def remittance(self) -> str: ...


def candidates(session: Session, entries: Sequence[Told]) -> list[tuple[uuid.UUID, ...]]:
    """For each entry the payments that its text names; of one whose receipt was booked by hand, that payment."""
    by_receipt = _by_receipt(session, entries)
    texts = [references.named(each.remittance) for each in entries]
    by_reference = _by_reference(session, set().union(*texts) if texts else set())
    found = []
    for entry, text in zip(entries, texts, strict=True):
        known = next((by_receipt[name] for name in receipt_names(entry) if name in by_receipt), None)
        named = {by_reference[each] for each in text if each in by_reference}
        found.append(tuple(sorted(named)) if known is None else (known,))
    return found


def receipt_names(entry: Told) -> tuple[str, str]:
    """What a person, or we, would have called the receipt of this entry."""
    return rules.receipt_reference(entry.account, entry.entry_key), entry.entry_key


def _by_receipt(session: Session, entries: Sequence[Told]) -> dict[str, uuid.UUID]:
    names = {name for entry in entries for name in receipt_names(entry)}
    rows = session.execute(
        select(Payment.receipt_reference, Payment.id).where(Payment.receipt_reference.in_(names))
    )
    return {row.receipt_reference: row.id for row in rows if row.receipt_reference is not None}


def _by_reference(session: Session, names: Collection[str]) -> dict[str, uuid.UUID]:
    rows = session.execute(select(Payment.reference, Payment.id).where(Payment.reference.in_(names)))
    return {row.reference: row.id for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    after: uuid.UUID | None
    """The last entry that was looked at; None when it was the last of all."""
    looked_at: int
    named: tuple[uuid.UUID, ...]
    """Entries that name one payment, to be settled one by one."""


def sift(session: Session, ctx: Context, *, statement_id: uuid.UUID, after: uuid.UUID | None) -> Sifted:
    """The next waiting entries of a file: those that name no payment, or several, stay open and are told why."""
    rows = _locked(
        session,
        select(BankEntry)
        .where(
            BankEntry.statement_id == statement_id,
            BankEntry.state == EntryState.OPEN,
            BankEntry.reason == OpenReason.WAITING,
            *([] if after is None else [BankEntry.id > after]),
        )
        .limit(BATCH),
    )
    counts: dict[str, int] = {}
    named = []
    for entry, found in zip(rows, candidates(session, rows), strict=True):
        reason = reason_of(is_reversal=entry.is_reversal, named=found)
        if reason is None:
            entry.payment_id = found[0]
            named.append(entry.id)
        else:
            _stay(ctx, entry, reason)
            counts[reason] = counts.get(reason, 0) + 1
    if rows:
        told = {**counts, "named": len(named)}
        subject = ("bank_statement", statement_id)
        audit.record(session, ctx, "bank_statement.sift", subject=subject, after=told)
    after = rows[-1].id if len(rows) == BATCH else None
    return Sifted(after=after, looked_at=len(rows), named=tuple(named))


def reason_of(*, is_reversal: bool, named: Sequence[uuid.UUID]) -> OpenReason | None:
    """Why it cannot be settled; None when it names one payment."""
    if is_reversal:
        return OpenReason.REVERSAL
    if len(named) == 1:
        return None
    return OpenReason.SEVERAL_REFERENCES if named else OpenReason.NO_REFERENCE


def settle(session: Session, ctx: Context, *, entry_id: uuid.UUID) -> BankEntry | None:
    """Book a waiting entry if it pays its payment exactly, alone or with others; else say why not. None: no such entry.

    Doing it again changes nothing: what does not wait any more is left as it is.
    """
    seen = session.get(BankEntry, entry_id, populate_existing=True)
    if seen is None or not _waits(seen):
        return seen
    [found] = candidates(session, [seen])
    if (reason := reason_of(is_reversal=seen.is_reversal, named=found)) is not None:
        return _settle_alone(session, ctx, entry_id, reason)
    [payment_id] = found
    rows = _locked(
        session,
        select(BankEntry).where(
            BankEntry.state == EntryState.OPEN,
            (BankEntry.id == entry_id) | (BankEntry.payment_id == payment_id),
        ),
    )
    entry = next((each for each in rows if each.id == entry_id and _waits(each)), None)
    if entry is None:
        return session.get(BankEntry, entry_id, populate_existing=True)

    payment = payments.locked(session, payment_id)
    parts = [each for each in rows if each is not entry and each.reason in REFERENCE_LIKE]
    due = due_of(payment, entry, is_linked=is_linked(session, payment_id))
    decision = rules.decide(money_of(entry), due, parts=[money_of(each) for each in parts])

    entry.payment_id = payment_id
    if not isinstance(decision, Book):
        _stay(ctx, entry, decision.reason)
        _tell(session, ctx, entry)
        return entry
    chosen = [each for each in rows if each.id in decision.entry_ids]
    _book(session, ctx, chosen, payment, is_known=decision.is_known)
    if entry.state == EntryState.BOOKED:
        for each in set(parts) - set(chosen):
            if each.reason != OpenReason.WAITING:
                _stay(ctx, each, OpenReason.PAID_ALREADY)
    return entry


def _settle_alone(
    session: Session, ctx: Context, entry_id: uuid.UUID, reason: OpenReason
) -> BankEntry | None:
    for entry in filter(_waits, _locked(session, select(BankEntry).where(BankEntry.id == entry_id))):
        _stay(ctx, entry, reason)
        _tell(session, ctx, entry)
    return session.get(BankEntry, entry_id)


def _waits(entry: BankEntry) -> bool:
    return entry.state == EntryState.OPEN and entry.reason == OpenReason.WAITING


def due_of(payment: Payment, entry: Told, *, is_linked: bool) -> Due:
    return Due(
        id=payment.id,
        state=PaymentState(payment.state),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        is_received=payment.receipt_reference is not None,
        is_offline=payment.gateway == OFFLINE.name,
        is_this_receipt=not is_linked and payment.receipt_reference in receipt_names(entry),
    )


def is_linked(session: Session, payment_id: uuid.UUID) -> bool:
    """Whether it is known which entry brought this payment's money."""
    return (
        session.scalar(select(BankReceipt.entry_id).where(BankReceipt.payment_id == payment_id).limit(1))
        is not None
    )


def _book(
    session: Session, ctx: Context, entries: Sequence[BankEntry], payment: Payment, *, is_known: bool
) -> None:
    """In a savepoint: what booking refuses leaves the entries open, with the refusal's code."""
    try:
        with database.savepoint(session):
            if not is_known:
                payments.book_receipt(
                    session,
                    as_staff(ctx),
                    payment_id=payment.id,
                    amount_minor=payment.amount_minor,
                    currency=payment.currency,
                    receipt_reference=receipt_names(entries[0])[0],
                )
            passed(Point.ENTRY_PAID)
            for entry in entries:
                paid = BankReceipt(
                    entry_id=entry.id, payment_id=payment.id, amount_minor=entry.amount_minor, at=ctx.now
                )
                session.add(paid)
                booked(session, ctx, entry)
            session.flush()
    except errors.TryLater:
        raise
    except errors.Refusal as refusal:
        for entry in entries:
            _stay(ctx, entry, OpenReason.REFUSED, refusal=refusal.code)
            _tell(session, ctx, entry)


def booked(session: Session, ctx: Context, entry: BankEntry, *, send_back_minor: int = 0) -> None:
    """A locked entry has paid; its receipts are the caller's."""
    entry.state, entry.reason, entry.refusal = EntryState.BOOKED, None, None
    entry.send_back_minor = send_back_minor
    entry.decided_by, entry.decided_at = ctx.actor.label, ctx.now
    _tell(session, ctx, entry)


def rematch(session: Session, ctx: Context, *, statement_id: uuid.UUID) -> int:
    """Look at a file's open entries again, but for those that a person opened; how many. Raises StatementNotFound."""
    uploading.get(session, statement_id)
    ours = (
        BankEntry.statement_id == statement_id,
        BankEntry.state == EntryState.OPEN,
        BankEntry.reason.not_in(_BY_HAND),
    )
    ids = session.scalars(select(BankEntry.id).where(*ours).order_by(BankEntry.id).with_for_update()).all()
    waiting: dict[str, Any] = {"reason": OpenReason.WAITING, "refusal": None}
    session.execute(
        update(BankEntry).where(*ours).values(waiting).execution_options(synchronize_session=False)
    )
    if ids:
        jobs.enqueue(session, uploading.SIFT, arguments={"statement_id": str(statement_id)})
    subject = ("bank_statement", statement_id)
    audit.record(session, ctx, "bank_statement.rematch", subject=subject, after={"entries": len(ids)})
    return len(ids)


def wake_confirmed(session: Session, ctx: Context) -> int:
    """Money that came before its payer had confirmed is looked at again once that is done; how many entries."""
    confirmed = exists().where(
        Payment.id == BankEntry.payment_id, Payment.state != PaymentState.REQUIRES_CONFIRMATION
    )
    rows = _locked(
        session,
        select(BankEntry)
        .where(BankEntry.state == EntryState.OPEN, BankEntry.reason == OpenReason.NOT_CONFIRMED, confirmed)
        .limit(BATCH),
    )
    for entry in rows:
        entry.reason = OpenReason.WAITING
        jobs.enqueue(session, SETTLE, arguments={"entry_id": str(entry.id)})
        _tell(session, ctx, entry)
    return len(rows)


def as_staff(ctx: Context) -> Context:
    """Receipts are booked by staff; the matching does so for the operator who uploaded the file."""
    return replace(ctx, actor=replace(ctx.actor, roles=ctx.actor.roles | {Role.OPERATOR}))


def money_of(entry: BankEntry) -> Money:
    return Money(
        id=entry.id,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        is_reversal=entry.is_reversal,
    )


def _stay(ctx: Context, entry: BankEntry, reason: OpenReason, *, refusal: str | None = None) -> None:
    entry.reason, entry.refusal = reason, refusal
    entry.decided_by, entry.decided_at = ctx.actor.label, ctx.now


def _tell(session: Session, ctx: Context, entry: BankEntry) -> None:
    told = {"state": str(entry.state), "reason": entry.reason and str(entry.reason)}
    audit.record(session, ctx, f"bank_entry.{entry.state}", subject=("bank_entry", entry.id), after=told)


def _locked(session: Session, statement: Select[Any]) -> Sequence[BankEntry]:
    """These credit entries, by id, locked and read anew."""
    rows: Sequence[BankEntry] = session.scalars(
        statement.where(BankEntry.direction == Direction.CREDIT)
        .order_by(BankEntry.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    return rows
