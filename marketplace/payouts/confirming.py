"""What the bank's statement tells of payouts: an outgoing entry that names one, in its amount, has paid it.

Exact or nothing: what names no payout, several, or another sum is left to a person. A bank that books a batch in one
sum names the batch. Each payout is paid in a unit of work of its own, those of a batch in pieces.
"""

import uuid
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job
from marketplace.payments.statements import references
from marketplace.payments.statements.models import BankEntry
from marketplace.payments.statements.rules import receipt_reference
from marketplace.payments.statements.states import EntryState
from marketplace.payments.statements.uploading import DebitsStored
from marketplace.payouts import ending, payouts
from marketplace.payouts.models import Payout, PayoutBatch
from marketplace.payouts.states import Method, PayoutState
from marketplace.points import Point, passed

MATCH: Final = "payouts.match_entries"
PAY: Final = "payouts.pay_named"
PAY_BATCH: Final = "payouts.pay_batch"
ENTRIES_AT_ONCE: Final = 500
PAYOUTS_AT_ONCE: Final = 100


def on_debits_stored(session: Session, _ctx: Context, event: DebitsStored) -> None:
    jobs.enqueue(session, MATCH, arguments={"statement_id": str(event.statement_id)})


def match_entries(session: Session, _ctx: Context, *, statement_id: str, after: str | None = None) -> None:
    """One batch of entries; the next is a job of its own."""
    wanted = select(BankEntry).where(
        BankEntry.statement_id == uuid.UUID(statement_id),
        BankEntry.state == EntryState.KEPT,
        BankEntry.is_reversal.is_(False),
    )
    if after is not None:
        wanted = wanted.where(BankEntry.id > uuid.UUID(after))
    entries = session.scalars(wanted.order_by(BankEntry.id).limit(ENTRIES_AT_ONCE)).all()
    named = {entry.id: references.named(entry.remittance) for entry in entries}
    every = {reference for words in named.values() for reference in words}
    sent = {
        each.reference: each
        for each in session.scalars(
            select(Payout).where(
                Payout.reference.in_(every), Payout.state == PayoutState.SENT, Payout.method == Method.BANK
            )
        )
    }
    batches = {
        each.reference: each
        for each in session.scalars(select(PayoutBatch).where(PayoutBatch.reference.in_(every)))
    }
    for entry in entries:
        _put_in(session, entry, named[entry.id], sent, batches)
    passed(Point.DEBITS_MATCHED)
    if len(entries) == ENTRIES_AT_ONCE:
        told = {"statement_id": statement_id, "after": str(entries[-1].id)}
        jobs.enqueue(session, MATCH, arguments=told)


def _put_in(
    session: Session,
    entry: BankEntry,
    named: set[str],
    sent: dict[str, Payout],
    batches: dict[str, PayoutBatch],
) -> None:
    money = (entry.amount_minor, entry.currency)
    payouts_named = [sent[reference] for reference in named & sent.keys()]
    batches_named = [batches[reference] for reference in named & batches.keys()]
    receipt = receipt_reference(entry.account, entry.entry_key)
    if len(payouts_named) == 1:
        [payout] = payouts_named
        if money == (payout.amount_minor, payout.currency):
            jobs.enqueue(session, PAY, arguments={"payout_id": str(payout.id), "receipt": receipt})
    elif not payouts_named and len(batches_named) == 1:
        [batch] = batches_named
        if money == (batch.total_minor, batch.currency):
            jobs.enqueue(session, PAY_BATCH, arguments={"batch_id": str(batch.id), "receipt": receipt})


def pay_named(session: Session, ctx: Context, *, payout_id: str, receipt: str) -> None:
    """Unless a person was faster, or the entry has paid something already."""
    payout = payouts.locked(session, uuid.UUID(payout_id))
    used = session.scalar(select(Payout.id).where(Payout.receipt_reference == receipt))
    if payout.state == PayoutState.SENT and used is None:
        ending.pay(session, ctx, payout, receipt_reference=receipt)


def pay_batch(session: Session, ctx: Context, *, batch_id: str, receipt: str) -> None:
    """A piece of the batch; the next is a job of its own. What came back before is left as it is."""
    rows = session.scalars(
        select(Payout)
        .where(Payout.batch_id == uuid.UUID(batch_id), Payout.state == PayoutState.SENT)
        .order_by(Payout.id)
        .limit(PAYOUTS_AT_ONCE)
        .with_for_update()
    ).all()
    for payout in rows:
        ending.pay(session, ctx, payout, receipt_reference=f"{receipt}/{payout.reference}")
    passed(Point.BATCH_PAID)
    if len(rows) == PAYOUTS_AT_ONCE:
        jobs.enqueue(session, PAY_BATCH, arguments={"batch_id": batch_id, "receipt": receipt})


JOBS: Final = (
    Job(name=MATCH, run=match_entries),
    Job(name=PAY, run=pay_named),
    Job(name=PAY_BATCH, run=pay_batch),
)
