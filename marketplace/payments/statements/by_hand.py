"""What a person decides of an open entry: which payments it paid, or that it is nobody's; and to think again."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.gateways import OFFLINE
from marketplace.payments.models import Payment
from marketplace.payments.statements import matching, rules
from marketplace.payments.statements.models import BankEntry, BankReceipt
from marketplace.payments.statements.states import ClosedReason, EntryState, OpenReason
from marketplace.payments.states import PaymentNotAwaited

TOGETHER_MAX: Final = 20


class EntryNotFound(errors.NotFound):
    title = Text(en="There is no such entry of a bank statement.", zh="没有该笔银行流水。")


class EntryNotOpen(errors.Conflict):
    """It is booked, closed, or money that went out; `state`."""

    title = Text(en="This entry is not open.", zh="该笔流水不是待处理状态。")


class EntryNotClosed(errors.Conflict):
    """Only what was closed can be opened again; `state`."""

    title = Text(en="This entry is not closed.", zh="该笔流水尚未关闭。")


class MatchTooMixed(errors.Invalid):
    """Several entries pay one payment, or one entry pays several; not both at once, and nothing twice."""

    title = Text(
        en="Match several entries with one payment, or one entry with several payments.",
        zh="只能多笔流水对一笔付款，或一笔流水对多笔付款。",
    )


class CurrenciesDiffer(errors.Conflict):
    """Entries and payments are not all in one currency."""

    title = Text(en="These are not all in one currency.", zh="币种不一致。")


class PayersDiffer(errors.Conflict):
    """The payments are not all of one payer."""

    title = Text(en="These payments have different payers.", zh="这些付款不属于同一付款人。")


class TooLittleCame(errors.Conflict):
    """What came is less than what is due; `missing_minor`."""

    title = Text(en="What came is less than what is due.", zh="到账金额少于应付金额。")


class TooMuchCame(errors.Conflict):
    """What came is more than what is due; `rest_minor`. Say that the rest is to be sent back."""

    title = Text(en="What came is more than what is due.", zh="到账金额多于应付金额。")


class PaidOtherwise(errors.Conflict):
    """The payment is made through another gateway, which must be asked about it first."""

    title = Text(en="This payment is made in another way.", zh="该付款使用其他支付方式。")


class ReceiptLinked(errors.Conflict):
    """The payment was not received yet, or the entry that brought its money is known already."""

    title = Text(
        en="There is no booked receipt without its entry at the bank.", zh="没有尚未对应流水的已入账凭证。"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a person says: these entries together are these payments."""

    entry_ids: tuple[uuid.UUID, ...]
    payment_ids: tuple[uuid.UUID, ...]
    sends_rest_back: bool = False
    is_booked_already: bool = False
    """The receipts were booked by hand before: only the entry was not known to be them."""


def listed() -> Select[Any]:
    return select(BankEntry)


def get(session: Session, *, entry_id: uuid.UUID) -> BankEntry:
    """Raises EntryNotFound."""
    found = session.get(BankEntry, entry_id)
    if found is None:
        raise EntryNotFound
    return found


def match(session: Session, ctx: Context, match: Match) -> BankEntry:
    """Book by hand. Every payment is paid in full; what is left over may be sent back.

    Raises EntryNotFound, EntryNotOpen, PaymentNotFound, MatchTooMixed, CurrenciesDiffer, PayersDiffer, PaidOtherwise,
    TooLittleCame, TooMuchCame, ReceiptLinked and what booking a receipt refuses.
    """
    _check_shape(match)
    entries = _open_ones(session, match.entry_ids)
    due = [payments.locked(session, each) for each in sorted(match.payment_ids)]
    rest = _check(session, match, entries, due)

    if not match.is_booked_already:
        _book(session, ctx, entries[0], due)
    _link(session, ctx, entries, due, rest)
    session.flush()
    return next(each for each in entries if each.id == match.entry_ids[0])


def close(
    session: Session, ctx: Context, *, entry_id: uuid.UUID, reason: ClosedReason, note: str
) -> BankEntry:
    """It pays for nothing here. Raises EntryNotFound, EntryNotOpen."""
    [entry] = _open_ones(session, (entry_id,))
    entry.state, entry.reason, entry.refusal = EntryState.CLOSED, reason, None
    entry.send_back_minor = entry.amount_minor if reason == ClosedReason.SEND_BACK else 0
    return _noted(session, ctx, entry, note, before={"state": "open"})


def reopen(session: Session, ctx: Context, *, entry_id: uuid.UUID, note: str) -> BankEntry:
    """Somebody was wrong: it waits for a person's decision again. Raises EntryNotFound, EntryNotClosed."""
    [entry] = _locked(session, (entry_id,))
    if entry.state != EntryState.CLOSED:
        raise EntryNotClosed(state=entry.state)
    before = {"state": "closed", "reason": entry.reason}
    entry.state, entry.reason, entry.send_back_minor = EntryState.OPEN, OpenReason.REOPENED, 0
    return _noted(session, ctx, entry, note, before=before)


def _noted(
    session: Session, ctx: Context, entry: BankEntry, note: str, *, before: dict[str, Any]
) -> BankEntry:
    entry.note = note
    entry.decided_by, entry.decided_at = ctx.actor.label, ctx.now
    session.flush()
    after = {"state": str(entry.state), "reason": str(entry.reason), "note": note}
    subject = ("bank_entry", entry.id)
    audit.record(session, ctx, f"bank_entry.{entry.state}", subject=subject, before=before, after=after)
    return entry


def _check_shape(match: Match) -> None:
    for ids in (match.entry_ids, match.payment_ids):
        if len(set(ids)) != len(ids) or len(ids) > TOGETHER_MAX:
            raise MatchTooMixed
    if len(match.entry_ids) > 1 and len(match.payment_ids) > 1:
        raise MatchTooMixed


def _check(session: Session, match: Match, entries: Sequence[BankEntry], due: Sequence[Payment]) -> int:
    """What is left over of the entries."""
    if len({*(each.currency for each in entries), *(each.currency for each in due)}) > 1:
        raise CurrenciesDiffer
    if len({each.payer_id for each in due}) > 1:
        raise PayersDiffer
    for payment in due:
        if match.is_booked_already:
            if payment.receipt_reference is None or matching.is_linked(session, payment.id):
                raise ReceiptLinked
        elif payment.receipt_reference is not None:
            raise PaymentNotAwaited(state=payment.state)
        elif payment.gateway != OFFLINE.name:
            raise PaidOtherwise
    rest = sum(each.amount_minor for each in entries) - sum(each.amount_minor for each in due)
    if rest < 0:
        raise TooLittleCame(missing_minor=-rest)
    if rest and (not match.sends_rest_back or rest >= entries[-1].amount_minor):
        raise TooMuchCame(rest_minor=rest)
    return rest


def _book(session: Session, ctx: Context, first: BankEntry, due: Sequence[Payment]) -> None:
    for number, payment in enumerate(due, start=1):
        payments.book_receipt(
            session,
            ctx,
            payment_id=payment.id,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            receipt_reference=rules.receipt_reference(
                first.account, first.entry_key, number=number if len(due) > 1 else None
            ),
        )


def _link(
    session: Session, ctx: Context, entries: Sequence[BankEntry], due: Sequence[Payment], rest: int
) -> None:
    """Which of what came paid what: one entry several payments, or several entries one; the rest is of the last."""
    for entry in entries:
        left_over = rest if entry is entries[-1] else 0
        for payment in due:
            minor = payment.amount_minor if len(entries) == 1 else entry.amount_minor - left_over
            session.add(BankReceipt(entry_id=entry.id, payment_id=payment.id, amount_minor=minor, at=ctx.now))
        matching.booked(session, ctx, entry, send_back_minor=left_over)


def _open_ones(session: Session, ids: Sequence[uuid.UUID]) -> Sequence[BankEntry]:
    rows = _locked(session, ids)
    for each in rows:
        if each.state != EntryState.OPEN:
            raise EntryNotOpen(state=each.state)
    return rows


def _locked(session: Session, ids: Sequence[uuid.UUID]) -> Sequence[BankEntry]:
    """All of them, by id. Raises EntryNotFound."""
    statement = select(BankEntry).where(BankEntry.id.in_(ids)).order_by(BankEntry.id).with_for_update()
    rows = session.scalars(statement.execution_options(populate_existing=True)).all()
    if len(rows) < len(ids):
        raise EntryNotFound
    return rows
